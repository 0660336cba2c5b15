"""Training: from sequences to a scored model."""

from rnnfast.training.cross_validation import cv
from rnnfast.training.fold_results import CrossValidation
from rnnfast.training.result import TrainResult
from rnnfast.training.run import run, train
from rnnfast.training.tune_results import TuneResult
from rnnfast.training.tuning import tune

__all__ = ["CrossValidation", "TrainResult", "TuneResult", "cv", "run", "train", "tune"]
