"""Operating points of a binary answer, and the one that a rule chooses (config/rules.py).

Answers are sorted once, from high to low. Point k predicts the rows positive whose answer is among the k highest
different ones, so that rows of equal answer are on the same side; point 0 predicts none. Its threshold lies half way
between answer k and the next lower one, and is a float32, as what is compared with it may be.

    precision = tp / (tp + fp)      recall = tp / P      specificity = 1 - fp / N      alarms = predicted positives

Of equally good points the one with the fewest alarms is chosen. A rule that no point meets chooses the nearest one:

    metric >= X     of those where it holds that with most recall, or for recall itself with most precision
    alarms <= N/M   the most alarms that are allowed
    events          alarms: the lowest threshold above which none has too many false alarms, as further down these grow
                    together, and one that never ends counts as one; recall: of the thresholds that catch enough the
                    highest, and further down as long as that costs no false alarm, since alarms come sooner there
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.rules import ALARMS, COST, DAY, Rule
from rnnfast.metrics.events import EventPoints
from rnnfast.metrics.whole import counted_ties, ties

Floats = NDArray[np.float64]

ROUNDING = 1e-12  # relative error of a bound such as 10/1000 of so many rows


@dataclass(frozen=True, eq=False)
class Points:
    """The points of n rows, from no alarm on.

    threshold: (k,) descending; tp, fp: (k,) weights of the rows that are predicted positive, right and wrong; alarms:
    (k,) how many rows that are; positives, negatives: weights of all rows; rows: n. answers: (k - 1,) the lowest one
    that each point but the first predicts positive.
    """

    threshold: Floats
    tp: Floats
    fp: Floats
    alarms: NDArray[np.int64]
    positives: float
    negatives: float
    rows: int
    answers: Floats

    @cached_property
    def precision(self) -> Floats:
        """Share of the predicted positives that are right; 0 where there are none."""
        return _ratio(self.tp, self.tp + self.fp)

    @cached_property
    def recall(self) -> Floats:
        """Share of the positives that are predicted so."""
        return _ratio(self.tp, np.full_like(self.tp, self.positives))

    @cached_property
    def specificity(self) -> Floats:
        """Share of the negatives that are left alone."""
        return _ratio(self.negatives - self.fp, np.full_like(self.fp, self.negatives))

    @cached_property
    def f1(self) -> Floats:
        """Harmonic mean of precision and recall."""
        return _ratio(2 * self.tp, self.tp + self.fp + self.positives)

    @cached_property
    def balanced_accuracy(self) -> Floats:
        """Mean recall of the classes that occur."""
        shares = [self.recall] * (self.positives > 0) + [self.specificity] * (self.negatives > 0)
        return np.asarray(np.mean(shares, axis=0))

    @cached_property
    def mcc(self) -> Floats:
        """Correlation of labels and predictions."""
        # Sums of weights that are all but equal may differ by less than 0.
        fn, tn = (np.maximum(rest, 0.0) for rest in (self.positives - self.tp, self.negatives - self.fp))
        spread = np.sqrt((self.tp + self.fp) * self.positives) * np.sqrt((tn + fn) * self.negatives)
        return _ratio(self.tp * tn - self.fp * fn, spread)

    def cost(self, rule: Rule) -> Floats:
        """What the mistakes cost by a rule."""
        return rule.false_alarm * self.fp + rule.missed * (self.positives - self.tp)

    def at(self, threshold: float) -> int:
        """Return the point of a threshold: that with the same rows predicted positive."""
        return int(np.searchsorted(-self.answers, -threshold, side="right"))


def points(positive: NDArray[np.bool_], score: Floats, weight: Floats | None = None) -> Points:
    """Return the operating points of rows.

    positive: (n,) labels; score: (n,) answers, NaN is never predicted positive; weight: (n,) of rows, None for all
    alike.
    """
    real = ~np.isnan(score)
    answers, hits, false, alarms = _counted(positive[real], score[real], None if weight is None else weight[real])
    heavy = positive if weight is None else np.where(positive, weight, 0.0)
    total, positives = len(score) if weight is None else weight.sum(), heavy.sum()
    return Points(
        threshold=between(answers),
        tp=np.append(0.0, hits),
        fp=np.append(0.0, false),
        alarms=np.append(0, alarms).astype(np.int64),
        positives=float(positives),
        negatives=float(total - positives),
        rows=len(score),
        answers=answers,
    )


def _counted(
    positive: NDArray[np.bool_], score: Floats, weight: Floats | None
) -> tuple[Floats, NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return (k,) the different answers, descending, and from the highest down to each: tp, fp, and how many rows."""
    if weight is None and len(score) and score.min() >= 0:
        answers, hits, false = counted_ties(score, positive)
        return answers, hits, false, hits + false
    order, last = ties(score)
    positive, weight = positive[order], np.ones(len(score)) if weight is None else weight[order]
    hits, false = (np.cumsum(np.where(part, weight, 0.0))[last] for part in (positive, ~positive))
    return score[order[last]], hits, false, last + 1


def between(answers: Floats) -> Floats:
    """Return thresholds that part answers (k,), different and descending: (k + 1,), the first is above all of them.

    The last one is half of the lowest answer, the first half way to 1, or just above it where an answer is 1.
    """
    upper = np.append(
        1.0 if not len(answers) or answers[0] < 1 else np.nextafter(np.float32(answers[0]), np.float32(2)), answers
    )
    lower = np.append(answers, 0.0)
    middle = ((upper + lower) / 2).astype(np.float32).astype(np.float64)
    # Neighbours may have no float32 between them; an answer is on the side of its own threshold.
    return np.where((middle > lower) & (middle <= upper), middle, upper)


@dataclass(frozen=True)
class Choice:
    """The point that a rule chooses, and whether it meets the rule; else it is the nearest."""

    point: int
    met: bool = True


def choose(rule: Rule, curve: Points, events: EventPoints | None = None) -> Choice:
    """Return the point that a rule chooses; events: those of the same points, which a rule of events needs."""
    if rule.of_events:
        assert events is not None
        return _of_events(rule, events)
    if rule.fixed:
        return Choice(curve.at(rule.goal))
    if rule.measure == COST:
        return Choice(int(np.argmin(curve.cost(rule))))
    if rule.measure == ALARMS:
        return Choice(int(np.flatnonzero(curve.alarms <= rule.goal * curve.rows * (1 + ROUNDING))[-1]))
    values: Floats = getattr(curve, rule.measure)
    if not rule.goal:
        return Choice(int(np.argmax(values)))
    good = np.flatnonzero(values >= rule.goal)
    if not len(good):
        return Choice(_best(values, curve.recall, np.arange(len(values))), met=False)
    return Choice(_best(curve.precision if rule.measure == "recall" else curve.recall, curve.recall, good))


def _best(values: Floats, others: Floats, places: NDArray[np.int64]) -> int:
    """Return the point with the highest value, of equal ones that with the highest other value, then the first."""
    best = places[values[places] == values[places].max()]
    return int(best[np.argmax(others[best])])


def _of_events(rule: Rule, events: EventPoints) -> Choice:
    """Return the point of a rule of events."""
    if rule.measure == ALARMS:
        rate = events.false_alarms / (events.days if rule.per == DAY else max(events.steps, 1))
        return Choice(_before(rate > rule.goal * (1 + ROUNDING)))
    good = np.flatnonzero(events.caught >= rule.goal * events.events * (1 - ROUNDING))
    first = int(good[0]) if len(good) else int(np.argmax(events.caught))
    return Choice(first + _before(events.false_alarms[first:] > events.false_alarms[first]), met=bool(len(good)))


def _before(beyond: NDArray[np.bool_]) -> int:
    """Return the last point before the first one that is beyond a bound, or the last of all."""
    return int(np.argmax(beyond)) - 1 if beyond.any() else len(beyond) - 1


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Divide; 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
