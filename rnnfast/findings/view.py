"""What rules see of a part: its scores, and a sample of its labelled steps with features, labels and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import TASKS
from rnnfast.data import Schema, SequenceData
from rnnfast.findings.gain import Gain, gains
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.tasks.outcomes import Outcomes

STEPS = 1 << 15  # that are looked at, evenly taken: enough for a share of 1 in 1,000, and for a hundred columns
FIRST_ROWS = 4096  # sequences whose first row is kept, to see whether two tables hold the same rows
FEW_OWNERS = 8  # below, the spread over ids says nothing

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class PartView:
    """A part that was scored.

    x: (m, F) features of m labelled steps in original units, after: (m, F) those of the next row of the sequence, NaN
    at its end, None where the network sees none; y: (m, targets) labels, answers: (m, O); owner: (m,) number of the id,
    from 0 on.
    ids, first_time, last_time: of each sequence, times None where there are none; first_row: (up to FIRST_ROWS, F).
    digest: of the table.
    unseen: by column the share of the cells with categories that training lacks. gains: over the baselines, the least
    first; () where nobody asks for them. counts: labelled steps of each class.
    """

    name: str
    schema: Schema
    evaluation: Evaluation
    x: Floats
    after: Floats | None
    y: Floats
    answers: Floats
    owner: NDArray[np.int64]
    ids: NDArray[Any]
    first_time: NDArray[Any] | None
    last_time: NDArray[Any] | None
    first_row: Floats
    digest: str
    unseen: Mapping[str, float]
    gains: tuple[Gain, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(
        cls,
        name: str,
        outcomes: Outcomes,
        evaluation: Evaluation,
        categories: Mapping[str, tuple[str, ...]],
        *,
        ahead: bool,
        compared: bool = True,
    ) -> PartView:
        """Look at what a model answered.

        categories: those that it knows, by column; ahead: whether it sees later steps; compared: with the baselines.
        """
        data, total = outcomes.data, len(outcomes.y)
        places = np.unique(np.linspace(0, total - 1, min(total, STEPS)).astype(np.int64))
        rows = outcomes.rows[places]
        x = np.asarray(data.x[rows], np.float64)
        first, last = data.offsets[:-1], data.offsets[1:] - 1
        return cls(
            name=name,
            schema=data.schema,
            evaluation=evaluation,
            x=x,
            after=_next_rows(data, rows) if ahead else None,
            y=np.asarray(outcomes.y[places], np.float64),
            answers=outcomes.answers[places],
            owner=np.unique(outcomes.owner[places], return_inverse=True)[1],
            ids=data.ids,
            first_time=None if data.key is None else data.key[first],
            last_time=None if data.key is None else data.key[last],
            first_row=np.asarray(data.x[first[:FIRST_ROWS]], np.float64),
            digest=data.digest,
            unseen=dict(_unseen(x, data.schema, data.categories, categories)),
            gains=gains(outcomes, evaluation) if compared else (),
            counts=tuple(data.counts.tolist()) if data.schema.classes else (),
        )

    @property
    def owners(self) -> int:
        """How many ids there are in the sample; sequences where there is no id."""
        return len(np.unique(self.owner))

    @property
    def numbers(self) -> tuple[int, ...]:
        """Columns of x with numbers of the table: no categories, no times, no lags of the target."""
        schema = self.schema
        others = {*schema.categorical, *schema.calendar_columns}
        return tuple(j for j, name in enumerate(schema.columns[: schema.first_lag]) if name not in others)

    @property
    def labels(self) -> Floats:
        """(m, L): quantities as they are, classes as a column each, 1 or 0."""
        schema = self.schema
        if not TASKS[schema.task].output_per_class:
            return self.y
        return np.asarray(self.y[:, :1] == np.arange(len(schema.classes)), np.float64)


def _next_rows(data: SequenceData, rows: NDArray[np.int64]) -> Floats:
    """(m, F), the features of the row behind each one, NaN behind the last one of a sequence."""
    ends = np.zeros(data.rows, bool)
    ends[data.offsets[1:] - 1] = True
    after = data.x[np.minimum(rows + 1, data.rows - 1)].astype(np.float64)
    after[ends[rows]] = np.nan
    return after


def _unseen(x: Floats, schema: Schema, texts: Mapping[str, Any], categories: Mapping[str, Any]) -> Any:
    """Yield each column with cells of other categories, and their share."""
    for name, usual in categories.items():
        column, of_training = x[:, schema.place_of[name]], set(usual)
        strange = np.array([*(text not in of_training for text in texts[name]), False])
        codes = np.where(np.isnan(column), -1, column).astype(np.int64)
        share = float(strange[codes].mean()) if len(codes) else 0.0
        if share:
            yield name, share
