"""One call from a table to a trained, scored and saved model."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import fields
from typing import Any

from rnnfast.catalogue import SCHEDULES
from rnnfast.config.forms import SEQUENCE, check_split
from rnnfast.config.resolve import READING, Config
from rnnfast.config.sections import DataConfig, check_directions
from rnnfast.data import Parts, SequenceData, read_table, split
from rnnfast.data.description import part_sizes
from rnnfast.data.horizon import steps_ahead
from rnnfast.data.weights import check_weights
from rnnfast.equations.cell import Cell
from rnnfast.equations.trace import traced
from rnnfast.errors import DataError, UsageError
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.model import Model
from rnnfast.model.provenance import Provenance, Split, Training
from rnnfast.network.cell import cell_of, word_of
from rnnfast.records import plain
from rnnfast.reporter import Reporter, RunInfo
from rnnfast.training.defaults import resolved
from rnnfast.training.directory import check_directory, free_directory, write_run
from rnnfast.training.large import in_memory, large_table, stored_parts
from rnnfast.training.loop import Fit, Loop
from rnnfast.training.prepare import initial_model
from rnnfast.training.result import TrainResult

MANY_LABELS = 0.1  # left out by a split, of those that stay


def train(
    data: Any, *, valid: Any = None, test: Any = None, reporter: Reporter | None = None, **options: Any
) -> TrainResult:
    """Train a network and score it; nothing is written.

    data, valid, test: SequenceData, path or DataFrame; without `valid`, `split` cuts it from data.
    options: any option of the command line, with its name (cell="rnn", hidden=32, epochs=20, ...); `cell` may also be
    the function of its equations (equations/cell.py).
    Raises: UsageError for a wrong option, DataError for a wrong table, DivergedError (with `.result`, the last good
    weights).
    """
    start = time.perf_counter()
    reporter = reporter or Reporter()
    given = options.get("cell")
    equations = traced(given) if callable(given) else None
    if callable(given):
        options["cell"] = word_of(given)
    config = Config().with_values(options, "train()")
    cell = equations or cell_of(config.model.cell, config.model.activation)
    check_directions(config.model, cell.recurrent)
    with ExitStack() as opened:
        table, parts = read_tables(data, valid, test, config, reporter, opened)
        result, fit = _fit(table, parts, config, cell, reporter, valid is not None, time.perf_counter() - start)
    if fit.diverged is not None:
        fit.diverged.result = result
        raise fit.diverged
    reporter.finished(result)
    return result


def run(config: Config, reporter: Reporter | None = None, force: bool = False) -> TrainResult:
    """Do what the `train` command does: read, split, compile, train, evaluate, write.

    Each phase is a function of its own, here or in `loop`, so that a profiler shows them apart.

    force: an existing model in the output directory is replaced.
    Raises: as `train`; a run that diverges has written its last good weights before DivergedError is raised.
    """
    start = time.perf_counter()
    reporter = reporter or Reporter()
    if not config.data.data:
        raise UsageError("no table given; name one with --data FILE")
    cell = cell_of(config.model.cell, config.model.activation)
    check_directions(config.model, cell.recurrent)
    directory = check_directory(config, force)
    reporter.reading(config.data.data)
    files = config.data
    with ExitStack() as opened:
        table, parts = read_tables(list(files.data), files.valid, files.test, config, reporter, opened)
        load_seconds = time.perf_counter() - start
        result, fit = _fit(table, parts, config, cell, reporter, files.valid is not None, load_seconds)
    directory = directory or free_directory(config, table)
    result.files = write_run(result, result.model.config, directory)
    reporter.finished(result)
    if fit.diverged is not None:
        fit.diverged.args = (f"{fit.diverged.args[0]} in {result.files['model']}",)
        raise fit.diverged
    return result


def read_tables(
    data: Any, valid: Any, test: Any, config: Config, reporter: Reporter, opened: ExitStack
) -> tuple[SequenceData, Parts]:
    """Read the table, and split it or read those beside it. Returns: all of `data`, and the parts.

    opened: keeps a table that is larger than --memory, and whose parts are read in blocks, until it is closed.
    """
    shares_given = config.data.split != DataConfig().split
    check_split(config.data.split_by, shares_given, valid is not None, test is not None)
    stored = large_table(data, config, reporter, opened)
    if stored is None:
        table = _table(data, config, reporter)
        reporter.table(table)
        parts = _parts(table, config, valid, test, reporter)
    else:
        table, parts = stored_parts(*stored, valid, test, config, reporter)
    for part, given in ((parts.valid, valid), (parts.test, test)):
        for note in part.notes if part is not None and given is not None else ():
            reporter.notice(f"{', '.join(part.source)}: {note}" if part is not None else note)
    reporter.split(parts)
    labelled = sum(part.labelled_steps for part in parts.named().values())
    if parts.by == SEQUENCE and parts.dropped > MANY_LABELS * labelled:
        reporter.notice(
            f"{parts.dropped:,} labels are left out, as they stand in rows of another part: windows are short for "
            f"--horizon {table.schema.horizon}; --split-by time leaves out few of them"
        )
    return table, parts


def _table(data: Any, config: Config, reporter: Reporter) -> SequenceData:
    if isinstance(data, SequenceData):
        _check_read(config)
        return data
    options = {name: getattr(config.data, name) for name in (*READING, "cache")}
    return read_table(data, reporter=reporter, **options)


def _check_read(config: Config) -> None:
    """Raise UsageError for options that say how a table is read, where it is read already."""
    for declared in fields(DataConfig):
        given = getattr(config.data, declared.name) != declared.default
        if given and declared.name in (*READING, "memory") and declared.name not in ("missing", "split_by"):
            raise UsageError(
                f"{declared.name}: the table is read already; give {declared.name} to read_table, or the path to train"
            )


def _parts(table: SequenceData, config: Config, valid: Any, test: Any, reporter: Reporter) -> Parts:
    """Split the table, or take the tables that were given beside it."""

    def read(data: Any) -> SequenceData:
        if isinstance(data, SequenceData):
            return data
        return read_table(data, schema=table.schema, reporter=reporter, cache=config.data.cache)

    if valid is not None:
        parts = Parts(
            table, read(valid), None, f"all of {table.sequences:,} sequences; validation from a table of its own"
        )
    else:
        parts = split(table, config.data.split, config.train.seed, config.data.split_by)
    if test is not None:
        if parts.test is not None:
            raise UsageError("--test gives a test table and --split cuts a test part; use one of them")
        parts.test = read(test)
        parts.rule += "; test from a table of its own"
    for part in (parts.valid if valid is not None else None, parts.test if test is not None else None):
        if part is not None and part.digest == table.digest:
            reporter.notice(f"{', '.join(part.source)} holds the very rows that train: its scores tell nothing new")
    if parts.valid is not None and not parts.valid.labelled.any():
        horizon = table.schema.horizon
        why = f" (its rows lack a target {steps_ahead(horizon)} in the same part)" if horizon else ""
        raise DataError(
            f"{', '.join(parts.valid.source)}: the validation part has no labelled step{why}; give another table with "
            "--valid, a smaller --split, or train on everything (--split 1)"
        )
    if parts.valid is not None:
        check_weights(parts.valid, "validation")
    return parts


def _fit(
    table: SequenceData,
    parts: Parts,
    config: Config,
    cell: Cell,
    reporter: Reporter,
    own_valid: bool,
    load_seconds: float,
) -> tuple[TrainResult, Fit]:
    """Train on the parts and score each of them."""
    weighted = parts.train.weight is not None or config.train.class_weight not in ((), ("none",))
    config = resolved(config, table.schema.task, parts.train.sequences, weighted)
    if weighted and config.train.batch_size == 1 and config.train.reduction == "mean":
        reporter.notice(
            "an update of one sequence takes the weighted mean over its steps: where these weigh alike, weights have "
            "no effect; use --batch-size above 1, or --reduction sum"
        )
    if SCHEDULES[config.train.schedule].watches and parts.valid is None:
        raise UsageError(
            f"--schedule {config.train.schedule} watches the validation loss: it needs a validation part (--split)"
        )
    model = initial_model(parts.train, config, cell)
    if isinstance(parts.test, SequenceData):
        model.encoder.check(parts.test)  # training and validation part are encoded before anything is compiled
    seed = config.train.seed
    loop = Loop(model, parts.train, parts.valid and in_memory(parts.valid, seed), reporter)
    reporter.start(_info(model, config, loop.trainer.kernel, loop.trainer.threads))
    fit = loop.run()
    start = time.perf_counter()
    named = {"train": parts.train, "valid": parts.valid, "test": parts.test}
    evaluations, scored = evaluate_parts(model, named, seed)
    for name, (count, of) in scored.items():
        reporter.notice(f"{name}: scored on {count:,} of {of:,} sequences, drawn at random, to keep within --memory")
    fit.eval_seconds += time.perf_counter() - start
    model.provenance = _provenance(table, parts, config, own_valid, evaluations, fit)
    return TrainResult(
        model=model,
        task=table.schema.task,
        history=fit.history,
        epochs=fit.epochs,
        best_epoch=fit.best_epoch,
        stopped=fit.stopped,
        parameters=model.parameter_count,
        rows=sum(part.rows for part in named.values() if part is not None),
        sequences={name: 0 if part is None else part.sequences for name, part in named.items()},
        seconds={
            "load": load_seconds,
            "compile": fit.compile_seconds,
            "train": fit.train_seconds,
            "eval": fit.eval_seconds,
        },
        timesteps_per_second=fit.timesteps_per_second,
        evaluations=evaluations,
        scored=scored,
    ), fit


def evaluate_parts(
    model: Model, parts: Mapping[str, SequenceData | None], seed: int
) -> tuple[dict[str, Evaluation], dict[str, tuple[int, int]]]:
    """Score the model on each part that has labels.

    Returns: the scores, and of each part of which only a sample was scored its sequences: (scored, all).
    """
    evaluations, sampled = {}, {}
    for name, part in parts.items():
        if part is None:
            continue
        data = in_memory(part, seed)
        if data.labelled.any():
            evaluations[name] = model.evaluate(data)
            if data.sequences < part.sequences:
                sampled[name] = (data.sequences, part.sequences)
    return evaluations, sampled


def _info(model: Model, config: Config, kernel: str, threads: int) -> RunInfo:
    assert config.train.lr is not None  # resolved
    assert config.train.batch_size is not None
    return RunInfo(
        cell=config.model.cell,
        hidden=config.model.hidden,
        activation=config.model.activation,
        parameters=model.parameter_count,
        dtype=config.train.dtype,
        threads=threads,
        seed=config.train.seed,
        optimizer=config.train.optimizer,
        lr=config.train.lr,
        batch_size=config.train.batch_size,
        loss=model.loss,
        epochs=config.train.epochs,
        kernel=kernel,
    )


def _provenance(
    table: SequenceData, parts: Parts, config: Config, own_valid: bool, evaluations: dict[str, Evaluation], fit: Fit
) -> Provenance:
    """What the model file tells about its origin."""
    return Provenance(
        data_digest=table.digest,
        split=Split(
            shares=(1.0,) if own_valid else config.data.split,
            seed=config.train.seed,
            split_by=parts.by,
            points=tuple(plain(parts.points)),
            rule=parts.rule,
            parts=part_sizes(parts),
        ),
        metrics=plain({name: scores.metrics for name, scores in evaluations.items()}),
        training=Training(fit.epochs, fit.best_epoch, fit.stopped, tuple(table.source)),
    )
