"""Two classes at every threshold: precision beside recall, hits beside false alarms, and the counts of a slider.

Of the different answers of a table at most 500 are drawn: those where hits, false alarms, alarms (by powers) and
thresholds are evenly apart, and the threshold of the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnfast.metrics.evaluation import Evaluation
from rnnfast.metrics.figures import counted
from rnnfast.metrics.thresholds import Points, points
from rnnfast.report.content.panel import POINTS, Panel, Slider, numbers, shown, word
from rnnfast.tasks.outcomes import Outcomes

EXACT = 9  # significant digits that a float32 needs to be the same again
SHARE = (POINTS - 2) // 4  # of the points for each of the four scales


@dataclass(frozen=True, eq=False)
class Operating:
    """The operating points of two classes that are drawn.

    counts: as metrics and the confusion matrix see rows. picks: numbers of those that are drawn; at: which of these is
    the model's own, with its threshold.
    """

    counts: Points
    picks: NDArray[np.int64]
    at: int
    threshold: float
    positive: str

    @classmethod
    def of(cls, outcomes: Outcomes) -> Operating | None:
        """Return the points of an answer of two classes; None for other tasks and labels of one class alone."""
        task = outcomes.task
        if not task.facts.threshold:
            return None
        positive, score = outcomes.y.ravel() == 1, outcomes.answers.ravel()
        if positive.all() or not positive.any():
            return None
        threshold = task.target.threshold
        weight = outcomes.weight
        counts = points(positive, score, None if weight is None else np.repeat(weight, outcomes.y.shape[1]))
        own = counts.at(threshold)
        picks = _chosen(counts, own)
        place = int(np.searchsorted(picks, own))
        return cls(counts, picks, place, threshold, word(f"{task.target.names[0]} = {task.target.classes[1]}"))

    @property
    def thresholds(self) -> tuple[float, ...]:
        """(k,) of the points that are drawn; that of the model as it is stored."""
        curve = self.counts
        above = np.append(np.inf, curve.answers)[self.picks]
        below = np.append(curve.answers, -np.inf)[self.picks]
        values = list(map(_roundest, curve.threshold[self.picks].tolist(), below.tolist(), above.tolist()))
        values[self.at] = self.threshold
        return tuple(values)

    def slider(self) -> Slider:
        """Return what each threshold does."""
        curve = self.counts
        (tp, fp), ((positives, negatives),) = (
            counted([curve.tp[self.picks], curve.fp[self.picks]]),
            counted([[curve.positives, curve.negatives]]),
        )
        return Slider(
            threshold=self.thresholds,
            tp=tuple(tp),
            fp=tuple(fp),
            alarms=tuple(curve.alarms[self.picks].tolist()),
            rows=curve.rows,
            positives=positives,
            negatives=negatives,
            at=self.at,
            positive=self.positive,
        )

    def pr(self, evaluation: Evaluation) -> Panel:
        """Return precision beside recall."""
        curve, own = self.counts, self.counts.at(self.threshold)
        base = curve.positives / (curve.positives + curve.negatives)
        picks = self.picks[self.picks > 0]  # without alarms there is no precision
        caption = "The threshold raises no alarm."
        if own:
            caption = f"At the threshold {self.threshold:.4g} precision is {shown(float(curve.precision[own]), 3)}"
            caption += f" and recall {shown(float(curve.recall[own]), 3)}."
        return Panel(
            kind="pr",
            name="pr",
            title="Precision and recall",
            caption=f"Area {shown(evaluation.metrics.get('auprc'))}; alarms at random have {shown(base)}. {caption}",
            columns={
                "recall": numbers(curve.recall[picks]),
                "precision": numbers(curve.precision[picks]),
                "threshold": tuple(np.array(self.thresholds)[self.picks > 0].tolist()),
            },
            headings={"recall": "Recall", "precision": "Precision", "threshold": "Threshold"},
            facts={"base": float(base), "at": self.threshold},
        )

    def roc(self, evaluation: Evaluation) -> Panel:
        """Return the recall beside the share of negatives that raise an alarm."""
        return Panel(
            kind="roc",
            name="roc",
            title="Hits and false alarms (ROC)",
            caption=f"Area {shown(evaluation.metrics.get('auroc'))}; alarms at random have 0.5. Where positives are "
            "rare, precision and recall say more.",
            columns={
                "fpr": numbers(1 - self.counts.specificity[self.picks]),
                "recall": numbers(self.counts.recall[self.picks]),
                "threshold": self.thresholds,
            },
            headings={"fpr": "Share of negatives that raise an alarm", "recall": "Recall", "threshold": "Threshold"},
            facts={"at": self.threshold},
        )


def _roundest(value: float, below: float, above: float) -> float:
    """Return the threshold of fewest digits near a value: above one answer, at most the next one, as a float32 too."""
    for digits in range(1, EXACT):
        short = float(f"{value:.{digits}g}")
        if below < min(short, float(np.float32(short))) and max(short, float(np.float32(short))) <= above:
            return short
    return float(f"{value:.{EXACT}g}")


def _chosen(curve: Points, own: int) -> NDArray[np.int64]:
    """Return the points to draw, ascending."""
    last = len(curve.threshold) - 1
    if last < POINTS:
        return np.arange(last + 1)
    hits = np.searchsorted(curve.tp, np.linspace(0, curve.tp[-1], SHARE))
    false = np.searchsorted(curve.fp, np.linspace(0, curve.fp[-1], SHARE))
    alarms = np.searchsorted(curve.alarms, np.geomspace(1, curve.alarms[-1], SHARE))
    even = last - np.searchsorted(curve.threshold[::-1], np.linspace(0, 1, SHARE))
    every = np.concatenate(([0, last, own], hits, false, alarms, even))
    return np.unique(np.clip(every, 0, last))
