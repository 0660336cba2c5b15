"""Order statistics of numbers that come in blocks: exact, in bounded memory, by passes over the blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 1 << 22  # numbers that are sorted at once: 32 MB
BINS = 4096  # that a range of numbers is divided into in a pass

Blocks = Callable[[], Iterator[NDArray[Any]]]


def at_ranks(blocks: Blocks, count: int, ranks: Sequence[int], most: int = MOST) -> list[Any]:
    """Return the numbers at these ranks, from 0, of `count` numbers in all; most: that may be sorted at once.

    blocks: yields all numbers anew at each call. One block is taken as it is, whatever its size.
    """
    first = next(blocks())
    if len(first) == count:
        return list(np.partition(first, ranks)[list(ranks)])
    return [_at_rank(blocks, count, rank, most) for rank in ranks]


def _at_rank(blocks: Blocks, count: int, rank: int, most: int) -> Any:
    """Narrow the range that holds the number until what lies in it can be sorted."""
    low, high = min(block.min() for block in blocks()), max(block.max() for block in blocks())
    while count > most and low < high:
        edges = _edges(low, high)
        inside = np.zeros(len(edges) + 1, np.int64)
        for block in blocks():
            numbers = block[(block >= low) & (block <= high)]
            inside += np.bincount(np.searchsorted(edges, numbers, side="right"), minlength=len(inside))
        bin_of = int(np.searchsorted(np.cumsum(inside), rank, side="right"))
        rank -= int(inside[:bin_of].sum())
        count = int(inside[bin_of])
        # From one edge up to the next, without it: the ends of the range are numbers themselves.
        low, high = _ends(blocks, low, high, edges, bin_of)
    values = np.concatenate([block[(block >= low) & (block <= high)] for block in blocks()]) if low < high else [low]
    return np.partition(values, rank)[rank] if low < high else low


def _edges(low: Any, high: Any) -> NDArray[Any]:
    """Return numbers that divide a range into bins, ascending, all above its low end."""
    if isinstance(low, np.integer):
        step = max((int(high) - int(low)) // BINS, 1)
        return np.array(range(int(low) + step, int(high) + 1, step), dtype=low.dtype)
    return np.unique(low + (high - low) * (np.arange(1, BINS) / BINS))


def _ends(blocks: Blocks, low: Any, high: Any, edges: NDArray[Any], number: int) -> tuple[Any, Any]:
    """Return the lowest and the highest number of a bin."""
    lowest, highest = high, low
    for block in blocks():
        numbers = block[(block >= low) & (block <= high)]
        numbers = numbers[np.searchsorted(edges, numbers, side="right") == number]
        if len(numbers):
            lowest, highest = min(lowest, numbers.min()), max(highest, numbers.max())
    return lowest, highest


def counts_around(blocks: Blocks, value: Any) -> tuple[int, int, Any]:
    """Return how many numbers are below a value, how many up to it, and the lowest one above, None without one."""
    below, upto, following = 0, 0, None
    for block in blocks():
        below += int(np.count_nonzero(block < value))
        above = block[block > value]
        upto += len(block) - len(above)
        if len(above):
            lowest = above.min()
            following = lowest if following is None or lowest < following else following
    return below, upto, following
