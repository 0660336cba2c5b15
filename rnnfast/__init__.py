"""rnnfast: the fastest way to train a recurrent network on a CPU, from a table of sequences.

`import rnnfast` loads neither numba nor pandas: each public name is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# The estimators, which need scikit-learn, are left out: `import *` works without it.
__all__ = [
    "Comparison",
    "CrossValidation",
    "DataError",
    "DivergedError",
    "Model",
    "ModelError",
    "ReadOptions",
    "Reporter",
    "RnnfastError",
    "SequenceData",
    "TrainOptions",
    "TrainResult",
    "TrainingInterrupted",
    "TuneResult",
    "UsageError",
    "__version__",
    "compare",
    "cv",
    "forecast",
    "load",
    "part_of",
    "read_table",
    "train",
    "tune",
]

# public name -> module that defines it
_PUBLIC = {
    "read_table": "rnnfast.data",
    "SequenceData": "rnnfast.data",
    "train": "rnnfast.training.run",
    "TrainResult": "rnnfast.training.result",
    "cv": "rnnfast.training.cross_validation",
    "CrossValidation": "rnnfast.training.fold_results",
    "tune": "rnnfast.training.tuning",
    "TuneResult": "rnnfast.training.tune_results",
    "load": "rnnfast.model",
    "forecast": "rnnfast.model.forecast",
    "compare": "rnnfast.model.compare",
    "Comparison": "rnnfast.model.comparison",
    "Model": "rnnfast.model",
    "part_of": "rnnfast.model.tables",
    "RNNClassifier": "rnnfast.estimators",
    "RNNRegressor": "rnnfast.estimators",
    "ReadOptions": "rnnfast.config.typed",
    "TrainOptions": "rnnfast.config.typed",
    "Reporter": "rnnfast.reporter",
    "DataError": "rnnfast.errors",
    "DivergedError": "rnnfast.errors",
    "ModelError": "rnnfast.errors",
    "RnnfastError": "rnnfast.errors",
    "TrainingInterrupted": "rnnfast.errors",
    "UsageError": "rnnfast.errors",
}

if TYPE_CHECKING:  # what editors and type checkers see
    from rnnfast.config.typed import ReadOptions, TrainOptions
    from rnnfast.data import SequenceData, read_table
    from rnnfast.errors import (
        DataError,
        DivergedError,
        ModelError,
        RnnfastError,
        TrainingInterrupted,
        UsageError,
    )
    from rnnfast.estimators import RNNClassifier as RNNClassifier
    from rnnfast.estimators import RNNRegressor as RNNRegressor
    from rnnfast.model import Model, load
    from rnnfast.model.compare import compare
    from rnnfast.model.comparison import Comparison
    from rnnfast.model.forecast import forecast
    from rnnfast.model.tables import part_of
    from rnnfast.reporter import Reporter
    from rnnfast.training.cross_validation import cv
    from rnnfast.training.fold_results import CrossValidation
    from rnnfast.training.result import TrainResult
    from rnnfast.training.run import train
    from rnnfast.training.tune_results import TuneResult
    from rnnfast.training.tuning import tune
else:

    def __getattr__(name: str) -> object:
        if name not in _PUBLIC:
            raise AttributeError(f"module 'rnnfast' has no attribute {name!r}")
        value = getattr(import_module(_PUBLIC[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*__all__, *_PUBLIC})
