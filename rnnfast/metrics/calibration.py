"""Whether probabilities are what they say, and one number that mends them: the temperature of the logits.

    p = sigmoid(z / T) or softmax(z / T), T > 0 of least mean log loss on validation      (Guo et al. 2017, section 4.2)
    labels are 1 - e of their own class, and e of the others together: of two classes e = 1 / (rows of the class + 2)
    (Platt 1999), of several e = 1 / (rows of all + 2)
    ECE = sum over bins of share of the rows * |mean probability - share that is right|     (Naeini et al. 2015)

Without e, classes that are parted without a mistake would ask for T = 0, certainty. Of ten classes with sixty rows each
Platt's e would be as large as the error of a good network, and T so high that the log loss rises. With b = 1 / T the
loss is convex; the zero of its derivative is found by halving log b. Bins hold equally many rows, rows of equal
probability the same one: with bins of equal width a rare class would fall into the first. Of two classes the
probability is that of the second one, of several that of the class that is predicted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rnnfast.records import Record

Floats = NDArray[np.float64]

BINS = 15
COLDEST, HOTTEST = 0.01, 100.0  # temperatures; classes that are parted without a mistake would ask for 0
HALVINGS = 50  # of the interval of log b, which is then exact in float32
BENT = 1.5  # ratio of mean probability and share from which on probabilities are called bent


class Bin(Record, frozen=True):
    """So many rows with about the same probability: its mean, and the share of them that are right, or positive.

    Both by the weights of rows; `rows` counts each once.
    """

    rows: int
    probability: float
    share: float


class Calibration(Record, frozen=True):
    """How far probabilities are from shares: overall, on average (ece), and bin by bin."""

    ece: float
    probability: float
    share: float
    bins: tuple[Bin, ...]

    @property
    def bent(self) -> bool:
        """Whether the mean probability is far from the share."""
        low, high = sorted((self.probability, self.share))
        return high > BENT * low


def calibration(probability: Floats, right: NDArray[np.bool_], weight: Floats | None = None) -> Calibration | None:
    """Compare probabilities (n,) with what came true (n,); None without rows, or where one is NaN.

    weight: (n,) of rows above 0, None for all alike.
    """
    if not len(probability) or np.isnan(probability).any():
        return None
    ranked = np.sort(probability)
    edges = np.unique(ranked[np.arange(1, BINS) * len(ranked) // BINS])
    place = np.searchsorted(edges, probability, side="right")
    weight = np.ones(len(probability)) if weight is None else weight
    terms = (None, weight, weight * probability, weight * right)
    rows, mass, total, hits = (np.bincount(place, term, len(edges) + 1) for term in terms)
    filled = rows > 0
    of_bins = [values[filled].tolist() for values in (rows, mass, total, hits)]
    return Calibration(
        ece=float(np.abs(total - hits).sum() / weight.sum()),
        probability=float(np.average(probability, weights=weight)),
        share=float(np.average(right, weights=weight)),
        bins=tuple(Bin(int(n), p / w, hit / w) for n, w, p, hit in zip(*of_bins, strict=True)),
    )


def bent(scores: Calibration | None, weights: Sequence[float]) -> str | None:
    """Say that class weights have bent the probabilities of two classes, None where they have not.

    A network learns odds that are w1 / w0 times as high as without weights, so that logit - ln(w1 / w0) undoes it; a
    temperature does not.
    """
    if scores is None or len(weights) != 2 or not scores.bent:
        return None
    return (
        f"class weights bend probabilities: {scores.probability:.3g} on average, and {scores.share:.3g} are positive; "
        f"odds are about {weights[1] / weights[0]:.3g} times as high as without. Train without --class-weight, and "
        "choose --threshold by a rule, where probabilities matter"
    )


def temperature(logits: Floats, y: Floats, weight: Floats | None = None) -> float:
    """Return the temperature of least log loss.

    logits: (n, O); y: (n, O) 0 or 1 where `O` logits stand for a class each alone, or (n, 1) index of one of several
    classes, with O > 1; weight: (n,) of rows, None for all alike.
    """
    several = y.shape[1] != logits.shape[1]
    weight = np.ones(len(y)) if weight is None else weight
    true = (logits * _smoothed(y, logits.shape[1], weight, several)).sum(axis=1)

    def slope(b: float) -> float:
        """Return the derivative of the mean log loss."""
        with np.errstate(over="ignore"):
            if several:
                likelihood = np.exp(b * (logits - logits.max(axis=1, keepdims=True)))
                mean = (likelihood * logits).sum(axis=1) / likelihood.sum(axis=1)
            else:
                mean = (logits / (1.0 + np.exp(-b * logits))).sum(axis=1)
        return float(np.average(mean - true, weights=weight))

    low, high = np.log(1 / HOTTEST), np.log(1 / COLDEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if slope(float(np.exp(middle))) > 0 else (middle, high)
    return float(np.exp(-(low + high) / 2))


def _smoothed(y: Floats, outputs: int, weight: Floats, several: bool) -> Floats:
    """Return labels (n, outputs) as shares of classes; several: whether outputs are those of classes of one label."""
    ones = np.eye(outputs)[y[:, 0].astype(np.int64)] if several else y
    if several:
        doubt = 1 / (weight.sum() + 2)
        return np.asarray(ones * (1 - doubt) + (1 - ones) * doubt / (outputs - 1))
    of_class = (weight[:, None] * ones).sum(axis=0)
    others = (weight[:, None] * (1 - ones)).sum(axis=0)
    return np.asarray(ones * (1 - 1 / (of_class + 2)) + (1 - ones) / (others + 2))
