"""Both engines by turns: `python bench/engine.py [--device cuda] [--cell gru] [--hidden 64,256,1024] [--rounds 5]`.

Each size is trained by the kernels and by PyTorch on the device, an epoch each in turn in one process, on the same
sequences from the same weights. What is printed are medians in ms an epoch, and how many times as fast PyTorch is: from
the size on where that is above 1, `--engine torch` pays on this machine. Several layers: --layers.
"""

import argparse
import statistics
import time

import numpy as np

from rnnfast.diagnose.machine import cores
from rnnfast.engines.kernels import KERNELS
from rnnfast.engines.pytorch.engine import TorchEngine
from rnnfast.kernels.run.memory import training_data
from rnnfast.kernels.run.trainer import Policy
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout

FEATURES = 16


def job(options, hidden):
    """Return what both engines train: an architecture, its first weights, and sequences of unequal lengths."""
    random = np.random.default_rng(0)
    net = Architecture.named(options.cell, FEATURES, (hidden,) * options.layers, 1)
    shapes = Layout(net).shapes().items()
    tensors = {name: random.uniform(-1, 1, shape) / hidden**0.5 for name, shape in shapes}
    lengths = random.integers(options.steps // 2, options.steps + 1, options.sequences)
    rows = int(lengths.sum())
    x, y = random.normal(size=(rows, FEATURES)), random.normal(size=(rows, 1))
    return net, tensors, training_data(x, y, np.ones(rows), np.append(0, np.cumsum(lengths)), net.dtype)


def measure(options, hidden):
    """Return seconds an epoch of the kernels and of PyTorch, medians of turns."""
    net, tensors, data = job(options, hidden)
    policy = Policy("mse", "adam", batch=options.batch, threads=options.threads)
    engines = (KERNELS, TorchEngine(options.device))
    trainers = [engine.trainer(net, tensors, data, policy, np.diff(data.offsets)) for engine in engines]
    order, times = np.arange(options.sequences)[None], ([], [])
    for turn in range(options.rounds + 1):  # the first one compiles, or wakes the device up
        for trainer, seconds in zip(trainers, times, strict=True):
            start = time.perf_counter()
            trainer.run(order, 1, 1e-3)  # a device has ended when the losses are here
            if turn:
                seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds) for seconds in times], int(data.offsets[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--cell", default="gru")
    parser.add_argument("--hidden", default="16,64,256")
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--sequences", type=int, default=512)
    parser.add_argument("--steps", type=int, default=100, help="of the longest sequence; the shortest has half of them")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(f"{options.cell}, {options.layers} layers, {options.sequences} sequences of up to {options.steps} steps, "
          f"{options.batch} an update, adam, float32, {options.threads} threads")  # fmt: skip
    print(
        f"{'hidden':>6} {'kernels ms':>11} {f'torch {options.device} ms':>14} {'times as fast':>14} {'M steps/s':>10}"
    )
    for hidden in map(int, options.hidden.split(",")):
        (kernels, other), steps = measure(options, hidden)
        speed = steps / min(kernels, other) / 1e6
        print(f"{hidden:>6} {kernels * 1e3:>11.1f} {other * 1e3:>14.1f} {kernels / other:>14.2f} {speed:>10.3f}")


if __name__ == "__main__":
    main()
