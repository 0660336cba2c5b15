"""Dates of a time column in any common format: ordered, in memory and in blocks alike, or refused clearly."""

import numpy as np
import pandas as pd
import pytest
from ids import cases

from rnnfast.config.resolve import Config
from rnnfast.data import read_table
from rnnfast.data.columns.dates import date_forms
from rnnfast.data.columns.fixeddates import fixed_dates
from rnnfast.data.reading.disk import make_store
from rnnfast.data.reading.request import Request
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.stored import StoredSequences
from rnnfast.data.sources.batches import open_files
from rnnfast.errors import DataError, UsageError

TIMES = pd.Series(pd.date_range("2024-01-05 13:07", periods=60, freq="17h"))
OPTIONS = {"id": "id", "time": "when", "target": ("y",), "predict": "every"}
FORMATS = {
    "ISO": "%Y-%m-%d %H:%M:%S",
    "slashes, the year first": "%Y/%m/%d %H:%M",
    "points": "%d.%m.%Y %H:%M",
    "points, two figures of the year": "%d.%m.%y %H:%M:%S",
    "day first": "%d/%m/%Y %H:%M",
    "month first": "%m/%d/%Y %H:%M:%S",
    "month first, half days": "%m/%d/%Y %I:%M %p",
    "fractions of seconds": "%d-%m-%Y %H:%M:%S.%f",
    "month names": "%d %b %Y %H:%M",
    "long month names first": "%B %d, %Y %H:%M",
    "weekday of a letter": "%a, %d %b %Y %H:%M:%S +0000",
    "log file": "%d/%b/%Y %H:%M:%S +0000",
    "C": "%a %b %d %H:%M:%S %Y",
}


def table(texts):
    rows = len(texts)
    return pd.DataFrame({"id": [f"k{k % 2}" for k in range(rows)], "when": texts, "x": range(rows), "y": [0, 1] * 30})


def written(tmp_path, texts, name="table.csv"):
    path = tmp_path / name
    table(texts).to_csv(path, index=False)
    return path


def stored(path, tmp_path, **options):
    """Read a table in batches of 7 rows."""
    request = Request(Config().with_values({**OPTIONS, **options}, "test").data)
    make_store(open_files([str(path)]), request, Budget(10**9), tmp_path / "store")
    return StoredSequences.open(tmp_path / "store", Budget(10**9))


@pytest.fixture
def _small_batches(monkeypatch):
    monkeypatch.setattr("rnnfast.data.sources.batches.MOST_ROWS", 7)


@pytest.mark.usefixtures("_small_batches")
@pytest.mark.parametrize("form", FORMATS.values(), ids=list(FORMATS))
def test_rows_are_ordered_by_their_dates(tmp_path, form):
    mixed = np.random.default_rng(0).permutation(60)
    path = written(tmp_path, TIMES[mixed].dt.strftime(form))
    data, store = read_table(path, **OPTIONS), stored(path, tmp_path)
    np.testing.assert_array_equal(np.diff(data.key[:30]) > 0, True)
    block = next(iter(store.blocks()))
    np.testing.assert_array_equal(block.x, data.x)
    assert store.schema == data.schema
    assert data.schema.dayfirst == {"%d/": True, "%d-": True, "%m/": False}.get(form[:3] if "%b" not in form else "")


@pytest.mark.parametrize(
    ("text", "iso"),
    cases(
        {
            "single figures": ("5.1.2024", "2024-01-05"),
            "last century": ("5.1.99", "1999-01-05"),
            "glued": ("5Jan2024", "2024-01-05"),
            "long weekday": ("Friday, 5 January 2024", "2024-01-05"),
            "month alone": ("Jan 2024", "2024-01-01"),
            "year first": ("2024-Mar", "2024-03-01"),
            "year and long month": ("2024 March", "2024-03-01"),
            "year, month, day": ("2024-Mar-05", "2024-03-05"),
            "quarter": ("2024 Q3", "2024-07-01"),
            "glued quarter": ("2024Q4", "2024-10-01"),
            "quarter first": ("q2/2024", "2024-04-01"),
            "zone": ("05.01.2024 10:00:00 +0200", "2024-01-05 08:00"),
        }
    ),
)
def test_one_date(text, iso):
    (form,) = date_forms(text)
    assert form.parse(pd.Series([text])).iloc[0] == pd.Timestamp(iso, tz="UTC")


@pytest.mark.parametrize(
    "text",
    cases(
        {
            "clock": "12:30",
            "code": "A-12",
            "number": "1.5",
            "address": "10.10.10.10",
            "share": "3/4",
            "product": "iPhone 12",
            "fifth quarter": "2024 Q5",
            "quarter alone": "Q1",
            "month": "May",
            "version": "1-2-3",
            "nothing": "",
            "long text": "x" * 99,
        }
    ),
)
def test_no_date(text):
    assert date_forms(text) == []


@pytest.mark.parametrize(
    "form",
    cases(
        {
            "points": "%d.%m.%Y",
            "month first": "%m/%d/%Y %H:%M",
            "seconds": "%d-%m-%Y %H:%M:%S",
            "year first": "%Y.%m.%dT%H:%M",
        }
    ),
)
def test_whole_columns_are_read_as_by_strptime(form):
    random = np.random.default_rng(0)
    texts = [
        form.replace("%d", f"{day:02}").replace("%m", f"{month:02}").replace("%Y", str(year))
        for day, month, year in zip(
            random.integers(0, 33, 2000), random.integers(0, 14, 2000), random.integers(1800, 2200, 2000), strict=True
        )
    ]
    texts = [
        text.replace("%H", f"{k % 26:02}").replace("%M", f"{k % 61:02}").replace("%S", f"{k % 60:02}")
        for k, text in enumerate(texts)
    ]
    quick = fixed_dates(pd.Series(texts), form)
    expected = pd.to_datetime(pd.Series(texts), format=form, errors="coerce").to_numpy("datetime64[us]")
    np.testing.assert_array_equal(quick, expected)
    assert np.isnat(quick).any()
    assert not np.isnat(quick).all()


@pytest.mark.parametrize(
    "text",
    cases(
        {
            "single figures": "5.1.2024",
            "letters behind": "05.01.24xx",
            "another sign": "05/01/2024",
            "other figures": "0\uff15.01.202",
            "a space behind": "05.01.2024 ",
            "letters": "ab.cd.efgh",
        }
    ),
)
def test_other_texts_are_left_to_strptime(text):
    assert fixed_dates(pd.Series(["05.01.2024", text]), "%d.%m.%Y") is None


AMBIGUOUS = [f"{k % 12 + 1:02}/{k % 5 + 1:02}/2024 {k % 24:02}:{k // 24:02}" for k in range(60)]


@pytest.mark.usefixtures("_small_batches")
def test_dates_that_leave_day_and_month_open_need_an_option(tmp_path):
    path = written(tmp_path, AMBIGUOUS)
    message = r"line 3, column 'when': '02/02.*|line \d+, column 'when': '.*' may be .* --dayfirst or --no-dayfirst"
    with pytest.raises(DataError, match="--dayfirst or --no-dayfirst") as memory:
        read_table(path, **OPTIONS)
    with pytest.raises(DataError, match=message) as blocks:
        stored(path, tmp_path)
    assert str(blocks.value) == str(memory.value)
    day, month = (read_table(path, **OPTIONS, dayfirst=first) for first in (True, False))
    assert day.schema.dayfirst, not month.schema.dayfirst
    assert (day.row != month.row).any()
    np.testing.assert_array_equal(next(iter(stored(path, tmp_path, dayfirst=False).blocks())).x, month.x)


@pytest.mark.usefixtures("_small_batches")
def test_one_clear_date_decides_for_all(tmp_path):
    path = written(tmp_path, [*AMBIGUOUS[:59], "01/31/2024 05:00"])
    data = read_table(path, **OPTIONS)
    assert data.schema.dayfirst is False
    store = stored(path, tmp_path)
    assert store.schema == data.schema
    np.testing.assert_array_equal(next(iter(store.blocks())).x, data.x)


def test_further_tables_are_read_as_the_one_that_trained(tmp_path):
    schema = read_table(written(tmp_path, AMBIGUOUS), **OPTIONS, dayfirst=False).schema
    new = read_table(written(tmp_path, AMBIGUOUS[::-1], "new.csv"), schema=schema)
    assert new.schema.dayfirst is False


@pytest.mark.usefixtures("_small_batches")
@pytest.mark.parametrize(
    ("texts", "options", "parts"),
    cases(
        {
            "two formats": (
                {40: "2024-03-01"},
                {},
                ["line 42", "'2024-03-01'", "like the first one", "line 2"],
            ),
            "day and month exchanged": ({40: "31/01/2024"}, {}, ["line 42", "'31/01/2024'", "in one way"]),
            "no date": ({40: "soon"}, {}, ["line 42", "'soon'", "in one way"]),
            "not the order asked for": ({}, {"dayfirst": True}, ["'01/13/2024'", "day first (--dayfirst)"]),
            "beyond nanoseconds": ({40: "01/13/1500"}, {}, ["line 42", "'01/13/1500'", "1677"]),
        }
    ),
)
def test_bad_dates(tmp_path, texts, options, parts):
    column = [f"01/{k % 15 + 13}/2024" for k in range(60)]
    for row, text in texts.items():
        column[row] = text
    path = written(tmp_path, column)
    with pytest.raises(DataError) as memory:
        read_table(path, **OPTIONS, **options)
    with pytest.raises(DataError) as blocks:
        stored(path, tmp_path, **options)
    assert str(blocks.value) == str(memory.value)
    for part in parts:
        assert part in str(memory.value)


def test_an_order_of_day_and_month_needs_a_time(tmp_path):
    with pytest.raises(UsageError, match="dayfirst has no effect without a time column"):
        read_table(written(tmp_path, AMBIGUOUS), target="y", id="id", dayfirst=True)
