"""What the engine `torch` refuses by name: devices that are not there, and rules that PyTorch does not have."""

from __future__ import annotations

import torch

from rnnfast.config.sections import ModelConfig, TrainConfig
from rnnfast.engines.pytorch.losses import CROSS_ENTROPY
from rnnfast.engines.pytorch.optimizers import OPTIMIZERS
from rnnfast.engines.pytorch.pools import POOLS
from rnnfast.equations.losses import LOSSES
from rnnfast.errors import UsageError


def check_device(device: str) -> None:
    """Raise UsageError for a GPU that PyTorch does not see."""
    if device == "cuda" and not torch.cuda.is_available():
        why = "was built without CUDA" if torch.version.cuda is None else "sees no GPU"
        raise UsageError(
            f"--device cuda: PyTorch {torch.__version__} {why}; rnnfast doctor lists the devices, --device cpu is there"
        )


def check_rules(model: ModelConfig, train: TrainConfig) -> None:
    """Raise UsageError for a rule of the catalogue that is written for the kernels alone.

    Cells, activations and losses of one output are formulas, which any engine computes.
    """
    rules = {
        "head": (model.head, ("last", *POOLS)),
        "optimizer": (train.optimizer, ("auto", *OPTIMIZERS)),
        "loss": (train.loss, ("auto", CROSS_ENTROPY, *LOSSES)),
    }
    for flag, (word, words) in rules.items():
        if word not in words:
            raise UsageError(
                f"--{flag} {word} is a rule of the kernels that --engine torch does not have; it has "
                f"{', '.join(words)}; use one of them, or --engine numba"
            )
