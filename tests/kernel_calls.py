"""All that tests know of the kernels' insides: a change of their signatures is followed here alone."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numba.core import event
from numba.core.dispatcher import Dispatcher

from rnnfast.kernels.lanes import rows
from rnnfast.kernels.lanes.compiling import entry
from rnnfast.kernels.lanes.span import Matrix, spans
from rnnfast.kernels.lanes.specialisation import Specialisation
from rnnfast.kernels.lanes.vec import load, store
from rnnfast.kernels.packed import packing, products
from rnnfast.kernels.packed.packing import Slice

ENGINES = ("small", "packed")


def works(trainer: Any) -> list[Any]:
    """The workspaces of a trainer's threads."""
    return [worker.work for worker in trainer.workers]


class _Compilations(event.Listener):
    """Notes the names of the kernels that are compiled for Python, without the parts that they consist of."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._depth = 0

    def on_start(self, event: event.Event) -> None:
        if self._depth == 0:
            self.names.append(event.data["dispatcher"].py_func.__qualname__)
        self._depth += 1

    def on_end(self, event: event.Event) -> None:
        self._depth -= 1


@contextmanager
def compilations() -> Iterator[list[str]]:
    """Yield the list of the kernels that are compiled within the block, by name, as it grows."""
    listener = _Compilations()
    with event.install_listener("numba:compile", listener):
        yield listener.names


def loaded() -> int:
    """Kernels that this process has loaded from the cache instead of compiling them."""
    kernels = {
        value
        for name, module in list(sys.modules.items())
        if name.startswith("rnnfast.kernels")
        for value in vars(module).values()
        if isinstance(value, Dispatcher)
    }
    return sum(sum(kernel.stats.cache_hits.values()) for kernel in kernels)


# Products on tiles (packed/products.py). A matrix is a flat array and the distance from a row to the next.

TILES = {"narrow": Specialisation(W=4, M=8, M_half=4), "wide": Specialisation(W=16, M=4, M_half=2)}


@entry
def multiply_rows(s, A, lda, index, B, ldb, S, lds, C, ldc, count, K, N):
    """C[m, :N] = S[m, :N] + A[index[m], :K] B for m < count."""
    A, B, S, C = Matrix(spans(A), lda), Matrix(spans(B), ldb), Matrix(spans(S), lds), Matrix(spans(C), ldc)
    products.multiply_rows(s, A, spans(index), B, S, C, count, K, N)


@entry
def accumulate_rows(s, A, lda, index, D, ldd, G, ldg, count, K, N):
    """G[k, :N] += sum over m < count of A[index[m], k] D[m, :N] for k < K."""
    A, D, G = Matrix(spans(A), lda), Matrix(spans(D), ldd), Matrix(spans(G), ldg)
    products.accumulate_rows(s, A, spans(index), D, G, count, K, N)


@entry
def sum_rows(s, D, ldd, G, count, N):
    """G[:N] += sum over m < count of D[m, :N]."""
    products.sum_rows(s, Matrix(spans(D), ldd), spans(G), count, N)


# Packing (packed/packing.py).


def pack(lengths, begin=0, window=1 << 40, chosen=None, stride=1):
    """Pack the steps begin .. begin + window of the chosen sequences (all of them) of these lengths.

    Returns: sequences and steps of the longest one in the window, packed rows, and the Packing.
    """
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    order = np.arange(len(lengths)) if chosen is None else np.asarray(chosen, np.int64)
    work = packing.packing(len(order), int(max(lengths)), int(sum(lengths)))
    return *_pack(offsets, stride, order, len(order), begin, window, work), work


@entry
def _pack(offsets, stride, order, count, begin, window, work):
    return packing.pack(spans(offsets), stride, Slice(spans(order), 0, count, begin, window), spans(work))


# Matrices in registers (lanes/rows.py), H rows of W lanes.

REGISTERS = Specialisation(W=8, H=5)


@entry
def matvec(s, x, matrix, start, out):
    """out = start + sum_k x[k] matrix[k]."""
    x, matrix, start, out = spans(x), spans(matrix), spans(start), spans(out)
    store(out, 0, rows.matvec(load(x, 0, s), rows.load_rows(matrix, 0, "H", s), load(start, 0, s)))


@entry
def combine(s, weights, offset, matrix, out):
    """out = sum_k weights[offset + k] matrix[k]."""
    store(spans(out), 0, rows.combine(spans(weights), offset, rows.load_rows(spans(matrix), 0, "H", s)))


@entry
def add_scaled(s, matrix, weights, offset, x):
    """matrix[k] += weights[offset + k] x, in place."""
    matrix = spans(matrix)
    sums = rows.add_scaled(rows.load_rows(matrix, 0, "H", s), spans(weights), offset, load(spans(x), 0, s))
    rows.store_rows(matrix, 0, sums)


@entry
def outer_update(s, matrix, x, y):
    """matrix[k] += x[k] y, in place."""
    matrix = spans(matrix)
    sums = rows.outer_update(rows.load_rows(matrix, 0, "H", s), load(spans(x), 0, s), load(spans(y), 0, s))
    rows.store_rows(matrix, 0, sums)


@entry
def move_tile(s, source, offset, distance, target, target_offset, target_distance):
    """Copy M rows of W lanes through registers."""
    tile = rows.load_tile(spans(source), offset, distance, "M", s)
    rows.store_tile(spans(target), target_offset, target_distance, tile)
