"""What scores of a table are made of: intervals, and the scores of slices of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.errors import UsageError
from rnnfast.metrics.bootstrap import RESAMPLES, Interval, Resamples, intervals
from rnnfast.metrics.figures import Measures
from rnnfast.metrics.loss import step_losses
from rnnfast.metrics.slices import Groups, Slice, Slicing, by_numbers, by_place, by_share, by_texts, slice_metrics
from rnnfast.model.prefixes import PREFIX_SHARES, first_steps, shares_of_steps
from rnnfast.records import Record

if TYPE_CHECKING:
    from rnnfast.data.reading.carried import Carried
    from rnnfast.model import Model
    from rnnfast.tasks.outcomes import Outcomes

Integers = NDArray[np.int64]

LENGTH = "length"  # what --by calls the number of steps of a sequence, where no column has this name
USUAL_LEVEL = 95.0  # of intervals whose level nobody names
FEW_OWNERS = 20  # below, intervals are too narrow


@dataclass(frozen=True)
class Breakdown:
    """What is asked for beside the scores.

    ci: level of intervals in per cent, None for none; by: columns of the table, or "length"; by_id, by_step: whether
    scores of ids, of places in a sequence; top: so many ids, the worst first. shuffle_steps: whether to score the model
    with the steps of each sequence shuffled too; events: whether to score runs of positive rows (metrics/events.py).
    interval: per cent of the labels that intervals of answers shall hold; what they do hold is told. seed: of the
    resamples and of the shuffle.
    """

    ci: float | None = None
    by: tuple[str, ...] = ()
    by_id: bool = False
    by_step: bool = False
    top: int = 10
    shuffle_steps: bool = False
    events: bool = False
    interval: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise UsageError for a level that is none."""
        if self.ci is not None and not 0 < self.ci < 100:
            raise UsageError(f"--ci {self.ci:g}: a level is above 0 and below 100, such as 95")
        if self.top < 1:
            raise UsageError(f"--top {self.top}: give 1 or more")


NOTHING = Breakdown()


class Bootstrapped(Record, frozen=True):
    """How intervals were made: so many resamples of so many owners, ids or sequences."""

    level: float
    resamples: int
    owners: int
    of: str
    seed: int


@dataclass(frozen=True)
class Parts:
    """The scores of parts, and intervals; fields are None or empty where they are not asked for."""

    bootstrap: Bootstrapped | None = None
    ci: Mapping[str, Any] | None = None
    by: tuple[Slicing, ...] = ()
    notes: tuple[str, ...] = ()


NO_PARTS = Parts()


@dataclass(frozen=True)
class Broken:
    """Breaks the outcomes of a model on a table down.

    cells: the columns that the request names, by input row, None where it names none of the table's.
    """

    model: Model
    outcomes: Outcomes
    request: Breakdown
    cells: Carried | None = None

    def parts(self) -> Parts:
        """Score everything that is asked for."""
        request, bootstrap, ci, notes = self.request, None, None, []
        if request.ci is not None:
            owners, of = len(np.unique(self.outcomes.owner)), self._owner_word
            bootstrap = Bootstrapped(request.ci, RESAMPLES, owners, of, request.seed)
            ci = self._intervals(self.outcomes)
            if owners < FEW_OWNERS:
                few = f"1 {of} has no interval" if owners == 1 else f"intervals of {owners} {of}s are too narrow"
                notes.append(f"{few}: they come from drawing {of}s again")
        if self.cells is not None and LENGTH in self.cells.names:
            notes.append(
                f"--by {LENGTH}: the table has a column of that name, which counts; not the steps of sequences"
            )
        return Parts(bootstrap, ci, tuple(self._slicings()), tuple(notes))

    @property
    def _owner_word(self) -> str:
        return "sequence" if self.outcomes.data.schema.id is None else "id"

    def _slicings(self) -> Iterator[Slicing]:
        for name in self.request.by:
            yield self._sliced(name, self._groups(name))
        if self.request.by_id:
            yield self._of_ids()
        if not self.request.by_step:
            return
        if self.outcomes.data.schema.predict == "last":
            for by, pieces in (
                ("steps seen", first_steps(self.model, self.outcomes)),
                ("share of the steps seen", shares_of_steps(self.model, self.outcomes, PREFIX_SHARES)),
            ):
                slices = tuple(self._slice(name, part) for name, part in pieces)
                yield Slicing(by, len(slices), slices)
            return
        yield self._sliced("step", by_place(self._places[0]))
        yield self._sliced("share of a sequence", by_share(*self._places))

    def _groups(self, name: str) -> Groups:
        """Group the steps by the cells of a column, or by the length of their sequence."""
        if self.cells is None or name not in self.cells.names:
            return by_numbers(self._places[1].astype(np.float64))
        texts = self.cells.texts(self.outcomes.data.row[self.outcomes.rows])[name]
        if self.cells.kinds[name] in ("integer", "float64"):
            return by_numbers(np.array([float(text) if text else np.nan for text in texts]))
        return by_texts(texts)

    @cached_property
    def _places(self) -> tuple[Integers, Integers]:
        """(n,) place of each step among those of its id, counted from 0, and (n,) how many these are.

        Without id, or where an id's rows are not all there, among those of its sequence.
        """
        outcomes, data = self.outcomes, self.outcomes.data
        if data.schema.id is None:
            return outcomes.step, data.lengths[outcomes.sequence]
        first, stop = data.id_bounds
        place = data.index.start[outcomes.sequence] + outcomes.step
        number = np.searchsorted(first, place, side="right") - 1
        return place - first[number], (stop - first)[number]

    def _sliced(self, by: str, groups: Groups) -> Slicing:
        order = np.argsort(groups.code, kind="stable")
        borders = np.searchsorted(groups.code[order], np.arange(len(groups.names) + 1))
        slices = tuple(
            self._slice(name, self.outcomes.of(np.sort(order[first:stop])))
            for name, first, stop in zip(groups.names, borders[:-1], borders[1:], strict=True)
            if stop > first
        )
        return Slicing(by, len(slices), slices)

    def _of_ids(self) -> Slicing:
        """Score the ids whose mean loss is highest, the worst first; sequences where there is no id."""
        outcomes, data = self.outcomes, self.outcomes.data
        losses = step_losses(self.model.loss, outcomes.raw, outcomes.task.labels(outcomes.y))
        weight = np.ones(len(losses)) if outcomes.weight is None else outcomes.weight
        _, example, code = np.unique(outcomes.owner, return_index=True, return_inverse=True)
        mass = np.maximum(np.bincount(code, weight), np.finfo(np.float64).tiny)
        worst = np.argsort(-np.bincount(code, losses * weight) / mass, kind="stable")[: self.request.top]
        slices = []
        for k in worst.tolist():
            sequence = outcomes.sequence[example[k]]
            name = str(data.ids[sequence]) or f"row {data.row[data.offsets[sequence]]}"
            slices.append(self._slice(name, outcomes.of(code == k), alone=True))
        return Slicing(self._owner_word, len(example), tuple(slices))

    def _slice(self, name: str, part: Outcomes, alone: bool = False) -> Slice:
        """Score some of the outcomes; alone: they are of one owner, which has no interval."""
        say, weight = part.say
        metrics = part.task.figures(part.y[say], part.answers[say], weight=weight)
        scored = Slice(name, len(part.y), len(np.unique(part.owner)), metrics)
        if self.request.ci is None or alone:
            return scored
        first = slice_metrics(metrics)[0]
        return Slice(name, len(part.y), scored.owners, metrics, {first: self._intervals(part).get(first)})

    def _intervals(self, part: Outcomes) -> dict[str, Any]:
        """Return the interval of each metric, under per_target those of each target where there are several."""
        assert self.request.ci is not None
        values, each = resampled(part, self.request.seed)
        if not values:
            return dict.fromkeys(part.task.figures(part.y, part.answers))
        ci: dict[str, Any] = dict(intervals(values, self.request.ci))
        if each:
            ci["per_target"] = {name: intervals(own, self.request.ci) for name, own in each.items()}
        return ci


def resampled(outcomes: Outcomes, seed: int) -> tuple[Measures, dict[str, Measures]]:
    """Return each metric in each resample of the owners, and the same for each target where there are several.

    Nothing of fewer than two owners. A seed gives the same draws for every model that is scored on the same steps.
    """
    task, (say, weight) = outcomes.task, outcomes.say
    owner, y, answers = outcomes.owner[say], outcomes.y[say], outcomes.answers[say]
    if len(np.unique(owner)) < 2:
        return {}, {}
    over = Resamples.of(owner, weight, seed=seed)
    names = task.target.names if y.shape[1] > 1 else ()
    each = {name: task.measures(y[:, [j]], answers[:, [j]], over) for j, name in enumerate(names)}
    return task.measures(y, answers, over), each


__all__ = ["Bootstrapped", "Breakdown", "Broken", "Interval", "Parts", "resampled"]
