"""How records travel from Python into kernels (lanes/arguments.py)."""

from typing import NamedTuple

import numpy as np
import pytest

from rnnfast.kernels.lanes.arguments import Arguments, records
from rnnfast.kernels.lanes.compiling import entry
from rnnfast.kernels.lanes.specialisation import Specialisation


class Inner(NamedTuple):
    values: np.ndarray
    factor: float


class Outer(NamedTuple):
    count: int
    inner: Inner
    negative: bool


@entry
def scaled(s, arguments):
    """out = values * factor, or the negative of it. Returns: the factor."""
    outer, out = records(arguments)
    for i in range(outer.count):
        value = outer.inner.values[i] * outer.inner.factor
        out[i] = -value if outer.negative else value
    return outer.inner.factor


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("negative", [False, True])
def test_a_kernel_sees_the_leaves_of_records_and_writes_into_their_arrays(dtype, negative):
    out = np.zeros(4)
    outer = Outer(3, Inner(np.array([1, -2, 3, 4], dtype), 0.5), negative)
    assert scaled(Specialisation(), Arguments(outer, out)) == 0.5
    np.testing.assert_array_equal(out, np.array([0.5, -1.0, 1.5, 0.0]) * (-1 if negative else 1))


def test_values_do_not_decide_what_is_compiled():
    inner = Inner(np.zeros(3), 0.5)
    small, large = (Arguments(Outer(count, inner, False), np.zeros(3)) for count in (1, 2))
    assert small.numba_type is large.numba_type
    other = Arguments(Outer(1, Inner(np.zeros(3, np.float32), 0.5), False), np.zeros(3))
    assert other.numba_type != small.numba_type


def test_what_is_no_array_number_or_record_is_named():
    with pytest.raises(TypeError, match=r"arrays, numbers and records of them, not str"):
        Arguments(Inner("text", 0.5))


def test_an_array_with_gaps_is_refused():
    with pytest.raises(ValueError, match="contiguous"):
        Arguments(np.zeros((4, 4))[:, 0])
