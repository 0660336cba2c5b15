"""One call from a table to a trained, scored and saved model."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

from rnnfast.config import Config, DataConfig
from rnnfast.data import Parts, SequenceData, read_table, split
from rnnfast.errors import DataError, RnnfastError, UsageError
from rnnfast.files import write_whole
from rnnfast.metrics.evaluation import Evaluation, plain
from rnnfast.model import Model
from rnnfast.model.file import FILE_NAME
from rnnfast.reporter import Reporter, RunInfo
from rnnfast.training.defaults import resolved
from rnnfast.training.large import in_memory, large_table, stored_parts
from rnnfast.training.loop import Fit, Loop
from rnnfast.training.prepare import initial_model
from rnnfast.training.result import TrainResult

# Options of [data] that say how columns are read.
TABLE_OPTIONS = ("id", "time", "target", "features", "ignore", "task", "predict", "window", "stride")


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
    with ExitStack() as opened:
        table, parts = read_tables(data, valid, test, config, reporter, opened)
        result, fit = _fit(table, parts, config, reporter, valid is not None, time.perf_counter() - start)
    if fit.diverged is not None:
        fit.diverged.result = result  # type: ignore[attr-defined]
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
    files = config.data
    with ExitStack() as opened:
        table, parts = read_tables(list(files.data), files.valid, files.test, config, reporter, opened)
        load_seconds = time.perf_counter() - start
        result, fit = _fit(table, parts, config, reporter, files.valid is not None, load_seconds)
    directory = directory or _free_directory(config, table)
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
    stored = large_table(data, config, reporter, opened)
    if stored is None:
        table = _table(data, config)
        reporter.table(table)
        parts = _parts(table, config, valid, test)
    else:
        table, parts = stored_parts(*stored, valid, test, config, reporter)
    reporter.split(parts)
    return table, parts


def _table(data: Any, config: Config) -> SequenceData:
    if isinstance(data, SequenceData):
        return data
    return read_table(data, **{name: getattr(config.data, name) for name in TABLE_OPTIONS})


def _parts(table: SequenceData, config: Config, valid: Any, test: Any) -> Parts:
    """Split the table, or take the tables that were given beside it."""

    def read(data: Any) -> SequenceData:
        return data if isinstance(data, SequenceData) else read_table(data, schema=table.schema)

    if valid is not None:
        parts = Parts(
            table, read(valid), None, f"all of {table.sequences:,} sequences; validation from a table of its own"
        )
    else:
        parts = split(table, config.data.split, config.train.seed)
    if test is not None:
        if parts.test is not None:
            raise UsageError("--test gives a test table and --split cuts a test part; use one of them")
        parts.test = read(test)
        parts.rule += "; test from a table of its own"
    if parts.valid is not None and not parts.valid.labelled.any():
        raise DataError(
            f"{', '.join(parts.valid.source)}: the validation part has no labelled step; give another table with "
            "--valid, a smaller --split, or train on everything (--split 1)"
        )
    return parts


def _fit(
    table: SequenceData, parts: Parts, config: Config, reporter: Reporter, own_valid: bool, load_seconds: float
) -> tuple[TrainResult, Fit]:
    """Train on the parts and score each of them."""
    config = resolved(config, table.schema.task, parts.train.sequences)
    if config.train.schedule == "plateau" and parts.valid is None:
        raise UsageError("--schedule plateau watches the validation loss: it needs a validation part (--split)")
    model = initial_model(parts.train, config)
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


def _metadata(
    table: SequenceData, parts: Parts, config: Config, own_valid: bool, evaluations: dict[str, Evaluation], fit: Fit
) -> dict[str, Any]:
    """What the model file tells about its origin."""
    return {
        "data_digest": table.digest,
        "split": {
            "shares": [1.0] if own_valid else list(config.data.split),
            "seed": config.train.seed,
            "rule": parts.rule,
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


assert set(TABLE_OPTIONS) <= {declared.name for declared in fields(DataConfig)}
