"""Dropout between layers by the numbers of the kernels: kernels/packed/dropout.py says which entries are zeroed.

Integers of 64 bits wrap around as theirs do; words of 32 bits are the lower halves of such.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

SEED_STRIDE, UPDATE_STRIDE = 1000003, 64  # as in kernels/run/batch.py
WORD = 0xFFFFFFFF
_ROW, _MIX_1, _MIX_2 = -7046029254386353131, -4658895280553007687, -7723592293110705685
_COLUMN, _FIRST, _SECOND = 0x9E3779B9, 0x7FEB352D, 0x846CA68B


class Dropout(NamedTuple):
    """Which entries drop out in an update. rate: their share; seed: of the run; update: its number, from 0."""

    rate: float
    seed: int
    update: int

    def factors(self, layer: int, rows: Tensor, columns: Tensor, dtype: torch.dtype) -> Tensor:
        """Return what the outputs of a layer are multiplied with, (P, units): 0, or 1 / (1 - rate).

        rows: (P,) of the table; columns: (units,) in the kernels' layout of a layer.
        """
        key = self.seed * SEED_STRIDE + self.update * UPDATE_STRIDE + layer
        bits = _row_keys(_wrapped(key), rows)[:, None]
        v = ((columns * _COLUMN) ^ bits) & WORD
        v = (((v ^ (v >> 16)) * _FIRST) & WORD) ^ ((bits >> 32) & WORD)
        v = ((v ^ (v >> 15)) * _SECOND) & WORD
        v = v ^ (v >> 16)
        stays = v >= min(int(self.rate * 4294967296.0), WORD)
        return stays.to(dtype) * (1.0 / (1.0 - self.rate))


def _row_keys(key: int, rows: Tensor) -> Tensor:
    """64 bits that depend on the key and the row alone (splitmix64)."""
    z = key + rows * _ROW
    z = (z ^ ((z >> 30) & 0x3FFFFFFFF)) * _MIX_1
    z = (z ^ ((z >> 27) & 0x1FFFFFFFFF)) * _MIX_2
    return z ^ ((z >> 31) & 0x1FFFFFFFF)


def _wrapped(number: int) -> int:
    """Return the signed integer of 64 bits that a number becomes."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)
