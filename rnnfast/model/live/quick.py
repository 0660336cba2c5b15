"""One row at a time for models whose inputs are the scaled numbers of a row: nothing is made anew at each step."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import Scaler
from rnnfast.errors import DataError
from rnnfast.model.linear_part import LinearPart, linear
from rnnfast.model.live.convolutions import LiveConvolutions
from rnnfast.model.live.inputs import INPUTS
from rnnfast.model.live.memory import Memory
from rnnfast.network.alignment import aligned

SMALL = 1e-150  # a sum of numbers times it is finite where all of them are


class Quick:
    """A single step of a network. stepper: a kernels.run.stepper.Stepper; state: the column of its states.

    part: what answers beside it, by the row before, which the memory holds; convolutions: those of it.
    """

    def __init__(
        self,
        stepper: Any,
        scaler: Scaler,
        memory: Memory,
        state: str,
        part: LinearPart | None = None,
        convolutions: LiveConvolutions | None = None,
    ) -> None:
        from rnnfast.kernels.run.stepper import Turns

        architecture = stepper.architecture
        self._stepper, self._memory, self._state = stepper, memory, state
        self._names, self._shift, self._scale = scaler.names, scaler.shift, scaler.scale
        self._row, self._numbers = np.empty(architecture.features), np.empty(architecture.features)
        self._small = np.full(architecture.features, SMALL)
        self._inputs = aligned(architecture.features, architecture.dtype)
        slot, fresh = np.zeros(1, np.int64), np.zeros(1, np.int64)
        self._turns = Turns(np.array([0, 1]), slot, np.zeros(1, np.int64), fresh)
        self._slot: Any = slot.data
        self._fresh: Any = fresh.data
        self._out = np.zeros(architecture.outputs, architecture.dtype)
        self._part, self._convolutions = part, convolutions
        if part is not None:
            self._weights, self._bias = np.hstack([part.level, part.change]), np.array(part.bias)
            self._both = np.zeros((1, 2 * architecture.features))  # inputs and their changes
        self.prepare()

    def prepare(self) -> None:
        """Look where the memory lies now."""
        memory = self._memory
        # Single numbers are read and written in half of an array's time.
        self._steps: Any = memory["steps"].data
        self._arrived: Any = memory["arrived"].data
        states = memory[self._state].reshape(-1)
        self._call = self._stepper.call(self._turns, self._inputs, states, self._out)

    def read(self, row: Any) -> None:
        """Take a row of numbers. Raises DataError for other lengths and for cells that are no finite numbers."""
        shifted = self._row
        if type(row) is not np.ndarray or row.dtype != np.float64 or row.shape != shifted.shape:
            row = self._as_numbers(row)
        np.subtract(row, self._shift, shifted)
        if not isfinite(shifted.dot(self._small)) and not np.isfinite(row).all():
            place = int(np.flatnonzero(~np.isfinite(row))[0])
            raise DataError(
                f"column {self._names[place]!r} is {row[place]}: expected a finite number; give a row with empty "
                "cells as a mapping from column to value"
            )

    def _as_numbers(self, row: Any) -> NDArray[np.float64]:
        """Return a row as float64 (F,). Raises DataError for other lengths, and for what is no number."""
        try:
            if len(row) == len(self._names):
                self._numbers[:] = row
                return self._numbers
        except (TypeError, ValueError):
            pass
        raise DataError(f"the row is {row!r}: expected {len(self._names)} numbers, {', '.join(self._names)}")

    def step(self, slot: int, now: float) -> NDArray[Any]:
        """Go on with the row that was read. Returns: raw outputs (O,), until the next step."""
        np.multiply(self._row, self._scale, self._row)
        self._inputs[:] = self._row
        steps = self._steps
        before = steps[slot]
        self._slot[0], self._fresh[0] = slot, before == 0
        self._call()
        steps[slot] = before + 1
        self._arrived[slot] = now
        return self._out if self._part is None else self._beside(self._part.factor, slot, before > 0)

    def _beside(self, share: float, slot: int, goes_on: bool) -> NDArray[Any]:
        """Return outputs (O,) with the linear part. Writes: the inputs, in the place of those of the row before."""
        before, F = self._memory[INPUTS], len(self._inputs)
        inputs, changes = self._both[0, :F], self._both[0, F:]
        inputs[:] = self._inputs
        changes[:] = 0
        if goes_on:
            np.subtract(inputs, before[slot], changes)
        before[slot] = self._inputs
        answer = self._out * share + linear(self._both, self._weights, self._bias)[0]
        if self._convolutions is not None:
            answer = answer + self._convolutions.step(slot, goes_on, self._inputs)
        return np.asarray(answer)
