"""Training and test parts of public data sets, from the long CSV files that their convert.py writes.

Each function takes {"raw": folder of long CSV files, "datasets": folder of the files as published}.
"""

from functools import partial

import pandas as pd

HOURS_24 = 86_400  # seconds


def archive(name):
    """A set whose archive says which part tests."""
    return partial(_archive, name)


def _archive(name, source):
    return [pd.read_csv(source["raw"] / f"{name}_{part}.csv") for part in ("train", "test")]


def credit_default(source):
    """Clients up to number 24,000 and after."""
    frame = pd.read_csv(source["raw"] / "credit_default.csv")
    early = frame["id"] <= 24_000
    return frame[early], frame[~early]


def card_payments(source):
    """The first day, and the twelve hours after it."""
    frame = pd.read_csv(source["raw"] / "creditcard_part_first36h.csv")
    early = frame["seconds"] < HOURS_24
    return frame[early], frame[~early]


def beijing(source):
    """Hourly rows of 2010 to 2013, and of 2014; gaps of the dust are filled with the last value."""
    frames = [pd.read_csv(source["raw"] / f"beijing_pm25_{part}.csv") for part in ("train", "test")]
    for number, frame in enumerate(frames):
        year_month = pd.to_datetime(frame["id"].astype(str), format="%Y%m")
        frame.insert(0, "when", year_month + pd.to_timedelta(frame["t"], unit="h"))
        frames[number] = frame.drop(columns=["id", "t", "pm25_next"])
    return frames


def melbourne(source):
    """Days of 1981 to 1988, and of 1989 and 1990."""
    frame = pd.read_csv(source["datasets"] / "min_temperatures" / "daily-min-temperatures.csv")
    early = frame["Date"] < "1989"
    return frame[early], frame[~early]


def etth1(source):
    """The borders of the literature: 16 months of 30 days to learn from and choose by, 4 to test."""
    frame = pd.read_csv(source["datasets"] / "etth1" / "ETTh1.csv.gz")
    month = 30 * 24
    return frame.iloc[: 16 * month], frame.iloc[16 * month : 20 * month]


def occupancy(source):
    """Minutes of three stretches of days; Light tells the answer and is left out."""
    frames = [pd.read_csv(source["raw"] / f"occupancy_{part}.csv") for part in ("train", "test", "test2")]
    train, *tests = (frame.drop(columns="Light") for frame in frames)
    return train, pd.concat(tests)
