"""Training: from sequences to a scored model."""

from rnnfast.training.result import TrainResult
from rnnfast.training.run import run, train

__all__ = ["TrainResult", "run", "train"]
