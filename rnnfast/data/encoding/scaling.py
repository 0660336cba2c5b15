"""Scaling of columns: scaled = (value - shift) * scale, fitted on training rows and stored by column name.

    minmax    shift = minimum    scale = 1 / (maximum - minimum)
    zscore    shift = mean       scale = 1 / population standard deviation
    robust    shift = median     scale = 1 / (75th - 25th percentile), or 1 / range where these are all but equal
    rank      shift = 0          scale = 1       then the rank among the training values (ranks.py); of features alone
    none      shift = 0          scale = 1

A constant column maps to 0, one without any value stays as it is. A new kind is one entry of
KINDS, and one of the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnfast.catalogue import SCALINGS, TASKS, implementation
from rnnfast.config.sections import DataConfig
from rnnfast.data.columns.missing import Rules
from rnnfast.data.columns.schema import Schema
from rnnfast.data.encoding.ranks import Knots
from rnnfast.data.encoding.summary import Summary
from rnnfast.data.sources.source import short
from rnnfast.errors import DataError, ModelError, UsageError
from rnnfast.records import UNSET, Record, UnsetType, decode, plain

Floats = NDArray[np.float64]

LEAST_MIDDLE = 1e-12  # of the range: a narrower middle half is rounding, and outliers would leave float32


def _minmax(summary: Summary, j: int) -> tuple[float, float]:
    return summary.low[j], summary.high[j] - summary.low[j]


def _zscore(summary: Summary, j: int) -> tuple[float, float]:
    return summary.mean[j], summary.deviation[j]


def _robust(summary: Summary, j: int) -> tuple[float, float]:
    first, median, third = summary.quartiles(j)
    spread = summary.high[j] - summary.low[j]
    return median, third - first if third - first > LEAST_MIDDLE * spread else spread


def _none(summary: Summary, j: int) -> tuple[float, float]:
    return 0.0, 1.0


# Shift and unit (1 / scale) of a column that is not constant.
KINDS: dict[str, Callable[[Summary, int], tuple[float, float]]] = {
    "minmax": _minmax,
    "zscore": _zscore,
    "robust": _robust,
    "rank": _none,
    "none": _none,
}


class ScalerRecord(Record, frozen=True):
    """A `Scaler` as model files hold it."""

    kinds: tuple[str, ...]
    names: tuple[str, ...]
    shift: tuple[float, ...]
    scale: tuple[float, ...]
    knots: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] | UnsetType = UNSET


@dataclass(frozen=True)
class Scaler:
    """A scaling per column.

    kinds: of each column, see the module; names: the columns, in the order of the values' last axis.
    shift (F,) in the unit of the column; scale (F,) in its inverse. knots: of columns that become ranks.
    """

    kinds: tuple[str, ...]
    names: tuple[str, ...]
    shift: Floats
    scale: Floats
    knots: Mapping[str, Knots] = field(default_factory=dict)

    @classmethod
    def fit(cls, kinds: str | Sequence[str], names: Sequence[str], values: ArrayLike, where: str = "") -> Scaler:
        """Fit to values (rows, F); NaN is ignored. kinds: one for all columns, or one for each; where: as in `of`.

        Raises DataError for infinite values and for a range beyond float64.
        """
        kinds = (kinds,) * len(names) if isinstance(kinds, str) else tuple(kinds)
        summary = summary_for(kinds)
        summary.add(np.asarray(values, dtype=np.float64))
        return cls.of(kinds, names, summary, where)

    @classmethod
    def of(cls, kinds: Sequence[str], names: Sequence[str], summary: Summary, where: str = "") -> Scaler:
        """Fit to what a summary by `summary_for` knows; where: the table, for messages; errors as in `fit`."""
        shift, scale = np.zeros(len(names)), np.ones(len(names))
        low, high, knots = summary.low, summary.high, {}
        with np.errstate(over="ignore", invalid="ignore"):
            span = high - low
        for j, kind in enumerate(kinds):
            if not SCALINGS[kind].fitted or np.isnan(low[j]):
                continue
            if np.isinf(span[j]) or (SCALINGS[kind].moments and not np.isfinite(summary.squares[j])):
                raise beyond_float64(where, names[j], f"its range from {low[j]:g} to {high[j]:g}")
            shift[j], unit = (low[j], 1.0) if low[j] == high[j] else implementation("scaling", kind, KINDS)(summary, j)
            with np.errstate(over="ignore", divide="ignore"):
                inverse = np.divide(1.0, unit)
            # The range of a subnormal span has no inverse: such a column is as good as constant.
            scale[j] = inverse if np.isfinite(inverse) else 1.0
            if SCALINGS[kind].ranks and low[j] < high[j]:
                knots[names[j]] = Knots.of(summary.values(j))
        return cls(tuple(kinds), tuple(names), shift, scale, knots)

    @np.errstate(over="ignore", invalid="ignore")
    def transform(self, values: ArrayLike) -> Floats:
        """Scale values (rows, F) into a new array; what exceeds float64 is infinite."""
        scaled: Floats = np.subtract(values, self.shift, dtype=np.float64)
        scaled *= self.scale
        self.rank(scaled)
        return scaled

    def rank(self, scaled: Floats) -> None:
        """Put ranks in place of shifted and scaled values (rows, F), in the columns that have knots. Writes: scaled."""
        for name, knots in self.knots.items():
            j = self.place_of[name]
            scaled[:, j] = knots.rank(scaled[:, j])

    @np.errstate(over="ignore", invalid="ignore")
    def inverse(self, values: ArrayLike) -> Floats:
        """Undo `transform`: values (rows, F) in original units, exact to 1e-12 of a column's largest magnitude."""
        original: Floats = np.divide(values, self.scale, dtype=np.float64)
        original += self.shift
        for name, knots in self.knots.items():
            original[:, self.place_of[name]] = knots.value(original[:, self.place_of[name]])
        return original

    @cached_property
    def place_of(self) -> dict[str, int]:
        """Where each column is among the names."""
        return {name: j for j, name in enumerate(self.names)}

    def record(self) -> ScalerRecord:
        """Return the fields as they are stored; floats survive exactly."""
        knots = {name: (tuple(one.values.tolist()), tuple(one.ranks.tolist())) for name, one in self.knots.items()}
        return ScalerRecord(
            kinds=self.kinds,
            names=self.names,
            shift=tuple(self.shift.tolist()),
            scale=tuple(self.scale.tolist()),
            knots=knots or UNSET,
        )

    @classmethod
    def of_record(cls, record: ScalerRecord) -> Scaler:
        """Rebuild a scaler; raises ModelError for unknown kinds and for unequal or non-finite values."""
        shift, scale = np.array(record.shift, dtype=np.float64), np.array(record.scale, dtype=np.float64)
        usable = np.isfinite(shift).all() and np.isfinite(scale).all() and (scale != 0).all()
        equal = len(record.kinds) == len(record.names) == len(shift) == len(scale)
        pairs = record.knots or {}
        knots = {
            name: Knots(*(np.array(numbers, dtype=np.float64) for numbers in pair)) for name, pair in pairs.items()
        }
        usable &= set(knots) <= set(record.names) and all(one.usable for one in knots.values())
        if not equal or not usable or not all(kind in SCALINGS for kind in record.kinds):
            raise ModelError("the scaler stored in the model is damaged (its values do not fit); train it again")
        return cls(record.kinds, record.names, shift, scale, knots)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return dict(plain(self.record()))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Scaler:
        """Rebuild a scaler from `to_json`; raises ModelError for missing or wrong values."""
        try:
            return cls.of_record(decode(values, ScalerRecord))
        except ValueError as error:
            raise ModelError(f"the scaler stored in the model is damaged ({error}); train it again") from None


def summary_for(kinds: Sequence[str], means: Sequence[int] = (), most: int | None = None) -> Summary:
    """Return an empty summary of what the kinds of columns need.

    means: columns whose mean is needed anyway; most: as of Summary.
    """
    for kind in kinds:
        if kind not in SCALINGS:
            raise ValueError(f"kind {kind!r} is not one of {', '.join(SCALINGS)}")
    moments = [j for j, kind in enumerate(kinds) if SCALINGS[kind].moments or j in means]
    return Summary(len(kinds), moments, [j for j, kind in enumerate(kinds) if SCALINGS[kind].quartiles], most)


def beyond_float64(where: str, name: str, what: str) -> DataError:
    """Build the error about a column whose numbers are too large to compute with; where: the table, "" for none."""
    place = f"{where}, column" if where else "column"
    return DataError(f"{place} {short(name)!r}: {what} exceeds a float64; correct its largest values, or leave it out")


def feature_kinds(schema: Schema, config: DataConfig) -> dict[str, str]:
    """Return the kind of each column of x that holds numbers; a lagged target has that of its target.

    Raises UsageError for unknown kinds and columns, and for a kind of a column that holds categories.
    """
    rules = _rules(schema, config)
    target = {f"{name} (lag)": name for name in schema.targets} if schema.lag_target else {}
    others = {*schema.categorical, *schema.calendar_columns}
    numbers = [name for name in schema.columns if name not in others]
    return {name: rules.by_name(name) or rules.of(target.get(name, name)) for name in numbers}


def target_kinds(schema: Schema, config: DataConfig) -> tuple[str, ...]:
    """Return the kind of each answer, that of its target: classes are not scaled, quantities like the features.

    A kind that names the target wins; "none" for all columns leaves the targets at minmax, as `scale_target` decides
    about them, and so does "rank", which has no answers beyond the training values: named, it raises UsageError.
    """
    rules = _rules(schema, config)
    if TASKS[schema.task].classes or not config.scale_target:
        return ("none",) * len(schema.answers)
    for name in schema.targets:
        if SCALINGS[rules.by_name(name) or "none"].ranks:
            raise UsageError(
                f"--scale {name}=rank: ranks are for features, as answers could not leave the range of the training "
                f"values; scale the target otherwise, its lag with '{name} (lag)=rank'"
            )
    everywhere = rules.everywhere if SCALINGS[rules.everywhere].of_targets else "minmax"
    return tuple(rules.by_name(name) or everywhere for name in schema.targets) * len(schema.ahead)


def _rules(schema: Schema, config: DataConfig) -> Rules:
    rules = Rules.parse("--scale", config.scale, SCALINGS)
    for name in schema.categorical:
        if name in rules.by_column:
            raise UsageError(f"--scale: column {name!r} holds categories, which are not scaled; leave it out")
    unscaled = {*schema.categorical, *schema.calendar_columns}
    rules.check((*(name for name in schema.columns if name not in unscaled), *schema.targets))
    return rules
