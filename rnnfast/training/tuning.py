"""One call from a table to the best network that a search comes to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Unpack

from rnnfast.cluster.task import Cluster
from rnnfast.config.forms import part_column
from rnnfast.config.resolve import Config
from rnnfast.config.tuning import TuneConfig, tuned
from rnnfast.config.typed import TrainOptions
from rnnfast.data import Parts, Sequences
from rnnfast.data.reading.arrays import with_labels
from rnnfast.data.reading.opening import Table, file_names
from rnnfast.engines.choice import engine_of
from rnnfast.equations.cell import Cell
from rnnfast.errors import TrainingInterrupted, UsageError
from rnnfast.listeners import with_listeners
from rnnfast.reporter import Reporter
from rnnfast.training.checks import check_options, named_cell
from rnnfast.training.directory import check_directory, free_name, table_name, write_run
from rnnfast.training.finals import SEEDS, Finalist, repeated, unrepeated
from rnnfast.training.job import Host, Job
from rnnfast.training.journal import FILE, Header, going_on, journal_of, read
from rnnfast.training.pool import one_at_a_time
from rnnfast.training.presets import fixed
from rnnfast.training.result import TrainResult
from rnnfast.training.resuming import Home, keeper_of, origin_of, saved, searched, settled
from rnnfast.training.sampler import optuna
from rnnfast.training.search import SIZE, Search, folded
from rnnfast.training.space import WIDEST_RATE, Space
from rnnfast.training.stages import train_parts
from rnnfast.training.stopping import Interrupt, Phase, interruptible
from rnnfast.training.tables import read_tables
from rnnfast.training.tune_results import TuneResult

# The same trials with any of these.
ANYWHERE = (
    "data", "valid", "test", "threads", "memory", "cache", "max_time", "output", "log_file", "tensorboard",
    "checkpoint",
)  # fmt: skip


def tune(
    data: Table | Sequences,
    y: Any = None,
    *,
    trials: int | None = None,
    folds_by: str | None = None,
    valid: Table | Sequences | None = None,
    test: Table | Sequences | None = None,
    reporter: Reporter | None = None,
    cluster: Cluster | None = None,
    **options: Unpack[TrainOptions],
) -> TuneResult:
    """Search for the network that suits a table, on folds of its training part, and train it.

    data, y, valid, test: as of `train`. trials: networks to try; with a number alone the result is the same on any
    machine. folds_by: what divides the folds of the trials, as "column:NAME" for groups. reporter: is told everything.
    cluster: on which trials and members run, see rnnfast.dask; None for this process.
    options: those of `train`, which stay as they are; all others are searched, or follow from the table. `max_time`:
    for all of it, 60s where `trials` is not there either. `output`: a directory for trials, model and configuration,
    from which a search goes on; without it nothing is written.
    Raises: as `train`; RnnfastError where Optuna is not installed; TrainingInterrupted at Ctrl-C, with `.result`, the
    best network so far, after the first generation.

    Example:
        >>> import numpy as np, rnnfast
        >>> X, y = np.arange(80.0).reshape(20, 4, 1), [0, 1] * 10
        >>> result = rnnfast.tune(X, y, trials=2, epochs=1)
        >>> len(result.trials), result.model.schema.task
        (2, 'binary')
    """
    equations = named_cell(options)
    names = file_names(data)
    config = Config().with_values(options if names is None else {**options, "data": names}, "tune()")
    tune_config = TuneConfig.of({"trials": trials, "folds_by": folds_by}, "tune()")
    tables = Tables(with_labels(data, y), valid, test)
    return tune_tables(tables, config, tune_config, reporter=reporter, equations=equations, cluster=cluster)


def search(
    config: Config,
    tune_config: TuneConfig,
    force: bool = False,
    reporter: Reporter | None = None,
    cluster: Cluster | None = None,
) -> TuneResult:
    """Do what the `tune` command does: search, train the best network and write it with its trials.

    The directory is runs/NAME-tune where the configuration names none; force: what is there is replaced. cluster: on
    which trials and members run, None for this process. Raises as `tune`.
    """
    data = config.data
    tables = Tables(list(data.data), data.valid, data.test)
    return tune_tables(tables, config, tune_config, write=True, force=force, reporter=reporter, cluster=cluster)


class Tables(NamedTuple):
    """What a search reads: the table, and those beside it."""

    data: Any
    valid: Any = None
    test: Any = None


def tune_tables(
    tables: Tables,
    config: Config,
    tune_config: TuneConfig,
    *,
    write: bool = False,
    force: bool = False,
    reporter: Reporter | None = None,
    equations: Cell | None = None,
    size: int = SIZE,
    cluster: Cluster | None = None,
) -> TuneResult:
    """Search and train the best network.

    write: to runs/NAME-tune where the configuration names no directory; force: what is there is replaced. size:
    candidates of a generation; cluster: on which trials and members run, None for this process. Raises as `tune`.
    """
    start = time.perf_counter()
    version = str(optuna().__version__)
    config, tune_config = tuned(fixed(config), tune_config)
    own_valid = tables.valid is not None
    check_options(config, equations, own_valid)
    directory = _directory(config, force)
    reporter = with_listeners(reporter, config.output)
    engine = engine_of(config.train)
    with ExitStack() as opened, engine.ahead():
        reading = time.perf_counter()  # libraries count as start-up, not as a phase
        with interruptible(reporter.interrupted) as searching:
            by = tune_config.folds_by
            groups = by if by is not None and part_column(by) else None
            table, parts, config = read_tables(*tables, config, reporter, opened, groups)
            load_seconds = time.perf_counter() - reading
            if directory is None and write:
                directory = free_name(f"{table_name(table.source[0])}-tune")
            header = _header(config, tune_config, table, size, version)
            journal = journal_of(directory, header, ANYWHERE, force)
            mergeable = parts.valid is not None and not own_valid
            space = Space(config, parts.train, equations, own_valid, mergeable)
            trials = folded(parts.train, config, equations, by)
            trials.cluster = cluster
            search = Search(space, trials, size, one_at_a_time(reporter), journal)
            reporter.search(_searched(space), search.folds, trials.part.sequences)
            engine.ready()
            loaded = time.perf_counter()
            with going_on(directory):
                stopped, finalists = _searching(search, parts, tune_config, start, searching)
        search_seconds = time.perf_counter() - loaded
        reporter.finalists(finalists)
        config = _final(space, finalists[0], mergeable, stopped == "interrupted")
        with interruptible(reporter.interrupted) as interrupt:
            origin = partial(origin_of, "tune", config.given(), table, parts)
            winner = None if force else searched(directory, origin)
            for note in winner.notes if winner else ():
                reporter.notice(note)
            keeper = None if directory is None else keeper_of(config, origin, Home(directory), winner)
            job = Job(table, parts, config, equations, own_valid)
            with saved(keeper, interrupt):
                result, fit = train_parts(job, Host(reporter, interrupt, cluster), load_seconds)
            result.seconds = {"search": search_seconds, **result.seconds}
            interrupt.phase = Phase.SAVING
            if directory is not None:
                result.files = write_run(result, result.model.config, directory)
            result.resumable = settled(keeper, interrupt, directory)
    whole = _outcome(search, finalists, stopped, result)
    whole.seconds = time.perf_counter() - start
    if directory is not None:
        whole.files = {**result.files, "trials": directory / FILE}
    if fit.diverged is not None:
        fit.diverged.result = result
        raise fit.diverged
    reporter.finished(result)
    if stopped == "interrupted" or interrupt.requested:
        ended_by = searching if stopped == "interrupted" else interrupt
        raise ended_by.error(f"interrupted after {len(search.tried)} trials", whole)
    return whole


def resumed(directory: str | Path, options: Mapping[str, Any]) -> tuple[Config, TuneConfig]:
    """Return the options of a search in a directory, which goes on; options: given anew, by their names.

    Raises UsageError where there is none, and for an option that would make other trials.
    """
    header = read(Path(directory)).header
    for name, value in options.items():
        if name not in (*ANYWHERE, "trials") and header.options.get(name) != value:
            raise UsageError(f"--resume {directory}: its trials have options of their own; leave --{name} out")
    limits = {name: options[name] for name in ("trials", "max_time") if name in options}
    usual = {name: getattr(header, name) for name in ("trials", "max_time")}
    rest = {name: value for name, value in options.items() if name not in limits}
    config = Config().with_values({**header.options, **rest, "output": str(directory)}, str(directory))
    return config, TuneConfig.of({**(limits or usual), "folds_by": header.folds_by}, "--resume")


def _searching(
    search: Search, parts: Parts, tune_config: TuneConfig, start: float, interrupt: Interrupt
) -> tuple[str, list[Finalist]]:
    """Run the trials, and the best of them again; Ctrl-C ends it with what there is."""
    interrupt.phase = Phase.TRAINING
    try:
        stopped = search.run(tune_config, start, interrupt)
        finalists = repeated(search, parts, interrupt)
    except TrainingInterrupted:
        if interrupt.twice:
            raise
        if not search.tried:
            message = "interrupted before the first generation was complete; nothing is written"
            raise interrupt.error(message) from None
        return "interrupted", unrepeated(search)
    return stopped, finalists


def _outcome(search: Search, finalists: list[Finalist], stopped: str, result: TrainResult) -> TuneResult:
    """Return a search and the training of its winner as one result."""
    return TuneResult(
        trials=[search.record(one) for one in search.tried],
        finalists=finalists,
        stopped=stopped,
        folds=search.folds,
        searched=_searched(search.space),
        base=dict(search.space.base),
        result=result,
    )


def _final(space: Space, finalist: Finalist, mergeable: bool, quick: bool) -> Config:
    """Return the configuration of the network that comes out.

    It is an ensemble, trained again on the validation part too after one cycle, whose course is known without it, where
    nobody says otherwise. quick: it is one network.
    """
    values = dict(space.plain(finalist.trial.options))
    train, explicit = space.config.train, space.config.explicit
    if not quick and not train.init_from:
        if "ensemble" not in explicit:
            values["ensemble"] = SEEDS
        if "refit" not in explicit and mergeable and train.average == 1:
            values["refit"] = space.config_of(finalist.trial.options).train.schedule == "onecycle"
    return space.config.with_values(values, "tune")


def _directory(config: Config, force: bool) -> Path | None:
    """Return the directory that was asked for; one with a journal may hold the model of this search."""
    directory = config.output.output
    has_journal = directory is not None and (Path(directory) / FILE).exists()
    return check_directory(config, force or has_journal)


def _header(config: Config, tune_config: TuneConfig, table: Sequences, size: int, version: str) -> Header:
    """Say what is searched."""
    options = {name: value for name, value in config.given().items() if name not in ("output", "max_time")}
    return Header(
        data=table.digest,
        options=options,
        size=size,
        optuna=version,
        trials=tune_config.trials,
        max_time=tune_config.max_time,
        folds_by=tune_config.folds_by,
    )


def _searched(space: Space) -> dict[str, Any]:
    """Return the values of each option that is searched, as texts; of the learning rate the least and the highest."""
    values: dict[str, Any] = {name: list(values) for name, values in space.values.items()}
    if space.rate is not None:
        values["lr"] = [space.rate / WIDEST_RATE, space.rate * WIDEST_RATE]
    return values
