"""Rows of numbers are read without a table, and mean what a table makes of them."""

import json

import numpy as np
import pandas as pd
import pytest
from ids import cases

import rnnfast
from rnnfast.data.reading.live import plain_rows, read_live
from rnnfast.data.sources.opening import open_content

ROW = {"id": "a", "t": 3, "v": 1.5, "w": 2}


@pytest.fixture(scope="module")
def schema():
    frame = pd.DataFrame({"id": list("aabb"), "t": [1, 2, 1, 2], "v": [1.0, 2, 3, 4], "w": 1.0, "y": [0.5, 1, 2, 3]})
    return rnnfast.read_table(frame, id="id", time="t", target="y").schema


def both(rows, schema):
    """What is read without a table, and what a table reads."""
    text = "\n".join(map(json.dumps, rows)).encode()
    return plain_rows(rows, schema), read_live(open_content(text, "rows"), schema)


@pytest.mark.parametrize(
    "changes",
    cases(
        {
            "as it is": [{}],
            "several rows": [{}, {"id": "b"}, {"t": 4}],
            "ids that are numbers": [{"id": 7}, {"id": -(2**63)}],
            "an id that other tables would take for an empty cell": [{"id": "NA"}, {"id": "null"}],
            "times with decimals": [{"t": 0.5}, {"t": 1e20}],
            "times that could be dates": [{"t": 20240131}],
            "large numbers": [{"v": 2**60 + 1, "w": -(2**63)}, {"v": 1e308, "w": 5e-324}],
            "columns beside them": [{"other": "text", "y": None}],
        }
    ),
)
def test_rows_of_numbers_mean_what_a_table_makes_of_them(schema, changes):
    plain, table = both([ROW | change for change in changes], schema)
    assert list(plain.ids) == list(table.ids)
    np.testing.assert_array_equal(plain.x, table.x)
    np.testing.assert_array_equal(plain.key, table.key)
    assert plain.key.dtype == table.key.dtype
    assert json.dumps(plain.time.tolist()) == json.dumps(table.time.tolist())
    assert (plain.dates, plain.categories, plain.y.shape) == (table.dates, table.categories, table.y.shape)


@pytest.mark.parametrize(
    "change",
    cases(
        {
            "a text": {"v": "1.5"},
            "a truth value": {"v": True},
            "an empty cell": {"v": None},
            "no number": {"v": float("nan")},
            "infinite": {"v": float("inf")},
            "too large": {"v": 10**400},
            "a list": {"v": [1]},
            "no id": {"id": ""},
            "an id with spaces": {"id": " a"},
            "an id with decimals": {"id": 1.5},
            "an id beyond 64 bits": {"id": 2**63},
            "a date": {"t": "2024-01-31"},
            "no time": {"t": None},
            "an infinite time": {"t": float("inf")},
        }
    ),
)
def test_other_cells_are_left_to_a_table(schema, change):
    assert plain_rows([ROW | change], schema) is None


def test_rows_that_are_no_objects_are_left_to_a_table(schema):
    assert plain_rows([[1, 2]], schema) is None
