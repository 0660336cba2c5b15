"""Predictions say the time that they are for."""

import numpy as np
import pandas as pd
import pytest
from commands import isolate, result
from forecast_tables import NO_CACHE, TINY, meters, trained, with_requests
from ids import cases
from notices import Notices
from test_blocks import blocks_of

import rnnfast
from rnnfast.cli import run
from rnnfast.data.reading.opening import read
from rnnfast.data.reading.stores import stored_table
from rnnfast.model.forecast import forecast_columns, forecast_request
from rnnfast.model.predictions import prediction_request, write_predictions


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
        notes = Notices()
        if command == "forecast":
            ahead = forecast_columns(model, table, None)
            return ahead.frame(None, model.schema), sorted(ahead.notes)
        write_predictions(model, table, "out.csv", None, notes)
        out = pd.read_csv("out.csv").sort_values(["meter", "day"], ignore_index=True)
        (tmp_path / "out.csv").unlink()
        return out, sorted(notes.notices)

    request = (forecast_request if command == "forecast" else prediction_request)(model, NO_CACHE)
    memory, notes = answered(read("table.csv", request))
    with stored_table(["table.csv"], request, blocks_of(3)) as table:
        assert len(table.runs().first) > 3
        stored, of_stored = answered(table)
    by = [name for name in ("meter", "day") if command == "predict"]
    pd.testing.assert_frame_equal(stored, memory.sort_values(by, ignore_index=True) if by else memory)
    assert of_stored == notes
    assert memory.filter(like="day").notna().all(axis=None)


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
