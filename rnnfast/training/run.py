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
from rnnfast.data import Parts, SequenceData, Sequences
from rnnfast.data.encoding.substitutions import sentences
from rnnfast.data.reading.arrays import with_labels
from rnnfast.data.reading.checks import check_sample
from rnnfast.data.reading.opening import Table
from rnnfast.engines.choice import engine_of
from rnnfast.equations.cell import Cell
from rnnfast.errors import UsageError
from rnnfast.listeners import with_listeners
from rnnfast.model import Model
from rnnfast.model.explain.features import input_means
from rnnfast.model.questions import scored_rows
from rnnfast.progress import Progress, watcher
from rnnfast.records import replace as changed
from rnnfast.reporter import Reporter
from rnnfast.training.bags import NAME, out_of_bag
from rnnfast.training.checks import cell_for, check_options, check_unwritten, named_cell
from rnnfast.training.dead_units import dead_units
from rnnfast.training.defaults import resolved_for
from rnnfast.training.directory import check_directory, free_directory, write_run
from rnnfast.training.distil import Learned, distilled
from rnnfast.training.ensemble import Networks
from rnnfast.training.findings import judge
from rnnfast.training.intervals import set_intervals
from rnnfast.training.linear_part import set_linear_part
from rnnfast.training.loop import Fit
from rnnfast.training.monitor import check_choice
from rnnfast.training.operating import check_operating, set_operating
from rnnfast.training.prepare import initial_model
from rnnfast.training.presets import fixed
from rnnfast.training.provenance import provenance_of
from rnnfast.training.refit import refitted
from rnnfast.training.result import TrainResult
from rnnfast.training.resuming import Home, Resumed, keeper_of, origin_of, raced, saved, settled
from rnnfast.training.scores import ensemble_scores, evaluate_parts, sample_of
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
        load_seconds = time.perf_counter() - start
        timed = load_seconds, interrupt, cluster
        result, fit = train_parts(table, parts, config, equations, reporter, own_valid, *timed)
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
            own_valid = config.data.valid is not None
            home = Home(directory, lambda network: free_directory(network, table), reporter.notice)
            keeper = keeper_of(config, lambda: origin_of("train", options, table, parts), home, before)
            timed = load_seconds, interrupt, cluster
            with saved(keeper, interrupt):
                result, fit = train_parts(table, parts, config, None, reporter, own_valid, *timed)
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


def train_parts(
    table: Sequences,
    parts: Parts,
    config: Config,
    equations: Cell | None,
    reporter: Reporter,
    own_valid: bool,
    load_seconds: float,
    interrupt: Interrupt,
    cluster: Cluster | None = None,
) -> tuple[TrainResult, Fit]:
    """Train on the parts and score each of them.

    load_seconds: what reading took; fitting and encoding is added to it. cluster: on which the networks of an ensemble
    train, None for this process.
    """
    engine_of(config.train).ready()  # libraries count as start-up, not as a phase of the run
    start, seconds = time.perf_counter(), {"load": load_seconds}
    config, chosen = resolved_for(config, table, parts, own_valid, reporter)
    model, valid = _prepared(table, parts, config, equations, reporter)
    if config.model.preset == "best":
        from rnnfast.training.best import Best  # `auto` starts without it

        seconds["load"] += time.perf_counter() - start
        start = time.perf_counter()
        config, chosen = raced(Best(model, parts, own_valid, equations, reporter), chosen, interrupt)
        seconds["race"] = time.perf_counter() - start
        reporter.preset(chosen)
        start = time.perf_counter()
        model, valid = _prepared(table, parts, config, equations, Reporter())
    seed = config.train.seed
    networks = Networks(model, parts.train, None if valid is None else scored_rows(valid), reporter, cluster=cluster)
    reporter.start(networks.info())
    seconds["load"] += time.perf_counter() - start
    fit = networks.fit(interrupt)
    outside = out_of_bag(model, parts.train, networks.outside) if networks.outside else None
    set_linear_part(model, parts.train, valid, reporter)
    operating = set_operating(model, parts.train, valid, outside, reporter)
    set_intervals(model, parts.train, valid)
    again = refitted(model, fit, table, parts, reporter, interrupt, None, cluster) if config.train.refit else None
    ensemble = Learned(model, again, fit, operating)
    if config.model.distil:
        model, again, fit, operating = distilled(ensemble, table, parts, valid, reporter, interrupt)
    interrupt.phase = Phase.SCORING
    start = time.perf_counter()
    named = parts.named()
    tests = {} if again is None else {name: named[name] for name in ("test",) if name in named}
    before = {name: part for name, part in named.items() if name not in tests}
    scored = evaluate_parts(model, before, seed, valid, reporter)
    evaluations = scored.evaluations
    dead = None if valid is None else dead_units(model, valid)
    if outside is not None:
        first = ensemble.model.scorer.evaluate(outside.by(ensemble.model.task))
        evaluations = {NAME: ensemble.fit.out_of_bag or first, **evaluations}
    if model is not ensemble.model:
        evaluations = ensemble_scores(ensemble, named, seed) | evaluations
    if again is not None:
        model = again
        scored |= evaluate_parts(model, tests, seed, None, reporter)
        evaluations = evaluations | scored.evaluations
    judgement = judge(model, fit, parts, scored.views, dead)
    fit.eval_seconds += time.perf_counter() - start
    provenance = provenance_of(table, parts, config, own_valid, evaluations, fit)
    means = input_means(model.encoder, parts.train)
    model.provenance = changed(provenance, operating=operating, input_means=means, judgement=judgement)
    return TrainResult(
        model=model,
        task=table.schema.task,
        history=fit.history,
        epochs=fit.epochs,
        best_epoch=fit.best_epoch,
        stopped=fit.stopped,
        parameters=model.parameter_count,
        rows=sum(part.rows for part in named.values()),
        sequences={name: named[name].sequences if name in named else 0 for name in ("train", "valid", "test")},
        seconds={
            **seconds,
            "compile": fit.compile_seconds,
            "train": fit.train_seconds,
            "eval": fit.eval_seconds,
        },
        timesteps_per_second=fit.timesteps_per_second,
        evaluations=evaluations,
        scored=scored.sampled,
        members=fit.members,
        chosen=chosen,
    ), fit


def _prepared(
    table: Sequences, parts: Parts, config: Config, equations: Cell | None, reporter: Reporter
) -> tuple[Model, SequenceData | None]:
    """Make the initial model and the sample of the validation part; raise DataError for cells that it cannot take."""
    model = initial_model(parts.train, config, cell_for(config, equations))
    valid = None if parts.valid is None else sample_of(model, parts.valid, config.train.seed)
    if parts.valid is not None and valid is not None:
        check_sample(valid, parts.valid, "the validation part")
    # Fitting has seen each cell of the training part but lags that answers alone see: of first rows of windows.
    for part in (parts.train if table.schema.lag_target else None, valid, parts.test):
        _check_encoding(model, part, table, reporter)
    check_choice(model, valid)
    check_operating(model, parts.train, valid)
    return model, valid


def _check_encoding(model: Model, part: Sequences | None, table: Sequences, reporter: Reporter) -> None:
    """Raise DataError for cells of a part that cannot be encoded, before anything is compiled.

    What is put in their place is told of tables beside the one that trains, whose reader has told it.
    """
    if part is None:
        return
    for sentence in sentences(model.substitutions(part)):
        if part.source != table.source:
            reporter.notice(f"{', '.join(part.source)}: {sentence}")
