"""Forecasts of what is not there yet, held to predictions of the last window and to appending answers by hand."""

import numpy as np
import pandas as pd
import pytest
from datasets import dataset
from forecast_tables import NO_CACHE, forecast, last_rows, meters, trained, with_requests
from ids import cases
from notices import Notices
from test_blocks import blocks_of

import rnnfast
from rnnfast.data import read_table
from rnnfast.data.reading.stores import stored_table
from rnnfast.errors import DataError, UsageError
from rnnfast.model.answers import every_row_once
from rnnfast.model.forecast import forecast_columns, forecast_request


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


def test_what_is_left_out_is_said():
    frame, notes = meters((40, 2)), Notices()
    model = trained(frame, horizon=3, lag_target=True, split=1.0)
    out = forecast(model, with_requests(frame, 5, heat=1.0), reporter=notes)
    assert out.groupby("meter").size().to_dict() == {"m0": 3, "m1": 2}
    told = " ".join(notes.notices)
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
