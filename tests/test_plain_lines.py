"""A few lines of CSV are read without the parser of tables, and mean what it makes of them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ids import cases

import rnnfast
from rnnfast.data.reading.live import read_live
from rnnfast.data.reading.plainlines import FEW, SEEN, plain_lines
from rnnfast.data.sources.opening import open_content
from rnnfast.errors import DataError

HEADER = b"id,t,v,w,kind,more\n"
ROW = {"id": "a", "t": "3", "v": "1.5", "w": "2", "kind": "red", "more": "x"}


def table():
    n = 12
    frame = pd.DataFrame({"id": np.repeat(["a", "b"], 6), "t": np.tile(np.arange(6), 2), "v": np.arange(n) / 4})
    return frame.assign(w=np.arange(n) % 5, kind=["red", "blue"] * 6, y=np.arange(n) / 8)


@pytest.fixture(scope="module")
def schema():
    return rnnfast.read_table(table(), id="id", time="t", target="y", categorical="kind", missing="zero").schema


def both(lines, schema, header=HEADER):
    """What is read without a table, and what a table reads."""
    source = open_content(header + lines, "rows")
    return plain_lines(lines, source, schema), read_live(source, schema)


def line_of(**changes):
    return ",".join((ROW | changes).values()).encode() + b"\n"


def assert_same(plain, other):
    assert list(plain.ids) == list(other.ids)
    np.testing.assert_array_equal(plain.x.view(np.int64), other.x.view(np.int64))
    np.testing.assert_array_equal(plain.key, other.key)
    assert (plain.key.dtype, plain.dates, list(plain.time)) == (other.key.dtype, other.dates, list(other.time))
    assert (plain.categories, plain.y.shape) == (other.categories, other.y.shape)


@pytest.mark.parametrize(
    "changes",
    cases(
        {
            "as it is": [{}],
            "several rows": [{}, {"id": "b"}, {"t": "4"}],
            "signs and points": [{"v": "-1.5"}, {"v": "+2"}, {"v": "3."}, {"v": "-0"}],
            "powers of ten": [{"v": "1e-05"}, {"v": "1.25E+3"}],
            "zeros in front": [{"v": "007"}, {"v": "0.0727811733098497"}],
            "empty cells": [{"v": ""}, {"w": "NaN"}, {"kind": "NA"}, {"kind": ""}],
            "only empty cells": [{"v": ""}],
            "new categories with spaces": [{"kind": " green "}, {"kind": "blue"}],
            "ids that other columns would take for an empty cell": [{"id": "NA"}, {"id": "007"}],
            "times with decimals": [{"t": "0.5"}, {"t": "1e20"}],
            "dates": [{"t": "2024-01-31"}, {"t": "2024-02-01 10:30:00"}],
            "signs that are not ASCII": [{"id": "größe", "kind": "grün"}],
        }
    ),
)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""], ids=["lines", "Windows lines", "no end"])
def test_lines_mean_what_a_table_makes_of_them(schema, changes, end):
    lines = b"".join(line_of(**change) for change in changes).removesuffix(b"\n").replace(b"\n", end.encode() or b"\n")
    plain, other = both(lines + end.encode(), schema)
    assert_same(plain, other)


@pytest.mark.parametrize("text", ["{!r}", "{:.15g}", "{:.6f}", "{:.14e}"], ids=["all", "15", "decimals", "powers"])
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), min_size=1, max_size=8))
def test_numbers_have_the_bits_of_a_table_or_are_left_to_it(schema, text, values):
    lines = b"".join(line_of(v=text.format(value)) for value in values)
    source = open_content(HEADER + lines, "rows")
    plain = plain_lines(lines, source, schema)
    if plain is not None:
        assert_same(plain, read_live(source, schema))


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 17))
def test_numbers_of_few_digits_need_no_table(schema, digits, decimals):
    text = f"{abs(digits):0{decimals + 1}d}"
    cell = f"{'-' * (digits < 0)}{text[: len(text) - decimals]}.{text[len(text) - decimals :]}"
    plain, other = both(line_of(v=cell), schema)
    if len(text) <= SEEN:
        assert_same(plain, other)
    else:
        assert plain is None


@pytest.mark.parametrize(
    "change",
    cases(
        {
            "quotes": {"kind": '"red"'},
            "a text": {"v": "high"},
            "a truth value": {"v": "true"},
            "infinite": {"v": "inf"},
            "spaces": {"v": " 1.5"},
            "lines between digits": {"v": "1_000"},
            "digits of another script": {"v": "१"},
            "more digits than all readers agree on": {"v": "0.12345678901234567"},
            "no id": {"id": ""},
            "an id with spaces": {"id": " a"},
            "no time": {"t": ""},
            "a day before its month": {"t": "31.01.2024"},
            "a time in hexadecimals": {"t": "0x10"},
            "a cell too many": {"more": "x,y"},
            "a zero byte": {"more": "\0"},
            "a line end of old": {"more": "x\ry"},
        }
    ),
)
def test_other_cells_are_left_to_a_table(schema, change):
    lines = line_of(**change)
    assert plain_lines(lines, open_content(HEADER + line_of(), "rows"), schema) is None


def test_bytes_that_are_no_text_are_left_to_a_table(schema):
    assert plain_lines(line_of().replace(b"x", b"\xff"), open_content(HEADER + line_of(), "rows"), schema) is None


@pytest.mark.parametrize(
    "header",
    cases(
        {
            "a column is missing": b"id,t,v,kind,more,other\n",
            "tabs between cells, and decimals with commas": b"id\tt\tv\tw\tkind\tmore\n",
            "commas in decimals": b"id;t;v;w;kind;more\n",
        }
    ),
)
def test_other_headers_are_left_to_a_table(schema, header):
    sign = header[2:3]
    lines = line_of(v="1.5").replace(b",", sign)
    lines = lines if sign == b"," else lines.replace(b".", b",")
    assert plain_lines(lines, open_content(header + lines, "rows"), schema) is None


def test_many_lines_are_left_to_the_parser_of_tables(schema):
    lines = line_of() * (FEW + 1)
    assert plain_lines(lines, open_content(HEADER + lines, "rows"), schema) is None


def test_an_empty_cell_that_must_not_be_is_told_with_its_line():
    model = rnnfast.train(table(), id="id", time="t", target="y", epochs=0, progress=False, ignore="kind").model
    lines = line_of() + line_of(t="4", v="")
    source = open_content(HEADER + lines, "rows")
    plain = plain_lines(lines, source, model.schema)
    with pytest.raises(DataError) as told:
        model.stream().advance(plain)
    with pytest.raises(DataError) as expected:
        model.stream().advance(read_live(source, model.schema))
    assert str(told.value) == str(expected.value)
    assert "rows, line 3, column 'v'" in str(told.value)
