"""Columns that look like an id or a time: what is proposed, and above all what is not."""

import numpy as np
import pandas as pd
import pytest
from commands import isolate
from datasets import dataset
from ids import cases

from rnnfast.cli import run
from rnnfast.config.resolve import Config
from rnnfast.data import read_table
from rnnfast.data.columns.candidates import candidates
from rnnfast.data.reading.disk import make_store
from rnnfast.data.reading.request import Request
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.stored import StoredSequences
from rnnfast.data.sources.batches import open_files

ROWS = 1200
RANDOM = np.random.default_rng(0)


def drawn(values):
    return RANDOM.choice(values, ROWS)


def options(frame, **known):
    return [candidate.option for candidate in candidates(pd.DataFrame(frame), **known)]


RUNS = np.repeat(np.arange(12), 100)
USERS = [f"U{k}" for k in RUNS]
STEPS = np.tile(np.arange(100), 12)
DAYS = pd.date_range("2024-01-01", periods=ROWS, freq="7h")
MONTH = pd.date_range("2024-01-01", periods=30).strftime("%d.%m.%Y")
NOISE = RANDOM.normal(size=ROWS)


@pytest.mark.parametrize(
    ("columns", "expected"),
    cases(
        {
            "text key, interleaved": ({"Customer ID": drawn([f"C-{k}" for k in range(50)])}, ["--id 'Customer ID'"]),
            "whole key, interleaved": ({"customer_id": drawn(range(50))}, ["--id customer_id"]),
            "words glued": ({"custid": drawn(range(50))}, ["--id custid"]),
            "vehicles": ({"vin": drawn([f"WVW{k}" for k in range(50)])}, ["--id vin"]),
            "card number": ({"cc_num": drawn([4 * 10**15 + k for k in range(50)])}, ["--id cc_num"]),
            "unit with a counter": ({"unit": RUNS, "cycle": STEPS, "s": NOISE}, ["--id unit", "--time cycle"]),
            "any name with a counter": ({"part B": RUNS, "step": STEPS, "s": NOISE}, ["--id 'part B'", "--time step"]),
            "few devices by address": ({"device": drawn(["00:0f:00", "1c:bf:ce"]), "s": NOISE}, ["--id device"]),
            "stores by day": (
                {
                    "Store": np.tile(np.arange(40), 30),
                    "Date": np.repeat(MONTH, 40),
                },
                ["--id Store", "--time Date"],
            ),
            "key before merchant": (
                {"merchant_name": drawn(["a", "b"]), "card": drawn([f"K{k}" for k in range(9)])},
                ["--id card"],
            ),
            "dates of a row before those of a customer": (
                {
                    "user": [f"U{k}" for k in RUNS],
                    "since": np.repeat(DAYS[:12].astype(str), 100),
                    "at": DAYS.astype(str),
                },
                ["--id user", "--time at"],
            ),
            "month names": ({"when": DAYS.strftime("%d %b %Y %H:%M"), "s": NOISE}, ["--time when"]),
            "dates with a type": ({"when": DAYS, "s": NOISE}, ["--time when"]),
        }
    ),
)
def test_proposed(columns, expected):
    assert options(columns) == expected


@pytest.mark.parametrize(
    "columns",
    cases(
        {
            "small whole numbers": {"calls": drawn(range(9)), "age": drawn(range(18, 80)), "rooms": RUNS},
            "measurements that repeat": {"temperature": np.round(NOISE, 1), "humidity": np.repeat(NOISE[:12], 100)},
            "categories": {"plan": drawn(["basic", "pro"]), "city": drawn(["Rome", "Oslo", "Bonn"])},
            "sorted categories": {"city": np.repeat(["Rome", "Oslo", "Bonn"], 400), "s": NOISE},
            "keys of categories": {"plan_id": drawn(range(3)), "city_id": drawn(range(50)), "gender_id": drawn([0, 1])},
            "unit of measure": {"unit": drawn(["kg", "m", "s"]), "value": NOISE},
            "kind of device": {"device": drawn(["mobile", "desktop"]), "s": NOISE},
            "charge that falls": {"battery": np.repeat(np.arange(100, 0, -1), 12), "sensor": drawn(range(50))},
            "seconds that repeat": {"Time": np.sort(drawn(range(600))), "Amount": NOISE},
            "calendar": {"year": np.repeat([2023, 2024], 600), "month": np.repeat(np.arange(12), 100), "day": STEPS},
            "row number": {"No": np.arange(ROWS), "transaction_id": np.arange(ROWS)},
            "one value": {"machine": ["M1"] * ROWS, "s": NOISE},
            "empty cells": {"customer": [None, *drawn(["C1", "C2", "C3"])[1:]], "s": NOISE},
            "numbers as text": {"code": drawn(["1.5", "2.5", "x"]), "version": drawn(["1.2.3", "1.2.4"])},
            "truth values": {"card": drawn([True, False]), "s": NOISE},
        }
    ),
)
def test_not_proposed(columns):
    assert options(columns) == []


@pytest.mark.parametrize(("days", "told"), cases({"either": (12, True), "the day alone": (13, False)}))
def test_dates_whose_day_or_month_may_stand_first_are_said_to_be_so(days, told):
    frame = pd.DataFrame({"Date": [f"{day:02}/01/2024" for day in range(1, days + 1)] * 4, "x": range(4 * days)})
    (time,) = [one for one in candidates(frame) if one.role == "time"]
    assert ("--dayfirst or --no-dayfirst" in time.why) is told


def test_columns_with_a_role_are_no_candidates():
    frame = {"unit": RUNS, "cycle": STEPS, "customer_id": drawn(range(50))}
    assert options(frame, role_columns=("unit", "customer_id"), id_column="unit") == ["--time cycle"]
    assert options(frame, role_columns=("unit", "customer_id", "cycle")) == []
    assert options(frame, role_columns=("cycle",), time_column="cycle") == ["--id customer_id", "--id unit"]


@pytest.mark.parametrize(
    ("name", "target", "expected"),
    cases(
        {
            "spoken digits": ("fsdd_mfcc/fsdd_mfcc13.csv.gz", "digit", ["--id id", "--time t"]),
            "written digits": ("pendigits/pendigits.csv", "class", []),
            "credit default": ("credit_default/UCI_Credit_Card.csv.gz", "default.payment.next.month", []),
            "occupancy": ("occupancy/datatraining.txt", "Occupancy", ["--time date"]),
            "cards": ("creditcard/creditcard_part_first36h.csv.gz", "Class", []),
            "cards by time and amount": ("creditcard/time_amount_class_first36h.csv.gz", "Class", []),
            "balanced cards": ("creditcard_2023/creditcard_2023_part.csv.gz", "Class", []),
            "fine dust": ("beijing_pm25/PRSA_data_2010.1.1-2014.12.31.csv.gz", "pm2.5", []),
            "transformer": ("etth1/ETTh1.csv.gz", "OT", ["--time date"]),
            "temperatures": ("min_temperatures/daily-min-temperatures.csv", "Temp", ["--time Date"]),
        }
    ),
)
def test_real_tables(name, target, expected):
    assert options(pd.read_csv(dataset(name)), role_columns=(target,)) == expected


def test_times_of_day_in_a_column_of_their_own_are_told():
    days = pd.date_range("2006-12-16", periods=200, freq="h")
    frame = pd.DataFrame({"Date": days.strftime("%d/%m/%Y"), "Time": days.strftime("%H:%M:%S"), "x": np.arange(200.0)})
    (proposal,) = candidates(frame)
    assert (proposal.option, proposal.why) == (
        "--time Date",
        "dates such as 16/12/2006; 'Time' has their times of day: one column of both tells rows apart "
        "(--time Date,Time says how)",
    )


@pytest.fixture
def path(tmp_path):
    frame = pd.DataFrame({"Customer ID": [f"C{k % 40}" for k in range(ROWS)], "day": DAYS.strftime("%d.%m.%Y %H:%M")})
    frame["city"], frame["x"], frame["y"] = drawn(["Rome", "Oslo"]), NOISE, drawn([0, 1])
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def test_a_table_says_what_to_type(path):
    data = read_table(path, target="y")
    (text,) = data.proposals
    assert text.startswith(
        "try --id 'Customer ID' --time day: 'Customer ID' looks like an id (40 values in 1,200 rows), "
    )
    assert "and windows of 10 rows are cut" in text
    assert "left out, as text is no feature (--categorical city makes categories of it): city" in data.notes
    assert "left out, as dates are no features: day" in data.notes
    (text,) = read_table(path, target="y", id="Customer ID").proposals
    assert text.startswith("try --time day: ")
    assert read_table(path, target="y", id="Customer ID", time="day").proposals == ()
    assert read_table(path, target="y", ignore=["Customer ID", "day"]).proposals == ()


def test_the_screen_has_the_options_on_one_line(path, tmp_path, capsys, monkeypatch):
    isolate(monkeypatch, tmp_path)
    run(["train", "--data", str(path), "--target", "y", "--epochs", "1", "-o", str(tmp_path / "run")])
    note = capsys.readouterr().err.partition("Note")[2]
    assert note.split("\n")[0].strip().startswith("try --id 'Customer ID' --time day: ")


def test_a_table_in_blocks_says_the_same(path, tmp_path, monkeypatch):
    monkeypatch.setattr("rnnfast.data.sources.batches.MOST_ROWS", 200)
    request = Request(Config().with_values({"target": "y"}, "test").data)
    make_store(open_files([str(path)]), request, Budget(10**9), tmp_path / "store")
    store, memory = StoredSequences.open(tmp_path / "store", Budget(10**9)), read_table(path, target="y")
    assert store.proposals == memory.proposals
    assert "40 values in 200 rows" in store.proposals[0]
