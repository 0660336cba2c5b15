"""Inputs that are made of features and times: changes since the row before, and the calendar."""

import numpy as np
import pandas as pd
import pytest
from ids import cases

import rnnfast
from rnnfast.config.sections import DataConfig
from rnnfast.data import read_table
from rnnfast.data.encoding.calendar import UNITS, Variety, waves
from rnnfast.data.reading.opening import read_decided
from rnnfast.data.reading.request import Request
from rnnfast.data.reading.stores import stored_table
from rnnfast.data.sequences.budget import Budget
from rnnfast.errors import DataError, UsageError

NO_CACHE = DataConfig(cache=False)
RUN = {"preset": "fast", "hidden": 3, "epochs": 2, "batch_size": 4, "dtype": "float64", "seed": 1}


def visits(lengths=(7, 1, 12), seed=0):
    """Visits of some patients, their rows mixed, with gaps in time."""
    random, pieces = np.random.default_rng(seed), []
    for number, rows in enumerate(lengths):
        steps = pd.Timestamp("2024-02-27 06:00") + pd.to_timedelta(
            np.cumsum(random.integers(1, 5, rows)) * 90, unit="min"
        )
        frame = pd.DataFrame({"id": f"p{number}", "at": steps.strftime("%Y-%m-%d %H:%M:%S")})
        frame[["pulse", "heat"]] = random.normal(size=(rows, 2))
        pieces.append(frame)
    frame = pd.concat(pieces, ignore_index=True)
    frame["y"] = frame["pulse"] + random.normal(size=len(frame))
    return frame.sample(frac=1, random_state=seed).reset_index(drop=True)


COLUMNS = {"id": "id", "time": "at", "target": "y", "features": ("pulse", "heat")}


@pytest.mark.parametrize("windows", cases({"whole ids": {}, "windows": {"window": 4, "stride": 2}}))
def test_changes_are_those_of_the_row_before_in_the_same_id(windows):
    frame = visits()
    frame.loc[3, "heat"] = np.nan
    data = read_table(frame, delta=True, time_delta="linear", missing="mean", **COLUMNS, **windows)
    assert data.schema.columns == ("pulse", "heat", "pulse (delta)", "heat (delta)", "at (delta)")
    table = frame.assign(at=pd.to_datetime(frame["at"])).sort_values(["id", "at"]).groupby("id")
    change, since = table[["pulse", "heat"]].diff().fillna(0), table["at"].diff().dt.total_seconds().fillna(0)
    np.testing.assert_allclose(data.x[:, 2:4], change.reindex(frame.index).to_numpy()[data.row], rtol=1e-12)
    np.testing.assert_array_equal(data.x[:, 4], since.reindex(frame.index).to_numpy()[data.row])
    log = read_table(frame, time_delta="log", missing="mean", **COLUMNS, **windows)
    np.testing.assert_allclose(log.x[:, 2], np.log1p(data.x[:, 4]))


def test_the_time_since_the_row_before_has_the_unit_of_a_time_of_numbers():
    frame = pd.DataFrame({"id": list("aaab"), "t": [1.5, 2.0, 4.0, 9.0], "x": 1.0, "kind": list("uvuv"), "y": range(4)})
    options = {"id": "id", "time": "t", "target": "y", "features": ("x", "kind"), "categorical": "kind"}
    data = read_table(frame, time_delta="linear", delta=True, task="regression", **options)
    assert data.schema.columns == ("x", "kind", "x (delta)", "t (delta)")  # categories have no change
    assert data.x[:, 3].tolist() == [0, 0.5, 2, 0]


def test_units_of_the_calendar_are_circles():
    times = pd.date_range("2023-12-30 06:00", periods=900, freq="7h")
    seconds = times.as_unit("s").asi8.astype(float)
    shares = {
        "hour": (times.hour * 60 + times.minute) / 1440,
        "weekday": times.day_of_week / 7,
        "month": (times.month - 1) / 12,
        "yearday": (times.day_of_year - 1) / 366,
    }
    for name, share in shares.items():
        np.testing.assert_allclose(UNITS[name](seconds), share, err_msg=name)
    wave = waves(seconds, ("weekday",))
    np.testing.assert_allclose(wave[:, 0], np.sin(2 * np.pi * times.day_of_week / 7), atol=1e-12)
    np.testing.assert_allclose((wave**2).sum(axis=1), 1)
    assert waves(seconds, ()).shape == (900, 0)


@pytest.mark.parametrize(
    ("frequency", "varying", "again"),
    cases(
        {
            "hours": ("h", ("hour", "weekday", "yearday"), ("hour",)),
            "days": ("D", ("weekday", "month", "yearday"), ("weekday",)),
            "weeks": ("7D", ("month", "yearday"), ("month", "yearday")),
            "months": ("MS", ("weekday", "month", "yearday"), ("month", "yearday")),
        }
    ),
)
def test_units_that_vary_in_the_training_rows_are_inputs_and_in_one_series_those_that_come_again(
    frequency, varying, again
):
    frame = pd.DataFrame({"date": pd.date_range("2024-03-01", periods=80, freq=frequency), "y": np.arange(80.0) % 7})
    options = {"time": "date", "target": "y", "task": "regression", "calendar": True, "split_by": "time"}

    def inputs(table, **more):
        return rnnfast.train(table, lag_target=True, **options, **more, **RUN).model.encoder.names

    def names(units):
        return ("y (lag)", *(f"date.{unit}.{wave}" for unit in units for wave in ("sin", "cos")))

    assert inputs(frame, window=5) == names(again)
    panel = pd.concat([frame.assign(shop=shop) for shop in range(2)])
    assert inputs(panel, id="shop") == names(varying)
    variety = Variety(series=True)
    for block in np.split(pd.DatetimeIndex(frame["date"]).as_unit("s").asi8.astype(float), 5):
        variety.add(block)
    assert variety.units == again


def daily(rows=60):
    """A quantity by the weekday and nothing else."""
    days = pd.date_range("2024-01-01", periods=rows, freq="D")
    level = np.array([5.0, 1, 4, 2, 8, 3, 9])[days.day_of_week]
    return pd.DataFrame({"day": days.strftime("%d.%m.%Y"), "y": level + 0.01 * np.arange(rows)})


@pytest.mark.parametrize(
    "options",
    cases(
        {
            "lag": {"lag_target": True, "window": 10},
            "calendar alone": {"window": 10},
            "two horizons": {"lag_target": True, "horizon": (1, 2), "window": 10},
            "time since": {"lag_target": True, "window": 10, "time_delta": "log"},
        }
    ),
)
def test_forecasts_go_on_as_if_the_continued_dates_were_in_the_table(options):
    frame = daily()
    options = {"time": "day", "target": "y", "task": "regression", "calendar": True, "split": 1.0, **options}
    model = rnnfast.train(frame, **options, **RUN).model
    ahead = rnnfast.forecast(model, frame, steps=5, config=NO_CACHE)
    assert ahead["day"].tolist() == daily(65)["day"][60:].tolist()
    rows, answers = frame, []
    for step in range(5):  # by hand: append the answer, and the date of the next one
        later = daily(61 + step)["day"].iloc[-1]
        if model.schema.horizon:
            if step % 2 == 0:
                last = read_table(rows, schema=model.schema, require_target=False)
                answers += model.predict(last)[-1].tolist()
        else:
            asking = pd.concat([rows, pd.DataFrame({"day": [later], "y": [np.nan]})], ignore_index=True)
            answers.append(model.predict(asking)["y_pred"].iloc[-1])
        rows = pd.concat([rows, pd.DataFrame({"day": [later], "y": [answers[step]]})], ignore_index=True)
    np.testing.assert_allclose(ahead["y_pred"], answers[:5], rtol=1e-9)


@pytest.mark.parametrize("options", cases({"horizon": {"horizon": 1}, "lag": {"lag_target": True}}))
def test_windows_that_a_preset_chooses_are_those_that_one_asks_for(options):
    frame = daily(200).assign(x=np.random.default_rng(0).normal(size=200))
    options = {**options, "time": "day", "target": "y", "split_by": "time", "difference": True, "delta": True}
    options |= {"calendar": True, "time_delta": "log", **RUN, "preset": "auto"}
    chosen = rnnfast.train(frame, **options)
    same = rnnfast.train(frame, window=chosen.model.schema.window, **options)
    assert chosen.model.schema == same.model.schema
    assert chosen.metrics["valid"]["rmse"] == same.metrics["valid"]["rmse"]


def test_times_that_do_not_go_on_answer_no_row_that_is_not_there():
    frame = daily()
    frame["day"] = pd.to_datetime(frame["day"], dayfirst=True) + pd.to_timedelta(np.arange(60) ** 2, unit="s")
    options = {"time": "day", "target": "y", "calendar": True, "lag_target": True, "split": 1.0, "window": 10}
    model = rnnfast.train(frame, **options, **RUN).model
    with pytest.raises(DataError, match="column 'day': the times have no step that could be continued"):
        rnnfast.forecast(model, frame, steps=2, config=NO_CACHE)
    asking = pd.concat([frame, pd.DataFrame({"day": [pd.Timestamp("2024-03-05")], "y": [np.nan]})], ignore_index=True)
    assert len(rnnfast.forecast(model, asking, config=NO_CACHE)) == 1


def test_a_model_keeps_its_calendar(tmp_path):
    model = rnnfast.train(daily(), time="day", target="y", calendar=True, lag_target=True, window=5, **RUN).model
    model.save(tmp_path / "model.safetensors")
    again = rnnfast.load(tmp_path / "model.safetensors")
    assert again.encoder == model.encoder or again.encoder.record() == model.encoder.record()
    assert again.encoder.calendar == {"day (calendar)": ("weekday",)}
    pd.testing.assert_frame_equal(again.predict(daily()), model.predict(daily()))


@pytest.mark.parametrize(
    ("options", "message"),
    cases(
        {
            "no time": ({"calendar": True}, "--calendar: the table has no time column; name it with --time"),
            "no time since": ({"time_delta": "log"}, "--time-delta: the table has no time column"),
            "numbers": ({"calendar": True, "time": "x"}, "the times of 'x' are numbers, which have no hour or month"),
        }
    ),
)
def test_where_there_is_no_calendar(options, message):
    frame = pd.DataFrame({"x": np.arange(12.0), "w": 1.0, "y": np.arange(12.0) % 5})
    with pytest.raises(UsageError, match=message):
        read_table(frame, target="y", window=3, **options)


@pytest.mark.parametrize("memory", [None, "900M"], ids=["memory", "disk"])
def test_categories_alone_have_no_change(memory, tmp_path):
    path = tmp_path / "t.csv"
    pd.DataFrame({"kind": ["a", "b"] * 6, "y": np.arange(12.0) % 5}).to_csv(path, index=False)
    with pytest.raises(UsageError, match="--delta has no effect: all features are categories, kind,"):
        rnnfast.train(path, target="y", categorical="kind", delta=True, cache=False, memory=memory)


def test_a_table_whose_times_are_written_as_numbers_is_refused_by_a_model_of_dates():
    model = rnnfast.train(daily(), time="day", target="y", calendar=True, lag_target=True, window=5, **RUN).model
    with pytest.raises(
        DataError, match="column 'day': the times are numbers, those of the table that trained were dates"
    ):
        model.predict(daily().assign(day=np.arange(60)))


AUTO = {**RUN, "preset": "auto", "time": "day", "target": "y", "task": "regression", "horizon": 1, "lag_target": True}


@pytest.mark.parametrize(
    ("frame", "options", "chosen"),
    cases(
        {
            "a forecast": (daily(), {}, True),
            "not asked for": (daily(), {"calendar": False}, False),
            "asked for": (daily(), {"calendar": True}, True),
            "another preset": (daily(), {"preset": "fast"}, False),
            "its past alone": (daily(), {"horizon": 0}, True),
            "no forecast": (daily().assign(x=1.0), {"horizon": 0, "lag_target": False}, False),
            "several series": (daily().assign(shop=np.arange(60) % 2), {"id": "shop"}, False),
            "times that are numbers": (daily().assign(day=np.arange(60)), {}, False),
            "times by number and their gaps": (daily().assign(day=np.arange(60)), {"time_delta": "log"}, False),
            "classes": (daily().assign(y=np.arange(60) % 2), {"task": "binary"}, False),
        }
    ),
)
def test_auto_shows_the_calendar_to_forecasts_of_one_dated_series(frame, options, chosen):
    result = rnnfast.train(frame, **{**AUTO, **options}, window=10)
    schema = result.model.schema
    assert (schema.calendar, result.model.config.data.calendar) == (chosen, chosen)
    by_preset = result.chosen is not None and "calendar" in result.chosen.values
    assert by_preset == (chosen and "calendar" not in options)
    assert schema.dates == chosen
    assert len(result.model.predict(frame)) == len(frame)


def test_a_calendar_that_a_preset_chose_is_that_which_one_asks_for():
    chosen, same = (rnnfast.train(daily(), **AUTO, **more) for more in ({}, {"calendar": True}))
    assert chosen.model.encoder.names == same.model.encoder.names
    assert chosen.metrics["valid"] == same.metrics["valid"]
    folds = [rnnfast.cv(daily(), folds=2, **AUTO, **more) for more in ({}, {"calendar": True})]
    assert folds[0].mean == folds[1].mean


@pytest.mark.parametrize(("day", "dated"), cases({"dates": (daily()["day"], True), "numbers": (np.arange(60), False)}))
def test_a_store_on_disk_has_the_calendar_that_the_table_in_memory_has(day, dated, tmp_path):
    path = str(tmp_path / "t.csv")
    daily().assign(day=day).to_csv(path, index=False)
    config = DataConfig(time="day", target=("y",), task="regression", horizon=(1,), lag_target=True, cache=False)
    request = Request(config, dated=True)
    memory = read_decided([path], request)
    with stored_table([path], request, Budget(10**9)) as table:
        assert table.schema == memory.schema
        assert table.schema.calendar == dated
        np.testing.assert_array_equal(next(iter(table.blocks(("x",)))).x, memory.x)
