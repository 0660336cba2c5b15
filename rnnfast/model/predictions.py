"""Predictions of a saved model for tables, as CSV, block by block."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
import numpy.typing as npt

from rnnfast.config.sections import DataConfig
from rnnfast.data.reading.request import Request
from rnnfast.model.answers import every_row_once, lines
from rnnfast.model.lines import OrderedLines
from rnnfast.model.tables import open_files
from rnnfast.writing import check_writable, replacing

if TYPE_CHECKING:
    from rnnfast.data import Sequences
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
        return write_predictions(model, data, output)


def prediction_request(model: Model, config: DataConfig) -> Request:
    """Return how a table is read to predict it."""
    return Request(config, every_row_once(model.schema), require_target=False)


def write_predictions(model: Model, data: Sequences, output: str | Path) -> int:
    """Write the predictions of one block after the other; nothing where one of them cannot be predicted.

    data: read as `prediction_request` says. Returns the number of lines.
    """
    several = len(data.runs().first) > 1
    for block in data.blocks(("x",)) if several else ():
        model.encoder.check(block)
    texts = partial(_texts, dtype=model.config.train.dtype)
    blocks = data.blocks(PREDICTED)
    pieces = (lines(model.task, block, np.asarray(model.predict(block)), texts) for block in blocks)
    first = next(pieces)
    # Sequences stand in the output in their own order, rows in that of the input.
    in_order = not several or data.in_input_order or model.schema.predict == "last"
    with _opened(output) as stream, ExitStack() as opened:
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
    return written


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
