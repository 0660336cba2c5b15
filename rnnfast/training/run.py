"""One call from a table to a trained, scored and saved model."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, Unpack

from rnnfast.cluster.task import Cluster
from rnnfast.config.resolve import Config
from rnnfast.config.typed import TrainOptions
from rnnfast.data import Parts, Sequences
from rnnfast.data.reading.arrays import with_labels
from rnnfast.data.reading.opening import Table
from rnnfast.engines.choice import engine_of
from rnnfast.equations.cell import Cell
from rnnfast.errors import UsageError
from rnnfast.listeners import with_listeners
from rnnfast.progress import Progress, watcher
from rnnfast.reporter import Reporter
from rnnfast.training.checks import check_options, check_unwritten, named_cell
from rnnfast.training.directory import check_directory, free_directory, write_run
from rnnfast.training.job import Host, Job
from rnnfast.training.presets import fixed
from rnnfast.training.result import TrainResult
from rnnfast.training.resuming import Home, Resumed, keeper_of, origin_of, saved, settled
from rnnfast.training.stages import train_parts
from rnnfast.training.stopping import Interrupt, Phase, interruptible
from rnnfast.training.tables import read_named, read_tables


def train(
    data: Table | Sequences,
    y: Any = None,
    *,
    valid: Table | Sequences | None = None,
    test: Table | Sequences | None = None,
    progress: Progress = None,
    reporter: Reporter | None = None,
    cluster: Cluster | None = None,
    **options: Unpack[TrainOptions],
) -> TrainResult:
    """Train a network and score it; nothing is written.

    data: path, DataFrame, several of them, sequences that were read, or arrays X with their labels y: X (n, T, F) or a
    list of (T_i, F), y (n,) or (n, T); with weights in the loss (X, y, weight). valid, test: the same, (X, y) of
    arrays; without `valid`, `split` cuts it from data.
    progress: a function called with each finished epoch (rnnfast.reporter.EpochRecord); True shows one line, redrawn,
    False nothing; None: a notebook shows a table that grows. reporter: is told everything, in place of both.
    cluster: on which the networks of an ensemble train, see rnnfast.dask; None for this process.
    options: those of the command line by their names, as in cell="gru", hidden=32; help(rnnfast.TrainOptions) lists
    them. `cell` may also be the function of its equations (equations/cell.py).
    Raises: UsageError for a wrong option, DataError for a wrong table, DivergedError (with `.result`, the last good
    weights), TrainingInterrupted at Ctrl-C (with `.result` after the first epoch, which is completed and scored).

    Example:
        >>> import numpy as np, rnnfast
        >>> X, y = np.arange(80.0).reshape(20, 4, 1), [0, 1] * 10
        >>> result = rnnfast.train(X, y, hidden=4, epochs=2)
        >>> result.epochs, result.model.predict(X).shape
        (2, (20, 1))
    """
    reporter = watcher(reporter, progress)
    check_unwritten(options)
    equations = named_cell(options)
    config = fixed(Config().with_values(options, "train()"))
    check_options(config, equations, valid is not None)
    reporter = with_listeners(reporter, config.output)

    def read(config: Config, opened: ExitStack) -> Tables:
        return read_tables(with_labels(data, y), valid, test, config, reporter, opened)

    return trained(read, config, equations, reporter, valid is not None, cluster)


Tables = tuple[Sequences, Parts, Config]  # all of the table, its parts, and the configuration with what reading chose
Read = Callable[[Config, ExitStack], Tables]


def trained(
    read: Read,
    config: Config,
    equations: Cell | None,
    reporter: Reporter,
    own_valid: bool,
    cluster: Cluster | None = None,
) -> TrainResult:
    """Do what `train` does once its options are checked.

    read: gives what `read_tables` gives; own_valid: whether the validation part is a table of its own; cluster:
    as of `train`.
    """
    start, ahead = time.perf_counter(), engine_of(config.train).ahead
    with ExitStack() as opened, interruptible(reporter.interrupted) as interrupt, ahead():
        table, parts, config = read(config, opened)
        job, host = Job(table, parts, config, equations, own_valid), Host(reporter, interrupt, cluster)
        result, fit = train_parts(job, host, time.perf_counter() - start)
    if fit.diverged is not None:
        fit.diverged.result = result
        raise fit.diverged
    reporter.finished(result)
    _check_interrupt(interrupt, result)
    return result


def run(
    config: Config,
    reporter: Reporter | None = None,
    force: bool = False,
    cluster: Cluster | None = None,
    before: Resumed | None = None,
    read: Read | None = None,
) -> TrainResult:
    """Do what the `train` command does: read, split, compile, train, evaluate, write.

    Each phase is a function of its own, here or in `loop`, so that a profiler shows them apart.

    force: an existing model in the output directory is replaced. cluster: on which the networks of an ensemble train,
    None for this process. before: the run that goes on, whose options those of config are. read: gives what
    `read_tables` gives, in its place.
    Raises: as `train`; a run that diverges, or is interrupted after its first epoch, is written before it is raised.
    """
    if not config.data.data:
        raise UsageError("no table given; name one with --data FILE")
    config = fixed(config)
    check_options(config, None, config.data.valid is not None)
    options, directory = config.given(), check_directory(config, force, before is not None)
    reporter = with_listeners(reporter, config.output)
    for note in before.notes if before else ():
        reporter.notice(note)
    reporter.reading(config.data.data)
    start = time.perf_counter()  # libraries of an engine were loaded to check its options
    with interruptible(reporter.interrupted) as interrupt:
        with ExitStack() as opened, engine_of(config.train).ahead():
            table, parts, config = (read or partial(read_named, reporter))(config, opened)
            load_seconds = time.perf_counter() - start
            job = Job(table, parts, config, own_valid=config.data.valid is not None)
            home = Home(directory, lambda network: free_directory(network, table), reporter.notice)
            keeper = keeper_of(config, lambda: origin_of("train", options, table, parts), home, before)
            with saved(keeper, interrupt):
                result, fit = train_parts(job, Host(reporter, interrupt, cluster), load_seconds)
        interrupt.phase = Phase.SAVING
        directory = (keeper and keeper.directory) or directory or free_directory(result.model.config, table)
        result.files = write_run(result, result.model.config, directory)
        result.resumable = settled(keeper, interrupt, directory)
    reporter.finished(result)
    if fit.diverged is not None:
        fit.diverged.args = (f"{fit.diverged.args[0]} in {result.files['model']}",)
        raise fit.diverged
    _check_interrupt(interrupt, result)
    return result


def _check_interrupt(interrupt: Interrupt, result: TrainResult) -> None:
    """Raise TrainingInterrupted where Ctrl-C was pressed."""
    if interrupt.requested:
        raise interrupt.error(f"interrupted after epoch {result.epochs}", result)
