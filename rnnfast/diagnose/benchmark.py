"""Speed of this machine: time per epoch of fixed workloads, and their share of a measured arithmetic peak."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnfast.catalogue import cell as facts_of
from rnnfast.errors import RnnfastError, UsageError, did_you_mean
from rnnfast.records import Record
from rnnfast.reporter import Reporter

if TYPE_CHECKING:
    from rnnfast.network.architecture import Architecture

SEED = 0
LEARNING_RATE = 1e-4
CALL_SECONDS = 0.02  # a timed call runs as many epochs as fill this, so that the call itself does not count


@dataclass(frozen=True)
class Workload:
    """A network, random sequences of equal length, and how it is trained: mse, file order."""

    cell: str
    features: int
    hidden: int
    activation: str
    dtype: str
    sequences: int
    steps: int
    batch: int
    outputs: int = 1
    optimizer: str = "sgd"

    @property
    def reduction(self) -> str:
        """Per sequence the sum over its steps, as the rule of one update per sequence has it; else the mean."""
        return "sum" if self.batch == 1 else "mean"

    @property
    def flops(self) -> float:
        """Arithmetic of an epoch without padding: forward, gradients of weights, gradients of states."""
        F, H, O, G = self.features, self.hidden, self.outputs, len(self.architecture.cell.gates)
        return 2.0 * (2 * (G * (F * H + H * H) + H * O) + G * H * H + H * O) * self.sequences * self.steps

    @property
    def architecture(self) -> Architecture:
        """The network, with one bias per unit."""
        from rnnfast.network.architecture import Architecture

        return Architecture.named(
            self.cell, self.features, self.hidden, self.outputs, self.activation, self.dtype, recurrent_bias=False
        )

    @property
    def description(self) -> str:
        """One line for people."""
        activation = f" {self.activation}" if facts_of(self.cell).activation else ""
        return (
            f"{self.cell} {self.features} -> {self.hidden} -> {self.outputs}{activation}, {self.dtype}, "
            f"{self.sequences:,} x {self.steps} steps, batch {self.batch}, {self.optimizer}"
        )

    def data(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Random x (sequences, steps, F) in [0, 1] and y (sequences, steps, O), 0 or 1."""
        generator = np.random.default_rng(SEED)
        x = generator.random((self.sequences, self.steps, self.features))
        y = (generator.random((self.sequences, self.steps, self.outputs)) < 0.3).astype(np.float64)
        return x.astype(self.dtype), y.astype(self.dtype)


JOBS: dict[str, Workload] = {
    "rnn10": Workload("rnn", 29, 10, "tanh", "float32", 28_549, 10, 1),
    "rnn10-float64": Workload("rnn", 29, 10, "tanh", "float64", 28_549, 10, 1),
    "rnn5-sample": Workload("rnn", 3, 5, "relu", "float64", 6, 5, 1),
    "rnn32-temperature": Workload("rnn", 6, 32, "sigmoid", "float64", 73, 50, 1),
    "rnn10-batch64": Workload("rnn", 29, 10, "tanh", "float32", 28_549, 10, 64),
    "rnn10-batch256": Workload("rnn", 29, 10, "tanh", "float32", 28_549, 10, 256),
    "rnn10-batch1024": Workload("rnn", 29, 10, "tanh", "float32", 28_549, 10, 1024),
} | {
    f"{cell}{hidden}-{steps}": Workload(cell, 29, hidden, "tanh", "float32", sequences, steps, 256, optimizer="adam")
    for sequences, steps in ((2048, 100), (7680, 10))
    for cell in ("gru", "lstm")
    for hidden in (32, 64, 128)
}

# name -> description
WORKLOADS = {name: job.description for name, job in JOBS.items()}


class Timer:
    """Times epochs of one workload."""

    def __init__(self, job: Workload, threads: int = 1) -> None:
        from rnnfast.kernels.run.memory import training_data
        from rnnfast.kernels.run.trainer import Policy, Trainer
        from rnnfast.network.layout import Layout

        architecture = job.architecture
        generator = np.random.default_rng(SEED)
        limit = 1 / np.sqrt(job.hidden)
        shapes = Layout(architecture).shapes()
        tensors = {name: generator.uniform(-limit, limit, shape) for name, shape in shapes.items()}
        x, y = job.data()
        rows = job.sequences * job.steps
        data = training_data(
            x.reshape(rows, -1),
            y.reshape(rows, -1),
            np.ones(rows, bool),
            np.arange(job.sequences + 1) * job.steps,
            job.dtype,
        )
        policy = Policy(loss="mse", reduction=job.reduction, batch=job.batch, optimizer=job.optimizer, threads=threads)
        self.trainer = Trainer(architecture, tensors, data, policy)
        self.order = np.arange(job.sequences)[None]
        self.epochs = 1
        self.epoch()  # compiles, or loads from the cache
        # The best of three: one call that another process interrupts must not make all of them too short.
        while (elapsed := min(self.epoch() for _ in range(3)) * self.epochs) < CALL_SECONDS / 2:
            self.epochs *= max(2, int(CALL_SECONDS / elapsed))

    def epoch(self) -> float:
        """Seconds per epoch of one timed call."""
        start = time.perf_counter()
        losses = self.trainer.run(self.order, self.epochs, LEARNING_RATE)
        elapsed = time.perf_counter() - start
        if losses is None:
            raise RnnfastError("the benchmark's network diverged: its time means nothing")
        return elapsed / self.epochs


class WorkloadSpeed(Record, frozen=True):
    """Speed of one workload; kernel: the compiled one that ran; share_of_peak: of the peak measured between calls."""

    name: str
    cell: str
    hidden: int
    dtype: str
    batch: int
    kernel: str
    ms_per_epoch: float
    steps_per_second: float
    gflops: float
    share_of_peak: float


class Machine(Record, frozen=True):
    """What was measured on."""

    name: str
    cores_used: int


class BenchReport(Record, frozen=True):
    """What `bench` shows; peak_gflops: of fused multiply-adds on one core, by precision."""

    machine: Machine
    peak_gflops: dict[str, float]
    workloads: tuple[WorkloadSpeed, ...]


def run(workloads: Sequence[str] = (), seconds: float = 1.0, reporter: Reporter | None = None) -> BenchReport:
    """Measure workloads by name (none: all), each for about `seconds`, on one core.

    Medians are reported. The peak is measured between the calls: a neighbour on the same core slows both.
    Raises: UsageError for an unknown name.
    """
    from rnnfast.diagnose.machine import processor_name
    from rnnfast.kernels.lanes.clock import compile_clock
    from rnnfast.kernels.run.peak import gigaflops

    reporter = reporter or Reporter()
    for name in workloads:
        if name not in JOBS:
            raise UsageError(f"--workload {name}: not one of {', '.join(JOBS)}{did_you_mean(name, JOBS)}")
    results: list[WorkloadSpeed] = []
    peaks: dict[str, list[float]] = {"float32": [], "float64": []}
    with compile_clock(reporter.compiling):
        for name in workloads or tuple(JOBS):
            reporter.notice(f"{name}: {WORKLOADS[name]}")
            results.append(_measure(name, JOBS[name], seconds, peaks[JOBS[name].dtype]))
        for dtype, measured in peaks.items():
            measured.append(gigaflops(dtype))
    return BenchReport(
        machine=Machine(processor_name(), cores_used=1),
        peak_gflops={dtype: float(np.median(measured)) for dtype, measured in peaks.items()},
        workloads=tuple(results),
    )


def _measure(name: str, job: Workload, seconds: float, peaks: list[float]) -> WorkloadSpeed:
    from rnnfast.kernels.run.peak import gigaflops

    timer = Timer(job)
    times: list[float] = []
    here: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        times.append(timer.epoch())
        here.append(gigaflops(job.dtype, 0.01))
    peaks += here
    epoch = float(np.median(times))
    return WorkloadSpeed(
        name=name,
        cell=job.cell,
        hidden=job.hidden,
        dtype=job.dtype,
        batch=job.batch,
        kernel=timer.trainer.kernel,
        ms_per_epoch=epoch * 1e3,
        steps_per_second=job.sequences * job.steps / epoch,
        gflops=job.flops / epoch / 1e9,
        share_of_peak=job.flops / epoch / 1e9 / float(np.median(here)),
    )
