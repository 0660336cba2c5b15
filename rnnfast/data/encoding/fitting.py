"""What an encoder learns from the training rows, gathered over blocks of sequences that are visited once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import FILLS
from rnnfast.config.sections import DataConfig, ModelConfig
from rnnfast.data.columns.categories import MOST_CATEGORIES, too_many
from rnnfast.data.columns.missing import missing_rules
from rnnfast.data.columns.schema import Schema
from rnnfast.data.encoding.calendar import Variety
from rnnfast.data.encoding.cells import refused_gap
from rnnfast.data.encoding.scaling import Scaler, beyond_float64, feature_kinds, summary_for
from rnnfast.data.encoding.static import check_static, static_columns
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.sources.source import typed

USUAL = ModelConfig()


class Fitting:
    """Scalings, categories and fills of the columns of x.

    Of every block only the rows that training sees count: `SequenceData.seen`. Rows that windows share count once for
    each window. most: as of Summary; model: says which columns are constant in an id.
    """

    def __init__(self, schema: Schema, config: DataConfig, most: int | None = None, model: ModelConfig = USUAL) -> None:
        self.static = static_columns(model, schema)
        self.rules = missing_rules(schema, config)
        self.kinds = feature_kinds(schema, config)
        self.categorical = {name: schema.place_of[name] for name in schema.categorical}
        self.numbers = [j for j, name in enumerate(schema.columns) if name in self.kinds]
        self.times = {name: (schema.place_of[name], Variety(schema.id is None)) for name in schema.calendar_columns}
        self.lags = schema.columns[schema.first_lag :]
        # The first step of a sequence has no step before it: a lagged target has a value for it whatever the rule.
        rules_of_lags = {name: "mean" for name in self.lags if not FILLS[self.rules[name]].fills}
        self._fills = {name: fill for name, rule in (self.rules | rules_of_lags).items() if (fill := FILLS[rule]).fills}
        means = [k for k, name in enumerate(self.kinds) if name in self._fills and self._fills[name].mean]
        self._summary = summary_for(tuple(self.kinds.values()), means, most)
        self._where = ""  # the table, for messages
        self._counts: dict[str, dict[str, int]] = {name: {} for name in self.categorical}

    def add(self, block: SequenceData) -> None:
        """Take the rows of a block into account."""
        rows, self._where = block.seen, ", ".join(block.source)
        for name in self.lags:
            if not FILLS[self.rules[name]].fills and (gaps := block.gaps(name)).any():
                # The reader has refused empty cells of features; that a target is an input it does not know.
                fix = f"say how with {typed('--missing', name, word='=ffill')} (mean, zero)"
                raise refused_gap(block, name, gaps, "an input must not be empty", fix)
        places = self.numbers if len(self.numbers) < block.x.shape[1] else None
        self._summary.add(block.x, None if rows.all() else rows, places)
        for name, j in self.categorical.items():
            self._count(name, block.x[rows, j], block)

        for j, variety in self.times.values():
            variety.add(block.x[rows, j])
        check_static(block, self.static)

    def merge(self, other: Fitting) -> Fitting:
        """Take what was learned of other rows into account; returns itself. Raises DataError as `add`."""
        self._summary.merge(other._summary)
        self._where = self._where or other._where
        for name, counts in self._counts.items():
            for text, count in other._counts[name].items():
                counts[text] = counts.get(text, 0) + count
            if len(counts) > MOST_CATEGORIES:
                raise too_many(self._where, name, len(counts))
        for name, (_, variety) in self.times.items():
            variety.merge(other.times[name][1])
        return self

    def _count(self, name: str, column: NDArray[np.float64], block: SequenceData) -> None:
        texts, counts = block.categories[name], self._counts[name]
        occurrences = np.bincount(column[~np.isnan(column)].astype(np.int64), minlength=len(texts))
        for k in np.flatnonzero(occurrences):
            counts[texts[k]] = counts.get(texts[k], 0) + int(occurrences[k])
        if len(counts) > MOST_CATEGORIES:
            raise too_many(", ".join(block.source), name, len(counts))

    def scaler(self) -> Scaler:
        """Return the scaling of the columns that hold numbers."""
        return Scaler.of(tuple(self.kinds.values()), tuple(self.kinds), self._summary, self._where)

    def categories(self) -> dict[str, tuple[str, ...]]:
        """Return the categories of each categorical column, sorted."""
        return {name: tuple(sorted(counts)) for name, counts in self._counts.items()}

    def calendar(self) -> dict[str, tuple[str, ...]]:
        """Return the units of the calendar that are inputs, of the column that holds the time."""
        return {name: variety.units for name, (_, variety) in self.times.items()}

    def fills(self) -> dict[str, float | str | None]:
        """Return what an empty cell of each column that has a rule becomes, and a lagged target, in its own unit.

        0, the mean, or the most frequent category (of several the first one); None for no category. A fill that
        carries values on falls back to it at the start of a sequence.
        """
        place = {name: j for j, name in enumerate(self.kinds)}
        filled: dict[str, float | str | None] = {}
        for name, fill in self._fills.items():
            if name in self.categorical:
                counts = self._counts[name] if fill.mean else {}
                filled[name] = max(sorted(counts), key=counts.__getitem__, default=None)
            else:
                filled[name] = mean = float(self._summary.mean[place[name]]) if fill.mean else 0.0
                if not np.isfinite(mean):
                    raise beyond_float64(self._where, name, "the sum of its values")
        return filled
