"""Matrix products on register tiles, beside NumPy: odd sizes, distances between rows, indices, where the sums start."""

import numpy as np
import pytest
from kernel_calls import TILES, accumulate_rows, multiply_rows, sum_rows
from tolerances import SUMS

from rnnfast.network.alignment import aligned

# Below, at and above the rows of a tile and the sums of four, and more than a block of rows.
COUNTS = (0, 1, 3, 4, 7, 8, 9, 17, 131)
GAP = 3  # lanes between the rows of a matrix beyond what the product reads
every_tile = pytest.mark.parametrize("tile", TILES)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def flat(rng, rows, width, distance, dtype):
    """A matrix (rows, width) and the flat array that holds it, NaN between the rows and after the last one."""
    memory = aligned((rows + 1) * distance, dtype)
    memory[:] = np.nan
    matrix = memory.reshape(rows + 1, distance)[:rows, :width]
    matrix[:] = rng.normal(size=(rows, width))
    return matrix, memory


def vector(rng, size, dtype):
    _, memory = flat(rng, 1, size, size, dtype)
    return memory[:size]


def tolerance(dtype, terms):
    """Absolute, of sums of so many products of numbers of about 1."""
    return SUMS if dtype == "float64" else 1e-6 * np.sqrt(terms + 1) * 4


@every_dtype
@every_tile
@pytest.mark.parametrize("start", ["itself", "bias"])
@pytest.mark.parametrize("inner", [0, 1, 3, 4, 5, 11])
def test_rows_times_a_matrix(inner, start, tile, dtype):
    """A[index] B plus what stands in C, or plus one row for all; nothing but C's rows is written."""
    s, rng = TILES[tile], np.random.default_rng(inner)
    for count in COUNTS:
        for vectors in (1, 2):
            N = vectors * s.W
            A, flat_A = flat(rng, count + 5, inner, inner + GAP, dtype)
            B, flat_B = flat(rng, inner, N, N + s.W, dtype)
            C, flat_C = flat(rng, count, N, N + s.W, dtype)
            index = rng.integers(0, count + 5, max(count, 1))
            bias = vector(rng, N, dtype)
            sums = A[index[:count]].astype(float) @ B + (C if start == "itself" else bias)
            between = np.isnan(flat_C)
            S, distance = (flat_C, N + s.W) if start == "itself" else (bias, 0)
            multiply_rows(s, flat_A, inner + GAP, index, flat_B, N + s.W, S, distance, flat_C, N + s.W, count, inner, N)
            np.testing.assert_allclose(C, sums, rtol=0, atol=tolerance(dtype, inner))
            np.testing.assert_array_equal(np.isnan(flat_C), between)


@every_dtype
@every_tile
@pytest.mark.parametrize("inner", [1, 2, 3, 5, 8, 13])
def test_sums_of_outer_products(inner, tile, dtype):
    """G += A[index]' D, for any number of rows of G; nothing else is written."""
    s, rng = TILES[tile], np.random.default_rng(inner)
    for count in COUNTS:
        for vectors in (1, 2):
            N = vectors * s.W
            # A tile reads its rows of A one after the other: up to the next tile they must be there.
            A, flat_A = flat(rng, count + 5, inner, inner + GAP, dtype)
            D, flat_D = flat(rng, count, N, N + s.W, dtype)
            G, flat_G = flat(rng, inner, N, N + s.W, dtype)
            index = rng.integers(0, count + 5, max(count, 1))
            sums = G + A[index[:count]].astype(float).T @ D
            between = np.isnan(flat_G)
            accumulate_rows(s, flat_A, inner + GAP, index, flat_D, N + s.W, flat_G, N + s.W, count, inner, N)
            np.testing.assert_allclose(G, sums, rtol=0, atol=tolerance(dtype, count))
            np.testing.assert_array_equal(np.isnan(flat_G), between)


@every_dtype
@every_tile
def test_sums_of_rows(tile, dtype):
    s, rng = TILES[tile], np.random.default_rng(4)
    for count in COUNTS:
        N = 2 * s.W
        D, flat_D = flat(rng, count, N, N + s.W, dtype)
        G = vector(rng, N, dtype)
        sums = G + D.astype(float).sum(axis=0)
        sum_rows(s, flat_D, N + s.W, G, count, N)
        np.testing.assert_allclose(G, sums, rtol=0, atol=tolerance(dtype, count))
