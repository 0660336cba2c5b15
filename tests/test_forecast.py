"""Forecasts of what is not there yet, held to predictions of the last window and to appending answers by hand."""

import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from datasets import dataset
from ids import cases
from test_blocks import blocks_of

import rnnfast
from rnnfast.cli import run
from rnnfast.config.sections import DataConfig
from rnnfast.data import read_table
from rnnfast.data.reading.opening import read
from rnnfast.data.reading.stores import stored_table
from rnnfast.errors import DataError, UsageError
from rnnfast.model.answers import every_row_once
from rnnfast.model.forecast import forecast_columns, forecast_request
from rnnfast.model.predictions import prediction_request, write_predictions
from rnnfast.reporter import Reporter

TINY = {"preset": "fast", "hidden": 3, "epochs": 2, "batch_size": 4, "split": 1.0, "dtype": "float64", "seed": 1}
NO_CACHE = DataConfig(cache=False)


def meters(lengths=(40, 25, 31), seed=0):
    """Readings of some meters, their rows mixed: daily, each from another day on."""
    random, pieces = np.random.default_rng(seed), []
    for number, rows in enumerate(lengths):
        days = pd.date_range(pd.Timestamp("2024-01-01") + pd.Timedelta(days=number), periods=rows)
        frame = pd.DataFrame({"meter": f"m{number}", "day": days.strftime("%Y-%m-%d")})
        frame["heat"] = random.normal(size=rows)
        frame["load"] = np.sin(np.arange(rows) / 2 + number) + 0.1 * random.normal(size=rows)
        frame["peak"] = np.where(frame["load"] > 0, "high", "low")
        frame["grade"] = np.array(list("abc"))[random.integers(0, 3, rows)]
        pieces.append(frame)
    return pd.concat(pieces).sample(frac=1, random_state=seed).reset_index(drop=True)


def trained(frame, **options):
    options = {"id": "meter", "time": "day", "target": "load", "features": "heat", **options}
    if options["features"] is None:
        frame, options = frame[["meter", "day", *_named(options["target"])]], {**options, "features": ()}
    return rnnfast.train(frame, **{**TINY, **options}).model


def _named(target):
    return [target] if isinstance(target, str) else list(target)


def forecast(model, frame, **options):
    return rnnfast.forecast(model, frame, config=NO_CACHE, **options)


def last_rows(frame, rows):
    """The last rows of each meter in order."""
    return frame.sort_values("day", kind="stable").groupby("meter", sort=False).tail(rows)


@pytest.mark.parametrize(
    "options",
    cases(
        {
            "one step": {"horizon": 1, "lag_target": True},
            "three steps": {"horizon": 3},
            "several": {"horizon": "1..3", "lag_target": True},
            "windows": {"horizon": (1, 4), "lag_target": True, "window": 6},
            "overlapping windows": {"horizon": 2, "window": 6, "stride": 2},
            "windows longer than some": {"horizon": "1..2", "window": 30},
            "several targets": {"horizon": (1, 3), "target": ["load", "heat"], "features": "heat,load", "window": 5},
            "last step of windows": {"horizon": 2, "window": 6, "predict": "last"},
            "categories": {"horizon": 2, "window": 6, "features": "heat,grade", "categorical": "grade"},
            "changes": {"horizon": (1, 4), "difference": True, "window": 6},
            "changes alone": {"horizon": "1..2", "features": None, "difference": True},
            "two classes": {"horizon": 2, "target": "peak", "lag_target": True, "window": 7},
            "three classes": {"horizon": 2, "target": "grade", "window": 7},
            "its own past": {"horizon": "1..2", "features": None, "lag_target": True, "window": 9},
        }
    ),
)
def test_the_last_row_of_each_id_is_answered_from_a_full_window(options):
    frame = meters()
    if options.get("target") == ["load", "heat"]:
        options = {**options, "features": "warmth", "lag_target": True}
        frame["warmth"] = frame["heat"] * 2
    model = trained(frame, **options)
    out, schema = forecast(model, frame), model.schema
    last = schema.predict == "last"  # where each window is answered once, at its end
    rows = last_rows(frame, schema.window) if last else frame
    data = read_table(rows, schema=every_row_once(schema), require_target=False)
    predicted = model.predict(data)[data.offsets[1:] - 1]
    by_id = dict(zip(data.ids.tolist(), predicted, strict=True))  # the last window of each
    assert out["meter"].tolist() == [name for name in frame["meter"].unique() for _ in schema.ahead]
    ends = frame.groupby("meter")["day"].max()
    names = list(out)
    assert names[:2] == ["meter", "day"]
    for name, group in out.groupby("meter"):
        days = pd.to_datetime(ends[name]) + pd.to_timedelta(list(schema.ahead), unit="D")
        assert group["day"].tolist() == days.strftime("%Y-%m-%d").tolist()
        answers = by_id[name].reshape(len(schema.ahead), -1)
        if schema.task == "regression":
            np.testing.assert_allclose(group[[f"{target}_pred" for target in schema.targets]], answers, rtol=1e-9)
        elif schema.task == "binary":
            assert group["peak_prob"].tolist() == pytest.approx(answers[:, 0].tolist())
            assert group["peak_pred"].tolist() == [["high", "low"][int(answers[0, 0] >= 0.5)]]
        else:
            np.testing.assert_allclose(group[[f"grade_prob_{text}" for text in "abc"]], answers, rtol=1e-9)


@pytest.mark.parametrize(
    ("options", "block"),
    cases(
        {
            "a horizon of one": ({"horizon": 1}, 1),
            "several horizons": ({"horizon": "1..3"}, 3),
            "windows": ({"horizon": "1..2", "window": 6}, 2),
            "no horizon": ({}, 1),
            "no horizon, windows": ({"window": 6}, 1),
            "no horizon, changes": ({"window": 6, "difference": True}, 1),
            "two classes": ({"horizon": 1, "target": "peak"}, 1),
            "two classes, several horizons": ({"horizon": "1..2", "target": "peak"}, 2),
        }
    ),
)
def test_beyond_its_horizons_a_model_goes_on_from_its_own_answers(options, block):
    frame = meters()
    model = trained(frame, features=None, lag_target=True, **options)
    target = model.schema.targets[0]
    frame = frame[["meter", "day", target]]
    out = forecast(model, frame, steps=3 * block)
    table, pieces = frame, []
    for _ in range(3):
        piece = forecast(model, table, steps=block)
        pieces.append(piece)
        answers = piece[["meter", "day", f"{target}_pred"]].rename(columns={f"{target}_pred": target})
        table = pd.concat((table, answers))
    together = pd.concat(pieces).sort_values(["meter", "day"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(out.sort_values(["meter", "day"]).reset_index(drop=True), together, rtol=1e-7)


@pytest.mark.parametrize(
    ("options", "column"),
    cases(
        {
            "seen ahead": ({"horizon": "1..6"}, "load_pred"),
            "own answers": ({"horizon": 1}, "load_pred"),
            "no horizon, windows": ({"window": 6}, "load_pred"),
            "two classes": ({"horizon": 1, "target": "peak"}, "peak_prob"),
        }
    ),
)
def test_an_ensemble_forecasts_mean_and_spread_of_the_courses_of_its_networks(options, column):
    frame = meters()
    model = trained(frame, features=None, lag_target=True, ensemble=3, **options)
    frame = frame[["meter", "day", *model.schema.targets]]
    out = forecast(model, frame, steps=6)
    courses = [forecast(network, frame, steps=6)[column] for network in model.networks]
    np.testing.assert_allclose(out[column], np.mean(courses, axis=0), rtol=1e-9)
    np.testing.assert_allclose(out[f"{model.schema.targets[0]}_std"], np.std(courses, axis=0), rtol=1e-6, atol=1e-12)
    assert not any(name.endswith("_std") for name in forecast(model.networks[0], frame))


@pytest.mark.parametrize("window", [None, 6], ids=["whole ids", "windows"])
def test_steps_before_a_horizon_are_answered_from_earlier_rows(window):
    frame = meters()
    model = trained(frame, horizon=3, lag_target=True, window=window)
    path = forecast(model, frame, steps=3)
    for back in range(3):
        cut = frame.drop(index=last_rows(frame, back).index) if back else frame
        earlier = forecast(model, cut).merge(path, on=["meter", "day"], suffixes=("_cut", ""))
        assert len(earlier) == 3
        np.testing.assert_allclose(earlier["load_pred"], earlier["load_pred_cut"], rtol=1e-9)


def with_requests(frame, rows, **columns):
    """Append rows with an empty target to each meter."""
    pieces = [frame]
    for name, group in frame.groupby("meter", sort=False):
        days = pd.date_range(group["day"].max(), periods=rows + 1).strftime("%Y-%m-%d")[1:]
        pieces.append(pd.DataFrame({"meter": name, "day": days, **columns}))
    return pd.concat(pieces, ignore_index=True)


@pytest.mark.parametrize(
    "options",
    cases(
        {
            "several horizons": {"horizon": "1..3", "lag_target": True},
            "without lag": {"horizon": "1..3"},
            "its own past": {"features": None, "lag_target": True},
        }
    ),
)
def test_rows_with_an_empty_target_ask_for_what_is_forecast_without_them(options):
    frame = meters()
    model = trained(frame, **options)
    out = forecast(model, with_requests(frame, 3))
    pd.testing.assert_frame_equal(out, forecast(model, frame, steps=3))
    # their own times, whatever the step of the column
    late = with_requests(frame, 1)
    late.loc[late["load"].isna(), "day"] = "2025-01-01"
    assert set(forecast(model, late).groupby("meter")["day"].first()) == {"2025-01-01"}


def test_rows_that_ask_bring_the_features_that_a_model_without_horizon_needs():
    frame = meters()
    model = trained(frame, lag_target=True)
    asking = with_requests(frame, 3, heat=[0.5, -1.0, 2.0])
    out = forecast(model, asking)
    for name, group in out.groupby("meter"):
        table = asking[asking["meter"] == name].sort_values("day").reset_index(drop=True)
        for answer in group["load_pred"]:
            row = int(table["load"].isna().argmax())
            data = read_table(table.iloc[: row + 1], schema=model.schema, require_target=False)
            assert answer == pytest.approx(float(model.predict(data)[-1, 0]), rel=1e-7)
            table.loc[row, "load"] = answer
    assert len(forecast(model, asking, steps=2)) == 6
    plain = trained(frame)
    data = read_table(asking, schema=plain.schema, require_target=False)
    answers = dict(zip(data.row.tolist(), plain.predict(data)[:, 0].tolist(), strict=True))
    expected = [answers[row] for name in frame["meter"].unique()
                for row in np.flatnonzero((asking["meter"] == name) & asking["load"].isna())]  # fmt: skip
    assert forecast(plain, asking)["load_pred"].tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("options", "steps", "error", "message"),
    cases(
        {
            "features of the future": (
                {"horizon": "1..2", "lag_target": True}, 5, UsageError,
                r"--steps 5: the model answers 1 to 2 steps ahead; .* its inputs, heat, load \(the last known one\)\. "
                r"Use --steps 2, or train with --horizon 1\.\.5",
            ),
            "no horizon": ({"lag_target": True}, None, DataError, "rows that are there, from heat: append rows"),
            "one answer a sequence": ({"predict": "last"}, None, UsageError, "one answer for a whole sequence"),
            "no step": ({"horizon": 1}, 0, UsageError, "--steps 0: give 1 to 100,000"),
        }
    ),
)  # fmt: skip
def test_what_cannot_be_forecast_is_refused(options, steps, error, message):
    frame = meters()
    with pytest.raises(error, match=message):
        forecast(trained(frame, **options), frame, steps=steps)


def test_an_id_without_the_rows_for_a_step_is_named():
    frame = meters()
    model = trained(frame, lag_target=True)
    asking = with_requests(frame, 2, heat=0.0)
    with pytest.raises(DataError, match=r"--steps 3: meter 'm\d' has 2 such rows at its end; .* from heat: append"):
        forecast(model, asking, steps=3)
    some = asking[~((asking["meter"] == "m1") & asking["load"].isna())]
    assert set(forecast(model, some)["meter"]) == {"m0", "m2"}
    plain = trained(frame)
    with pytest.raises(DataError, match=r"there is no column load, whose empty cells .* rnnfast predict"):
        forecast(plain, frame.drop(columns="load"))


class Notes(Reporter):
    """Keeps what it is told."""

    def __init__(self):
        self.notes = []

    def notice(self, text):
        self.notes.append(text)


def test_what_is_left_out_is_said():
    frame, notes = meters((40, 2)), Notes()
    model = trained(frame, horizon=3, lag_target=True, split=1.0)
    out = forecast(model, with_requests(frame, 5, heat=1.0), reporter=notes)
    assert out.groupby("meter").size().to_dict() == {"m0": 3, "m1": 2}
    told = " ".join(notes.notes)
    assert "rows that ask for more are left out: the model answers 3 steps ahead; beyond that it would need" in told
    assert "1 step is left out: the id is too short" in told
    assert "steps between are answered from earlier rows" in told


def test_ids_without_any_target_are_left_out_where_it_is_an_input():
    frame = meters()
    model = trained(frame, horizon=1, lag_target=True)
    frame.loc[frame["meter"] == "m1", "load"] = np.nan
    assert set(forecast(model, frame)["meter"]) == {"m0", "m2"}
    with pytest.raises(DataError, match="no id has a row with a value of load"):
        forecast(model, frame.assign(load=np.nan))


def test_times_without_a_step_stay_empty_and_without_time_steps_are_numbered():
    frame = meters((30,)).sort_values("day").drop(columns="meter")
    options = {"id": None, "horizon": "1..2", "window": 5, "ignore": ["peak", "grade"]}
    model = trained(frame, **{**options, "time": None, "ignore": ["day", "peak", "grade"]})
    assert forecast(model, frame)["step"].tolist() == [1, 2]
    events = frame.assign(day=np.sort(np.random.default_rng(0).random(30)))
    assert forecast(trained(frame, **options), events)["day"].tolist() == [None, None]
    stamps = frame.assign(day=pd.to_datetime(frame["day"]))
    assert forecast(trained(frame, **options), stamps)["day"].tolist() == list(pd.date_range("2024-01-31", periods=2))


@pytest.mark.parametrize(
    "options",
    cases(
        {
            "whole ids": {"horizon": "1..2", "lag_target": True},
            "windows": {"horizon": 2, "window": 4, "lag_target": True},
            "its own past": {"features": None, "lag_target": True},
        }
    ),
)
def test_a_table_on_disk_is_continued_as_one_in_memory(options, tmp_path):
    frame = with_requests(meters(tuple(range(2, 80))), 2)
    model = trained(meters(), **options)
    frame.to_csv(tmp_path / "table.csv", index=False)
    memory = forecast(model, str(tmp_path / "table.csv"), steps=2)
    with stored_table([str(tmp_path / "table.csv")], forecast_request(model, NO_CACHE), blocks_of(100)) as table:
        assert len(table.runs().first) > 1
        ahead = forecast_columns(model, table, 2)
    pd.testing.assert_frame_equal(ahead.frame(table, model.schema), memory)


@pytest.mark.parametrize(
    "options",
    cases({"a horizon": {"horizon": 2}, "rows that ask": {"lag_target": True}, "categories": {"horizon": "1..2"}}),
)
@pytest.mark.parametrize("command", ["predict", "forecast"])
def test_neither_times_nor_notes_depend_on_memory(options, command, tmp_path, monkeypatch):
    """Ids of one row stand in blocks of their own, and others in blocks without rows that ask or with too few rows."""
    monkeypatch.chdir(tmp_path)
    model = trained(meters(), **options)
    frame = meters((9, 1, 1, 1, 1, 1, 1, 12, 2, 1, 7))
    asking = with_requests(frame, 1, heat=0.5)
    frame = pd.concat((frame, asking[asking["load"].isna() & asking["meter"].isin(["m0", "m2", "m3", "m7"])]))
    frame.loc[(frame["meter"] == "m9"), "load"] = np.nan
    frame.to_csv("table.csv", index=False)

    def answered(table):
        notes = Notes()
        if command == "forecast":
            ahead = forecast_columns(model, table, None)
            return ahead.frame(None, model.schema), sorted(ahead.notes)
        write_predictions(model, table, "out.csv", None, notes)
        out = pd.read_csv("out.csv").sort_values(["meter", "day"], ignore_index=True)
        (tmp_path / "out.csv").unlink()
        return out, sorted(notes.notes)

    request = (forecast_request if command == "forecast" else prediction_request)(model, NO_CACHE)
    memory, notes = answered(read("table.csv", request))
    with stored_table(["table.csv"], request, blocks_of(3)) as table:
        assert len(table.runs().first) > 3
        stored, of_stored = answered(table)
    by = [name for name in ("meter", "day") if command == "predict"]
    pd.testing.assert_frame_equal(stored, memory.sort_values(by, ignore_index=True) if by else memory)
    assert of_stored == notes
    assert memory.filter(like="day").notna().all(axis=None)


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


def test_a_week_of_temperatures_is_told_better_than_by_the_last_value():
    table = pd.read_csv(dataset("min_temperatures/daily-min-temperatures.csv"))
    options = {"time": "Date", "target": "Temp", "horizon": "1..7", "lag_target": True, "window": 365}
    options |= {"split_by": "time", "scale": "zscore", "cell": "gru", "hidden": 16, "lr": 0.005, "optimizer": "adam"}
    model = rnnfast.train(table, **options, epochs=60, batch_size=1, patience=0).model
    answers, truth, naive = [], [], []
    for end in range(2950, len(table) - 7, 31):  # the last two years, which did not train
        week, after = forecast(model, table[:end]), table[end : end + 7]
        assert week["Date"].tolist() == after["Date"].tolist()
        answers += week["Temp_pred"].tolist()
        truth += after["Temp"].tolist()
        naive += 7 * [table["Temp"][end - 1]]
    error, of_naive = (np.sqrt(np.mean(np.subtract(truth, values) ** 2)) for values in (answers, naive))
    assert error < 0.9 * of_naive


def test_predictions_say_the_time_that_they_are_for(tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    frame = meters()
    frame.to_csv("load.csv", index=False)
    for name, horizon, columns in (("one", "2", ["day_for"]), ("two", "1,3", ["day+1_for", "day+3_for"])):
        model = trained(frame, horizon=horizon, window=6)
        model.save(f"{name}.safetensors")
        result(["predict", "--model", f"{name}.safetensors", "--data", "load.csv", "-o", f"{name}.csv"], capsys)
        out = pd.read_csv(f"{name}.csv")
        assert list(out)[: -len(columns)] == ["meter", "day", *columns]
        for column, steps in zip(columns, model.schema.ahead, strict=True):
            later = pd.to_datetime(out["day"]) + pd.Timedelta(days=steps)  # the days go on at the end of each meter
            assert (pd.to_datetime(out[column]) == later).all()


@pytest.mark.parametrize("part", ["train", "valid"])
@pytest.mark.parametrize(
    "options",
    cases(
        {
            "by time": {"split_by": "time"},
            "by sequence": {"split_by": "sequence", "window": 4},
            "rows between windows": {"split_by": "sequence", "window": 4, "stride": 7, "predict": "last"},
            "several horizons": {"split_by": "time", "horizon": "1,3", "lag_target": True},
            "one series": {"id": None, "window": 5, "split_by": "sequence"},
        }
    ),
)
def test_predictions_of_a_part_are_for_the_times_of_the_whole_table(options, part, tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    frame = meters((40,) if "id" in options else (40, 25, 31))
    frame = frame[np.random.default_rng(1).random(len(frame)) < 0.8].sort_values(["meter", "day"])  # days are missing
    frame[["meter", "day", "heat", "load"]].to_csv("load.csv", index=False)
    options = {"ignore": "meter", **options} if "id" in options else options
    columns = {"id": "meter", "time": "day", "target": "load", "features": "heat", "horizon": 2}
    rnnfast.train("load.csv", **{**TINY, **columns, "split": 0.6, **options}).model.save("model.safetensors")
    by_id = frame.groupby("meter")["day"].apply(list).to_dict()
    predict = ["predict", "--model", "model.safetensors", "--data", "load.csv", "--part", part]
    result([*predict, "-o", "part.csv", "-f"], capsys)
    out = pd.read_csv("part.csv")
    assert len(out)
    for number in (1, 3) if options.get("horizon") else (2,):
        name = f"day+{number}_for" if options.get("horizon") else "day_for"
        for of_id, day, later in zip(out.get("meter", ["m0"] * len(out)), out["day"], out[name], strict=True):
            days = by_id[of_id]
            there, beyond = days[days.index(day) + number :], days.index(day) + number - len(days) + 1
            last = pd.Timestamp(days[-1]) + pd.Timedelta(days=beyond)
            assert later == (there[0] if there else last.strftime("%Y-%m-%d"))


def test_a_prediction_begins_with_a_lag_that_is_known(tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    frame = meters()
    with_requests(frame, 3, heat=0.0).to_csv("ask.csv", index=False)
    # The first row that asks knows the target of the row before; with a horizon none knows its own.
    for name, options, empty in (("now", {}, 6), ("ahead", {"horizon": 2}, 9), ("mean", {"missing": "mean"}, 0)):
        trained(frame, lag_target=True, **options).save(f"{name}.safetensors")
        assert run(["predict", "--model", f"{name}.safetensors", "--data", "ask.csv", "-o", f"{name}.csv"]) == 0
        assert (f"{empty} rows have no answer" in " ".join(capsys.readouterr().err.split())) == (empty > 0)
        out = pd.read_csv(f"{name}.csv")
        assert out["load_pred"].isna().sum() == empty
        assert out.loc[out["load_pred"].isna(), "day"].nunique() == empty
