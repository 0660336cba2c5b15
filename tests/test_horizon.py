"""Targets ahead, lagged targets and the naive forecast."""

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from hypothesis import given
from hypothesis import strategies as st
from ids import cases

import rnnfast
from rnnfast.console.metrics import metric_tables
from rnnfast.console.scores import per_target
from rnnfast.console.text import UNBROKEN
from rnnfast.data import read_table, split
from rnnfast.errors import DataError, UsageError

TINY = {"preset": "fast", "hidden": 3, "epochs": 2, "batch_size": 4}


def series(lengths, seed=0, targets=1, gaps=0.0):
    """Rows of ids in one table, in a shuffled order; x numbers the rows of each id."""
    rng = np.random.default_rng(seed)
    steps = np.concatenate([np.arange(n) for n in lengths])
    columns = {f"y{j}": rng.normal(size=len(steps)) for j in range(targets)}
    frame = pd.DataFrame({"id": np.repeat(np.arange(len(lengths)), lengths), "t": steps, "x": steps * 1.0, **columns})
    for name in columns:
        frame.loc[rng.random(len(steps)) < gaps, name] = np.nan
    return frame.sample(frac=1, random_state=seed).reset_index(drop=True)


def expected(frame, steps, names):
    """The targets so many steps later inside the same id, by pandas, in the order of the frame."""
    return frame.sort_values("t", kind="stable").groupby("id")[names].shift(-steps).reindex(frame.index)


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.integers(1, 4),
    st.integers(1, 5),
    st.integers(1, 2),
    st.none() | st.tuples(st.integers(1, 5), st.integers(1, 6)),
    st.integers(0, 3),
)
def test_targets_stand_so_many_steps_ahead(lengths, horizon, season, targets, windows, seed):
    frame = series([12, *lengths], seed, targets, gaps=0.1)
    names = [f"y{j}" for j in range(targets)]
    cut = {} if windows is None else {"window": windows[0], "stride": windows[1]}
    options = {"id": "id", "time": "t", "features": "x", "target": names, "task": "regression", **cut}
    data = read_table(frame, horizon=horizon, season=season, lag_target=True, **options)
    plain = read_table(frame, predict="every", **options)
    np.testing.assert_array_equal(data.row, plain.row)
    np.testing.assert_array_equal(data.x[:, :1], plain.x)
    wanted = expected(frame, horizon, names)
    np.testing.assert_array_equal(data.y, wanted.to_numpy()[data.row])
    # the season before the target, which is never later than now
    back = horizon - season * -(-horizon // season)
    assert back <= 0
    np.testing.assert_array_equal(data.naive, expected(frame, back, names).to_numpy()[data.row])
    np.testing.assert_array_equal(data.x[:, 1:], frame[names].to_numpy()[data.row])
    # label_row leads to the row of the label
    known = data.label_row >= 0
    assert (known == ~np.isnan(data.y).all(axis=1)).all()
    np.testing.assert_array_equal(frame[names].to_numpy()[data.label_row[known]], data.y[known])
    assert (frame["id"].to_numpy()[data.label_row[known]] == frame["id"].to_numpy()[data.row[known]]).all()


@pytest.mark.parametrize(("kind", "task"), [("binary", "binary"), ("text", "multiclass"), ("number", "regression")])
def test_every_task_has_a_horizon(kind, task):
    values = {
        "binary": np.arange(40) // 3 % 2,
        "text": np.array(list("abc"))[np.arange(40) // 3 % 3],
        "number": np.arange(40) ** 1.5,
    }[kind]
    frame = pd.DataFrame({"x": np.arange(40.0), "y": values})
    data, plain = (read_table(frame, target="y", window=7, horizon=h) for h in (3, 0))
    assert data.schema.task == task
    assert data.schema.classes == plain.schema.classes
    np.testing.assert_array_equal(data.y[:-3], plain.y[3:])  # windows without id go on in the next one
    assert np.isnan(data.y[-3:]).all()
    assert data.label_row.tolist() == [*range(3, 40), -1, -1, -1]
    np.testing.assert_array_equal(data.naive, plain.y)  # a season of one: the last known value
    assert (plain.label_row, plain.naive) == (None, None)
    assert any("3 steps ahead" in note for note in data.notes)
    assert any("the last 3 rows of the table lack it" in note for note in data.notes)


def test_without_horizon_the_lag_stays_inside_its_sequence():
    frame = pd.DataFrame({"id": list("AAAABB"), "x": np.arange(6.0), "y": [1.5, 2, 3, np.nan, 5, 6]})
    data = read_table(frame, target="y", lag_target=True)
    assert data.schema.columns == ("x", "y (lag)")
    np.testing.assert_array_equal(data.x[:, 1], [np.nan, 1.5, 2, 3, np.nan, 5])
    np.testing.assert_array_equal(data.y[:, 0], frame["y"])
    windows = read_table(frame, target="y", lag_target=True, window=2)
    np.testing.assert_array_equal(windows.x[:, 1], [np.nan, 1.5, np.nan, 3, np.nan, 5])
    overlapping = read_table(frame, target="y", lag_target=True, window=3, stride=1)
    assert np.isnan(overlapping.x[overlapping.offsets[:-1], 1]).all()


def test_the_lag_of_a_class_is_its_index():
    frame = pd.DataFrame({"x": np.arange(6.0), "y": list("abbaba")})
    data = read_table(frame, target="y", lag_target=True, horizon=1, window=6)
    assert data.x[:, 1].tolist() == [0, 1, 1, 0, 1, 0]
    frame["y"] = list("abcabc")
    with pytest.raises(UsageError, match="'y' has 3 classes, whose order means nothing"):
        read_table(frame, target="y", lag_target=True)


def test_a_series_without_other_columns_is_told_from_its_own_past():
    frame = pd.DataFrame({"day": [f"2024-01-{day:02}" for day in range(1, 13)], "y": np.arange(12) ** 1.5})
    options = {"time": "day", "target": "y", "window": 4}
    with pytest.raises(
        DataError, match=r"no numeric column is left as a feature; .* --lag-target predicts the target from"
    ):
        read_table(frame, horizon=1, **options)
    ahead, now = (read_table(frame, horizon=horizon, lag_target=True, **options) for horizon in (1, 0))
    for data in (ahead, now):
        assert (data.schema.features, data.schema.columns) == ((), ("y (lag)",))
        assert any("no feature beside the target's past" in note for note in data.notes)
    np.testing.assert_array_equal(ahead.x[:, 0], frame["y"])
    assert np.isnan(now.x[::4, 0]).all()
    model = rnnfast.train(ahead, split_by="time", **TINY).model
    bare = read_table(frame, schema=model.schema, require_target=False)
    assert np.isfinite(model.predict(bare)).all()


def test_a_season_without_horizon():
    with pytest.raises(UsageError, match=r"--season 24 has no effect without a horizon: .* add --horizon N"):
        read_table(pd.DataFrame({"x": np.arange(6.0), "y": np.arange(6) / 4}), target="y", season=24)


@pytest.mark.parametrize(
    ("horizon", "fix"), cases({"one too far": (4, "--horizon 3 or less"), "far too far": (99, "--horizon 3 or less")})
)
def test_a_horizon_beyond_every_end(horizon, fix):
    frame = pd.DataFrame({"id": list("AAAABB"), "x": np.arange(6.0), "y": np.arange(6) / 4})
    with pytest.raises(DataError, match=rf"<DataFrame>: --horizon {horizon} .* the longest 'id' has 4 rows; use {fix}"):
        read_table(frame, target="y", horizon=horizon)
    assert read_table(frame, target="y", horizon=3).labelled.sum() == 1
    with pytest.raises(DataError, match="the table has 6 rows"):
        read_table(frame.drop(columns="id"), target="y", horizon=6, window=2)


def test_the_last_step_has_a_target_ahead_in_windows_alone():
    frame = pd.DataFrame({"id": list("AAAAAA"), "x": np.arange(6.0), "y": np.arange(6) / 4})
    assert read_table(frame, target="y", horizon=1, window=3, predict="last").labelled.tolist() == [0, 0, 1, 0, 0, 0]
    with pytest.raises(UsageError, match="--predict last: the last row of each 'id' has no target 1 step ahead; add"):
        read_table(frame, target="y", horizon=1, predict="last")
    frame["y"] = 2.0
    frame.loc[5, "y"] = 3
    assert read_table(frame, target="y", task="regression", horizon=1).schema.predict == "every"


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
    st.sets(st.integers(1, 6), min_size=2, max_size=4),
    st.integers(1, 4),
    st.integers(1, 2),
    st.none() | st.tuples(st.integers(1, 5), st.integers(1, 6)),
    st.integers(0, 3),
)
def test_several_horizons_are_those_of_one_each_side_by_side(lengths, horizons, season, targets, windows, seed):
    frame = series([12, *lengths], seed, targets, gaps=0.1)
    cut = {} if windows is None else {"window": windows[0], "stride": windows[1]}
    options = {"id": "id", "time": "t", "features": "x", "target": [f"y{j}" for j in range(targets)], **cut}
    options |= {"task": "regression", "season": season, "lag_target": True}
    data = read_table(frame, horizon=tuple(horizons), **options)
    single = [read_table(frame, horizon=steps, **options) for steps in sorted(horizons)]
    np.testing.assert_array_equal(data.y, np.column_stack([one.y for one in single]))
    np.testing.assert_array_equal(data.naive, np.column_stack([one.naive for one in single]))
    np.testing.assert_array_equal(data.label_row, single[-1].label_row)
    np.testing.assert_array_equal(data.x, single[0].x)
    assert data.schema.answers == tuple(f"y{j}+{steps}" for steps in sorted(horizons) for j in range(targets))


@pytest.mark.parametrize("by", ["sequence", "time", "column:fold"])
def test_each_of_several_horizons_loses_its_labels_from_other_parts(by):
    fold = np.where(np.arange(300) // 23 % 3 > 1, "valid", "train")
    frame = pd.DataFrame({"x": np.arange(300.0), "y": np.arange(300) ** 1.5, "fold": fold})
    options = {"target": "y", "features": "x", "window": 5, "split_by": by}
    together = split(read_table(frame, horizon="1..3", **options), by=by).named()
    alone = [split(read_table(frame, horizon=steps, **options), by=by).named() for steps in (1, 2, 3)]
    for name, part in together.items():
        np.testing.assert_array_equal(part.y, np.column_stack([parts[name].y for parts in alone]))
        assert np.isnan(part.y).any()
        assert part.labelled_steps < min(parts[name].labelled_steps for parts in alone[:2])


def test_several_horizons_are_for_quantities_and_two_classes():
    frame = pd.DataFrame({"x": np.arange(40.0), "y": np.arange(40) // 3 % 3})
    message = r"--horizon 1,3: several horizons are for quantities and two classes, and 'y' has 3; train one model"
    with pytest.raises(UsageError, match=message):
        read_table(frame, target="y", horizon=(1, 3), task="multiclass")


def test_two_classes_are_scored_at_each_of_several_horizons():
    frame = pd.DataFrame({"x": np.arange(400.0) % 7, "y": np.where(np.arange(400) % 7 < 3, "on", "off")})
    options = {"target": "y", "horizon": "1..2", "lag_target": True, "window": 20, "split_by": "time"}
    result = rnnfast.train(frame, **options, **TINY)
    scores = result.evaluations["valid"]
    assert np.sum(scores.confusion) == 2 * scores.labelled_steps
    assert list(scores.metrics.per_target) == ["y+1", "y+2"]
    for figure in ("accuracy", "log_loss"):  # all answers together
        mean = np.mean([values[figure] for values in scores.metrics.per_target.values()])
        assert scores.metrics[figure] == pytest.approx(mean)
    naive = scores.baseline["naive"]["per_target"]["y+1"]
    assert naive["accuracy"] == pytest.approx(5 / 7, abs=0.03)
    assert "log_loss" not in naive
    assert [row.columns for row in per_target(scores, 100)]
    predicted = dict(result.model.task.columns(np.array([[0.2, 0.7]]), list))
    assert predicted == {"y+1_pred": ["off"], "y+1_prob": [0.2], "y+2_pred": ["on"], "y+2_prob": [0.7]}
    with pytest.raises(UsageError, match="--class-weight balanced: a step has one weight, and with several horizons"):
        rnnfast.train(frame, **options, **TINY, class_weight="balanced")


def test_each_horizon_is_scored_and_so_is_repeating_the_last_value():
    frame = pd.DataFrame({"id": np.repeat([0, 1, 2, 3], 30), "x": np.random.default_rng(0).normal(size=120)})
    frame["y"] = frame["x"].cumsum()
    result = rnnfast.train(frame, id="id", target="y", horizon="1..3", lag_target=True, split=0.5, **TINY)
    scores = result.evaluations["valid"]
    assert list(scores.metrics.per_target) == ["y+1", "y+2", "y+3"]
    naive = scores.baseline["naive"]["per_target"]
    assert naive["y+1"]["rmse"] < naive["y+2"]["rmse"] < naive["y+3"]["rmse"]
    assert scores.baseline["naive"]["rmse"] == pytest.approx(np.mean([of["rmse"] for of in naive.values()]))
    shown = [str(cell) for item in per_target(scores, 100) for cell in item.columns[-1].cells]
    assert len(shown) == 3


def test_the_naive_forecast_is_scored_beside_the_mean():
    frame = pd.DataFrame({"id": np.repeat([0, 1, 2, 3], 30), "x": np.random.default_rng(0).normal(size=120)})
    frame["y"] = np.tile(np.sin(np.arange(30) * 2 * np.pi / 6), 4) + np.arange(120) // 30
    result = rnnfast.train(frame, id="id", target="y", horizon=2, season=6, split=0.5, **TINY)
    for part in ("train", "valid"):
        naive = result.evaluations[part].baseline["naive"]
        # A season of 6 repeats itself; the target of the first 4 steps lies less than a season after the beginning.
        assert naive["mae"] == pytest.approx(0, abs=1e-9)
        assert (naive["season"], naive["labelled_steps"]) == (6, 2 * (30 - 2 - 4))
        assert result.evaluations[part].labelled_steps == 2 * 28
    last = rnnfast.train(frame, id="id", target="y", horizon=2, split=0.5, **TINY).evaluations["valid"].baseline
    by_hand = frame.groupby("id")["y"].diff(2).abs().groupby(frame["id"]).mean()
    assert last["naive"]["mae"] == pytest.approx(by_hand.iloc[0], rel=1e-6)
    assert last["naive"]["labelled_steps"] == 56
    texts = [str(item) for item in metric_tables(result.evaluations, 100)]
    assert any("repeating the season of 6 ago (at 48 of 56 steps)" in text.replace(UNBROKEN, " ") for text in texts)


@pytest.mark.parametrize("classes", [2, 3])
def test_repeating_the_class_is_a_baseline_too(classes):
    y = np.arange(200) // 5 % classes
    frame = pd.DataFrame({"x": np.arange(200.0), "y": np.array(["no", "yes", "maybe"])[y]})
    found = rnnfast.train(frame, target="y", horizon=1, window=20, **TINY).evaluations["train"].baseline["naive"]
    assert found["accuracy"] == pytest.approx(0.8, abs=0.03)
    assert 0.7 < found["balanced_accuracy"] < 0.9
    assert "log_loss" not in found


def test_eval_aligns_as_training_and_predict_needs_no_target(tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    frame = pd.DataFrame({"id": np.repeat(list("abcdef"), 20), "t": np.tile(np.arange(20), 6)})
    frame["x"] = np.random.default_rng(1).normal(size=120)
    frame["y"] = frame.groupby("id")["x"].shift(2).fillna(0) * 2 + 1
    frame.to_csv("all.csv", index=False)
    options = ["--hidden", "3", "--epochs", "2", "--horizon", "2"]
    trained = result(["train", "--data", "all.csv", "--target", "y", *options, "-o", "run"], capsys)
    again = result(["eval", "--model", "run", "--data", "all.csv", "--part", "valid"], capsys)
    assert again["metrics"] == trained["metrics"]["valid"]
    assert again["baseline"]["naive"] == trained["baseline"]["valid"]["naive"]
    whole = result(["eval", "--model", "run", "--data", "all.csv"], capsys)
    assert whole["labelled_steps"] == 6 * 18
    # Every row is answered, the last two of an id as well, where nobody knows the target yet.
    frame.drop(columns="y").to_csv("bare.csv", index=False)
    for name in ("all", "bare"):
        result(["predict", "--model", "run", "--data", f"{name}.csv", "-o", f"{name}.out"], capsys)
    predicted = pd.read_csv("bare.out")
    pd.testing.assert_frame_equal(predicted, pd.read_csv("all.out"))
    assert len(predicted) == 120
    residual = (frame.groupby("id")["y"].shift(-2) - predicted["y_pred"]).abs().mean()
    assert residual == pytest.approx(whole["metrics"]["mae"], rel=1e-5)
    frame.head(2).to_csv("short.csv", index=False)  # shorter than the horizon: predicted all the same
    assert result(["predict", "--model", "run", "--data", "short.csv", "-o", "s.out"], capsys)["rows"] == 2
    assert "--horizon 2 reaches beyond the end" in fails(["eval", "--model", "run", "--data", "short.csv"], 3, capsys)


def test_predictions_with_a_lag_need_the_target(tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    frame = pd.DataFrame({"x": np.arange(60.0), "y": np.sin(np.arange(60.0))})
    frame.to_csv("all.csv", index=False)
    frame[["x"]].to_csv("bare.csv", index=False)
    options = ["--hidden", "3", "--epochs", "2", "--horizon", "1", "--lag-target"]
    result(["train", "--data", "all.csv", "--target", "y", *options, "-o", "run"], capsys)
    assert result(["predict", "--model", "run", "--data", "all.csv", "-o", "p.csv"], capsys)["rows"] == 60
    error = fails(["predict", "--model", "run", "--data", "bare.csv", "-o", "q.csv"], 3, capsys)
    assert "bare.csv, line 1: there is no column 'y'; its last known value is an input of the model" in error
