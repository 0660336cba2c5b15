"""Targets ahead and targets before: horizons, the naive forecast, lagged targets.

    y_t      = target of step t + H                            H: the horizon; of several, one after the other
    naive_t  = target of step t + H - M ceil(H / M)            M: the season; that step is t or earlier, so it is known
    lag_t    = target of step t with H >= 1, of step t - 1 with H = 0

All steps are those of one id in the order of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import TASKS
from rnnfast.config.sections import DataConfig
from rnnfast.data.columns.schema import Schema
from rnnfast.data.sources.source import Source
from rnnfast.errors import DataError, UsageError, did_you_mean

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Ahead:
    """What a step is asked for, in the order of the ids and their times.

    y: (rows, answers), the targets H steps ahead, those of the first horizon first, NaN where there is none; label_row:
    (rows,) the input row that those of the farthest are from, -1 for none; naive: (rows, answers), NaN where unknown.
    """

    y: Floats
    label_row: Integers
    naive: Floats


def ahead(y: Floats, order: Integers, offsets: Integers, horizons: Sequence[int], season: int) -> Ahead:
    """Find the targets ahead and the naive forecasts of each step.

    y: (rows, targets) in the order of the ids and times; order: (rows,) input row of each; offsets: (ids + 1,).
    """
    labels = [moved(y, offsets, horizon) for horizon in horizons]
    farthest, has_label = labels[-1]
    # A row without any target gives no label, wherever it stands.
    has_label &= ~np.isnan(farthest).all(axis=1)
    label_row = np.full(len(y), -1, dtype=np.int64)
    here = np.flatnonzero(has_label)
    label_row[here] = order[here + horizons[-1]]
    naive = [moved(y, offsets, -back(horizon, season))[0] for horizon in horizons]
    return Ahead(_beside([label for label, _ in labels]), label_row, _beside(naive))


def _beside(columns: list[Floats]) -> Floats:
    """Return columns side by side; of one alone no copy."""
    return columns[0] if len(columns) == 1 else np.column_stack(columns)


def forbidden(y: Floats, label_row: Integers, refused: Sequence[NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Take labels away: those of each horizon where it is refused, (rows,) of each; tell the rows that lost some.

    Writes: y (rows, answers), label_row (rows,), which are as of `Ahead`.
    """
    width = y.shape[1] // len(refused)
    lost = np.zeros(len(y), bool)
    for number, rows in enumerate(refused):
        of_horizon = y[:, number * width : (number + 1) * width]
        lost |= rows & ~np.isnan(of_horizon).all(axis=1)
        of_horizon[rows] = np.nan
        label_row[rows] = -1
    return lost


def back(horizon: int, season: int) -> int:
    """Return how many steps ago the target was that the naive forecast repeats."""
    return season * -(-horizon // season) - horizon


def moved(y: Floats, offsets: Integers, steps: int) -> tuple[Floats, NDArray[np.bool_]]:
    """Return y of so many steps later (earlier where negative) in the same sequence, and where there is such a step."""
    rows = len(y)
    has_step = np.zeros(rows, dtype=bool)
    result = np.full_like(y, np.nan)
    if abs(steps) >= rows:
        return result, has_step
    sequence = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    early, late = slice(rows - abs(steps)), slice(abs(steps), None)
    to, source = (early, late) if steps >= 0 else (late, early)
    has_step[to] = sequence[to] == sequence[source]
    result[to] = y[source]
    result[~has_step] = np.nan
    return result, has_step


def lags(config: DataConfig) -> bool:
    """Whether options make the last known target an input, as changes since it do with a horizon.

    Raises UsageError for changes where no option says which target is known.
    """
    if config.difference and not (config.lag_target or max(config.horizon)):
        raise UsageError(
            "--difference: nothing says which target is known when a row is answered; add --horizon N, where it is "
            "that of the row, or --lag-target, where it is that of the row before"
        )
    return config.lag_target or config.difference


def check_ahead(schema: Schema) -> None:
    """Raise UsageError where the lagged target would be no number or no step has one, and for a useless season."""
    if schema.season > 1 and not schema.horizon:
        raise UsageError(
            f"--season {schema.season} has no effect without a horizon: it is for the forecast that repeats the target "
            "of one season ago; add --horizon N or leave --season out"
        )
    if schema.horizons and schema.task and TASKS[schema.task].output_per_class:
        raise UsageError(
            f"--horizon {','.join(map(str, schema.horizons))}: several horizons are for quantities and two classes, "
            f"and {schema.targets[0]!r} has {len(schema.classes)}; train one model for each horizon"
        )
    if schema.difference and schema.task and TASKS[schema.task].classes:
        raise UsageError(
            f"--difference: {schema.targets[0]!r} holds classes, which have no change; it is for quantities: leave it "
            "out, or add --task regression where the classes are numbers"
        )
    if schema.difference and schema.window == 1 and not schema.horizon:
        raise UsageError(
            "--difference: in windows of one row no step knows the target before it; use --window 2 or more, or "
            "--horizon N"
        )
    if schema.lag_target and schema.task and TASKS[schema.task].output_per_class:
        raise UsageError(
            f"--lag-target: {schema.targets[0]!r} has {len(schema.classes)} classes, whose order means nothing; "
            "it takes numbers or two classes (0 and 1): make a numeric column of it and name that with --features"
        )


def check_lag_columns(schema: Schema, sources: Sequence[Source]) -> None:
    """Raise DataError for the first target that predictions need as an input and a table lacks."""
    for source in sources:
        for name in schema.targets:
            if name not in source.columns:
                raise DataError(
                    f"{source.header_line()}: there is no column {name!r}"
                    f"{did_you_mean(name, source.columns, most=3)}; its last known value is an "
                    "input of the model, so predictions need it: add it"
                )


def check_horizon(schema: Schema) -> None:
    """Raise UsageError for a horizon that leaves no step with a target."""
    if schema.horizon and schema.predict == "last" and schema.window is None:
        raise UsageError(
            f"--predict last: the last row of each {schema.id!r} has no target {steps_ahead(schema)}; "
            "add --window N, whose last steps have one, or use --predict every"
        )


def check_reach(schema: Schema, offsets: Integers, source: Sequence[str]) -> None:
    """Raise DataError where no row has one so many steps later; offsets: (ids + 1,), before windows are cut."""
    longest = int(np.diff(offsets).max())
    if schema.horizon < longest:
        return
    what = f"the longest {schema.id!r}" if schema.id else "the table"
    fix = f"use --horizon {longest - 1} or less" if longest > 1 else "name an --id with several rows"
    raise DataError(
        f"{', '.join(source)}: --horizon {schema.horizon} reaches beyond the end everywhere: {what} has "
        f"{longest:,} row{'s' if longest > 1 else ''}; {fix}, or give longer sequences"
    )


def ahead_notes(schema: Schema) -> list[str]:
    """Say which target a step is asked for, with a horizon."""
    where = f"each {schema.id!r}" if schema.id else "the table"
    last = "last row" if schema.horizon == 1 else f"last {schema.horizon:,} rows"
    lack = "lacks" if schema.horizon == 1 else "lack"
    what = "some of them" if schema.horizons else "it"
    return [f"each step is asked for the target {steps_ahead(schema)}; the {last} of {where} {lack} {what}"]


def steps_ahead(schema: Schema) -> str:
    """Return "1 step ahead", "3 steps ahead", "1 to 7 steps ahead" or "1, 3 and 7 steps ahead"."""
    *others, last = schema.ahead
    if not others:
        words = f"{last:,}"
    elif last - others[0] == len(others):
        words = f"{others[0]:,} to {last:,}"
    else:
        words = f"{', '.join(f'{steps:,}' for steps in others)} and {last:,}"
    return f"{words} step{'s' if last > 1 else ''} ahead"
