"""The engine `torch`: what the training loop asks for, made by PyTorch on a device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.network.architecture import Architecture

Floats = NDArray[np.floating[Any]]


@dataclass
class NothingCompiled:
    """The clock of an engine that compiles nothing."""

    seconds: float = 0.0


@dataclass(frozen=True)
class TorchEngine:
    """Makes trainers and predictors of PyTorch on a device, cpu or cuda; see Engine."""

    device: str

    def ready(self) -> None:
        """Load PyTorch, and begin with the device and an optimizer, whose first one loads as much again."""
        import torch

        torch.optim.SGD([torch.zeros(1, device=self.device)], lr=1.0)

    def ahead(self) -> AbstractContextManager[None]:
        """There is nothing to compile."""
        return nullcontext()

    def trainer(
        self, architecture: Architecture, tensors: Mapping[str, Floats], data: Any, policy: Any,
        lengths: NDArray[np.int64],
    ) -> Any:  # fmt: skip
        """Make a TorchTrainer."""
        import torch

        from rnnfast.engines.pytorch.trainer import TorchTrainer

        return TorchTrainer(architecture, tensors, data, policy, lengths, torch.device(self.device))

    def predictor(self, architecture: Architecture, parameters: Floats, threads: int) -> Any:
        """Make a TorchPredictor."""
        import torch

        from rnnfast.engines.pytorch.predictor import TorchPredictor

        return TorchPredictor(architecture, parameters, threads, torch.device(self.device))

    @contextmanager
    def compiling(
        self, users: Sequence[Any], announce: Callable[[], None], check: Callable[[], None]
    ) -> Iterator[NothingCompiled]:
        """Compile nothing."""
        check()
        yield NothingCompiled()
