"""Sequences that begin at a random step, another one in each epoch, so that a network cannot learn them by heart.

The steps before it are left away, and the state at it is fresh. The start is uniform over the steps of a sequence up to
the last one that leaves enough labels. No row is copied: the kernels see twice as many sequences, in turn the steps
before a start and those from it on, and orders name the latter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

START_STREAM = 11  # of the random numbers
LEAST_SHARE = 0.1  # of the labels of a sequence: so many stay, and one at least


class Begun(NamedTuple):
    """Sequences from a random step on.

    data: tensors of a kernel, kernels/run/memory.py; order: of their sequences; mass: sum of the weights of their steps
    in the loss; steps: how many these are.
    """

    data: Any
    order: Integers
    mass: float
    steps: int


def begun(data: Any, order: Integers, targets: int, draw: NDArray[np.float64]) -> Begun:
    """Let each sequence of tensors begin at the step that a draw says.

    order: of the sequences; targets: of a step; draw: (sequences,) numbers in [0, 1), of `draws`.
    """
    weights, first = data.weight[: int(data.offsets[-1]) * targets : targets], data.offsets[:-1]
    start = first + (draw * (_latest_starts(weights, data.offsets) - first + 1)).astype(np.int64)
    offsets = np.append(np.column_stack((first, start)).ravel(), data.offsets[-1])
    mass = np.add.reduceat(
        weights.astype(np.float64), offsets[:-1]
    )  # of steps before a start that is the first: unused
    data = data._replace(offsets=offsets, mass=mass)
    return Begun(data, 2 * order + 1, float(mass[1::2].sum()), int(np.diff(offsets)[1::2].sum()))


def draws(seed: int, epoch: int, runs: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Return a number in [0, 1) for each sequence of some runs of the training part; blocks do not matter."""
    streams = (np.random.PCG64([seed, START_STREAM, epoch]).advance(first) for first, _ in runs)
    pieces = [
        np.random.Generator(stream).random(stop - first) for stream, (first, stop) in zip(streams, runs, strict=True)
    ]
    return np.concatenate(pieces)


def _latest_starts(weights: NDArray[Any], offsets: Integers) -> Integers:
    """Return (sequences,) the last row that each may begin at: its first one where it has no label.

    weights: (rows,) of the steps in the loss.
    """
    labelled = np.flatnonzero(weights)
    before = np.searchsorted(labelled, offsets)
    count = np.diff(before)
    least = np.maximum(np.ceil(LEAST_SHARE * count).astype(np.int64), 1)
    return np.where(count > 0, np.append(labelled, 0)[before[1:] - least], offsets[:-1])
