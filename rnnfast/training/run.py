"""One call from a table to a trained, scored and saved model."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnfast.config import READING, Config
from rnnfast.data import Parts, SequenceData, read_table, split
from rnnfast.data.horizon import steps_ahead
from rnnfast.data.weights import check_weights, one_per_sequence
from rnnfast.description import part_sizes
from rnnfast.errors import DataError, RnnfastError, UsageError
from rnnfast.files import write_whole
from rnnfast.metrics.evaluation import Evaluation, plain
from rnnfast.model import Model
from rnnfast.model.file import FILE_NAME
from rnnfast.reporter import Reporter, RunInfo
from rnnfast.sections import DataConfig
from rnnfast.splitting import SEQUENCE, check_split
from rnnfast.training.defaults import resolved
from rnnfast.training.loop import Fit, Loop
from rnnfast.training.prepare import initial_model
from rnnfast.training.result import TrainResult

MANY_LABELS = 0.1  # left out by a split, of those that stay


def train(
    data: Any, *, valid: Any = None, test: Any = None, reporter: Reporter | None = None, **options: Any
) -> TrainResult:
    """Train a network and score it; nothing is written.

    data, valid, test: SequenceData, path or DataFrame; without `valid`, `split` cuts it from data.
    options: any option of the command line, with its name (cell="rnn", hidden=32, epochs=20, ...).
    Raises: UsageError for a wrong option, DataError for a wrong table, DivergedError (with `.result`, the last good
    weights).
    """
    start = time.perf_counter()
    reporter = reporter or Reporter()
    config = Config().with_values(options, "train()")
    table, parts = read_tables(data, valid, test, config, reporter)
    result, fit = _fit(table, parts, config, reporter, valid is not None, time.perf_counter() - start)
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
    directory = _check_directory(config, force)
    reporter.reading(config.data.data)
    table, parts = read_tables(list(config.data.data), config.data.valid, config.data.test, config, reporter)
    load_seconds = time.perf_counter() - start
    result, fit = _fit(table, parts, config, reporter, config.data.valid is not None, load_seconds)
    directory = directory or _free_directory(config, table)
    result.files = write_run(result, result.model.config, directory)
    reporter.finished(result)
    if fit.diverged is not None:
        fit.diverged.args = (f"{fit.diverged.args[0]} in {result.files['model']}",)
        raise fit.diverged
    return result


def read_tables(data: Any, valid: Any, test: Any, config: Config, reporter: Reporter) -> tuple[SequenceData, Parts]:
    """Read the table, and split it or read those beside it. Returns: all of `data`, and the parts."""
    shares_given = config.data.split != DataConfig().split
    check_split(config.data.split_by, shares_given, valid is not None, test is not None)
    table = _table(data, config, reporter)
    reporter.table(table)
    parts = _parts(table, config, valid, test, reporter)
    for part, given in ((parts.valid, valid), (parts.test, test)):
        for note in part.notes if part is not None and given is not None else ():
            reporter.notice(f"{', '.join(part.source)}: {note}" if part is not None else note)
    reporter.split(parts)
    labelled = sum(int(part.labelled.sum()) for part in parts.named().values())
    if parts.by == SEQUENCE and parts.dropped > MANY_LABELS * labelled:
        reporter.notice(
            f"{parts.dropped:,} labels are left out, as they stand in rows of another part: windows are short for "
            f"--horizon {table.schema.horizon}; --split-by time leaves out few of them"
        )
    return table, parts


def _table(data: Any, config: Config, reporter: Reporter) -> SequenceData:
    if isinstance(data, SequenceData):
        return data
    options = {name: getattr(config.data, name) for name in (*READING, "cache")}
    return read_table(data, reporter=reporter, **options)


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
    table: SequenceData, parts: Parts, config: Config, reporter: Reporter, own_valid: bool, load_seconds: float
) -> tuple[TrainResult, Fit]:
    """Train on the parts and score each of them."""
    weighted = one_per_sequence(parts.train)
    config = resolved(config, table.schema.task, parts.train.sequences, weighted)
    if weighted and config.train.batch_size == 1 and config.train.reduction == "mean":
        reporter.notice(
            f"the weights in {table.schema.weight!r} have no effect: an update of one sequence takes the mean over its "
            "steps, which weigh alike; use --batch-size above 1, or --reduction sum"
        )
    if config.train.schedule == "plateau" and parts.valid is None:
        raise UsageError("--schedule plateau watches the validation loss: it needs a validation part (--split)")
    model = initial_model(parts.train, config)
    if parts.test is not None:
        model.encoder.check(parts.test)  # training and validation part are encoded before anything is compiled
    loop = Loop(model, parts.train, parts.valid, reporter)
    reporter.start(_info(model, config, loop.trainer.kernel, loop.trainer.threads))
    fit = loop.run()
    start = time.perf_counter()
    named = {"train": parts.train, "valid": parts.valid, "test": parts.test}
    evaluations = evaluate_parts(model, named)
    fit.eval_seconds += time.perf_counter() - start
    model.metadata = _metadata(table, parts, config, own_valid, evaluations, fit)
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
    ), fit


def evaluate_parts(model: Model, parts: Mapping[str, SequenceData | None]) -> dict[str, Evaluation]:
    """Score the model on each part that has labels."""
    return {name: model.evaluate(part) for name, part in parts.items() if part is not None and part.labelled.any()}


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


def _metadata(
    table: SequenceData, parts: Parts, config: Config, own_valid: bool, evaluations: dict[str, Evaluation], fit: Fit
) -> dict[str, Any]:
    """What the model file tells about its origin."""
    return {
        "data_digest": table.digest,
        "split": {
            "shares": [1.0] if own_valid else list(config.data.split),
            "seed": config.train.seed,
            "split_by": parts.by,
            "points": plain(parts.points),
            "rule": parts.rule,
            "parts": part_sizes(parts),
        },
        "metrics": plain({name: scores.metrics for name, scores in evaluations.items()}),
        "training": {
            "epochs": fit.epochs,
            "best_epoch": fit.best_epoch,
            "stopped": fit.stopped,
            "source": list(table.source),
        },
    }


def _check_directory(config: Config, force: bool) -> Path | None:
    """The output directory that was asked for, checked before any work; None: the next free one."""
    asked = config.output.output
    path = Path(asked) if asked is not None else Path("runs")
    existing = next(parent for parent in (path, *path.resolve().parents) if parent.exists())
    if not existing.is_dir():
        raise UsageError(f"{path}: {existing} is no directory; give another -o DIR")
    if not os.access(existing, os.W_OK):
        raise RnnfastError(f"{path}: cannot be written: no permission in {existing}; give another -o DIR")
    if asked is None:
        return None
    if (path / FILE_NAME).exists() and not force:
        raise UsageError(f"{path}: holds a model already; give another -o DIR, or --force to replace it")
    return path


def _free_directory(config: Config, table: SequenceData) -> Path:
    """runs/NAME, runs/NAME-2, ...: the first that does not exist. NAME is the table's and the network's."""
    stem = Path(table.source[0].strip("<>")).name.split(".")[0] or "table"
    name = f"{stem}-{config.model.cell}{'x'.join(str(units) for units in config.model.hidden)}"
    for number in range(1, 1_000_000):
        path = Path("runs") / (name if number == 1 else f"{name}-{number}")
        if not path.exists():
            return path
    raise RnnfastError(f"runs/{name}: no free name is left; give one with -o DIR")


def write_run(result: TrainResult, config: Config, directory: Path) -> dict[str, Path]:
    """Write model, history and configuration; each file is whole or absent."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RnnfastError(f"{directory}: cannot be created: {error.strerror or error}") from None
    files = {"model": directory / FILE_NAME, "history": directory / "history.csv", "config": directory / "config.toml"}
    write_whole(files["history"], _history_csv(result.history))
    write_whole(files["config"], config.to_toml().encode())
    result.model.save(files["model"])
    return files


def _history_csv(history: list[dict[str, Any]]) -> bytes:
    columns = list(dict.fromkeys(name for row in history for name in row)) or ["epoch", "split", "loss"]
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(history)
    return stream.getvalue().encode()
