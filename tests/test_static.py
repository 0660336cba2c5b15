"""Constant columns as users meet them: what begins the states, what is refused, and that all else works beside them.

That outputs and gradients are right test_cells.py says, beside its oracles.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ids import cases

import rnnfast
from rnnfast.errors import DataError, UsageError

OPTIONS = {"id": "id", "time": "t", "target": "y", "epochs": 2, "cell": "gru", "hidden": 4, "patience": 0}
BOTH = {"static": "age,town", "categorical": "town"}


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """Sixty people of an age and a town, which tell the target together with a number of each row."""
    isolate(monkeypatch, tmp_path)
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.repeat(np.arange(60), 5), "t": np.tile(np.arange(5), 60)})
    frame["age"] = random.integers(18, 90, 60)[frame["id"]]
    frame["x1"], frame["x2"] = random.normal(size=len(frame)), random.normal(size=len(frame))
    frame["town"] = np.array(list("abc"))[random.integers(0, 3, 60)][frame["id"]]
    frame["y"] = (frame["x1"] + (frame["age"] > 50) > 0.5).astype(int)
    frame.to_csv("table.csv", index=False)
    return frame


def train(table, **options):
    return rnnfast.train(table, **OPTIONS | options).model


def test_no_step_sees_them_and_each_layer_begins_with_them(table):
    model = train(table, **BOTH, hidden=(4, 3), cell="lstm", bidirectional=True)
    shapes = {name: tensor.shape for name, tensor in model.parameters.items()}
    assert model.encoder.names == ("x1", "x2", "age", "town=a", "town=b", "town=c", "town=(unseen)")
    assert shapes["rnn.0.weight_ih_l0"] == (16, 2)
    assert shapes["static.l0_reverse.weight"] == (4, 5)
    assert shapes["static.l1.bias"] == (3,)
    assert shapes["static.head.weight"] == (1, 5)
    assert model.header.architecture.static == 5


def test_the_first_answer_is_that_of_a_state_that_begins_with_them(table):
    """A vanilla RNN by hand, on the first row of an id."""
    model = train(table, cell="rnn", static="age", ignore="town", dtype="float64", linear_part=False)
    data = rnnfast.read_table(table, schema=model.schema)
    x, w = model.encoder.transform(data)[0], model.parameters
    h = np.tanh(w["static.l0.weight"] @ x[2:] + w["static.l0.bias"])
    h = np.tanh(w["rnn.weight_ih_l0"] @ x[:2] + w["rnn.bias_ih_l0"] + w["rnn.weight_hh_l0"] @ h + w["rnn.bias_hh_l0"])
    out = w["head.weight"] @ h + w["head.bias"] + w["static.head.weight"] @ x[2:]
    assert model.outputs(data)[0] == pytest.approx(out, rel=1e-9)


def test_a_town_that_nobody_knows_begins_with_what_unseen_learned(table):
    initial, trained = (train(table, **BOTH, epochs=epochs).parameters for epochs in (0, 2))
    for name in ("static.l0.weight", "static.head.weight"):
        assert (initial[name][:, -1] == 0).all()
        assert (trained[name][:, -1] != 0).any()
    model = train(table, **BOTH)
    assert model.predict(table.assign(town="nowhere"))["y_prob"].notna().all()


@pytest.mark.parametrize(
    "options",
    cases(
        {
            "both directions": {"bidirectional": True, "cell": "lstm", "hidden": (4, 3)},
            "a front and a head": {"conv": 3, "head": "all"},
            "without state": {"cell": "mlp"},
            "a state beside the output": {"cell": "lru"},
            "windows of backpropagation": {"tbptt": 2},
            "windows of an id": {"window": 3, "stride": 1},
            "an embedding beside it": {"static": "age", "embed": "town=2"},
            "an ensemble of bags": {"ensemble": 2, "bag": True},
            "float64": {"dtype": "float64"},
            "lags": {"lag_target": True, "horizon": 1},
            "dropout": {"hidden": (4, 4), "dropout": 0.3},
            "another training": {"refit": True},
        }
    ),
)
def test_it_works_beside_every_option_and_with_any_number_of_threads(table, options):
    one, two = (train(table, **{**BOTH, "threads": threads, **options}) for threads in (1, 2))
    for name, tensor in one.parameters.items():
        np.testing.assert_array_equal(tensor, two.parameters[name])
    one.save("m.safetensors")
    pd.testing.assert_frame_equal(one.predict(table), rnnfast.load("m.safetensors").predict(table))


def test_windows_of_backpropagation_as_long_as_the_sequences_change_nothing(table):
    whole, windows = train(table, **BOTH), train(table, **BOTH, tbptt=5)
    for name, tensor in whole.parameters.items():
        np.testing.assert_array_equal(tensor, windows.parameters[name])


def test_a_table_on_disk_trains_the_same_network(table, monkeypatch):
    monkeypatch.setattr(rnnfast.data.reading.opening, "needs_store", lambda names, budget, options: True)
    whole, blocks = train("table.csv", **BOTH), train("table.csv", **BOTH, memory="900M")
    for name, tensor in whole.parameters.items():
        np.testing.assert_array_equal(tensor, blocks.parameters[name])


@pytest.mark.parametrize(
    ("options", "message"),
    cases(
        {
            "no feature": ({"static": "agee"}, r"--static: there is no feature 'agee'.*age"),
            "a text": ({"static": "town"}, r"no feature 'town'.*--categorical town makes a feature"),
            "no id": (
                {"static": "age", "id": None, "time": None, "window": 5, "ignore": "id,t"},
                r"--static age: .* --id",
            ),
            "embedded too": ({"static": "town", "embed": "town"}, r"--static town, --embed: 'town' is in both"),
            "all": ({"static": "x*", "features": "x1,x2"}, r"--static x\*: no feature is left"),
        }
    ),
)
def test_what_has_no_meaning_is_refused(table, options, message):
    with pytest.raises(UsageError, match=message):
        train(table, **options)


@pytest.mark.parametrize("window", [None, 1])
def test_a_column_that_changes_in_an_id_is_refused(table, window):
    """In training and in answers; of windows beside each other, too."""
    model = train(table, static="age", window=window)
    changed = table.assign(age=table["age"].where((table["id"] != 7) | (table["t"] < 3), 99))
    age = table["age"][table["id"] == 7].iloc[0]
    with pytest.raises(DataError, match=f"id '7' has {age} and 99, and --static says that it is constant"):
        train(changed, static="age", window=window)
    with pytest.raises(DataError, match="column 'age'"):
        model.predict(changed)


def test_the_command_line_trains_and_shows_it(table, capsys):
    run = ["train", "--data", "table.csv", "--id", "id", "--time", "t", "--target", "y", "--epochs", "1", "-o", "run"]
    result([*run, "--static", "age"], capsys)
    assert result(["inspect", "run"], capsys)["static"] == ["age"]
    table.assign(age=table["t"]).to_csv("table.csv", index=False)
    assert "column 'age'" in fails([*run, "--force", "--static", "age"], 3, capsys)
