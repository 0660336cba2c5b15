"""A saved model on tables: scores with a quality gate, and predictions as CSV."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import numpy as np
import numpy.typing as npt

from rnnfast.config.option import suggestion
from rnnfast.config.sections import DataConfig
from rnnfast.data import split
from rnnfast.data.reading.opening import open_table
from rnnfast.data.reading.request import Request
from rnnfast.data.sequences.budget import Budget
from rnnfast.errors import UsageError
from rnnfast.metrics.evaluation import LOWER_IS_BETTER, Evaluation
from rnnfast.model.lines import OrderedLines
from rnnfast.writing import check_writable, replacing

if TYPE_CHECKING:
    from rnnfast.data import Schema, SequenceData, Sequences
    from rnnfast.model import Model
    from rnnfast.reporter import Reporter

STANDARD_STREAM = "-"
PARTS = ("train", "valid", "test", "all")
PREDICTED = ("x", "time", "ids")  # what is read of a table to predict it

# Digits that read back as the same number: float32 needs 9, float64 the shortest text that Python finds.
FLOAT32_FORMAT = ".9g"


@dataclass(frozen=True)
class TableEvaluation:
    """Scores of a model on a table.

    trained_on: the table is the one that the model was trained on. held_out: the run kept a part of its table for
    validation. failures: a sentence for each goal that is not met; notes: about how the table was read. scored:
    sequences that were scored: less than `sequences` where these were too many for the memory.
    """

    evaluation: Evaluation
    schema: Schema
    part: str
    sequences: int
    trained_on: bool
    held_out: bool
    failures: tuple[str, ...]
    notes: tuple[str, ...] = ()
    scored: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the object that `eval --json` prints."""
        shown = self.evaluation.to_json() | {"part": self.part, "training_table": self.trained_on}
        if self.scored is not None and self.scored < self.sequences:
            shown["scored"] = {"sequences": self.scored, "of": self.sequences}
        return shown


def evaluate_table(
    model_path: str | Path,
    data_paths: Sequence[str],
    part: str = "all",
    fail_under: Mapping[str, float] | None = None,
    *,
    config: DataConfig | None = None,
    reporter: Reporter | None = None,
) -> TableEvaluation:
    """Score a saved model on tables, or on one part of the table that it was trained on.

    part: train | valid | test | all.
    fail_under: metric -> goal; errors and losses must not be above it, all others not below.
    config: of its options, cache says whether the parsed table may come from the user's cache and is kept there, and
    memory how much may be taken; reporter: is told how far reading is.
    Raises: UsageError for a part of another table, and for a goal that the task has no metric for.
    """
    from rnnfast.model import load

    if part not in PARTS:
        raise UsageError(f"part: {part!r} is not one of {', '.join(PARTS)}{suggestion(part, PARTS)}")
    model = load(model_path)
    split_by = "sequence" if part == "all" else model.metadata.get("split", {}).get("split_by", "sequence")
    request = Request(replace(config or DataConfig(), split_by=split_by), model.schema)
    with ExitStack() as opened:
        data = _open(data_paths, request, opened, reporter)
        scored = data if part == "all" else part_of(model, data, part)
        sample = scored.sample(model.config.train.seed)
        evaluation = model.evaluate(sample)
        notes = data.notes
        if sample.sequences < scored.sequences:
            of = f"{sample.sequences:,} of {scored.sequences:,} sequences"
            notes = (*notes, f"scored on {of}, drawn at random, to keep within --memory")
        return TableEvaluation(
            evaluation=evaluation,
            schema=model.schema,
            part=part,
            sequences=int(scored.sequences),
            trained_on=bool(model.trained_on(data)),
            held_out=list(model.metadata.get("split", {}).get("shares", [])) != [1.0],
            failures=tuple(_failures(evaluation.metrics, fail_under or {})),
            notes=notes,
            scored=sample.sequences,
        )


def part_of(model: Model, data: Sequences, part: str) -> Sequences:
    """The train, valid or test part that the training run cut from a table.

    Raises UsageError where data is another table, or was not split into that part.
    """
    how = model.metadata.get("split", {})
    if not model.trained_on(data):
        raise UsageError(
            f"--part {part}: {', '.join(data.source)} is not the table that the model was trained on "
            "(the contents differ); leave --part out to score all of it"
        )
    parts = split(data, tuple(how["shares"]), how["seed"], how.get("split_by", "sequence"))
    chosen = parts.named().get(part)
    if chosen is None:
        raise UsageError(f"--part {part}: the training run had no such part of this table ({parts.rule})")
    return chosen


def _open(paths: Sequence[str], request: Request, opened: ExitStack, reporter: Reporter | None) -> Sequences:
    """Read tables as far as the memory allows; opened: keeps those on disk."""
    memory = request.config.memory
    return open_table(list(paths), request, None if memory is None else Budget.of(memory), opened, reporter)


def _failures(metrics: Mapping[str, Any], goals: Mapping[str, float]) -> Iterator[str]:
    """Yield a sentence for each goal that is not met."""
    for name, goal in goals.items():
        if name not in metrics or name in ("threshold", "per_target"):
            known = [metric for metric in metrics if metric not in ("threshold", "per_target")]
            raise UsageError(
                f"--fail-under: no metric {name!r} for this model{suggestion(name, known)}; it has {', '.join(known)}"
            )
        value = metrics[name]
        if value is None:
            yield f"{name} is undefined on this table, the goal is {goal:g}"
        elif name in LOWER_IS_BETTER and not value <= goal:
            yield f"{name} is {value:.6g}, above the goal of {goal:g}"
        elif name not in LOWER_IS_BETTER and not value >= goal:
            yield f"{name} is {value:.6g}, below the goal of {goal:g}"


def predict_table(
    model_path: str | Path,
    data_paths: Sequence[str],
    output: str | Path = STANDARD_STREAM,
    *,
    force: bool = False,
    config: DataConfig | None = None,
    reporter: Reporter | None = None,
) -> int:
    """Write the predictions of a saved model for tables as CSV and return the number of rows written.

    One row per input row in input order, one per sequence for models of the last step; no target column is needed.
    output: a file, or '-' for stdout. An existing file is kept unless `force`.
    config, reporter: as in `evaluate_table`.
    """
    from rnnfast.model import load

    if str(output) != STANDARD_STREAM:
        check_writable(Path(output), force)
    model = load(model_path)
    request = Request(config or DataConfig(), _every_row_once(model.schema), require_target=False)
    with ExitStack() as opened:
        data = _open(data_paths, request, opened, reporter)
        if reporter is not None:
            for note in data.notes:
                reporter.notice(note)
        return _write_predictions(model, data, output)


def _every_row_once(schema: Schema) -> Schema:
    """Cut windows so that every row is a step of exactly one sequence.

    Windows that overlap or leave rows out are for training; per-step predictions use windows end to end.
    """
    if schema.predict == "every" and schema.window is not None:
        return replace(schema, stride=schema.window)
    return schema


def _write_predictions(model: Model, data: Sequences, output: str | Path) -> int:
    """Write the predictions of one block after the other; nothing where one of them cannot be predicted."""
    count = len(data.runs().first)
    for block in data.blocks(("x",)) if count > 1 else ():
        model.encoder.check(block)
    tables = (_columns(model, block, np.asarray(model.predict(block))) for block in data.blocks(PREDICTED))
    first = next(tables)
    written = 0
    with _opened(output) as stream:
        csv.writer(stream, lineterminator="\n").writerow(first.columns)
        # Of sequences in another order than their rows, lines of several blocks have to be put in order.
        size = data.room.of_phase.bucket if data.room is not None else 0
        if count == 1 or data.in_input_order or model.schema.predict == "last":
            for table in chain((first,), tables):
                csv.writer(stream, lineterminator="\n").writerows(table.lines())
                written += len(table.rows)
            return written
        with OrderedLines(stream, size) as lines:
            for table in chain((first,), tables):
                lines.add(table.rows, table.texts())
                written += len(table.rows)
            lines.write()
    return written


class Predictions(NamedTuple):
    """Lines of the output.

    rows: (lines,) input row of each, ascending where each step is predicted; columns: of texts and numbers, by name.
    """

    rows: npt.NDArray[np.int64]
    columns: dict[str, list[Any]]

    def lines(self) -> Iterator[tuple[Any, ...]]:
        """Yield the cells of each line."""
        return zip(*self.columns.values(), strict=True)

    def texts(self) -> list[str]:
        """Return each line as it is written."""
        lines = _Lines()
        csv.writer(lines, lineterminator="\n").writerows(self.lines())
        return lines


class _Lines(list[str]):
    """What csv takes for a file; it writes a line at a time."""

    write = list.append


def _columns(model: Model, data: SequenceData, predicted: npt.NDArray[Any]) -> Predictions:
    """Return the lines of the output in order, as texts and numbers ready to write.

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
    classes = np.array([str(label) for label in schema.classes], dtype=object)
    if schema.task == "multiclass":
        target, probabilities = schema.targets[0], predicted[steps]
        columns[f"{target}_pred"] = classes[probabilities.argmax(axis=1)].tolist()
        columns |= {f"{target}_prob_{name}": _texts(probabilities[:, j], dtype) for j, name in enumerate(classes)}
        return Predictions(data.row[steps], columns)
    for j, target in enumerate(schema.targets):
        values = predicted[steps, j]
        texts = _texts(values, dtype)
        if schema.task == "binary":
            columns[f"{target}_pred"] = classes[(values >= model.threshold).astype(np.int64)].tolist()
            columns[f"{target}_prob"] = texts
        else:
            columns[f"{target}_pred"] = texts
    return Predictions(data.row[steps], columns)


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
