"""Predictions of a saved model for tables, as lines of columns, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnfast.config.sections import DataConfig
from rnnfast.data.encoding.substitutions import Substitution, looked_at, sentences, substitutions
from rnnfast.data.reading.carried import Carried
from rnnfast.data.reading.request import Request, like
from rnnfast.data.sources.opening import open_sources, reopenable
from rnnfast.data.sources.source import Source
from rnnfast.diagnose.machine import cores
from rnnfast.errors import UsageError
from rnnfast.model.answers import Predictions, every_row_once, first_answers, keys, lines, steps_of
from rnnfast.model.intervals import bounds_of
from rnnfast.model.lines import OrderedLines
from rnnfast.model.outlook import Outlook
from rnnfast.model.output import STANDARD_STREAM, Output, check_output, opened
from rnnfast.model.tables import check_part, loaded, open_files, part_of, scoring_request, training_note
from rnnfast.tasks.base import Texts

if TYPE_CHECKING:
    from rnnfast.data import SequenceData, Sequences
    from rnnfast.model import Model
    from rnnfast.model.explain.because import Reasons
    from rnnfast.reporter import Reporter

Integers = npt.NDArray[np.int64]

PREDICTED = ("x", "time", "ids")  # what is read of a table to predict it
ROW = "row"  # column with the input row, counted from 0, where neither id nor time tells a line apart
ALL = "all"  # columns to keep

# Digits that read back as the same number: float32 needs 9, float64 the shortest text that Python finds.
FLOAT32_FORMAT = ".9g"


class PredictionReport(NamedTuple):
    """What was predicted.

    rows: lines that were written; output: where; substitutions: cells that the model did not take as they are.
    """

    rows: int
    output: str
    substitutions: tuple[Substitution, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what `predict --json` prints; substitutions where there are some."""
        return {name: value for name, value in self._asdict().items() if value != ()}


class Extras(NamedTuple):
    """What stands beside answers: an interval (see `Model.answers`), and what raised those above the threshold."""

    interval: int | None = None
    explain: bool = False


def predict_table(
    model_path: str | Path | Model,
    data_paths: Sequence[str],
    output: str | Path | Output = STANDARD_STREAM,
    *,
    part: str = "all",
    keep: Sequence[str] = (),
    extras: Extras | None = None,
    force: bool = False,
    config: DataConfig | None = None,
    reporter: Reporter | None = None,
) -> PredictionReport:
    """Write the predictions of a saved model for tables.

    model_path: as of `evaluate_table`.
    One row per input row in input order, one per sequence for models of the last step; no target column is needed.
    output: a file of CSV, also .csv.gz, or .parquet; '-' for CSV on stdout. An existing file stays unless `force`.
    Texts that a spreadsheet would run get an apostrophe, unless it is an Output that is raw.
    part: train | valid | test of the table that the model was trained on, or all of any table.
    keep: columns of the table that the output has too, as they are there; "all" is each of them, unless one has that
        name.
    extras: columns beside the answers.
    config, reporter: as in `evaluate_table`.
    Raises UsageError for a part of another table, for reasons of a model without a threshold, and where a column of
    `keep` has the name of a predicted one.
    """
    from rnnfast.model.explain.because import Reasons

    check_part(part)
    output = Output.of(output)
    check_output(output, force)
    model = loaded(model_path)
    interval, explain = extras or Extras()
    if interval is not None:
        bounds_of(model.intervals, interval)
    reasons = Reasons(model) if explain else None
    request = prediction_request(model, config or DataConfig(), part)
    with ExitStack() as context:
        carried, tables = None, list[Any](data_paths)
        keys = [name for name in (model.schema.id, model.schema.time) if name is not None and output.has_types]
        if keep or keys:  # whose cells tell the type of their column
            sources = open_sources(tables, request.files)
            carried = context.enter_context(
                Carried(sources, tuple(dict.fromkeys((*keys, *_names_of(keep, sources[0])))))
            )
            tables = reopenable(sources)
        data = open_files(tables, request, context, reporter)
        if reporter is not None:
            note = training_note(model, data, part, "predict")
            for text in (*([note] if note else []), *data.notes):
                reporter.notice(text)
        if part != "all":
            data = part_of(model, data, part)
        if reasons is not None and reporter is not None:
            reasons.explainer.slopes.prepare(cores(), reporter.compiling)
        return write_predictions(model, data, output, carried, reporter, interval, reasons)


def prediction_request(model: Model, config: DataConfig, part: str = "all") -> Request:
    """Return how a table is read to predict it; a part of it needs the labels and windows by which it was split."""
    if part != "all":
        return replace(scoring_request(model, part, config), with_time=True)
    return Request(like(model.config.data, config), every_row_once(model.schema), require_target=False)


def write_predictions(
    model: Model,
    data: Sequences,
    output: str | Path | Output,
    carried: Carried | None = None,
    reporter: Reporter | None = None,
    interval: int | None = None,
    reasons: Reasons | None = None,
) -> PredictionReport:
    """Write the predictions of one block after the other; nothing where one of them cannot be predicted.

    data: read as `prediction_request` says; reporter: is told what the model does not take as it is.
    """
    output = Output.of(output)
    data = data.in_context(model.context_of(data.schema))
    outlook = Outlook(model.schema, model.encoder, model.config.data, data)
    replaced = substitutions(
        model.encoder, (outlook.readable(block) for block in data.blocks(looked_at(model.encoder)))
    )
    if reporter is not None:
        for sentence in sentences(replaced):
            reporter.notice(sentence)
    several = len(data.runs().first) > 1
    texts = partial(number_texts, dtype=model.config.train.dtype)
    pieces = pieces_of(model, data, outlook, partial(_beside, carried), texts, interval=interval, reasons=reasons)
    first = next(pieces)
    # Sequences stand in the output in their own order, rows in that of the input.
    in_order = not several or data.in_input_order or model.schema.predict == "last"
    kinds = kinds_of(model, first.columns) | ({} if carried is None else carried.kinds)
    with opened(output, kinds) as stream, ExitStack() as context:
        ordered: OrderedLines | None = None
        if not in_order and data.room is not None:
            ordered = context.enter_context(OrderedLines(stream, data.room.of_phase.bucket))
        written = 0
        for piece in chain((first,), pieces):
            written += len(piece.rows)
            if ordered is None:
                stream.add(piece.columns.values())
            else:
                ordered.add(piece.rows, stream.texts(piece.columns.values()))
        if ordered is not None:
            ordered.write()
    if reporter is not None:
        for note in outlook.notes():
            reporter.notice(note)
    return PredictionReport(rows=written, output=output.name, substitutions=replaced)


class Numbers(list[str]):
    """Numbers as text."""


def pieces_of(
    model: Model,
    data: Sequences,
    outlook: Outlook,
    beside: Callable[[SequenceData, Integers, Sequence[str]], dict[str, Any]],
    texts: Texts,
    fields: Sequence[str] = PREDICTED,
    blank: Any = "",
    interval: int | None = None,
    reasons: Reasons | None = None,
) -> Iterator[Predictions]:
    """Yield the lines of one block after the other.

    data: with the rows around; beside: returns the columns between keys and answers, whose names it is told, for steps
    of a block; texts: as of `lines`; fields: of a block, as of `read`; blank: cell of a row without an answer; reasons:
    finds what stands after the answers.
    """
    committee, answered = model.committee(), 0  # place in the ordered table up to which there are answers
    for block in data.blocks(fields):
        steps = steps_of(block)
        if model.schema.predict == "every":
            steps = first_answers(block, answered)
            answered = max(answered, int((block.index.start + block.lengths).max()))
        readable = outlook.readable(block)
        predicted = model.answers(readable, committee, interval)
        because = {} if reasons is None else reasons.columns(readable, steps, predicted.values)
        names = [*predicted.columns(model.task, slice(0), texts), *because]
        columns = outlook.times(block, steps) | beside(block, steps, names)
        piece = lines(model.task, block, predicted, steps, texts, columns)
        piece.columns.update(because)
        for line in outlook.empty(block, steps):
            for name in names:
                piece.columns[name][line] = blank
        yield piece


def rows_beside(block: SequenceData, steps: Integers) -> dict[str, list[Any]]:
    """Return the column with the input rows of lines where neither id nor time tells them apart."""
    return {} if keys(block, steps) else {ROW: block.row[steps].tolist()}


def _beside(
    carried: Carried | None, block: SequenceData, steps: Integers, answers: Sequence[str]
) -> dict[str, list[Any]]:
    """Return the columns between keys and answers: the row where there is no key, and those of the input.

    answers: names of the columns of the answers.
    """
    rows, keys_of_lines, columns = block.row[steps], keys(block, steps), rows_beside(block, steps)
    if carried is not None:
        _check_names(carried.names, {*answers, *columns})
        columns |= {name: cells for name, cells in carried.texts(rows).items() if name not in keys_of_lines}
    return columns


def _names_of(keep: Sequence[str], source: Source) -> Iterator[str]:
    """Yield the columns of a table that are to be kept, in the order wanted; see `predict_table`."""
    for name in keep:
        yield from source.columns if name == ALL and name not in source.columns else (name,)


def _check_names(names: Sequence[str], taken: set[str]) -> None:
    """Raise UsageError for a column to be carried whose name the predictions need."""
    for name in names:
        if name in taken:
            raise UsageError(f"--keep {name}: the predictions have a column of that name; rename it in the table")


def number_texts(values: npt.NDArray[Any], dtype: str) -> Numbers:
    """Return texts with the digits that reproduce numbers of that precision."""
    if dtype == "float32":
        return Numbers(format(value, FLOAT32_FORMAT) for value in values.tolist())
    return Numbers(repr(value) for value in values.tolist())


def kinds_of(model: Model, columns: Mapping[str, Any]) -> dict[str, str]:
    """Return the kind of each column of an output, as of `opened`."""
    schema = model.schema
    of_classes = {f"{name}_pred": list(schema.classes) for name in schema.targets if schema.classes}
    return {
        name: model.config.train.dtype if isinstance(cells, Numbers) else kind_of(of_classes.get(name, cells))
        for name, cells in columns.items()
    }


def kind_of(cells: Sequence[Any]) -> str:
    """Return the kind of cells or classes that are Python values."""
    types = set(map(type, cells))
    if types == {bool}:
        return "boolean"
    if types == {int}:
        return "integer"
    return "float64" if types and types <= {int, float} else "text"
