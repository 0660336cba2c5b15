"""Order statistics of numbers in blocks: those of all numbers, sorted at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnfast.data.splitting.quantiles import at_ranks, counts_around

NUMBERS = {
    "whole": st.integers(-(2**62), 2**62),
    "small": st.integers(0, 5),
    "fractions": st.floats(-1e300, 1e300, allow_nan=False),
    "close": st.floats(1.0, 1.0 + 1e-15),
}


@pytest.mark.parametrize("kind", NUMBERS)
@given(data=st.data())
def test_ranks_are_those_of_the_sorted_numbers(kind, data):
    numbers = np.array(data.draw(st.lists(NUMBERS[kind], min_size=2, max_size=60)))
    pieces = np.array_split(numbers, min(data.draw(st.integers(1, 5)), len(numbers)))
    ranks = data.draw(st.lists(st.integers(0, len(numbers) - 1), min_size=1, max_size=3))
    most = data.draw(st.integers(1, 10))
    assert at_ranks(lambda: iter(pieces), len(numbers), ranks, most) == np.sort(numbers)[ranks].tolist()


def test_what_lies_around_a_number():
    pieces = [np.array([3, 1, 2]), np.array([2, 5])]
    assert counts_around(lambda: iter(pieces), 2) == (1, 3, 3)
    assert counts_around(lambda: iter(pieces), 5) == (4, 5, None)
