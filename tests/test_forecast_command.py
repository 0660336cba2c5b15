"""Forecasts on the command line: files, types of columns, and how the table is read."""

import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from forecast_tables import NO_CACHE, TINY, forecast, meters, trained
from ids import cases
from test_blocks import blocks_of

import rnnfast
from rnnfast.cli import run
from rnnfast.data.reading.stores import stored_table
from rnnfast.model.forecast import forecast_columns, forecast_request


def test_the_command_writes_csv_or_one_object(tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    frame = meters()
    frame.drop(columns=["peak", "grade"]).to_csv("load.csv", index=False)
    options = [
        "--id",
        "meter",
        "--time",
        "day",
        "--target",
        "load",
        "--horizon",
        "1..3",
        "--lag-target",
        "--hidden",
        "3",
    ]
    assert run(["train", "--data", "load.csv", *options, "--epochs", "2", "-o", "run"]) == 0
    assert "rnnfast forecast --model run --data load.csv" in capsys.readouterr().err
    assert run(["forecast", "--model", "run", "--data", "load.csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "meter,day,load_pred"
    assert len(lines) == 1 + 9
    found = result(["forecast", "--model", "run", "--data", "load.csv", "--steps", "2"], capsys)
    assert (found["rows"], list(found["forecast"][0])) == (6, ["meter", "day", "load_pred"])
    assert result(["forecast", "--model", "run", "--data", "load.csv", "-o", "f.csv"], capsys)["output"] == "f.csv"
    assert (tmp_path / "f.csv").read_text().splitlines() == lines
    assert "exists" in fails(["forecast", "--model", "run", "--data", "load.csv", "-o", "f.csv"], 2, capsys)
    assert "--horizon 1..9" in fails(["forecast", "--model", "run", "--data", "load.csv", "--steps", "9"], 2, capsys)
    frame = rnnfast.forecast("run", "load.csv", steps=2)
    pd.testing.assert_frame_equal(frame, pd.DataFrame(found["forecast"]).astype(frame.dtypes))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_columns_have_the_types_of_predictions(form, dtype, tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    frame = meters()
    frame = frame.assign(meter=frame["meter"].str[1:].astype(np.int32), day=pd.to_datetime(frame["day"]).dt.day_of_year)
    frame = frame[["meter", "day", "load", "peak"]]
    writers = {"csv": frame.to_csv, "parquet": frame.to_parquet}
    if form == "jsonl":
        frame.to_json("table.jsonl", orient="records", lines=True)
    else:
        writers[form](f"table.{form}", index=False)
    for target in ("load", "peak"):
        model = trained(frame, target=target, features=None, lag_target=True, dtype=dtype)
        model.save("model.safetensors")
        asked = ["--model", "model.safetensors", "--data", f"table.{form}"]
        for command in ("predict", "forecast"):
            result([command, *asked, "-o", f"{command}.parquet", "-f"], capsys)
        types, expected = (pd.read_parquet(f"{command}.parquet").dtypes for command in ("forecast", "predict"))
        pd.testing.assert_series_equal(types, expected)
        assert (types["meter"], types["day"]) == (np.int64, np.int64)
        ahead = result(["forecast", *asked], capsys)["forecast"]
        assert [(row["meter"], row["day"]) for row in ahead] == list(zip(*_next_day(frame), strict=True))
        # A DataFrame says the types itself.
        from_frame = forecast(model, frame)
        pd.testing.assert_series_equal(from_frame.dtypes, model.predict(frame).dtypes)
        assert forecast(model, frame.assign(meter=frame["meter"].astype(str)))["meter"].tolist() == list(
            map(str, _next_day(frame)[0])
        )


def _next_day(frame):
    """The meters in the order of the table, and the day after the last one of each."""
    last = frame.groupby("meter", sort=False)["day"].max() + 1
    return last.index.tolist(), last.tolist()


@pytest.mark.parametrize(
    ("form", "options"),
    cases(
        {
            "no header line": ({"header": False}, {"columns": "meter,day,load"}),
            "a sign between cells": ({"sep": "~"}, {"sep": "~"}),
            "the day first": ({"date_format": "%d/%m/%Y"}, {"dayfirst": True}),
        }
    ),
)
def test_a_table_is_read_as_the_one_that_trained(form, options, tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    months = pd.date_range("2020-01-01", periods=30, freq="MS")
    frame = pd.DataFrame({"meter": "m", "day": months, "load": np.sin(np.arange(30.0))})
    frame.to_csv("table.csv", index=False, **form)
    columns = {"id": "meter", "time": "day", "target": "load", "lag_target": True}
    model = rnnfast.train("table.csv", **{**TINY, **columns, **options}).model
    model.save("model.safetensors")
    rows = result(["forecast", "--model", "model.safetensors", "--data", "table.csv"], capsys)["forecast"]
    assert [row["day"] for row in rows] == [pd.Timestamp("2022-07-01").strftime(form.get("date_format", "%Y-%m-%d"))]
    # A further table may be written otherwise, and say so.
    frame.to_csv("other.csv", index=False, sep="|", header=False)
    said = ["--sep", "|", "--columns", "meter,day,load"]
    rows = result(["forecast", "--model", "model.safetensors", "--data", "other.csv", *said], capsys)["forecast"]
    assert [row["day"] for row in rows] == ["2022-07-01"]


def test_a_database_is_asked_as_in_training(tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    frame = meters()[["meter", "day", "load"]]
    with closing(sqlite3.connect("meters.db")) as database:
        frame.to_sql("readings", database, index=False)
    options = {"id": "meter", "time": "day", "target": "load", "lag_target": True, "query": "select * from readings"}
    rnnfast.train("sqlite:///meters.db", **{**TINY, **options}).model.save("model.safetensors")
    asked = ["forecast", "--model", "model.safetensors", "--data", "sqlite:///meters.db"]
    assert result(asked, capsys)["rows"] == 3
    assert result([*asked, "--query", "select * from readings where meter = 'm1'"], capsys)["rows"] == 1


@pytest.mark.parametrize(
    ("options", "counts"),
    cases(
        {
            "whole ids": ({"horizon": 2}, {"heat": 3, "load (lag)": 1, "grade": 4}),
            "windows": ({"horizon": 2, "window": 3}, {"heat": 1, "grade": 2}),
            "its own row": ({}, {"heat": 3, "load (lag)": 1, "grade": 4}),
        }
    ),
)
def test_cells_that_answers_look_at_and_the_model_does_not_know_are_told(
    options, counts, tmp_path, monkeypatch, capsys
):
    isolate(monkeypatch, tmp_path)
    columns = {"features": "heat,grade", "categorical": "grade", "lag_target": True, "missing": "mean"}
    model = trained(meters(), **columns, **options)
    model.save("model.safetensors")
    table = meters((12, 12, 12)).sort_values(["meter", "day"]).reset_index(drop=True)
    table.loc[[11, 13, 25], "heat"] = np.nan  # the first one in the last row of an id
    table.loc[[2, 11, 14, 35], "grade"] = ["new", "new", "newer", "new"]
    table.loc[5, "load"] = np.nan
    if not model.schema.horizon:  # a row for each to answer
        table = table.drop(columns=["peak"])
        table.loc[[11, 23, 35], "load"] = np.nan
    table.to_csv("table.csv", index=False)
    out = result(["forecast", "--model", "model.safetensors", "--data", "table.csv"], capsys)
    assert {item["column"]: item["cells"] for item in out["substitutions"]} == counts
    assert run(["forecast", "--model", "model.safetensors", "--data", "table.csv", "-o", "out.csv"]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert f"filled by the rules of the model: heat {counts['heat']} (mean)" in told
    assert f"taken as (unseen): grade {counts['grade']} (new" in told
    with stored_table(["table.csv"], forecast_request(model, NO_CACHE), blocks_of(10)) as stored:
        assert len(stored.runs().first) > 1
        ahead = forecast_columns(model, stored, None)
    assert {item.column: item.cells for item in ahead.substitutions} == counts
