"""How long the windows of a table without id are, and that cutting anew is reading with another length."""

import numpy as np
import pandas as pd
import pytest
from commands import isolate, run
from ids import cases
from notices import Notices

import rnnfast
from rnnfast.config.folding import FoldConfig
from rnnfast.config.resolve import Config
from rnnfast.data import read_table
from rnnfast.data.reading.request import Request
from rnnfast.data.reading.stores import stored_table
from rnnfast.data.sequences.budget import Budget
from rnnfast.errors import UsageError
from rnnfast.training.windows import correlation, window_for, window_of, window_of_folds

FIELDS = ("x", "y", "row", "offsets", "ids", "start", "naive", "label_row", "part")


def table(rows=200, seed=0):
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"t": np.arange(rows), "x": random.normal(size=rows), "y": random.normal(size=rows)})
    frame["p"] = np.where(np.arange(rows) < 0.7 * rows, "train", "valid")
    return frame


def season(period, rows=2000, noise=0.3, seed=0):
    return np.sin(2 * np.pi * np.arange(rows) / period) + noise * np.random.default_rng(seed).normal(size=rows)


def same(first, second):
    for name in FIELDS:
        a, b = getattr(first, name), getattr(second, name)
        assert (a is None) == (b is None), name
        assert a is None or np.array_equal(a, b, equal_nan=name in ("x", "y", "naive")), name
    assert first.schema == second.schema


@pytest.mark.parametrize("disk", [False, True], ids=["memory", "disk"])
@pytest.mark.parametrize(
    "options",
    cases(
        {
            "plain": {},
            "lag": {"lag_target": True},
            "horizon": {"horizon": 3, "lag_target": True},
            "parts": {"split_by": "column:p"},
            "parts and lag": {"split_by": "column:p", "lag_target": True},
        }
    ),
)
def test_cutting_anew_is_reading_with_that_window(options, disk, tmp_path):
    path = tmp_path / "t.csv"
    table().to_csv(path, index=False)
    options = {"target": "y", "time": "t", "features": "x", "predict": "every", "cache": False, **options}
    wanted = read_table(path, **options, window=23)
    if not disk:
        same(read_table(path, **options).windowed(23, "as it was asked for"), wanted)
        return
    request = Request(Config().with_values(options, "test").data)
    with stored_table([str(path)], request, Budget.of("900M")) as stored:
        cut = stored.windowed(23, "as it was asked for")
        same(cut.read(0, cut.sequences), wanted)


def test_correlation_is_that_of_the_formula_and_skips_what_is_unknown():
    y = season(20, 100)
    z = y - y.mean()
    expected = [np.mean(z[: len(z) - k] * z[k:]) / np.mean(z * z) for k in range(30)]
    assert correlation(y, 30) == pytest.approx(expected)
    assert np.isfinite(correlation(np.where(np.arange(100) % 7, y, np.nan), 30)).all()
    assert (correlation(np.ones(40), 10) == 1).all()


@pytest.mark.parametrize("period", [12, 24, 30, 60, 168], ids=["year", "day", "month", "hour", "week"])
def test_two_seasons_are_a_window(period):
    rows, reason = window_of(season(period, rows=period * 40))
    assert rows == pytest.approx(2 * period, abs=2)
    assert reason.startswith("2 seasons of ")


def test_noise_has_the_shortest_windows_and_a_slow_target_long_ones():
    random = np.random.default_rng(1)
    assert window_of(random.normal(size=3000)).rows == 10
    slow = np.cumsum(random.normal(size=3000))
    assert window_of(slow).rows > 100
    assert window_of(slow[:80]).rows == 10  # eight windows at least


def test_labels_that_do_not_train_have_no_say():
    frame = pd.DataFrame({"t": np.arange(1000), "x": season(24, 1000), "y": season(24, 1000)})
    other = frame.assign(y=np.where(frame.t < 800, frame.y, season(60, 1000)))
    for options in ({"split_by": "time"}, {}):
        config = Config().with_values({"target": "y", "time": "t", **options}, "test")
        tables = [read_table(one, target="y", time="t", cache=False) for one in (frame, other)]
        assert window_for(tables[0], config, False) == window_for(tables[1], config, False)
    with_seasons = Config().with_values({"split_by": "time"}, "test")
    assert window_for(read_table(frame, target="y", time="t", cache=False), with_seasons, False).rows == 48


def test_labels_that_do_not_train_have_no_say_where_rows_share_a_time():
    """350 rows have one time, so that all of them validate, not 200 rows in all."""
    row = np.arange(1000)
    windows = []
    for tail in (season(60, 1000), 100 * np.cumsum(season(5, 1000))):
        frame = pd.DataFrame({"t": np.minimum(row, 640), "x": row, "y": np.where(row < 640, season(24, 1000), tail)})
        frame.loc[990:, "t"] = 641
        table = read_table(frame, target="y", time="t", cache=False)
        windows.append(window_for(table, Config().with_values({"split_by": "time"}, "test"), False))
    assert windows[0] == windows[1]
    assert windows[0].rows == 48


@pytest.mark.parametrize("split", [0.8, 0.5])
def test_of_folds_in_time_the_rows_that_train_in_the_first_one_decide(split):
    row = np.arange(1200)
    windows = []
    for tail in (season(60, 1200), 100 * np.cumsum(season(5, 1200))):
        frame = pd.DataFrame({"x": row, "y": np.where(row < 400 * split, season(24, 1200), tail)})
        config = Config().with_values({"split": split}, "test")
        table = read_table(frame, target="y", cache=False)
        windows.append(window_of_folds(table, config, FoldConfig(folds=2, folds_by="time")))
    assert windows[0] == windows[1]


@pytest.mark.parametrize(
    ("labels", "window", "reason"),
    [
        pytest.param(np.arange(2000) % 2 - 0.5, 10, "the shortest: 2 seasons of 2 rows in its", id="short"),
        pytest.param(season(100, 800, 0.1), 100, "as 8 of them are to train: 2 seasons of 100 rows", id="few"),
        pytest.param(season(20, 60, 0.1), 10, "as 60 rows are few: 2 seasons of 20 rows in", id="tiny"),
        pytest.param(season(700, 9000, 0.1), 1000, "the longest: 2 seasons of ", id="long"),
    ],
)
def test_a_reason_is_the_bound_that_decided(labels, window, reason):
    chosen = window_of(np.asarray(labels))
    assert chosen.rows == window
    assert chosen.reason.startswith(reason)


def test_a_table_beside_in_other_windows_is_refused():
    frame = pd.DataFrame({"x": season(24, 600), "y": season(24, 600, seed=1)})
    beside = read_table(frame[:200], target="y", cache=False)
    with pytest.raises(UsageError, match=r"valid: it was read in windows of 10, .* windows of 48 .*window=48"):
        rnnfast.train(frame, target="y", valid=beside)


def test_a_run_says_its_window_and_saves_it():
    frame = pd.DataFrame({"t": np.arange(600), "x": season(24, 600), "y": season(24, 600, seed=1)})
    options = {"target": "y", "time": "t", "split_by": "time", "hidden": 3, "epochs": 1, "cache": False}
    model = rnnfast.train(frame, **options).model
    assert model.schema.window == model.config.data.window == 48
    assert rnnfast.train(frame, **options, window=7).model.schema.window == 7
    assert rnnfast.train(frame, **options, preset="fast").model.schema.window == 10


class Notes(Notices):
    """Ends the run where training would begin."""

    def start(self, info):
        raise KeyboardInterrupt


@pytest.mark.parametrize("call", [rnnfast.train, rnnfast.cv], ids=["train", "cv"])
@pytest.mark.parametrize("rule", ["at random", "in time"])
def test_a_forecast_is_told_once_which_split_is_honest(call, rule):
    frame = pd.DataFrame({"x": season(24, 300), "y": season(24, 300, seed=1)})
    option = "split_by" if call is rnnfast.train else "folds_by"
    notes = Notes()
    with pytest.raises((KeyboardInterrupt, rnnfast.TrainingInterrupted)):
        call(frame, target="y", horizon=1, reporter=notes, **({option: "time"} if rule == "in time" else {}))
    text = f"--{option.replace('_', '-')} time is the honest one for forecasts"
    assert sum(text in note for note in notes.notices) == (rule == "at random")


def test_inspect_shows_what_a_forecast_is_made_of(tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    times = pd.date_range("2024-01-01", periods=120, freq="h")
    pd.DataFrame({"when": times, "y": season(24, 120)}).to_csv("t.csv", index=False)
    options = ["--horizon", "1", "--lag-target", "--difference", "--time-delta", "log", "--epochs", "0", "-o", "run"]
    assert run(["train", "t.csv", "--target", "y", "--time", "when", "--window", "12", *options]) == 0
    capsys.readouterr()
    assert run(["inspect", "run"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert (
        "1 step ahead Target y; its change is learned Rows ordered by 'when', in windows of 12 Inputs the last" in shown
    )
    assert "Inputs the last known target, the time since the row before Scaling" in shown
    assert "Features" not in shown


@pytest.mark.parametrize(
    ("rows", "horizon", "window"),
    cases(
        {"near": (400, 3, 10), "far": (400, 24, 48), "far, of a hundred windows": (6000, 12, 48), "few": (60, 24, 20)}
    ),
)
def test_windows_drawn_at_random_hold_twice_the_way_to_the_target(rows, horizon, window):
    data = read_table(table(rows), time="t", target="y", features="x", horizon=horizon)
    assert window_for(data, Config(), False).rows == window


def test_a_short_series_is_forecast_a_year_ahead():
    model = rnnfast.train(table(72), time="t", target="y", features="x", horizon=12, epochs=1).model
    assert model.schema.window == 24


@pytest.mark.parametrize(("rows", "says"), cases({"all": (400, False), "less": (60, True)}))
def test_a_window_that_should_be_longer_says_so(rows, says):
    data = read_table(table(rows), time="t", target="y", features="x", horizon=24)
    assert ("would be longer" in window_for(data, Config(), False).reason) is says
