"""Forecasts: what a saved model answers for the steps after the last row of each id, with the times of these steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.sections import DataConfig
from rnnfast.data.columns.steps import Common
from rnnfast.data.encoding.substitutions import Substitution, sentences, substitutions
from rnnfast.data.frames import frame_of, is_frame, with_types
from rnnfast.data.reading.opening import open_table
from rnnfast.data.reading.request import Request, like
from rnnfast.data.sequences.ahead import common_times
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.tails import of_whole_ids, requests, tails, times_after
from rnnfast.data.sources.source import listing
from rnnfast.errors import DataError, UsageError
from rnnfast.model.answers import Answers
from rnnfast.model.fan import fan
from rnnfast.model.file import load
from rnnfast.model.intervals import bounds_of
from rnnfast.model.kinds import TYPES, KeyKinds, values
from rnnfast.model.model import Model
from rnnfast.model.output import Output, check_output, opened
from rnnfast.model.predictions import kinds_of, number_texts
from rnnfast.model.rollout import Ends, rollout
from rnnfast.model.tally import Tally, beyond
from rnnfast.tasks import task_of

if TYPE_CHECKING:
    import pandas as pd

    from rnnfast.data import Schema, SequenceData, Sequences
    from rnnfast.reporter import Reporter

STEP = "step"  # column that numbers the steps where there is no time column
MOST_STEPS = 100_000  # more are meant for something else

Columns = dict[str, list[Any]]


class Forecast(NamedTuple):
    """What was forecast.

    columns: a cell for each id and step, as CSV has them; kinds: of each, as of `opened`. notes: sentences about what
    is worth knowing; substitutions: cells of the rows that answers look at which the model did not take as they are.
    """

    columns: Columns
    kinds: dict[str, str]
    notes: tuple[str, ...]
    substitutions: tuple[Substitution, ...]

    @property
    def rows(self) -> int:
        """Number of ids and steps."""
        return len(next(iter(self.columns.values())))

    def frame(self, table: Any, schema: Schema) -> pd.DataFrame:
        """Return the columns as a DataFrame; ids and times have the types that they have in a table that is one."""
        keys = {name: name for name in (schema.id, schema.time) if name in self.columns}
        kinds = {name: kind for name, kind in self.kinds.items() if kind in TYPES}
        if is_frame(table):
            kinds = {name: kind for name, kind in kinds.items() if name not in keys}
        columns = {n: values(cells, kinds[n]) if n in kinds else cells for n, cells in self.columns.items()}
        frame = frame_of(columns, {name: TYPES[kind] for name, kind in kinds.items()})
        return with_types(frame, table, keys)

    def to_json(self, output: str | Path | None) -> dict[str, Any]:
        """Return what `forecast --json` prints; output: the file that holds the rows, None where the object does."""
        cells = zip(*(values(cells, self.kinds[name]) for name, cells in self.columns.items()), strict=True)
        records = (dict(zip(self.columns, row, strict=True)) for row in cells)
        held = {"forecast": list(records)} if output is None else {"output": str(output)}
        return {"rows": self.rows, **held, **({"substitutions": self.substitutions} if self.substitutions else {})}


def forecast(
    model: Model | str | Path,
    data: Any,
    *,
    steps: int | None = None,
    interval: int | None = None,
    output: str | Path | None = None,
    force: bool = False,
    config: DataConfig | None = None,
    reporter: Reporter | None = None,
) -> pd.DataFrame:
    """Forecast the steps after the last row of each id, or those that its last rows ask for with an empty target.

    Arguments and errors as of `forecast_table`.
    Returns: a row for each id and step: id, time (or the step's number), then the columns of predict.

    Example:
        >>> import numpy as np, pandas as pd, rnnfast
        >>> table = pd.DataFrame({"day": range(60), "load": np.sin(np.arange(60.0))})
        >>> how = {"time": "day", "target": "load", "lag_target": True, "horizon": 1, "window": 5}
        >>> model = rnnfast.train(table, hidden=4, epochs=1, **how).model
        >>> rnnfast.forecast(model, table, steps=3)["day"].tolist()
        [60, 61, 62]
    """
    model = model if isinstance(model, Model) else load(model)
    ahead = forecast_table(model, data, steps, output, interval=interval, force=force, config=config, reporter=reporter)
    return ahead.frame(data, model.schema)


def forecast_table(
    model: Model | str | Path,
    data: Any,
    steps: int | None = None,
    output: str | Path | Output | None = None,
    *,
    interval: int | None = None,
    force: bool = False,
    config: DataConfig | None = None,
    reporter: Reporter | None = None,
) -> Forecast:
    """Forecast the ends of tables.

    model: or its file, or the directory of its run. data: as of `read_table`.
    steps: from 1 up to this one; None: the horizons of the model, else one step, and the rows that ask. Beyond its
    horizons a model goes on from its own answers where the target's past is its only input.
    interval: per cent of the true values that the columns TARGET_low and TARGET_high hold; None: there are none.
    output: file to write, as of `predict_table`; an existing one is replaced with `force` alone.
    config: of its options, cache and memory count, as in `evaluate_table`, and those that say how files are written.
    Raises: UsageError for steps that the model cannot answer, and names the columns of the future that it would need;
    DataError for a table that asks for nothing.
    """
    file = None if output is None else Output.of(output)
    if file is not None:
        check_output(file, force)
    model, config = model if isinstance(model, Model) else load(model), config or DataConfig()
    _check_steps(model.schema, steps)
    if interval is not None:
        bounds_of(model.intervals, interval)
    budget = None if config.memory is None else Budget.of(config.memory)
    with ExitStack() as context:
        table = open_table(data, forecast_request(model, config), budget, context, reporter)
        ahead = forecast_columns(model, table, steps, interval)
    if reporter is not None:
        for note in ahead.notes:
            reporter.notice(note)
    if file is not None:
        with opened(file, ahead.kinds) as lines:
            lines.add(ahead.columns.values())
    return ahead


def forecast_request(model: Model, config: DataConfig) -> Request:
    """Return how a table is read to forecast what follows."""
    return Request(like(model.config.data, config), of_whole_ids(model.schema), require_target=False)


def forecast_columns(model: Model, table: Sequences, steps: int | None, interval: int | None = None) -> Forecast:
    """Forecast the ends of a table, read as `forecast_request` says."""
    tally, pieces, keys = Tally(), [], KeyKinds()
    shared = None if model.schema.time is None else common_times(table)

    def shown() -> Iterator[SequenceData]:
        for block in tails(table, model.schema).blocks():
            piece, rows = _piece(model, block, steps, tally, shared, interval)
            pieces.append(piece)
            for name, cells in ((model.schema.id, block.ids), (model.schema.time, block.time)):
                if name in piece and cells is not None:
                    keys.add(name, cells)
            if rows.sequences:
                yield rows

    replaced = substitutions(model.encoder, shown())
    columns: Columns = {name: [cell for piece in pieces for cell in piece[name]] for name in pieces[0]}
    if not any(columns.values()):
        raise DataError(f"{', '.join(table.source)}: {_nothing(model.schema)}")
    notes = (*table.notes, *tally.notes(model.schema), *sentences(replaced))
    kinds = kinds_of(model, pieces[0]) | keys.kinds()
    return Forecast(columns, kinds, notes, replaced)


def _check_steps(schema: Schema, steps: int | None) -> None:
    """Raise UsageError for a model that forecasts nothing, and for steps that would need more than the table tells."""
    if not schema.horizon and schema.predict == "last":
        raise UsageError("the model gives one answer for a whole sequence, not for a step of it; use rnnfast predict")
    if steps is not None and not 1 <= steps <= MOST_STEPS:
        raise UsageError(f"--steps {steps}: give 1 to {MOST_STEPS:,}")
    if steps is not None and schema.horizon and not schema.only_past and steps > schema.horizon:
        raise UsageError(
            f"--steps {steps}: {beyond(schema)}. Use --steps {schema.horizon}, or train with --horizon 1..{steps}"
        )


def _piece(
    model: Model, block: SequenceData, steps: int | None, tally: Tally, shared: Common | None, interval: int | None
) -> tuple[Columns, SequenceData]:
    """Return the columns of the forecasts for the ids of a block, and the rows of the table that they were given from.

    shared: of `common_times`; interval: as of `forecast_table`. Adds to the tally.
    """
    schema = model.schema
    if not (block.y.shape[1] or schema.horizon):
        raise DataError(
            f"{', '.join(block.source)}: there is no column {listing(schema.targets)}, whose empty cells at the end of "
            "the table ask for a forecast; add it, or use rnnfast predict, which answers every row"
        )
    asking = requests(block, schema)
    if not schema.horizon and schema.features:
        _check_rows(block, schema, asking, steps, tally)
    history = block.lengths - asking
    ahead = _steps(schema, asking, steps)
    if schema.lag_target and (unknown := (history == 0)).any():
        tally.unknown += int(unknown.sum())
        ahead[unknown] = False
    if schema.horizon and not schema.only_past and ahead[:, schema.horizon :].any():
        tally.beyond = True
        ahead[:, schema.horizon :] = False
    asked_of_model = np.flatnonzero(np.any(ahead, axis=0)[: schema.horizon]) + 1
    tally.between |= schema.horizon > 0 and not set(asked_of_model) <= set(schema.ahead)
    ids = Ends(block, history, ahead, shared)
    answers, shown = rollout(model, ids)
    if interval is not None:
        answers = answers._replace(region=fan(model, ids, answers, interval))
    of_id, step = np.nonzero(np.asarray(ahead & ~np.isnan(answers.values[:, :, 0])))
    tally.short += int(np.count_nonzero(ahead)) - len(step)
    columns: Columns = {}
    if schema.id is not None:
        columns[schema.id] = np.asarray(block.ids, dtype=object)[of_id].tolist()
    times = times_after(block, history, ahead.shape[1], shared)
    if times is None or schema.time is None:
        columns[STEP] = (step + 1).tolist()
    else:
        columns[schema.time] = times[of_id, step].tolist()
        tally.untimed |= None in columns[schema.time]
    return columns | _answers(model, answers, (of_id, step)), shown


def _check_rows(
    block: SequenceData, schema: Schema, asking: NDArray[np.int64], steps: int | None, tally: Tally
) -> None:
    """Raise DataError where an id lacks the rows for the steps; asking: (ids,) rows that ask. Adds to the tally."""
    short = asking < (steps or 1)
    if steps is None:
        tally.ids, tally.silent = tally.ids + len(short), tally.silent + int(short.sum())
    if steps is not None and short.any():
        first = int(short.argmax())
        has = f"{asking[first]:,} such row{'s' if asking[first] != 1 else ''}"
        where = f"{schema.id} {block.ids[first]!r}" if schema.id else "the table"
        raise DataError(f"{', '.join(block.source)}: --steps {steps}: {where} has {has} at its end; {_nothing(schema)}")


def _steps(schema: Schema, asking: NDArray[np.int64], steps: int | None) -> NDArray[np.bool_]:
    """Return (ids, most) which steps after the last known row are to be answered; asking: (ids,) rows that ask."""
    least = 0 if schema.horizon or schema.features else 1
    last = np.full(len(asking), steps) if steps is not None else np.maximum(asking, least)
    most = max(int(last.max(initial=0)), schema.horizon if steps is None else 0, 1)
    ahead = np.arange(1, most + 1) <= last[:, None]
    if steps is None and schema.horizon:
        ahead[:, np.asarray(schema.ahead) - 1] = True
    return ahead


def _answers(model: Model, answers: Answers, places: tuple[NDArray[np.int64], ...]) -> Columns:
    """Return the columns of the answers at some ids and steps, as `predict` names and writes them."""
    task = task_of(model.schema.task, replace(model.task.target, names=model.schema.targets))
    return answers.columns(task, places, partial(number_texts, dtype=model.config.train.dtype))


def _nothing(schema: Schema) -> str:
    """Say why there is nothing to forecast."""
    if schema.horizon or not schema.features:
        return f"no id has a row with a value of {listing(schema.targets)}, which every forecast begins with"
    return (
        f"the model answers rows that are there, from {listing(schema.features)}: append rows with these and an empty "
        f"{listing(schema.targets)} at the end of each id, or train with --horizon N"
    )
