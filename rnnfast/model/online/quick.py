"""One row at a time for models whose inputs are the scaled numbers of a row: nothing is made anew at each step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import Scaler
from rnnfast.errors import DataError
from rnnfast.model.linear_part import LinearPart
from rnnfast.model.online.inputs import FILLED, RAW
from rnnfast.model.online.memory import Memory
from rnnfast.network.alignment import aligned


class Quick:
    """A single step of a network. stepper: a kernels.run.stepper.Stepper; state: the column of its states.

    part: what answers beside it, by the row before, which the memory holds.
    """

    def __init__(
        self, stepper: Any, scaler: Scaler, memory: Memory, state: str, part: LinearPart | None = None
    ) -> None:
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
        numbers = () if part is None else (part.share, part.level, part.change, part.bias)
        self._part: tuple[NDArray[np.float64], ...] = tuple(np.array(one) for one in numbers)
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
        before = self._before(slot) if self._part else None
        np.subtract(row, self._shift, out=row)
        np.multiply(row, self._scale, out=row)
        self._inputs[:] = row
        steps = self._steps
        self._slot[0], self._fresh[0] = slot, steps[slot] == 0
        self._call()
        steps[slot] += 1
        self._arrived[slot] = now
        if before is None:
            return self._out
        share, level, change, bias = self._part
        linear = level @ self._inputs + bias
        if not self._fresh[0]:
            linear = linear + change @ (self._inputs.astype(np.float64) - before)
        return np.asarray(share * self._out + linear)

    def _before(self, slot: int) -> NDArray[Any]:
        """Return the inputs (F,) of the row before. Writes: the row that was read, in its place."""
        memory, kind = self._memory, self._inputs.dtype
        inputs = np.asarray((memory[RAW][slot] - self._shift) * self._scale, kind)
        memory[RAW][slot] = memory[FILLED][slot] = self._row
        return inputs
