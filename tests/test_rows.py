"""Matrices in registers, beside NumPy."""

import numpy as np
import pytest
from kernel_calls import REGISTERS, TILES, add_scaled, combine, matvec, move_tile, outer_update

from rnnfast.network.alignment import aligned

H, W = REGISTERS.H, REGISTERS.W
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def draw(dtype, *shapes):
    """Small whole numbers, of which sums are exact in any order, on cache lines."""
    rng, arrays = np.random.default_rng(6), []
    for shape in shapes:
        array = aligned(int(np.prod(shape)), dtype).reshape(shape)
        array[...] = rng.integers(-9, 9, shape)
        arrays.append(array)
    return arrays


@every_dtype
def test_a_vector_times_a_matrix(dtype):
    x, matrix, start, out = draw(dtype, W, (H, W), W, W)
    matvec(REGISTERS, x, matrix.ravel(), start, out)
    np.testing.assert_array_equal(out, start + x[:H] @ matrix)


@every_dtype
def test_rows_with_weights_from_memory(dtype):
    weights, matrix, out = draw(dtype, H + 4, (H, W), W)
    combine(REGISTERS, weights, 3, matrix.ravel(), out)
    np.testing.assert_array_equal(out, weights[3 : 3 + H] @ matrix)


@every_dtype
def test_a_vector_added_to_rows_by_weights_from_memory(dtype):
    weights, matrix, x = draw(dtype, H + 4, (H, W), W)
    sums = matrix + np.outer(weights[2 : 2 + H], x)
    add_scaled(REGISTERS, matrix.ravel(), weights, 2, x)
    np.testing.assert_array_equal(matrix, sums)


@every_dtype
def test_an_outer_product_added_to_rows(dtype):
    x, y, matrix = draw(dtype, W, W, (H, W))
    sums = matrix + np.outer(x[:H], y)
    outer_update(REGISTERS, matrix.ravel(), x, y)
    np.testing.assert_array_equal(matrix, sums)


@every_dtype
@pytest.mark.parametrize("tile", TILES)
def test_tiles_are_read_and_written_at_a_distance(tile, dtype):
    s = TILES[tile]
    (source,) = draw(dtype, (s.M + 1, 2 * s.W + 3))
    target = aligned((s.M + 1) * (s.W + 5), dtype).reshape(s.M + 1, s.W + 5)
    target[:] = np.nan
    move_tile(s, source.ravel(), 2, 2 * s.W + 3, target.ravel(), s.W + 5, s.W + 5)
    np.testing.assert_array_equal(target[1:, : s.W], source[: s.M, 2 : 2 + s.W])
    assert np.isnan(target[0]).all()
    assert np.isnan(target[1:, s.W :]).all()
