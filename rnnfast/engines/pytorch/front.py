"""The front of a network, network/front.py, on the rows that some packed steps need.

Rows of a sequence are told by their distance from its end, as steps are counted from there: output j of a layer stacks
the rows j S .. j S + K - 1 below, and those that a sequence does not have are zeros. The steps of a piece follow one
another, and so do the rows that they need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rnnfast.engines.pytorch.pieces import Integers, Piece
from rnnfast.network.front import Patch


class Rows(NamedTuple):
    """Rows of one level, sequence by sequence. first, stop: (n,) distances from the end of a sequence."""

    first: Integers
    stop: Integers

    @property
    def start(self) -> Integers:
        """(n,) where the rows of each sequence begin."""
        count = self.stop - self.first
        start: Integers = np.cumsum(count) - count
        return start

    @property
    def each(self) -> tuple[Integers, Integers]:
        """(rows,) the sequence of each row, and its distance from the end."""
        count = self.stop - self.first
        sequence = np.repeat(np.arange(len(count)), count)
        return sequence, np.arange(len(sequence)) - self.start[sequence] + self.first[sequence]


def stacked(front: Sequence[Patch], piece: Piece) -> tuple[Integers, list[Integers]]:
    """Return which rows of the table the steps of a piece need, and what each layer stacks, from the table up.

    Of a layer with P outputs (P, K), the oldest first: rows of the level below, counted from 1; 0 stands for zeros.
    """
    batch = piece.batch
    lengths = (batch.last - batch.first + 1)[: piece.width]
    levels = [lengths]
    for layer in front:
        levels.append(-(-levels[-1] // layer.stride))
    stop = levels[-1] - piece.begin
    needed, sequence, distance = Rows(stop - piece.steps, stop), piece.place, piece.after
    indices: list[Integers] = []
    for layer, below in zip(reversed(front), reversed(levels[:-1]), strict=True):
        rows = Rows(
            needed.first * layer.stride,
            np.minimum((needed.stop - 1) * layer.stride + layer.rows, below),
        )
        of_each = distance[:, None] * layer.stride + np.arange(layer.rows)[::-1]
        index = 1 + (rows.start - rows.first)[sequence][:, None] + of_each
        indices.insert(0, np.where(of_each < below[sequence][:, None], index, 0))
        needed, (sequence, distance) = rows, rows.each
    return batch.last[sequence] - distance, indices


def convolve(x: Tensor, indices: Sequence[Integers], tensors: Mapping[str, Tensor]) -> Tensor:
    """Run the layers of a front.

    x: (rows, I) that the lowest one stacks; indices: of `stacked`; tensors: by name, front.0.weight (units, I, K), ..
    Returns: (P, units).
    """
    for number, index in enumerate(indices):
        weight, bias = tensors[f"front.{number}.weight"], tensors[f"front.{number}.bias"]
        x = torch.cat((x.new_zeros(1, x.shape[1]), x))
        rows = x[torch.as_tensor(index, device=x.device)].flatten(1)
        x = torch.relu(rows @ weight.transpose(1, 2).flatten(1).T + bias)
    return x
