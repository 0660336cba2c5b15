"""What a model scores on a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SCHEMA_VERSION = 1  # of the JSON objects that train and eval print

# Metrics that are better when smaller; of all others the larger value is better.
LOWER_IS_BETTER = frozenset({"loss", "log_loss", "brier", "mae", "rmse", "mape"})


@dataclass(frozen=True)
class Evaluation:
    """Scores of one table or part of it.

    metrics: name -> value, "loss" first; None where a metric is undefined (auroc of a table with one class).
    confusion: [[true negatives, false positives], [false negatives, true positives]] of a binary task; a row per
    class and a column per prediction of a multiclass one.
    baseline: the same metrics of the naive answer, the majority class or mean of the training labels. With a horizon
    also "naive": metrics of repeating the target of one season before, with the "season" and the "labelled_steps" where
    that is known.
    classes: of the rows and columns of the confusion matrix, of a multiclass task.
    residuals: (labelled steps,) or (labelled steps, O) of a regression, label minus prediction, in original units.
    """

    task: str
    labelled_steps: int
    metrics: dict[str, Any]
    confusion: list[list[int]] | None = None
    baseline: dict[str, Any] | None = None
    residuals: npt.NDArray[np.float64] | None = None
    classes: tuple[Any, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the object that `eval --json` prints."""
        return {
            "schema_version": SCHEMA_VERSION,
            "task": self.task,
            "labelled_steps": int(self.labelled_steps),
            "metrics": plain(self.metrics),
            "confusion": plain(self.confusion),
            **({"classes": plain(self.classes)} if self.classes else {}),
            "baseline": plain(self.baseline),
        }


def plain(value: Any) -> Any:
    """Return a copy made of JSON's own types: arrays become lists, numbers that are not finite become null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy arrays and scalars, without importing NumPy
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)
