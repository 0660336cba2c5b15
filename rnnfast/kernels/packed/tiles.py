"""The products of products.py as kernels of their own, which the layers of all cells call by address.

The tile that suits a network follows from the widths of its layers; a cell's kernel need not know it.
"""

from typing import Any, NamedTuple

import numpy as np

from rnnfast.kernels.lanes.arguments import types_of
from rnnfast.kernels.lanes.compiling import inlined
from rnnfast.kernels.lanes.linking import Link, call, linked
from rnnfast.kernels.lanes.span import Matrix
from rnnfast.kernels.lanes.specialisation import Specialisation
from rnnfast.kernels.packed import products


class Products(NamedTuple):
    """Links to the products of one tile and precision."""

    multiply: Any
    accumulate: Any
    add: Any


@linked
def _multiply_rows(s, A, index, B, S, C, rows, K, N):
    products.multiply_rows(s, A, index, B, S, C, rows, K, N)


@linked
def _accumulate_rows(s, A, index, D, G, rows, K, N):
    products.accumulate_rows(s, A, index, D, G, rows, K, N)


@linked
def _sum_rows(s, D, G, rows, N):
    products.sum_rows(s, D, G, rows, N)


def products_of(tiles, lanes, dtype):
    """The products of a tile; lanes: those of single rows."""
    numbers, index = np.zeros(1, dtype), np.zeros(1, np.int64)
    A, count = Matrix(numbers, 0), 0
    return Products(
        Link(_multiply_rows, tiles, types_of(A, index, A, A, A, count, count, count)),
        Link(_accumulate_rows, tiles, types_of(A, index, A, A, count, count, count)),
        Link(_sum_rows, Specialisation(W=lanes), types_of(A, numbers, count, count)),
    )


@inlined
def multiply_rows(links, A, index, B, S, C, rows, K, N):
    """C[m, :N] = S[m, :N] + A[index[m], :K] B for m < rows, see products.py."""
    call(links.multiply, (A, index, B, S, C, rows, K, N))


@inlined
def accumulate_rows(links, A, index, D, G, rows, K, N):
    """G[k, :N] += sum over m < rows of A[index[m], k] * D[m, :N] for k < K, see products.py."""
    call(links.accumulate, (A, index, D, G, rows, K, N))


@inlined
def sum_rows(links, D, G, rows, N):
    """G[:N] += sum over m < rows of D[m, :N], see products.py."""
    call(links.add, (D, G, rows, N))
