"""Sizes of memory as users write them."""

import pytest
from ids import cases

from rnnfast.data.reading.opening import CELL_BYTES, ROW_BYTES, bytes_in_memory
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


def test_short_rows_take_more_memory_than_their_text(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("id,t,x,y\n" + "".join(f"{i},0,0.5,1\n" for i in range(10_000)))
    needed = bytes_in_memory([str(path)])
    assert needed == pytest.approx(10_000 * (CELL_BYTES * 4 + ROW_BYTES), rel=0.05)
    assert needed > 6 * path.stat().st_size
