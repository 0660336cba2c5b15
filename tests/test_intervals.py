"""Intervals of answers: as many true values as they promise, for quantities and classes, forecasts and ensembles."""

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from datasets import dataset
from ids import cases

import rnnfast
from rnnfast.errors import UsageError
from rnnfast.metrics.conformal import LEVELS, fitted
from rnnfast.model.intervals import covered
from rnnfast.records import replace
from rnnfast.tasks.base import set_texts

QUICK = {"preset": "fast", "hidden": 3, "epochs": 3, "batch_size": 4, "seed": 1, "split": 0.5}
HORIZON = {"id": "meter", "time": "day", "target": "load", "features": ()}


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)


def meters(number=8, rows=60, noise=0.3):
    """Waves with noise, which a network of three units does not learn."""
    random = np.random.default_rng(0)
    frames = []
    for meter in range(number):
        load = np.sin(np.arange(rows) / 3 + meter) + noise * random.normal(size=rows)
        days = pd.date_range("2024-01-01", periods=rows).strftime("%Y-%m-%d")
        frames.append(pd.DataFrame({"meter": f"m{meter}", "day": days, "heat": random.normal(size=rows), "load": load}))
    return pd.concat(frames, ignore_index=True)


def with_classes(frame, bins):
    edges = np.quantile(frame["load"], np.linspace(0, 1, bins + 1)[1:-1])
    return frame.assign(load=np.array(list("abcd"))[np.searchsorted(edges, frame["load"])])


@pytest.mark.parametrize("level", LEVELS)
def test_bounds_are_the_order_statistics_of_the_formula(level):
    n = 399
    scores = np.random.default_rng(3).permutation(n).astype(float)[:, None]  # the k-th smallest is k - 1
    quantity, classes = fitted(scores, "valid", two_sided=True), fitted(scores, "valid", two_sided=False)
    region = quantity.region(level, None)
    k = (n + 1) * (100 - level) // 200
    assert (region.low[0], region.high[0]) == (k - 1, n - k)
    assert classes.region(level, None).high[0] == np.ceil((n + 1) * level / 100) - 1


@pytest.mark.parametrize("level", [50, 80, 90, 95])
def test_new_cases_of_the_same_distribution_are_held_as_often_as_promised(level):
    random = np.random.default_rng(level)
    shares = []
    for _ in range(300):
        region = fitted(random.exponential(size=(199, 1)), "valid", two_sided=True).region(level, None)
        new = random.exponential(size=200)
        shares.append(np.mean((region.low <= new) & (new <= region.high)))
    assert np.mean(shares) == pytest.approx(level / 100, abs=0.012)


def test_few_steps_have_no_bounds_of_high_levels():
    bounds = fitted(np.arange(30.0)[:, None], "valid", two_sided=True)
    assert bounds.levels == (50, 60, 70, 80, 85, 90)
    assert fitted(np.arange(2.0)[:, None], "valid", two_sided=True) is None


def test_intervals_follow_the_deviation_of_networks_where_that_makes_them_narrower():
    random = np.random.default_rng(0)
    spread = random.exponential(size=(2000, 1))
    telling = fitted(spread * random.normal(size=(2000, 1)), "valid", two_sided=True, spread=spread)
    silent = fitted(random.normal(size=(2000, 1)), "valid", two_sided=True, spread=spread)
    assert telling.follows
    assert not silent.follows
    region = telling.region(90, spread)
    assert np.corrcoef((region.high - region.low)[:, 0], spread[:, 0])[0, 1] > 0.99


CONFIGURATIONS = cases({
    "quantity": {},
    "window": {"window": 20},
    "horizons": {"horizon": "1..3"},
    "change": {"lag_target": True, "difference": True, "features": ()},
    "several targets": {"target": ["load", "heat"], "features": (), "horizon": 1, "lag_target": True},
    "last step": {"predict": "last"},
    "ensemble": {"ensemble": 3},
    "float64": {"dtype": "float64"},
    "gru": {"cell": "gru"},
})  # fmt: skip


@pytest.mark.parametrize("options", CONFIGURATIONS)
def test_intervals_hold_most_labels_and_are_written_beside_the_answers(options):
    table = meters(24 if "predict" in options else 8)
    model = rnnfast.train(table, **{**QUICK, **HORIZON, "features": "heat", **options}).model
    answers = model.predict(table, interval=80 if "predict" in options else 90)
    names = [name.removesuffix("_low") for name in answers if name.endswith("_low")]
    assert names == [name.removesuffix("_pred") for name in answers if name.endswith("_pred")]
    for name in names:
        told = answers[[f"{name}_low", f"{name}_pred", f"{name}_high"]].dropna()
        assert (told[f"{name}_low"] < told[f"{name}_high"]).all()


@pytest.mark.parametrize("bins", [2, 4], ids=["binary", "multiclass"])
@pytest.mark.parametrize("options", cases({"one": {}, "ensemble": {"ensemble": 2}}))
def test_sets_of_classes_hold_the_predicted_one(bins, options):
    table = with_classes(meters(), bins)
    model = rnnfast.train(table, **{**QUICK, **HORIZON, "features": "heat", **options}).model
    answers = model.predict(table, interval=90)
    for predicted, members in zip(answers["load_pred"], answers["load_set"], strict=True):
        assert predicted in members.split("|")
    assert answers["load_set"].str.contains("|", regex=False).any()  # noise: one class alone is seldom sure


def test_saved_models_keep_their_bounds(tmp_path):
    model = rnnfast.train(meters(), **QUICK, **HORIZON, horizon="1..2").model
    model.save(tmp_path / "m.safetensors")
    again = rnnfast.load(tmp_path / "m.safetensors")
    assert again.intervals == model.intervals
    pd.testing.assert_frame_equal(again.predict(meters(), interval=90), model.predict(meters(), interval=90))


def test_direct_forecasts_have_the_bounds_of_their_horizon():
    table = meters()
    model = rnnfast.train(table, **QUICK, **HORIZON, horizon="1..3").model
    ahead = rnnfast.forecast(model, table, interval=90)
    bounds = model.intervals.region(90, None)
    widths = (ahead["load_high"] - ahead["load_low"]).to_numpy().reshape(-1, 3)
    np.testing.assert_allclose(widths, np.broadcast_to(bounds.high - bounds.low, widths.shape), rtol=1e-5)


@pytest.mark.parametrize("options", cases({"one": {}, "ensemble": {"ensemble": 2}}))
def test_recursive_forecasts_become_less_certain(options):
    walk = meters(number=6, rows=120).drop(columns="heat")
    walk["load"] = np.random.default_rng(1).normal(size=(6, 120)).cumsum(axis=1).ravel()
    recursive = {"lag_target": True, "difference": True, "epochs": 60, "batch_size": 1, **options}
    model = rnnfast.train(walk, **{**QUICK, **HORIZON, **recursive}).model
    ahead = rnnfast.forecast(model, walk, steps=16, interval=80)
    widths = (ahead["load_high"] - ahead["load_low"]).to_numpy().reshape(-1, 16).mean(axis=0)
    # The error of a random walk grows with the square root of the steps, four times in sixteen; that of networks more.
    assert 2.5 < widths[15] / widths[0] < 12
    assert (np.diff(widths[::5]) > 0).all()
    again = rnnfast.forecast(model, walk, steps=16, interval=80)
    pd.testing.assert_frame_equal(ahead, again)


def test_eval_tells_how_many_labels_are_held(capsys, tmp_path):
    meters().to_csv("t.csv", index=False)
    options = ["--id", "meter", "--time", "day", "--target", "load", "--features", "heat", "--hidden", "3"]
    train = ["train", "--data", "t.csv", *options, "--epochs", "3", "--split", "0.5", "-o", "run"]
    assert result(train, capsys)["task"] == "regression"
    told = result(["eval", "--model", "run", "--data", "t.csv", "--part", "valid", "--interval", "90"], capsys)
    assert told["interval"]["level"] == 90
    assert 0.9 <= told["interval"]["coverage"] < 0.93  # the very rows that the bounds come from
    predicted = ["predict", "--model", "run", "--data", "t.csv", "--interval", "90", "-o", "p.csv"]
    result(predicted, capsys)
    frame = pd.read_csv("p.csv").merge(meters(), on=["meter", "day"])
    inside = frame["load"].between(frame["load_low"], frame["load_high"])
    assert inside.mean() > 0.8


def test_levels_that_there_are_no_bounds_for_are_refused_with_those_there_are(capsys):
    table = meters(number=2, rows=30)
    model = rnnfast.train(table, **{**QUICK, **HORIZON, "features": "heat"}).model
    with pytest.raises(UsageError, match=r"--interval 99: too few .* 30 labelled .* 50, 60, 70, 80, 85, 90$"):
        model.predict(table, interval=99)
    with pytest.raises(UsageError, match=r"give one of 50, .* 99, per cent"):
        model.predict(table, interval=91)
    table.to_csv("t.csv", index=False)
    without = rnnfast.train(table, **{**QUICK, **HORIZON, "features": "heat", "split": 1.0}).model
    without.save("m.safetensors")
    message = fails(["predict", "--model", "m.safetensors", "--data", "t.csv", "--interval", "90"], 2, capsys)
    assert "come from a validation part" in message


def test_files_with_damaged_bounds_are_refused(tmp_path):
    model = rnnfast.train(meters(), **QUICK, **HORIZON, horizon="1..2").model
    for damage in ({"upper": ()}, {"lower": model.intervals.lower[:1]}, {"softening": (1.0,)}):
        bounds = {name: getattr(model.intervals, name) for name in model.intervals.__struct_fields__}
        damaged = type(model.intervals)(**{**bounds, **damage})
        assert not damaged.fits(2, classes=False)


@pytest.mark.parametrize("preset", ["fast", "auto"])
def test_a_year_that_nobody_saw_is_held(preset):
    table = pd.read_csv(dataset("min_temperatures/daily-min-temperatures.csv"))
    time, target = table.columns[:2]
    known, new = table[table[time] < "1990"], table[table[time] >= "1989-12"]
    model = rnnfast.train(
        known, time=time, target=target, horizon="1..7", lag_target=True, preset=preset, split_by="time", seed=1
    ).model
    scores = rnnfast.read_table(new, schema=model.schema)
    outcomes = model.outcomes(scores)
    held, _ = model.task.held(outcomes.y, outcomes.answers, model.intervals.region(90, None))
    assert ((held.mean(axis=0) > 0.85) & (held.mean(axis=0) < 0.95)).all(), held.mean(axis=0)


FROM_ZERO = cases({
    "one step": {},
    "horizons": {"horizon": "1..3"},
    "ensemble": {"ensemble": 2},
    "on disk": {"memory": "1G"},
})  # fmt: skip


@pytest.mark.parametrize("options", FROM_ZERO)
def test_what_begins_at_0_has_no_interval_below(options, tmp_path):
    dust = meters().assign(load=lambda table: table["load"].clip(lower=0))
    dust.to_csv("t.csv", index=False)
    asked = {**QUICK, **HORIZON, "features": "heat", **options}
    model = rnnfast.train("t.csv" if "memory" in options else dust, **asked).model
    assert all(model.intervals.from_zero)
    model.save(tmp_path / "m.safetensors")
    answers = rnnfast.load(tmp_path / "m.safetensors").predict(dust, interval=90)
    low = answers[[name for name in answers if name.endswith("_low")]].to_numpy()
    assert np.nanmin(low) == 0
    outcomes = model.outcomes(rnnfast.read_table(dust, schema=model.schema))
    shorter = covered(outcomes, model.intervals, 90)
    longer = covered(outcomes, replace(model.intervals, from_zero=()), 90)
    assert shorter.coverage == longer.coverage
    assert shorter.width < longer.width


def test_forecasts_fed_back_stay_above_0_too():
    dust = meters().drop(columns="heat").assign(load=lambda table: table["load"].clip(lower=0))
    model = rnnfast.train(dust, **QUICK, **HORIZON, lag_target=True).model
    ahead = rnnfast.forecast(model, dust, steps=4, interval=90)
    assert ahead["load_low"].min() == 0


def test_what_is_positive_or_negative_has_no_natural_end():
    for moved in (meters(), meters().assign(load=lambda table: table["load"] + 100)):
        model = rnnfast.train(moved, **{**QUICK, **HORIZON, "features": "heat"}).model
        assert not any(model.intervals.from_zero)


def test_a_set_of_classes_can_be_taken_apart_whatever_they_are_called():
    members = np.array([[True, True, False], [True, False, True]])
    assert set_texts(members, ("a|b", "c\\", 3)) == ["a\\|b|c\\\\", "a\\|b|3"]


def test_steps_of_weight_0_have_no_say_in_intervals():
    frame = meters()
    odd = np.arange(len(frame)) % 3 == 0
    wrong = frame.assign(w=np.where(odd, 0.0, 1.0), load=frame["load"] + np.where(odd, 1000.0, 0.0))
    options = {**QUICK, **HORIZON, "features": "heat", "weight": "w", "scale_target": False}
    model = rnnfast.train(wrong, **options).model
    outcomes = model.outcomes(rnnfast.read_table(wrong, schema=model.schema, weight="w"))
    assert covered(outcomes, model.intervals, 90).width < 100
    assert covered(outcomes, model.intervals, 90).coverage > 0.8
