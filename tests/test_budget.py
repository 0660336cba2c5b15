"""Sizes of memory as users write them."""

import pytest
from ids import cases

from rnnfast.data.sequences.budget import PROCESS, Budget, size
from rnnfast.errors import UsageError


@pytest.mark.parametrize(
    ("text", "count"),
    cases(
        {
            "megabytes": ("500M", 5e8),
            "gigabytes": ("2G", 2e9),
            "gibibytes": ("1.5GiB", 1.5 * 2**30),
            "lower case": ("2gb", 2e9),
            "two units": ("1 000k", None),
            "zero": ("0", None),
        }
    ),
)
def test_sizes(text, count):
    if count is None:
        with pytest.raises(UsageError, match="is no size; write 500M"):
            size(text)
    else:
        assert size(text) == count


def test_too_small_a_budget_names_the_least_one():
    with pytest.raises(UsageError, match="give at least 500M"):
        Budget(PROCESS)
    Budget(500_000_000)
