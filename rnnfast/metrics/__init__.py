"""Figures of merit in plain NumPy: for two classes, for several, for quantities, and of the trivial prediction.

Every figure is a Python float, or None where it has no meaning, so that a result is always valid JSON.
"""

from rnnfast.metrics.baseline import baseline_binary, baseline_multiclass, baseline_regression
from rnnfast.metrics.binary import binary, confusion
from rnnfast.metrics.multiclass import multiclass, multiclass_confusion, multiclass_labels
from rnnfast.metrics.regression import regression

__all__ = [
    "baseline_binary",
    "baseline_multiclass",
    "baseline_regression",
    "binary",
    "confusion",
    "multiclass",
    "multiclass_confusion",
    "multiclass_labels",
    "regression",
]
