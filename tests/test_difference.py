"""Changes as targets: held to a table whose target is the change, to memory and disk, and to what is unknown."""

import numpy as np
import pandas as pd
import pytest
from ids import cases

import rnnfast
from rnnfast.errors import DataError, UsageError

RUN = {"preset": "fast", "hidden": 3, "epochs": 3, "batch_size": 2, "split": 1.0, "dtype": "float64", "seed": 1}


def levels(targets=1, lengths=(14, 9, 20), seed=0):
    """Series of some ids that wander off, far from 0."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.repeat(np.arange(len(lengths)), lengths)})
    frame["t"] = frame.groupby("id").cumcount()
    frame["x"] = random.normal(size=len(frame))
    for j in range(targets):
        frame[f"y{j}"] = 1e4 + frame.assign(step=random.normal(size=len(frame))).groupby("id")["step"].cumsum()
    return frame


def by_hand(frame, names, horizons):
    """The table with the last known targets as features and the changes as targets."""
    lags = [frame.groupby("id")[name].shift(int(horizons == [0])) for name in names]
    table = frame[["id", "t", "x"]].assign(**{f"lag{j}": lag for j, lag in enumerate(lags)})
    for number, horizon in enumerate(horizons):
        for j, name in enumerate(names):
            table[f"d{number}{j}"] = frame.groupby("id")[name].shift(-horizon) - lags[j]
    return table


@pytest.mark.parametrize(
    ("targets", "horizons", "options"),
    cases(
        {
            "one step": (1, [1], {"horizon": 1}),
            "several horizons": (1, [1, 3], {"horizon": (1, 3)}),
            "several targets": (2, [2], {"horizon": 2}),
            "several of both": (2, [1, 3], {"horizon": (1, 3)}),
            "the target before": (1, [0], {"lag_target": True}),
            "z-scores, mae": (1, [1], {"horizon": 1, "scale": "zscore", "loss": "mae"}),
            "unscaled": (1, [1], {"horizon": 1, "scale_target": False, "lr": 1e-4}),
        }
    ),
)
def test_it_is_the_network_of_a_table_whose_target_is_the_change(targets, horizons, options):
    frame, names = levels(targets), [f"y{j}" for j in range(targets)]
    columns = {"id": "id", "time": "t", "features": "x", "task": "regression", "predict": "every"}
    model = rnnfast.train(frame, target=names, difference=True, **columns, **options, **RUN).model
    table = by_hand(frame, names, horizons)
    columns["features"] = ["x", *(f"lag{j}" for j in range(targets))]
    others = {name: value for name, value in options.items() if name not in ("horizon", "lag_target")}
    # The fill of the first lag is the mean of the others, which is known before there is a network.
    columns["missing"] = [f"lag{j}=mean" for j in range(targets)]
    columns["target"] = list(table.columns[3 + targets :])
    other = rnnfast.train(table, **columns, **others, **RUN).model
    for name, tensor in model.parameters.items():
        np.testing.assert_allclose(tensor, other.parameters[name], rtol=1e-6, atol=1e-9, err_msg=name)
    lags = table[columns["features"][1:]].fillna(table[columns["features"][1:]].mean())
    data = rnnfast.read_table(table, schema=other.schema)
    wanted = other.predict(data) + np.tile(lags, len(horizons))[data.row]
    np.testing.assert_allclose(model.predict(rnnfast.read_table(frame, schema=model.schema)), wanted, rtol=1e-9)


def test_networks_of_an_ensemble_answer_in_original_units():
    frame = levels()
    columns = {"id": "id", "time": "t", "target": "y0", "features": "x", "horizon": 1}
    model = rnnfast.train(frame, difference=True, ensemble=2, **columns, **RUN).model
    table = model.predict(frame)
    assert (np.abs(table["y0_pred"] - frame["y0"]) < 10).all()


def test_scores_and_the_naive_answer_are_in_original_units():
    frame = levels()
    columns = {"id": "id", "time": "t", "target": "y0", "features": "x"}
    result = rnnfast.train(frame, horizon=1, difference=True, **columns, **RUN)
    data = rnnfast.read_table(frame, schema=result.model.schema)
    y, answers = data.y[data.labelled], result.model.predict(data)[data.labelled]
    metrics, baseline = result.metrics["train"], result.evaluations["train"].baseline
    assert metrics["rmse"] == pytest.approx(np.sqrt(np.mean((y - answers) ** 2)))
    assert baseline.scores["rmse"] == pytest.approx(y.std())
    unit = result.model.target_scaler.scale[0]
    assert metrics["loss"] == pytest.approx((metrics["rmse"] * unit) ** 2)
    assert result.model.provenance.metrics["train"]["rmse"] < 3


def test_small_changes_of_large_numbers_keep_their_digits_in_float32():
    frame = levels()
    frame["y0"] = 1e8 + frame["x"].groupby(frame["id"]).cumsum()
    options = {**RUN, "dtype": "float32", "epochs": 1}
    result = rnnfast.train(frame, id="id", time="t", target="y0", features="x", horizon=1, difference=True, **options)
    answers = result.model.predict(rnnfast.read_table(frame, schema=result.model.schema))
    assert (np.abs(answers[:, 0] - frame["y0"]) < 10).all()
    assert len(np.unique(answers)) == len(answers)


@pytest.mark.parametrize("rule", ["ffill", "mean", "zero"])
def test_what_an_empty_lag_counts_from(rule):
    frame = levels()
    frame.loc[[5, 6], "y0"] = np.nan
    columns = {"id": "id", "time": "t", "target": "y0", "features": "x", "missing": f"y0 (lag)={rule}"}
    model = rnnfast.train(frame, horizon=1, difference=True, **columns, **RUN).model
    model.parameters = {name: tensor * 0 for name, tensor in model.parameters.items()}  # which says no change, scaled
    answers = model.predict(rnnfast.read_table(frame, schema=model.schema))[:, 0] - model.target_scaler.shift[0]
    known = frame["y0"].notna().to_numpy()
    np.testing.assert_allclose(answers[known], frame["y0"][known])
    mean = frame["y0"][frame.groupby("id").cumcount(ascending=False) > 0].mean()
    wanted = {"ffill": frame["y0"][4], "mean": mean, "zero": 0.0}[rule]
    np.testing.assert_allclose(answers[~known], wanted, atol=1e-6)
    span = frame.groupby("id")["y0"].diff(-1).abs().max() * 3
    assert 1 / model.target_scaler.scale[0] < span  # steps that count from a fill train nothing


def test_an_empty_lag_without_a_rule_is_refused():
    frame = levels()
    frame.loc[5, "y0"] = np.nan
    with pytest.raises(DataError, match=r"the cell is empty; --difference makes it an input .* --missing"):
        rnnfast.train(frame, id="id", time="t", target="y0", features="x", horizon=1, difference=True, **RUN)


@pytest.mark.parametrize(
    ("options", "message"),
    cases(
        {
            "nothing known": ({"target": "y0"}, "--difference: nothing says which target is known .* add --horizon N"),
            "classes": ({"target": "side", "horizon": 1}, "'side' holds classes, which have no change"),
            "windows of one row": ({"target": "y0", "window": 1, "lag_target": True}, "use --window 2 or more"),
        }
    ),
)
def test_where_there_is_no_change(options, message):
    frame = levels().assign(side=np.tile(["up", "down"], 22)[:43])
    with pytest.raises(UsageError, match=message):
        rnnfast.read_table(frame, id="id", time="t", features="x", difference=True, **options)


def test_predictions_need_the_target_column_and_say_why():
    frame = levels()
    columns = {"id": "id", "time": "t", "target": "y0", "features": "x"}
    model = rnnfast.train(frame, horizon=1, difference=True, **columns, **RUN).model
    assert model.schema.lag_target
    with pytest.raises(DataError, match=r"there is no column 'y0'.*; its last known value is an input of the model"):
        model.predict(frame[["id", "t", "x"]])
