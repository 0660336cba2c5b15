"""The engine `numba`: the kernels of this package, compiled for the processor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.diagnose.machine import cores
from rnnfast.network.architecture import Architecture

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Kernels:
    """Makes the kernels' trainers and predictors; see Engine."""

    def ready(self) -> None:
        """Load Numba."""
        import rnnfast.kernels.run.trainer  # noqa: F401

    def ahead(self) -> AbstractContextManager[None]:
        """Have a process get ready to compile, where this is the first run of all."""
        from rnnfast.kernels.run.child import early_child

        return early_child(cores())

    def trainer(
        self, architecture: Architecture, tensors: Mapping[str, Floats], data: Any, policy: Any,
        lengths: NDArray[np.int64],
    ) -> Any:  # fmt: skip
        """Make a Trainer."""
        from rnnfast.kernels.run.trainer import Trainer

        return Trainer(architecture, tensors, data, policy, lengths)

    def predictor(self, architecture: Architecture, parameters: Floats, threads: int) -> Any:
        """Make a Predictor."""
        from rnnfast.kernels.run.predictor import Predictor

        return Predictor(architecture, parameters, threads)

    @contextmanager
    def compiling(self, users: Sequence[Any], announce: Callable[[], None], check: Callable[[], None]) -> Iterator[Any]:
        """Compile kernels at the same time in processes of their own, or load them from the cache."""
        from rnnfast.kernels.lanes.clock import compile_clock
        from rnnfast.kernels.run.ahead import prepare

        with compile_clock(announce, check) as clock:
            prepare([kernel for user in users for kernel in user.kernels()], cores())
            yield clock


KERNELS = Kernels()
