"""A model on tables: answers in original units, equal to the oracle's, and scores equal to scikit-learn's."""

import autodiff
import forward
import numpy as np
import pandas as pd
import pytest
from ids import cases
from sklearn import metrics as sk
from tolerances import ANSWERS

import rnnfast
from rnnfast.errors import DataError, UsageError
from rnnfast.model.tables import part_of

RULE = {"preset": "fast", "hidden": 10, "batch_size": 1, "lr": 0.05, "epochs": 10, "patience": 0, "dtype": "float64"}


def table(task="binary", targets=1, seed=0, count=60):
    """Ragged sequences; the targets depend on sums so far."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 9, count)
    names = np.repeat(np.arange(count), lengths)
    columns = {
        "name": names,
        "t": np.arange(len(names)),
        "x1": rng.normal(5, 2, len(names)),
        "x2": rng.random(len(names)),
    }
    sums = pd.Series(columns["x1"] - 5).groupby(names).cumsum().to_numpy()
    for k in range(targets):
        noisy = (k + 1) * sums + rng.normal(size=len(names))
        columns[f"y{k + 1}"] = 300 + 40 * noisy if task == "regression" else (noisy > 0).astype(int)
    return rnnfast.read_table(pd.DataFrame(columns))


@pytest.mark.parametrize(
    ("task", "options"),
    cases(
        {
            "binary": ("binary", {}),
            "binary, mse": ("binary", {"loss": "mse"}),
            "regression": ("regression", {}),
            "regression, targets unscaled": ("regression", {"scale_target": False, "lr": 1e-6}),
        }
    ),
)
def test_answers_are_the_equations_on_scaled_columns(task, options):
    train, data = table(task), table(task, seed=1)
    model = rnnfast.train(train, split=1, **(RULE | options)).model
    low, high = train.x.min(axis=0), train.x.max(axis=0)
    scaled = (data.x - low) / (high - low)
    pieces = [scaled[start:stop] for start, stop in zip(data.offsets[:-1], data.offsets[1:], strict=True)]
    nodes = {name: autodiff.Node(tensor) for name, tensor in model.parameters.items()}
    raw = np.concatenate([forward.outputs(model.architecture, nodes, x).value for x in pieces])
    if task == "regression":
        span = np.ptp(train.y) if "scale_target" not in options else 1.0
        expected = raw * span + (train.y.min() if "scale_target" not in options else 0.0)
    else:
        span, expected = 1.0, np.clip(raw, 0, 1) if "loss" in options else autodiff.sigmoid(autodiff.node(raw)).value
    np.testing.assert_allclose(model.predict(data), expected, rtol=0, atol=ANSWERS * span)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_scores_are_those_of_scikit_learn(task):
    model, data = rnnfast.train(table(task), **RULE).model, table(task, seed=2)
    data.y[::7] = np.nan
    labelled = ~np.isnan(data.y[:, 0])
    y, p = data.y[labelled, 0], model.predict(data)[labelled, 0]
    scores = model.evaluate(data)
    assert scores.labelled_steps == labelled.sum()
    if task == "binary":
        predicted = p >= 0.5
        expected = {
            "loss": sk.log_loss(y, p), "log_loss": sk.log_loss(y, p), "accuracy": sk.accuracy_score(y, predicted),
            "f1": sk.f1_score(y, predicted), "mcc": sk.matthews_corrcoef(y, predicted), "auroc": sk.roc_auc_score(y, p),
            "auprc": sk.average_precision_score(y, p), "brier": sk.brier_score_loss(y, p),
        }  # fmt: skip
        assert scores.confusion == sk.confusion_matrix(y, predicted).tolist()
    else:
        span = 1 / model.target_scaler.scale[0]
        expected = {
            "loss": sk.mean_squared_error(y, p) / span**2, "mae": sk.mean_absolute_error(y, p), "r2": sk.r2_score(y, p),
            "rmse": sk.root_mean_squared_error(y, p), "mape": sk.mean_absolute_percentage_error(y, p),
        }  # fmt: skip
        np.testing.assert_allclose(scores.residuals, y - p)
    for name, value in expected.items():
        assert scores.metrics[name] == pytest.approx(value, rel=ANSWERS), name


def test_the_baseline_is_the_mean_of_the_training_targets():
    train, data = table("regression"), table("regression", seed=3)
    model = rnnfast.train(train, split=1, **RULE).model
    scores = model.evaluate(data)
    assert scores.baseline["mae"] == pytest.approx(np.abs(data.y - train.y.mean()).mean())
    assert scores.baseline["loss"] == pytest.approx(np.mean((data.y - train.y.mean()) ** 2) / np.ptp(train.y) ** 2)
    share = table().y.mean()
    binary = rnnfast.train(table(), split=1, **RULE).model.evaluate(table(seed=3)).baseline
    assert binary["loss"] == pytest.approx(sk.log_loss(table(seed=3).y[:, 0], np.full(table(seed=3).rows, share)))


def test_several_targets_are_scored_each():
    result = rnnfast.train(table("regression", targets=3), **RULE)
    scores = result.metrics["valid"]
    assert list(scores["per_target"]) == ["y1", "y2", "y3"]
    assert scores["rmse"] == pytest.approx(np.mean([each["rmse"] for each in scores["per_target"].values()]))
    assert result.model.predict(table("regression", targets=3, seed=1)).shape[1] == 3


def test_a_model_wants_its_own_features():
    model = rnnfast.train(table(), **(RULE | {"epochs": 0})).model
    other = pd.DataFrame({"name": [1, 1], "t": [0, 1], "x2": [0.5, 1.0], "z": [1.0, 2.0], "y1": [0, 1]})
    with pytest.raises(DataError, match=r"x2, z.*x1, x2"):
        model.predict(rnnfast.read_table(other, target="y1", id="name", time="t"))


def test_parts_are_those_of_the_training_run():
    data = table()
    result = rnnfast.train(data, split=(0.6, 0.2), seed=4, **RULE)
    for part in ("train", "valid", "test"):
        scores = result.model.evaluate(part_of(result.model, data, part)).metrics
        assert scores == result.metrics[part]
    with pytest.raises(UsageError, match="not the table that the model was trained on"):
        part_of(result.model, table(seed=5), "valid")
