"""Predictions of a saved model for tables, as CSV, block by block."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import numpy as np
import numpy.typing as npt

from rnnfast.config.sections import DataConfig
from rnnfast.data.columns.missing import chosen_rules
from rnnfast.data.reading.request import Request
from rnnfast.data.sequences.ahead import ids_of, last_known, places_of, times_ahead
from rnnfast.model.lines import OrderedLines
from rnnfast.model.tables import open_files
from rnnfast.writing import check_writable, replacing

if TYPE_CHECKING:
    from rnnfast.data import Schema, SequenceData, Sequences
    from rnnfast.model import Model
    from rnnfast.reporter import Reporter

STANDARD_STREAM = "-"
PREDICTED = ("x", "time", "ids")  # what is read of a table to predict it

# Digits that read back as the same number: float32 needs 9, float64 the shortest text that Python finds.
FLOAT32_FORMAT = ".9g"


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
    with ExitStack() as opened:
        data = open_files(data_paths, prediction_request(model, config or DataConfig()), opened, reporter)
        if reporter is not None:
            for note in data.notes:
                reporter.notice(note)
        return write_predictions(model, data, output, reporter)


def prediction_request(model: Model, config: DataConfig) -> Request:
    """Return how a table is read to predict it."""
    return Request(config, _every_row_once(model.schema), require_target=False)


def _every_row_once(schema: Schema) -> Schema:
    """Cut windows so that every row is a step of exactly one sequence.

    Windows that overlap or leave rows out are for training; per-step predictions use windows end to end.
    """
    if schema.predict == "every" and schema.window is not None:
        return replace(schema, stride=schema.window)
    return schema


def write_predictions(model: Model, data: Sequences, output: str | Path, reporter: Reporter | None = None) -> int:
    """Write the predictions of one block after the other; nothing where one of them cannot be predicted.

    data: read as `prediction_request` says; reporter: is told which rows stay without an answer. Returns the number of
    lines.
    """
    ahead = _Ahead(model, data)
    several = len(data.runs().first) > 1
    for block in data.blocks(("x",)) if several else ():
        model.encoder.check(block)
    pieces = (_lines(model, block, np.asarray(model.predict(block)), ahead) for block in data.blocks(PREDICTED))
    first = next(pieces)
    # Sequences stand in the output in their own order, rows in that of the input.
    in_order = not several or data.in_input_order or model.schema.predict == "last"
    with opened_output(output) as stream, ExitStack() as opened:
        csv.writer(stream, lineterminator="\n").writerow(first.columns)
        ordered: OrderedLines | None = None
        if not in_order and data.room is not None:
            ordered = opened.enter_context(OrderedLines(stream, data.room.of_phase.bucket))
        written = 0
        for piece in chain((first,), pieces):
            written += len(piece.rows)
            if ordered is None:
                csv.writer(stream, lineterminator="\n").writerows(piece.cells())
            else:
                ordered.add(piece.rows, piece.texts())
        if ordered is not None:
            ordered.write()
    if reporter is not None:
        for note in ahead.notes():
            reporter.notice(note)
    return written


class _Ahead:
    """What the table tells about rows whose answers lie ahead or begin with the target's past.

    A row at the end of an id whose lagged target is empty has no answer, unless `--missing` says what to put there.
    """

    def __init__(self, model: Model, data: Sequences) -> None:
        schema = model.schema
        self.schema, self.data = schema, data
        self.last: npt.NDArray[np.int64] | None = None
        if schema.lag_target and not chosen_rules(schema, model.config.data):
            self.last = last_known(data) + (schema.horizon == 0)  # whose own lag is the target of the row before
        self.unanswered, self.untimed = 0, False

    def times(self, block: SequenceData, steps: npt.NDArray[np.int64]) -> Iterator[tuple[str, list[Any]]]:
        """Yield the columns with the times that answers are for; steps: rows of the block."""
        schema = self.schema
        if not schema.horizon or schema.time is None:
            return
        times = times_ahead(self.data, block)[steps]
        self.untimed |= None in times
        for j, number in enumerate(schema.ahead):
            yield f"{schema.time}{f'+{number}' if schema.horizons else ''}_for", times[:, j].tolist()

    def empty(self, block: SequenceData, steps: npt.NDArray[np.int64]) -> list[int]:
        """Return the lines without an answer."""
        if self.last is None:
            return []
        places = places_of(block)[steps]
        lines: list[int] = np.flatnonzero(places > self.last[ids_of(self.data, places)]).tolist()
        self.unanswered += len(lines)
        return lines

    def notes(self) -> Iterator[str]:
        """Say what stays empty."""
        if self.unanswered:
            rows = "1 row has" if self.unanswered == 1 else f"{self.unanswered:,} rows have"
            yield (
                f"{rows} no answer: nothing is known there of {', '.join(self.schema.targets)}, whose last value is an "
                "input; rnnfast forecast answers the rows at the end of the table"
            )
        if self.untimed:
            yield f"the times of {self.schema.time!r} have no step that could be continued: such cells stay empty"


class Predictions(NamedTuple):
    """Lines of the output.

    rows: (lines,) input row of each, ascending where each step is predicted; columns: of texts and numbers, by name.
    """

    rows: npt.NDArray[np.int64]
    columns: dict[str, list[Any]]

    def cells(self) -> Iterator[tuple[Any, ...]]:
        """Yield the cells of each line."""
        return zip(*self.columns.values(), strict=True)

    def texts(self) -> list[str]:
        """Return each line as it is written."""
        texts = _Texts()
        csv.writer(texts, lineterminator="\n").writerows(self.cells())
        return texts


class _Texts(list[str]):
    """What csv takes for a file; it writes a line at a time."""

    write = list.append


def _lines(model: Model, data: SequenceData, predicted: npt.NDArray[Any], ahead: _Ahead) -> Predictions:
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
    columns |= ahead.times(data, steps)
    dtype, empty = model.config.train.dtype, ahead.empty(data, steps)
    for name, cells in model.task.columns(predicted[steps], lambda values: texts_of(values, dtype)):
        columns[name] = cells
        for line in empty:
            cells[line] = ""
    return Predictions(data.row[steps], columns)


def texts_of(values: npt.NDArray[Any], dtype: str) -> list[str]:
    """Return texts with the digits that reproduce numbers of that precision."""
    if dtype == "float32":
        return [format(value, FLOAT32_FORMAT) for value in values.tolist()]
    return [repr(value) for value in values.tolist()]


@contextmanager
def opened_output(output: str | Path) -> Iterator[TextIO]:
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
