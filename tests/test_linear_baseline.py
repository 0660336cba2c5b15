"""The linear baseline: its minimum against scikit-learn's, and where it is scored."""

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ids import cases
from tolerances import ANSWERS

import rnnfast
from rnnfast.errors import UsageError
from rnnfast.tasks.linear import Steps, fit_linear

linear_model = pytest.importorskip("sklearn.linear_model")
FAST = {"preset": "fast", "hidden": 2, "epochs": 1, "dtype": "float64", "baseline": ("linear",)}
NEAR = 1e-5  # of coefficients: both stop before the minimum


def steps(kind, rows=400, blocks=3):
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(rows, 4)), rng.random(rows) + 0.1
    x[:, 3] = 1.0  # a constant column beside the bias
    z = x @ rng.normal(size=(4, 3)) + rng.normal(size=(rows, 3))
    y = {"mse": z, "bce": (z[:, :1] > 1.5).astype(float), "ce": z.argmax(axis=1)[:, None].astype(float)}[kind]
    cuts = np.array_split(np.arange(rows), blocks)
    return x, y, weight, lambda: (Steps(x[cut], y[cut], weight[cut]) for cut in cuts)


@pytest.mark.parametrize("loss", ["mse", "bce", "ce"])
def test_the_minimum_is_that_of_sklearn(loss):
    x, y, weight, blocks = steps(loss)
    outputs = {"mse": 3, "bce": 1, "ce": 3}[loss]
    found = fit_linear(blocks, 4, outputs, loss)
    other = (
        linear_model.Ridge() if loss == "mse" else linear_model.LogisticRegression(tol=1e-12, solver="newton-cholesky")
    )
    other.fit(x, y if loss == "mse" else y[:, 0], sample_weight=weight)
    scores = found.outputs(x)
    expected = x @ np.atleast_2d(other.coef_).T + other.intercept_
    if loss == "ce":  # a number that all classes have more changes no probability
        scores, expected = (z - z.mean(axis=1, keepdims=True) for z in (scores, expected))
    np.testing.assert_allclose(scores, expected, atol=NEAR)


def test_blocks_change_nothing():
    many, one = (fit_linear(steps("bce", blocks=count)[3], 4, 1, "bce") for count in (7, 1))
    np.testing.assert_allclose(many.weight, one.weight, rtol=ANSWERS, atol=ANSWERS)


def test_separable_classes_have_a_minimum_too():
    x = np.array([[-1.0], [1.0]])
    found = fit_linear(lambda: [Steps(x, (x > 0).astype(float), np.ones(2))], 1, 1, "bce")
    assert 0 < found.weight[0][0] < 2


def test_too_many_numbers_are_refused():
    with pytest.raises(UsageError, match="20,000 inputs"):
        fit_linear(lambda: [], 20_000, 1, "mse")


def memory_table(task):
    """The target is the input of the step before: a linear baseline cannot know it."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.repeat(np.arange(30), 8), "t": np.tile(np.arange(8), 30), "x": rng.normal(size=240)})
    z = 2 * frame["x"] + 0.1 * rng.normal(size=240)
    frame["y"] = {"binary": (z > 0).astype(int), "multiclass": np.digitize(z, [-1, 1]), "regression": z}[task]
    return frame


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_it_stands_beside_the_naive_answer_in_every_report(tmp_path, monkeypatch, capsys, task):
    isolate(monkeypatch, tmp_path)
    memory_table(task).to_csv("t.csv", index=False)
    options = ["--id", "id", "--time", "t", "--target", "y", "--task", task, "--epochs", "1", "-o", "m"]
    trained = result(["train", "--data", "t.csv", *options, "--baseline", "linear"], capsys)
    metric, least = {"binary": ("auroc", 0.95), "multiclass": ("accuracy", 0.8), "regression": ("r2", 0.95)}[task]
    assert trained["baseline"]["valid"]["linear"][metric] > least
    scored = result(["eval", "--model", "m", "--data", "t.csv", "--part", "valid"], capsys)
    assert scored["baseline"]["linear"] == pytest.approx(trained["baseline"]["valid"]["linear"])


@pytest.mark.parametrize("options", [{"refit": True}, {"ensemble": 2}], ids=["refit", "ensemble"])
def test_the_model_file_keeps_it(tmp_path, options):
    frame = memory_table("regression")
    model = rnnfast.train(frame, id="id", time="t", target="y", **FAST, **options).model
    model.save(tmp_path / "m.safetensors")
    again = rnnfast.load(tmp_path / "m.safetensors")
    assert again.linear == model.linear
    scores = again.evaluate(frame).baseline.linear
    assert scores["r2"] == pytest.approx(model.evaluate(frame).baseline.linear["r2"])
    assert rnnfast.train(frame, id="id", time="t", target="y", **{**FAST, "baseline": ()}).model.linear is None


def test_an_embedded_column_has_an_input_for_each_category(tmp_path):
    """A code is no quantity."""
    frame = memory_table("regression")
    frame["town"] = np.array(list("abc"))[np.arange(len(frame)) % 3]
    one_hot, embedded = (
        rnnfast.train(frame, id="id", time="t", target="y", categorical="town", **FAST, **options).model
        for options in ({}, {"embed": "town=2"})
    )
    assert embedded.linear == one_hot.linear
    embedded.save(tmp_path / "m.safetensors")
    scores = rnnfast.load(tmp_path / "m.safetensors").evaluate(frame).baseline.linear
    assert scores == one_hot.evaluate(frame).baseline.linear


@pytest.mark.parametrize(
    "options",
    [{"horizon": (1, 2), "lag_target": True}, {"horizon": (1,), "lag_target": True, "difference": True}],
    ids=["two", "changes"],
)
def test_it_forecasts_each_horizon(options):
    t = np.arange(300)
    frame = pd.DataFrame({"t": t, "y": np.sin(t / 5)})
    scores = rnnfast.train(frame, time="t", target="y", window=10, **FAST, **options).evaluations["valid"]
    linear = scores.baseline.linear
    assert linear["r2"] > 0.5
    assert set(linear.per_target) == set(scores.metrics.per_target)


def test_an_unknown_baseline_is_refused(tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    memory_table("binary").to_csv("t.csv", index=False)
    assert "linear" in fails(["train", "--data", "t.csv", "--baseline", "liner"], 2, capsys)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_the_temperature_of_the_network_is_not_that_of_the_baseline(task):
    plain, calibrated = (
        rnnfast.train(memory_table(task), id="id", time="t", target="y", calibrate=calibrate, **FAST)
        for calibrate in ("none", "temperature")
    )
    assert calibrated.model.temperature != 1
    own, other = (run.evaluations["valid"].baseline.linear["log_loss"] for run in (plain, calibrated))
    assert own == other


def rare_table():
    """One row in ten is positive, and the input of the step says so with noise: no probability is above 0.5."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.repeat(np.arange(60), 8), "t": np.tile(np.arange(8), 60)})
    frame["y"] = (rng.random(480) < 0.1).astype(int)
    frame["x"] = frame["y"] + rng.normal(size=480)
    return frame


ITS_OWN = cases(
    {
        "a rule": ({"threshold": "f1"}, True),
        "a rule without validation": ({"threshold": "f1", "split": 1.0}, True),
        "bags": ({"threshold": "f1", "split": 1.0, "ensemble": 3, "bag": True}, True),
        "a rule and refit": ({"threshold": "f1", "refit": True}, True),
        "a number": ({"threshold": 0.9}, False),
    }
)


@pytest.mark.parametrize(("options", "own"), ITS_OWN)
def test_it_is_judged_at_its_own_threshold(options, own):
    usual = {"id": "id", "time": "t", "target": "y", "task": "binary", **FAST}
    model = rnnfast.train(rare_table(), **usual | options).model
    scores = model.evaluate(rare_table()).baseline.linear
    assert scores["threshold"] == model.linear.threshold
    assert model.linear.threshold != model.threshold
    assert (model.linear.threshold != 0.5) is own
    assert (scores["recall"] > 0.3) is own


def test_the_command_threshold_chooses_it_too(tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    rare_table().to_csv("t.csv", index=False)
    options = ["--id", "id", "--time", "t", "--target", "y", "--task", "binary", "--epochs", "1", "-o", "m"]
    trained = result(["train", "--data", "t.csv", *options, "--baseline", "linear"], capsys)
    assert trained["baseline"]["valid"]["linear"]["threshold"] == 0.5
    result(["threshold", "--model", "m", "--data", "t.csv", "--choose", "recall>=0.8"], capsys)
    scored = result(["eval", "--model", "m", "--data", "t.csv", "--part", "valid"], capsys)
    assert scored["baseline"]["linear"]["threshold"] < 0.5
    assert scored["baseline"]["linear"]["recall"] >= 0.8
