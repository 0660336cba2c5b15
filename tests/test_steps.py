"""A time column goes on as it went."""

import numpy as np
import pandas as pd
import pytest
from ids import cases

from rnnfast.data.columns.steps import continued


def after(times, steps=3, dayfirst=None):
    """The next times of one id."""
    return continued(np.array(times, dtype=object), np.array([0, len(times)]), steps, dayfirst)[0].tolist()


def dates(start, count, offset, form="%Y-%m-%d"):
    return [date.strftime(form) for date in pd.date_range(start, periods=count, freq=offset)]


@pytest.mark.parametrize(
    ("start", "offset", "form"),
    cases(
        {
            "days": ("2024-02-20", "D", "%Y-%m-%d"),
            "hours": ("2024-02-28 20:00", "h", "%Y-%m-%d %H:%M:%S"),
            "quarters of an hour": ("2024-02-28 20:00", "15min", "%Y-%m-%dT%H:%M"),
            "weeks": ("2024-02-05", "7D", "%Y-%m-%d"),
            "business days": ("2024-02-20", "B", "%Y-%m-%d"),
            "first days of months": ("2023-09-01", "MS", "%Y-%m-%d"),
            "months alone": ("2023-09-01", "MS", "%Y-%m"),
            "ends of months": ("2023-09-30", "ME", "%Y-%m-%d"),
            "quarters": ("2020-03-31", "QE", "%Y-%m-%d"),
            "years": ("2003-01-01", "YS", "%Y-%m-%d"),
            "days as numbers": ("2024-02-20", "D", "%Y%m%d"),
            "months as numbers": ("2023-09-01", "MS", "%Y%m"),
        }
    ),
)
def test_dates_go_on_by_their_calendar(start, offset, form):
    times = dates(start, 15, offset, form)
    assert after(times[:12]) == times[12:]
    if form in ("%Y%m%d", "%Y%m"):
        assert after([int(time) for time in times[:12]]) == [int(time) for time in times[12:]]


@pytest.mark.parametrize(
    ("times", "expected"),
    cases(
        {
            "whole numbers": ([3, 5, 7], [9, 11, 13]),
            "texts of whole numbers": (["3", "5", "7"], ["9", "11", "13"]),
            "fractions": ([0.1, 0.2, 0.3], [0.4, 0.5, 0.6]),
            "texts of fractions": (["0.50", "0.75", "1.00"], ["1.25", "1.50", "1.75"]),
            "rows missing": ([1, 2, 3, 7, 8], [9, 10, 11]),
            "days missing": (["2024-01-01", "2024-01-02", "2024-01-05", "2024-01-06"], ["2024-01-07", "2024-01-08",
                             "2024-01-09"]),
            "the 30th": (["2023-11-30", "2023-12-30", "2024-01-30"], ["2024-02-29", "2024-03-30", "2024-04-30"]),
            "an offset": (["2024-01-31T22:00:00+01:00", "2024-01-31T23:00:00+01:00"], ["2024-02-01T00:00:00+01:00",
                          "2024-02-01T01:00:00+01:00", "2024-02-01T02:00:00+01:00"]),
            "a year of a leap day": (["2020-02-29", "2021-02-28", "2022-02-28"], ["2023-02-28", "2024-02-29",
                                     "2025-02-28"]),
        }
    ),
)  # fmt: skip
def test_times_go_on_by_their_step(times, expected):
    assert after(times) == expected


@pytest.mark.parametrize(
    "times",
    cases(
        {
            "events": ["2024-01-01 10:17:03", "2024-01-01 10:18:50", "2024-01-03 02:11:09", "2024-01-03 02:11:10"],
            "numbers without step": [1, 2, 4.5, 9],
            "one row": ["2024-01-01"],
            "equal times": [5, 5, 5],
        }
    ),
)
def test_what_has_no_step_is_not_continued(times):
    assert after(times) == [None] * 3


def test_dates_of_a_frame_stay_dates():
    assert after(list(pd.date_range("2024-01-31", periods=4, freq="ME")), 1) == [pd.Timestamp("2024-05-31")]


def test_the_clock_of_a_time_zone_goes_on():
    days = pd.date_range("2024-03-28", periods=5, freq="D", tz="Europe/Berlin")  # summer time begins on March 31st
    assert after(list(days[:3]), 2) == list(days[3:])


def test_each_id_has_its_own_step_and_one_row_that_of_all_others():
    cells = np.array([*dates("2024-01-31", 4, "ME"), *dates("2024-01-01", 5, "D"), "2024-03-01"], dtype=object)
    offsets = np.array([0, 4, 9, 10])
    assert continued(cells, offsets, 1)[:, 0].tolist() == ["2024-05-31", "2024-01-06", None]
    ends = np.array([*dates("2024-01-31", 4, "ME"), "2024-02-29"], dtype=object)
    assert continued(ends, np.array([0, 4, 5]), 1)[:, 0].tolist() == ["2024-05-31", "2024-03-31"]
    daily = np.array([1, 2, 3, 8, 20, 21], dtype=object)
    assert continued(daily, np.array([0, 3, 4, 6]), 2).tolist() == [[4, 5], [9, 10], [22, 23]]


@pytest.mark.parametrize(
    ("times", "dayfirst", "expected"),
    cases(
        {
            "german months": (dates("2015-01-01", 12, "MS", "%d.%m.%Y"), None, ["01.01.2016", "01.02.2016"]),
            "german days": (dates("2024-01-10", 30, "D", "%d.%m.%Y"), None, ["09.02.2024", "10.02.2024"]),
            "months, day first": (dates("2015-01-01", 12, "MS", "%d/%m/%Y"), True, ["01/01/2016", "01/02/2016"]),
            "days, month first": (dates("2015-01-01", 12, "D", "%m/%d/%Y"), False, ["01/13/2015", "01/14/2015"]),
            "days, day first by a later one": (
                dates("2024-01-10", 30, "D", "%d/%m/%Y"),
                None,
                ["09/02/2024", "10/02/2024"],
            ),
            "no leading zeros": (["12/30/2023", "12/31/2023", "1/1/2024"], False, ["1/2/2024", "1/3/2024"]),
            "clock without zeros": (
                ["1/1/2024 8:00", "1/1/2024 9:00", "1/1/2024 10:00"],
                False,
                ["1/1/2024 11:00", "1/1/2024 12:00"],
            ),
            "half days": (
                ["01/15/2024 10:00 am", "01/15/2024 11:00 am"],
                None,
                ["01/15/2024 12:00 pm", "01/15/2024 01:00 pm"],
            ),
            "names of months": (["5 JAN 2024", "6 JAN 2024", "7 JAN 2024"], None, ["8 JAN 2024", "9 JAN 2024"]),
            "years of two figures": (["01.02.24", "02.02.24", "03.02.24"], None, ["04.02.24", "05.02.24"]),
            "months and years": (["11/2023", "12/2023", "01/2024"], None, ["02/2024", "03/2024"]),
            "as programs write": (
                ["Sat Jan  6 10:00:00 2024", "Sun Jan  7 10:00:00 2024"],
                None,
                ["Mon Jan  8 10:00:00 2024", "Tue Jan  9 10:00:00 2024"],
            ),
            "thousandths": (
                ["2024-01-01 00:00:00.250", "2024-01-01 00:00:00.500"],
                None,
                ["2024-01-01 00:00:00.750", "2024-01-01 00:00:01.000"],
            ),
            "zones": (
                ["15.01.2024 10:00 UTC", "15.01.2024 11:00 UTC"],
                None,
                ["15.01.2024 12:00 UTC", "15.01.2024 13:00 UTC"],
            ),
        }
    ),
)
@pytest.mark.filterwarnings("error")
def test_dates_are_read_and_written_as_the_column_does(times, dayfirst, expected):
    assert after(times, 2, dayfirst) == expected
