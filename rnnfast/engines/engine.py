"""What the training loop asks of an engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rnnfast.network.architecture import Architecture

Floats = NDArray[np.floating[Any]]


class Clock(Protocol):
    """What measures how long an engine compiles."""

    seconds: float


class Engine(Protocol):
    """Makes trainers and predictors, all of them with the face of the kernels' own.

    A trainer (kernels/run/trainer.py) has `parameters`, a flat span, `run(orders, epochs, rates)`, `load(data,
    sequences)`, `updates_per_epoch()`, `tensors()`, `where`, `mean`, `threads` and `kernel`; a predictor
    (kernels/run/predictor.py) has `outputs_of(features, offsets)`.
    """

    def ready(self) -> None:
        """Load libraries, which count as start-up, not as a phase of the run."""

    def ahead(self) -> AbstractContextManager[None]:
        """Get ready to compile while the table is read."""

    def trainer(
        self, architecture: Architecture, tensors: Mapping[str, Floats], data: Any, policy: Any,
        lengths: NDArray[np.int64],
    ) -> Any:  # fmt: skip
        """Make what trains a network; arguments as of the kernels' Trainer."""

    def predictor(self, architecture: Architecture, parameters: Floats, threads: int) -> Any:
        """Make what computes outputs; parameters: a span in the kernels' layout, read at each call."""

    def compiling(
        self, users: Sequence[Any], announce: Callable[[], None], check: Callable[[], None]
    ) -> AbstractContextManager[Clock]:
        """Compile what trainers and predictors need, before and while the block calls them for next to no work.

        announce: called when compiling begins; check: called before each function, where it may raise.
        """
