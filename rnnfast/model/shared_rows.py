"""The rows that several runs answer: those of one place in the table, whatever window they lie in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import METRICS
from rnnfast.errors import UsageError
from rnnfast.metrics.bootstrap import Resamples
from rnnfast.metrics.figures import Figures, Measures
from rnnfast.model.model import Model
from rnnfast.model.rivals import ADVICE
from rnnfast.tasks.outcomes import Outcomes, weighty

Integers = NDArray[np.int64]

SEED = 0  # of the resamples, and of the sequences that are drawn where a part does not fit into memory


@dataclass(frozen=True)
class Contender:
    """What a run answered at the labelled steps of a part of a table.

    row: (n,) input row of each label; milliseconds: that 1,000 rows took; source, part: of the table; trained_on:
    whether the run was trained on it.
    """

    model: Model
    outcomes: Outcomes
    row: Integers
    milliseconds: float
    source: tuple[str, ...]
    part: str
    trained_on: bool


@dataclass(frozen=True)
class SharedRows:
    """Scores answers at the rows that all runs answer.

    places: by run, (n,) the steps of its outcomes that are these rows, in one order. owner: (n,) of each, an "id" or a
    "sequence" as `of` says. heavy, weight: which of them weigh anything, and how much, as of `weighty`.
    """

    contenders: Mapping[str, Contender]
    places: Mapping[str, Integers]
    owner: Integers
    of: str
    heavy: Any
    weight: Any

    @classmethod
    def over(cls, contenders: Mapping[str, Contender]) -> SharedRows:
        """Judge the rows that all have. Raises UsageError where there are none."""
        places = _common({name: one.row for name, one in contenders.items()})
        owner, of = _owners(contenders, places)
        name, one = next(iter(contenders.items()))
        of_all = one.outcomes.weight
        heavy, weight = weighty(None if of_all is None else of_all[places[name]])
        return cls(contenders, places, owner, of, heavy, weight)

    def answers(self, name: str) -> tuple[Any, Any]:
        """Return labels and answers of a run at the rows that weigh anything."""
        outcomes, at = self.contenders[name].outcomes, self.places[name]
        return outcomes.y[at][self.heavy], outcomes.answers[at][self.heavy]

    def figures(self, name: str) -> Figures:
        """Return the metrics of a run."""
        return self.contenders[name].outcomes.task.figures(*self.answers(name), weight=self.weight)

    def naive(self, name: str) -> Figures:
        """Return the metrics of the naive answer to the labels that a run was trained on."""
        return self.contenders[name].outcomes.task.naive_figures(self.answers(name)[0], self.weight)

    def resampled(self, metric: str) -> dict[str, Measures]:
        """Return a metric of each run in the same resamples of the owners; nothing of fewer than two of these."""
        over = Resamples.of(self.owner[self.heavy], self.weight, seed=SEED)
        if over.units < 2:
            return {name: {} for name in self.contenders}
        only = (METRICS[metric],)
        return {
            name: one.outcomes.task.measures(*self.answers(name), over, only) for name, one in self.contenders.items()
        }


def _common(rows: Mapping[str, Integers]) -> dict[str, Integers]:
    """Return where each run has the rows that all of them have, in ascending order of these."""
    firsts = {name: np.unique(row, return_index=True) for name, row in rows.items()}
    shared = reduce(np.intersect1d, (row for row, _ in firsts.values()))
    if not len(shared):
        sizes = ", ".join(f"{name} {len(row):,}" for name, row in rows.items())
        raise UsageError(f"no row is answered by all runs ({sizes} labelled steps); {ADVICE}")
    return {name: first[np.searchsorted(row, shared)] for name, (row, first) in firsts.items()}


def _owners(contenders: Mapping[str, Contender], places: Mapping[str, Integers]) -> tuple[Integers, str]:
    """Return the owner of each shared row, and what owners are.

    Those of the run that has the fewest: without ids sequences are windows, and rows of a longer one depend on each
    other.
    """
    owners = {name: one.outcomes.owner[places[name]] for name, one in contenders.items()}
    name = min(owners, key=lambda name: len(np.unique(owners[name])))
    return owners[name], "sequence" if contenders[name].model.schema.id is None else "id"
