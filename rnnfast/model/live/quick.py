"""One row at a time for models whose inputs are the scaled numbers of a row: nothing is made anew at each step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import Scaler
from rnnfast.errors import DataError
from rnnfast.model.live.memory import Memory
from rnnfast.network.alignment import aligned


class Quick:
    """A single step of a network. stepper: a kernels.run.stepper.Stepper; state: the column of its states."""

    def __init__(self, stepper: Any, scaler: Scaler, memory: Memory, state: str) -> None:
        from rnnfast.kernels.run.stepper import Turns

        architecture = stepper.architecture
        self._stepper, self._memory, self._state = stepper, memory, state
        self._names, self._shift, self._scale = scaler.names, scaler.shift, scaler.scale
        self._row = np.empty(architecture.features)
        self._zeros = np.zeros(architecture.features)
        self._inputs = aligned(architecture.features, architecture.dtype)
        self._slot, self._fresh = np.zeros(1, np.int64), np.zeros(1, np.int64)
        self._turns = Turns(np.array([0, 1]), self._slot, np.zeros(1, np.int64), self._fresh)
        self._out = np.zeros(architecture.outputs, architecture.dtype)
        self.prepare()

    def prepare(self) -> None:
        """Look where the memory lies now."""
        memory = self._memory
        self._steps, self._arrived = memory["steps"], memory["arrived"]
        states = memory[self._state].reshape(-1)
        self._call = self._stepper.call(self._turns, self._inputs, states, self._out)

    def read(self, row: Any) -> None:
        """Take a row of numbers. Raises DataError for other lengths and for cells that are no finite numbers."""
        try:
            self._row[:] = row
        except (TypeError, ValueError):
            raise DataError(
                f"the row is {row!r}: expected {len(self._names)} numbers, {', '.join(self._names)}"
            ) from None
        if self._row.dot(self._zeros) != 0:  # 0 * NaN is NaN
            place = int(np.flatnonzero(~np.isfinite(self._row))[0])
            raise DataError(
                f"column {self._names[place]!r} is {self._row[place]}: expected a finite number; give a row with empty "
                "cells as a mapping from column to value"
            )

    def step(self, slot: int, now: float) -> NDArray[Any]:
        """Go on with the row that was read. Returns: raw outputs (O,), until the next step."""
        row = self._row
        np.subtract(row, self._shift, out=row)
        np.multiply(row, self._scale, out=row)
        self._inputs[:] = row
        steps = self._steps
        self._slot[0], self._fresh[0] = slot, steps[slot] == 0
        self._call()
        steps[slot] += 1
        self._arrived[slot] = now
        return self._out
