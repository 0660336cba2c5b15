"""A saved model on tables: scores with a quality gate, and predictions as CSV."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
import numpy.typing as npt

from rnnfast.catalogue import lower_is_better
from rnnfast.data import read_table
from rnnfast.errors import UsageError, did_you_mean
from rnnfast.metrics.evaluation import Evaluation, EvaluationReport
from rnnfast.writing import check_writable, replacing

if TYPE_CHECKING:
    from rnnfast.data import Schema, SequenceData
    from rnnfast.model import Model
    from rnnfast.reporter import Reporter

STANDARD_STREAM = "-"
PARTS = ("train", "valid", "test", "all")

# Digits that read back as the same number: float32 needs 9, float64 the shortest text that Python finds.
FLOAT32_FORMAT = ".9g"


@dataclass(frozen=True)
class TableEvaluation:
    """Scores of a model on a table.

    trained_on: the table is the one that the model was trained on. held_out: the run kept a part of its table for
    validation. failures: a sentence for each goal that is not met; notes: about how the table was read.
    """

    evaluation: Evaluation
    schema: Schema
    part: str
    sequences: int
    trained_on: bool
    held_out: bool
    failures: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def report(self) -> EvaluationReport:
        """Return what `eval --json` prints."""
        return EvaluationReport.of(self.evaluation, self.part, self.trained_on)


def evaluate_table(
    model_path: str | Path,
    data_paths: Sequence[str],
    part: str = "all",
    fail_under: Mapping[str, float] | None = None,
    *,
    cache: bool = True,
    reporter: Reporter | None = None,
) -> TableEvaluation:
    """Score a saved model on tables, or on one part of the table that it was trained on.

    part: train | valid | test | all.
    fail_under: metric -> goal; errors and losses must not be above it, all others not below.
    cache: the parsed table may come from the user's cache and is kept there; reporter: is told how far reading is.
    Raises: UsageError for a part of another table, and for a goal that the task has no metric for.
    """
    from rnnfast.model import load

    if part not in PARTS:
        raise UsageError(f"part: {part!r} is not one of {', '.join(PARTS)}{did_you_mean(part, PARTS)}")
    model = load(model_path)
    split = model.provenance.split
    how: dict[str, Any] = {} if part == "all" or split is None else {"split_by": split.split_by}
    data = read_table(list(data_paths), schema=model.schema, cache=cache, reporter=reporter, **how)
    trained_on = bool(model.trained_on(data))
    scored = data if part == "all" else model.part_of(data, part)
    evaluation = model.evaluate(scored)
    return TableEvaluation(
        evaluation=evaluation,
        schema=model.schema,
        part=part,
        sequences=int(scored.sequences),
        trained_on=trained_on,
        held_out=split is None or split.shares != (1.0,),
        failures=tuple(_failures(evaluation.metrics, fail_under or {})),
        notes=data.notes,
    )


def _failures(metrics: Mapping[str, Any], goals: Mapping[str, float]) -> Iterator[str]:
    """Yield a sentence for each goal that is not met."""
    for name, goal in goals.items():
        if name not in metrics or name in ("threshold", "per_target"):
            known = [metric for metric in metrics if metric not in ("threshold", "per_target")]
            raise UsageError(
                f"--fail-under: no metric {name!r} for this model{did_you_mean(name, known)}; it has {', '.join(known)}"
            )
        value = metrics[name]
        if value is None:
            yield f"{name} is undefined on this table, the goal is {goal:g}"
        elif lower_is_better(name) and not value <= goal:
            yield f"{name} is {value:.6g}, above the goal of {goal:g}"
        elif not lower_is_better(name) and not value >= goal:
            yield f"{name} is {value:.6g}, below the goal of {goal:g}"


def predict_table(
    model_path: str | Path,
    data_paths: Sequence[str],
    output: str | Path = STANDARD_STREAM,
    *,
    force: bool = False,
    cache: bool = True,
    reporter: Reporter | None = None,
) -> int:
    """Write the predictions of a saved model for tables as CSV and return the number of rows written.

    One row per input row in input order, one per sequence for models of the last step; no target column is needed.
    output: a file, or '-' for stdout. An existing file is kept unless `force`.
    cache, reporter: as in `evaluate_table`.
    """
    from rnnfast.model import load

    if str(output) != STANDARD_STREAM:
        check_writable(Path(output), force)
    model = load(model_path)
    data = _read_for_prediction(data_paths, model.schema, cache, reporter)
    if reporter is not None:
        for note in data.notes:
            reporter.notice(note)
    columns = _columns(model, data, np.asarray(model.predict(data)))
    with _opened(output) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return len(next(iter(columns.values())))


def _read_for_prediction(paths: Sequence[str], schema: Schema, cache: bool, reporter: Reporter | None) -> SequenceData:
    """Read tables so that every row is a step of exactly one sequence.

    Windows that overlap or leave rows out are for training; per-step predictions use windows end to end.
    """
    if schema.predict == "every" and schema.window is not None:
        schema = replace(schema, stride=schema.window)
    return read_table(list(paths), schema=schema, require_target=False, cache=cache, reporter=reporter)


def _columns(model: Model, data: SequenceData, predicted: npt.NDArray[Any]) -> dict[str, list[Any]]:
    """Return the columns of the output in order, as texts and numbers ready to write.

    predicted: (rows, O) in the order of data.x.
    """
    schema = model.schema
    # The index into data.x of each row of the output: last steps, or all steps in the order of the input rows.
    steps = data.offsets[1:] - 1 if schema.predict == "last" else np.argsort(data.row, kind="stable")
    columns: dict[str, list[Any]] = {}
    if schema.id is not None:
        sequence = np.repeat(np.arange(data.sequences), data.lengths)
        columns[schema.id] = np.asarray(data.ids, dtype=object)[sequence[steps]].tolist()
    if schema.time is not None and data.time is not None:
        columns[schema.time] = np.asarray(data.time)[steps].tolist()
    dtype = model.config.train.dtype
    return columns | dict(model.task.columns(predicted[steps], lambda values: _texts(values, dtype)))


def _texts(values: npt.NDArray[Any], dtype: str) -> list[str]:
    """Return texts with the digits that reproduce numbers of that precision."""
    if dtype == "float32":
        return [format(value, FLOAT32_FORMAT) for value in values.tolist()]
    return [repr(value) for value in values.tolist()]


@contextmanager
def _opened(output: str | Path) -> Iterator[TextIO]:
    """Open the output as text; a file takes its place when it is complete."""
    if str(output) == STANDARD_STREAM:
        yield from _standard_output()
        return
    with replacing(Path(output)) as binary:
        stream = io.TextIOWrapper(binary, encoding="utf-8", newline="")
        yield stream
        stream.flush()
        stream.detach()


def _standard_output() -> Iterator[TextIO]:
    """Yield stdout as UTF-8 without translation of line ends."""
    binary = getattr(sys.stdout, "buffer", None)
    if binary is None:
        yield sys.stdout
        return
    sys.stdout.flush()
    stream = io.TextIOWrapper(binary, encoding="utf-8", newline="")
    try:
        yield stream
        stream.flush()
    finally:
        stream.detach()
