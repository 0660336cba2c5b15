"""Figures of merit in plain NumPy: for binary targets, for regressions, and of the trivial prediction beside a model.

Every figure is a Python float, or None where it has no meaning, so that a result is always valid JSON.
"""

from rnnfast.metrics.baseline import baseline_binary, baseline_multiclass, baseline_regression, baseline_repeated
from rnnfast.metrics.binary import binary, confusion
from rnnfast.metrics.multiclass import class_scores, multiclass, multiclass_confusion
from rnnfast.metrics.regression import regression

__all__ = [
    "baseline_binary",
    "baseline_multiclass",
    "baseline_regression",
    "baseline_repeated",
    "binary",
    "class_scores",
    "confusion",
    "multiclass",
    "multiclass_confusion",
    "regression",
]
