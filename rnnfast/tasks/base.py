"""What every task says about the outputs of a network.

n is a number of labelled steps, O that of outputs, and y holds labels as in SequenceData: (n, targets), quantities in
original units or indices of classes.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import LOSSES, TASKS, Metric
from rnnfast.metrics.calibration import Calibration
from rnnfast.metrics.conformal import Region
from rnnfast.metrics.figures import Counts, Figures, Measures, figures
from rnnfast.metrics.whole import Over, Whole

Floats = NDArray[np.floating[Any]]
Metrics = tuple[Metric, ...]
Weight = NDArray[np.float64] | None  # (n,) above 0, None where all steps weigh the same
Texts = Callable[[Floats], list[Any]]

ROWS = 1 << 12  # of the outputs of an ensemble that are looked at together
LEAST_SHARE = 1e-12  # of a class: keeps the logits of the naive answer finite


class TargetScaler(Protocol):
    """The scaling of quantities, (n, targets)."""

    def transform(self, values: Any) -> NDArray[np.float64]:
        """Scale values."""

    def inverse(self, values: Any) -> NDArray[np.float64]:
        """Return scaled values in original units."""


@dataclass(frozen=True)
class Target:
    """What a model predicts.

    names: columns. classes: the values that indices stand for, () for quantities. loss: that of training, which decides
    what outputs are. scaler: of quantities. mean: of the training targets, or the share of each class. threshold:
    probability from which on the second of two classes is predicted. temperature: what logits are divided by before
    they become probabilities.
    """

    names: tuple[str, ...]
    classes: tuple[Any, ...]
    loss: str
    scaler: TargetScaler
    mean: tuple[float, ...]
    threshold: float = 0.5
    temperature: float = 1.0


class Task(ABC):
    """One kind of prediction, for one model.

    naive_threshold: of the naive answer's probability, None where there is none.
    """

    naive_threshold: float | None = None

    def __init__(self, name: str, target: Target) -> None:
        self.facts, self.target = TASKS[name], target

    @property
    def logits(self) -> bool:
        """Whether the outputs of the network are logits."""
        return LOSSES[self.target.loss].logits

    def of_baseline(self, threshold: float) -> Self:
        """Return the same for the outputs of a baseline: with its own threshold, and without the temperature."""
        return type(self)(self.facts.name, replace(self.target, temperature=1.0, threshold=threshold))

    def labels(self, y: Floats) -> Floats:
        """Return what the loss compares outputs with."""
        return y

    @abstractmethod
    def answers(self, outputs: Floats) -> Floats:
        """Return what outputs (n, O) mean: (n, O) calibrated probabilities, or quantities in original units."""

    def answer(self, outputs: Floats) -> Floats:
        """Return what the outputs of one row (O,) mean: the bits of `answers`."""
        return np.asarray(self.answers(outputs[None])[0])

    def average(self, outputs: Floats) -> Floats:
        """Return the outputs (n, O) whose answers are the mean answers of several networks' outputs (members, n, O)."""
        if len(outputs) == 1:
            return np.asarray(outputs[0])
        return _by_rows(self._average, outputs)

    @abstractmethod
    def _average(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Do what `average` says for two networks or more."""

    def spread(self, outputs: Floats) -> Floats:
        """Return the standard deviation (n, O) of the answers of several networks' outputs (members, n, O)."""
        return _by_rows(lambda rows: np.stack([self.answers(member) for member in rows]).std(axis=0), outputs)

    @abstractmethod
    def naive_outputs(self) -> Floats:
        """Return the outputs (O,) of a network that always gives the naive answer to the training labels."""

    @abstractmethod
    def measures(self, y: Floats, answers: Floats, over: Over, metrics: Metrics = ()) -> Measures:
        """Return metrics of answers (n, O), name -> (R,), for each time that `over` sums the steps; () for all."""

    def figures(self, y: Floats, answers: Floats, metrics: Metrics = (), weight: Weight = None) -> Figures:
        """Return metrics of answers (n, O); () for all."""
        return figures(self.measures(y, answers, Whole(weight), metrics))

    @abstractmethod
    def naive_figures(self, y: Floats, weight: Weight = None) -> Figures:
        """Return the metrics of the naive answer."""

    @abstractmethod
    def repeated_figures(self, y: Floats, repeated: Floats, weight: Weight = None) -> Figures:
        """Return the metrics of other labels (n, targets) as answers, those that need no probability."""

    @abstractmethod
    def columns(self, answers: Floats, texts: Texts) -> Iterator[tuple[str, list[Any]]]:
        """Yield the columns of a file of predictions, name and cells, for answers (n, O).

        texts: turns numbers (n,) into cells with the digits of their precision.
        """

    def spread_columns(self, answers: Floats, spread: Floats, texts: Texts) -> Iterator[tuple[str, list[Any]]]:
        """Yield the columns that say how far the networks of an ensemble differ; spread: (n, O) of the answers."""
        for j, name in enumerate(self.target.names):
            yield f"{name}_std", texts(spread[:, j])

    @abstractmethod
    def nonconformity(self, y: Floats, answers: Floats) -> NDArray[np.float64]:
        """Return how far answers (n, O) are from labels, (n, answers): the s of metrics/conformal.py."""

    @abstractmethod
    def region_columns(self, answers: Floats, region: Region, texts: Texts) -> Iterator[tuple[str, list[Any]]]:
        """Yield the columns that say which labels are within a region around answers (n, O)."""

    @abstractmethod
    def held(self, y: Floats, answers: Floats, region: Region) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Return, (n, answers) both, whether the region holds the labels, and how wide it is: of classes, how many."""

    @property
    def scales(self) -> bool:
        """Whether the loss compares scaled labels."""
        return False

    def loss_title(self, kind: str = "") -> str:
        """Name the loss for people; "" where log_loss is the same number.

        kind: "weighted" or "summed" where it is not the mean over all steps.
        """
        calibrated = self.target.temperature != 1
        if self.logits and not kind and not calibrated:
            return ""
        about = {"scaled": self.scales, kind: bool(kind), "uncalibrated": calibrated}
        words = [self.target.loss, *(word for word, holds in about.items() if holds)]
        return f"loss ({', '.join(words)})"

    def meaningless(self, y: Floats) -> tuple[str, ...]:
        """Return the metrics that say nothing on labels (n, targets) like these."""
        return ()

    def alarms(self, answers: Floats) -> int:
        """Return how many answers are the second of two classes; 0 of other tasks."""
        return 0

    def threshold(self) -> float | None:
        """Return the threshold that scores depend on, None where there is none."""
        return None

    def per_target(
        self, y: Floats, answers: Floats, weight: Weight = None, *, repeated: bool = False
    ) -> dict[str, Figures]:
        """Return the metrics of each target and horizon, where there are several.

        repeated: the answers are other labels, as in `repeated_figures`.
        """
        if y.shape[1] < 2:
            return {}
        score = self.repeated_figures if repeated else self.figures
        return {name: score(y[:, [j]], answers[:, [j]], weight=weight) for j, name in enumerate(self.target.names)}

    def confusion(self, y: Floats, answers: Floats, weight: Weight = None) -> Counts | None:
        """Return the weight of the steps of each class (rows) that are predicted as each (columns).

        None for quantities.
        """
        return None

    def calibration(self, y: Floats, answers: Floats, weight: Weight = None) -> Calibration | None:
        """Compare probabilities with what came true; None for quantities."""
        return None

    def residuals(self, y: Floats, answers: Floats) -> NDArray[np.float64] | None:
        """Return label minus prediction; None for classes."""
        return None


def set_texts(members: NDArray[np.bool_], classes: tuple[Any, ...]) -> list[str]:
    r"""Return sets of classes as texts, "a|b"; members: (n, classes). In names a "\" stands before each "|" and "\"."""
    names = [re.sub(r"([\\|])", r"\\\1", str(name)) for name in classes]
    texts: dict[bytes, str] = {}
    cells = []
    for row in members:
        key = row.tobytes()
        if key not in texts:
            texts[key] = "|".join(name for name, inside in zip(names, row, strict=True) if inside)
        cells.append(texts[key])
    return cells


def _by_rows(function: Callable[[NDArray[np.float64]], Floats], outputs: Floats) -> Floats:
    """Apply a function from (members, n, O) to (n, O), in float64 and so many rows at a time as stay in a cache."""
    with np.errstate(invalid="ignore"):  # steps that a network does not answer are NaN, and stay so
        pieces = [
            np.asarray(function(np.asarray(outputs[:, first : first + ROWS], np.float64)))
            for first in range(0, max(outputs.shape[1], 1), ROWS)
        ]
    return np.concatenate(pieces).astype(outputs.dtype)


def log_sum(logarithms: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the logarithms of sums over an axis, which stays, from those of what is summed.

    It says what logaddexp.reduce says in a third of the time, as NumPy computes exponentials several at a time.
    """
    largest = np.maximum(logarithms.max(axis=axis, keepdims=True), np.finfo(np.float64).min)  # -inf - -inf is NaN
    with np.errstate(divide="ignore"):  # of nothing but -inf
        total = np.log(np.exp(logarithms - largest).sum(axis=axis, keepdims=True))
    return np.asarray(largest + total)
