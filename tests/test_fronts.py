"""Fronts as users meet them: which rows a step sees, what is refused, what the model file holds.

That outputs and gradients are right test_cells.py says, beside its oracles.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import twin
from commands import fails, isolate, result
from ids import cases
from networks import draw_sequences, draw_tensors, predict

import rnnfast
from rnnfast.config.resolve import Config
from rnnfast.errors import UsageError
from rnnfast.network.architecture import Architecture
from rnnfast.network.front import Patch, reach_of
from rnnfast.network.layout import Layout

QUICK = {"cell": "gru", "hidden": 5, "epochs": 2, "seed": 1, "patience": 0, "cache": False}


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """Forty series of 3 to 20 rows with one label each, and a quantity in each row."""
    isolate(monkeypatch, tmp_path)
    random = np.random.default_rng(0)
    lengths = random.integers(3, 21, 40)
    lengths[0] = 20
    frame = pd.DataFrame({"id": np.repeat(np.arange(40), lengths), "t": np.concatenate([*map(np.arange, lengths)])})
    frame["x1"], frame["x2"] = random.normal(size=len(frame)), random.normal(size=len(frame))
    frame["label"] = np.where(frame.groupby("id")["x1"].transform("sum") > 0, "up", "down")
    frame["sum"] = frame.groupby("id")["x1"].cumsum()
    frame.to_csv("table.csv", index=False)
    return frame


def network(*front: Patch) -> tuple[Architecture, dict[str, np.ndarray]]:
    net = Architecture.named("gru", 3, (5,), 1, dtype="float64", front=front)
    return net, draw_tensors(net)


def answers(net: Architecture, tensors: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    return predict(net, tensors, [(x, np.zeros((len(x), 1)))])[:, 0]


def test_with_stride_1_the_answer_of_a_row_is_that_of_the_rows_up_to_it():
    """So a stream, which keeps the last rows and the states, answers as a prediction does."""
    net, tensors = network(Patch(3, 1, 5), Patch(4, 1, 7))
    x = draw_sequences(net, (15,))[0][0]
    alone = [answers(net, tensors, x[: rows + 1])[-1] for rows in range(len(x))]
    np.testing.assert_allclose(answers(net, tensors, x), alone, rtol=1e-12)


def test_with_a_stride_the_last_row_is_answered_and_every_stride_row_before_it():
    net, tensors = network(Patch(4, 3, 5))
    x = draw_sequences(net, (14,))[0][0]
    for rows in range(1, 15):
        ends = answers(net, tensors, x[:rows])
        assert np.flatnonzero(np.isfinite(ends)).tolist() == list(range((rows - 1) % 3, rows, 3))
        if rows > 3:  # the steps before are those of the rows up to them
            np.testing.assert_allclose(ends[: rows - 3], answers(net, tensors, x[: rows - 3]), rtol=1e-12)


def test_rows_out_of_reach_change_a_patch_by_the_states_alone():
    """A cell without state sees what is stacked, and no more."""
    front = (Patch(3, 1, 5), Patch(4, 2, 6))
    net = Architecture.named("mlp", 3, (5,), 1, dtype="float64", front=front)
    tensors, (x, _) = draw_tensors(net), draw_sequences(net, (14,))[0]
    before, reach = answers(net, tensors, x)[-1], reach_of(front)
    assert reach == 6
    x[: 14 - reach] += 1.0
    assert answers(net, tensors, x)[-1] == before
    x[14 - reach] += 1.0
    assert answers(net, tensors, x)[-1] != before


@pytest.mark.parametrize(
    ("options", "message"),
    cases(
        {
            "more rows than any sequence": (
                {"target": "label", "patch": 21},
                r"--patch 21: 21 rows are more than the longest training sequence has, 20; give at most 20",
            ),
            "a wide convolution": (
                {"target": "sum", "conv": (3, 40)},
                r"--conv 3,40: 40 rows are more than the longest training sequence has, 20",
            ),
            "every row asked for": (
                {"target": "sum", "predict": "every", "patch": 4},
                r"--patch 4: the cell has one step every 4 rows, and every row is predicted; use --patch 4,1, or",
            ),
            "every row by the labels": ({"target": "sum", "patch": (4, 2)}, r"use --patch 4,1, or --predict last"),
            "rows between patches": ({"target": "label", "patch": (4, 5)}, r"leave rows out; .* at most 4"),
            "three numbers": ({"target": "label", "patch": (4, 2, 1)}, r"--patch 4,2,1: give K, .* or K,S"),
            "one row": ({"target": "label", "patch": 1}, r"--patch 1: a patch of one row is the row itself; .* off"),
            "no row": ({"target": "label", "conv": (3, 0)}, r"conv: 0 is below the least value, 1"),
        }
    ),
)
def test_what_has_no_meaning_is_refused(table, options, message):
    others = {"ignore": "sum"} if options["target"] == "label" else {"ignore": "label"}
    with pytest.raises(UsageError, match=message):
        rnnfast.train(table, id="id", time="t", **others, **options, **QUICK)


@pytest.mark.parametrize("word", ["off", "none", "0", "OFF"])
@pytest.mark.parametrize("option", ["patch", "conv"])
def test_a_front_is_turned_off_by_a_word(option, word):
    config = Config().with_values({option: word}, "command line")
    assert getattr(config.model, option) == ()
    assert option in config.explicit
    assert f"{option} = []" in config.to_toml()
    assert Config().with_values({option: []}, "file") == config


def test_the_command_line_names_the_option(table, capsys):
    command = ["train", "--data", "table.csv", "--id", "id", "--time", "t", "--target", "sum", "--ignore", "label"]
    assert "--patch 4: the cell has one step" in fails([*command, "--predict", "every", "--patch", "4"], 2, capsys)


def test_a_model_with_a_front_is_saved_shown_and_answers_again(table, capsys):
    """Sequences shorter than a patch, too."""
    options = {"id": "id", "time": "t", "target": "label", "ignore": "sum", "conv": 3, "patch": (6, 4)}
    trained = rnnfast.train("table.csv", **options, **QUICK).model
    trained.save("m.safetensors")
    again = rnnfast.load("m.safetensors")
    assert again.parameters["front.0.weight"].shape == (5, 2, 3)
    assert again.parameters["front.1.weight"].shape == (5, 5, 6)
    assert again.header.architecture.front == ((3, 1, 5), (6, 4, 5))
    predicted = trained.predict(table)
    assert predicted.equals(again.predict(table))
    assert predicted["label_prob"].between(0, 1).all()
    assert len(predicted) == 40
    assert result(["inspect", "m.safetensors"], capsys)["front"] == [[3, 1, 5], [6, 4, 5]]
    started = rnnfast.train("table.csv", **options, **QUICK | {"epochs": 0, "init_from": "m.safetensors"}).model
    np.testing.assert_array_equal(started.parameters["front.1.weight"], again.parameters["front.1.weight"])


def test_initial_weights_spread_as_the_stacked_numbers_do(table):
    """As PyTorch's Conv1d draws them: within 1 / sqrt(inputs of a unit)."""
    options = {"id": "id", "time": "t", "target": "label", "ignore": "sum", "patch": 8, "init": "uniform"}
    parameters = rnnfast.train(table, **options, **QUICK | {"epochs": 0}).model.parameters
    for name in ("front.0.weight", "front.0.bias"):
        assert 0.1 < np.abs(parameters[name]).max() <= 1 / np.sqrt(8 * 2)


def test_windows_of_a_table_are_answered_with_the_rows_that_are_stacked_before_them(table):
    """A cell without state needs no more than these."""
    options = {"time": "t", "target": "sum", "ignore": ("label", "id"), "predict": "every", "conv": 4}
    rows = table.assign(t=np.arange(len(table)))
    model = rnnfast.train(rows, window=6, **options, **QUICK | {"cell": "mlp"}).model
    answered = model.predict(rows)["sum_pred"]
    later = model.predict(rows[-30:])["sum_pred"]
    np.testing.assert_allclose(answered[-30 + 3 :], later[3:], rtol=1e-5, atol=1e-5)


def test_torch_takes_the_tensors_of_a_front():
    net, tensors = network(Patch(4, 2, 5))
    module = twin.build(net, Layout(net).tensors(Layout(net).flatten(tensors, "float64")))
    assert list(module["front"][0].weight.shape) == [5, 3, 4]


@pytest.mark.parametrize("options", [{"patch": 5000}, {"conv": (4000, 200)}], ids=["patch", "conv"])
def test_a_step_stacks_a_bounded_number_of_rows(options, table):
    with pytest.raises(rnnfast.UsageError, match="rows are stacked in a step; 4,096 are the most"):
        rnnfast.train(table, target="sum", ignore=("label",), **options)
