"""Rows as they come: the answers of a stream are those of `predict`, whatever a model makes of a row and its past."""

import numpy as np
import pandas as pd
import pytest
from ids import cases
from tolerances import ANSWERS

import rnnfast

IDS, STEPS = 4, 9
MIXED = {"features": ("a", "b"), "categorical": ("kind",)}

every_model = pytest.mark.parametrize(
    "options",
    cases(
        {
            "registers": ({"target": "hot", "features": ("a",)},),
            "gru": ({"target": "y", "features": ("a",), "cell": "gru"},),
            "last": ({"target": "y", "features": ("a",), "predict": "last"},),
            "categories": ({"target": "y", **MIXED, "missing": "mean", "missing_indicator": True},),
            "carried": ({"target": "y", **MIXED, "missing": "ffill"},),
            "ranks": ({"target": "y", "features": ("a",), "scale": "rank"},),
            "derived": ({"target": "y", **MIXED, "missing": "mean", "delta": True, "time_delta": "log"},),
            "calendar": ({"target": "y", "features": ("a",), "calendar": True},),
            "lag": ({"target": "y", "features": ("a",), "lag_target": True},),
            "changes": ({"target": "y", "features": ("a",), "horizon": 2, "difference": True},),
            "windows": ({"target": "y", "features": ("a",), "window": 3, "cell": "lstm"},),
            "windows with lags": ({"target": "y", "features": ("a",), "window": 3, "lag_target": True},),
            "front": ({"target": "y", "features": ("a",), "conv": (3, 2), "cell": "gru"},),
            "front in windows": ({"target": "y", "features": ("a",), "window": 4, "conv": (3,), "cell": "gru"},),
            "no memory": ({"target": "y", "features": ("a",), "cell": "mlp", "window": 3},),
            "pooled": ({"target": "y", "features": ("a",), "head": "all", "cell": "gru"},),
            "ensemble": ({"target": "hot", "features": ("a",), "ensemble": 2},),
        }
    ),
)


def table(seed=0):
    """Rows of some ids, one after the other in time."""
    rng = np.random.default_rng(seed)
    rows = IDS * STEPS
    frame = pd.DataFrame(
        {
            "id": np.tile([f"s{n}" for n in range(IDS)], STEPS),
            "time": (pd.Timestamp("2024-01-30 20:00") + pd.to_timedelta(np.arange(rows) * 7, "min")).astype(str),
            "a": rng.normal(size=rows),
            "b": np.where(rng.random(rows) < 0.3, np.nan, rng.normal(size=rows)),
            "kind": rng.choice(["red", "green"], rows),
            "y": rng.normal(size=rows).round(3),
        }
    )
    return frame.assign(hot=np.where(frame.y > 0, "yes", "no"))


def trained(**options):
    settings = {"id": "id", "time": "time", "hidden": (5,), "epochs": 1, "dtype": "float64", "preset": "fast"}
    return rnnfast.train(table(), **{**settings, **options}).model


def answers_of(model, frame):
    """What `predict` says of all rows, (rows, O); of models of the last step for all rows up to each."""
    if model.schema.predict == "every":
        data = rnnfast.read_table(frame, schema=model.schema, require_target=False)
        predicted = np.empty((len(frame), model.schema.outputs))
        predicted[data.row] = model.predict(data)
        return predicted
    until = (frame[frame.id == frame.id[n]].loc[:n] for n in range(len(frame)))
    return np.array([model.predict(rnnfast.read_table(rows, schema=model.schema))[-1] for rows in until])


@every_model
def test_answers_are_those_of_predict(options):
    model, new = trained(**options), table(1)
    expected = answers_of(model, new)
    stream = model.stream()
    alone = np.array([stream.step(row["id"], row) for row in new.to_dict("records")])
    np.testing.assert_allclose(alone, expected, rtol=ANSWERS, atol=ANSWERS)


@every_model
def test_how_many_rows_come_at_a_time_changes_no_bit(options):
    model, new = trained(**options), table(1)
    alone, together = model.stream(), model.stream()
    one = np.array([alone.step(row["id"], row) for row in new.to_dict("records")])
    pieces = [new.iloc[:5], new.iloc[5:6], new.iloc[6:]]
    several = np.concatenate([together.step_many(piece["id"], piece.reset_index(drop=True)) for piece in pieces])
    np.testing.assert_array_equal(several, one)
