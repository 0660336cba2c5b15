"""The engine that a configuration names, and what it cannot do here."""

from __future__ import annotations

from importlib.util import find_spec

from rnnfast.config.sections import ModelConfig, TrainConfig
from rnnfast.engines.engine import Engine
from rnnfast.engines.kernels import KERNELS
from rnnfast.engines.pytorch.engine import TorchEngine
from rnnfast.errors import UsageError

TORCH = "torch"


def engine_of(config: TrainConfig) -> Engine:
    """Return the engine that a configuration names; its libraries are not loaded."""
    return TorchEngine(config.device) if config.engine == TORCH else KERNELS


def check_engine(model: ModelConfig, train: TrainConfig) -> None:
    """Raise UsageError where the engine is not installed, has no such device, or lacks a rule that is asked for."""
    if train.engine != TORCH:
        return
    if find_spec("torch") is None:
        raise UsageError("--engine torch needs PyTorch, which is not installed: pip install 'rnnfast[torch]'")
    from rnnfast.engines.pytorch.rules import check_device, check_rules

    check_device(train.device)
    check_rules(model, train)
