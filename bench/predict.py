"""Predictions of rnnfast beside PyTorch's forward pass: `python bench/predict.py [--rounds N] [--json]`.

Both run in one process on one core, in turns, and medians are compared. PyTorch gets batches of 256 sequences made
beforehand, under `torch.no_grad()`; its input layer and head count on both sides.
"""

import argparse
import json
import os
import statistics
import time

import numpy as np

BATCH = 256
# name: (cell, hidden, sequences, steps), 29 features and one output
NETWORKS = {
    "rnn 10": ("rnn", 10, 28_549, 10),
    "gru 32": ("gru", 32, 2_048, 100),
    "gru 64": ("gru", 64, 2_048, 100),
    "lstm 32": ("lstm", 32, 2_048, 100),
    "lstm 64": ("lstm", 64, 2_048, 100),
    "gru 64, 10 steps": ("gru", 64, 7_680, 10),
    "lstm 64, 10 steps": ("lstm", 64, 7_680, 10),
}


def systems(cell, hidden, sequences, steps):
    """Mapping of system to a function that predicts once, and the largest difference of the two outputs."""
    import torch

    from rnnfast.kernels.run.predictor import Predictor
    from rnnfast.network.architecture import Architecture
    from rnnfast.network.layout import Layout

    torch.set_num_threads(1)
    net = Architecture.named(cell, 29, hidden, 1, "tanh")
    generator = np.random.default_rng(0)
    limit = 1 / np.sqrt(hidden)
    layout = Layout(net)
    tensors = {n: generator.uniform(-limit, limit, s).astype("float32") for n, s in layout.shapes().items()}
    x = generator.random((sequences, steps, 29), dtype="float32")
    predictor = Predictor(net, layout.flatten(tensors, "float32"))
    features, offsets = np.ascontiguousarray(x.ravel()), np.arange(sequences + 1) * steps
    module = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}[cell](29, hidden, batch_first=True)
    twin = torch.nn.ModuleDict({"rnn": module, "head": torch.nn.Linear(hidden, 1)})
    twin.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in tensors.items()})
    batches = [torch.from_numpy(x[i : i + BATCH]) for i in range(0, sequences, BATCH)]

    def ours():
        return predictor.outputs_of(features, offsets)

    def theirs():
        with torch.no_grad():
            return [twin["head"](twin["rnn"](batch)[0]) for batch in batches]

    difference = np.abs(ours().ravel() - torch.cat(theirs()).numpy().ravel()).max()
    return {"rnnfast": ours, "torch": theirs}, float(difference)


def main():
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    results = []
    for name, network in NETWORKS.items():
        functions, difference = systems(*network)
        times = {system: [] for system in functions}
        for _ in range(options.rounds):
            for system, function in functions.items():
                start = time.perf_counter()
                function()
                times[system].append((time.perf_counter() - start) * 1e3)
        medians = {system: statistics.median(found) for system, found in times.items()}
        ratio = medians["torch"] / medians["rnnfast"]
        results.append({"network": name, "ms": medians, "ratio": ratio, "largest_difference": difference})
        if not options.json:
            print(
                f"{name:20} rnnfast {medians['rnnfast']:7.2f} ms   torch {medians['torch']:7.2f} ms   {ratio:.1f}x",
                flush=True,
            )
    if options.json:
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
