"""Weights of rows: how they are read, and that a weight of n does what n times the row does."""

import numpy as np
import pandas as pd
import pytest
import twin
from commands import fails, isolate, result
from notices import Notices
from tolerances import RETRAINED

import rnnfast
from rnnfast.data import read_table
from rnnfast.errors import DataError, UsageError
from rnnfast.model.model import Model

FULL = {
    "preset": "fast",
    "hidden": 3,
    "dtype": "float64",
    "batch_size": 1000,
    "epochs": 4,
    "split": 1.0,
    "shuffle": False,
    "lr": 0.1,
}


def sequences(count=12, length=5, seed=0, classes=False):
    """Sequences with a whole weight from 0 to 3 each, and one target at the last step."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.repeat(np.arange(count), length), "t": np.tile(np.arange(length), count)})
    frame["x"], frame["z"] = rng.normal(size=(2, count * length))
    of_sequence = rng.integers(0, 2, count) if classes else rng.normal(size=count)
    frame["y"] = np.repeat(of_sequence, length)
    frame["w"] = rng.integers(0, 4, count * length)
    return frame


def repeated(frame, counts):
    """The table with sequence k there counts[k] times."""
    copies = [frame[frame["id"] == k].assign(id=f"{k}-{n}") for k, count in enumerate(counts) for n in range(count)]
    return pd.concat(copies, ignore_index=True).drop(columns="w")


def assert_same_weights(first: Model, second: Model):
    for name, tensor in first.parameters.items():
        np.testing.assert_allclose(tensor, second.parameters[name], rtol=RETRAINED, atol=RETRAINED, err_msg=name)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("classes", [False, True])
def test_a_weight_repeats_a_sequence(classes, reduction):
    # With one target per sequence the weight of its last step counts, whatever the others are.
    frame = sequences(classes=classes)
    counts = frame.groupby("id")["w"].last()
    # Nothing is fitted on the rows, of which the tables have different numbers.
    options = {**FULL, "target": "y", "reduction": reduction, "scale": "none", "scale_target": False}
    options |= {"class_weight": ("1", "2.5")} if classes else {}
    weighted = rnnfast.train(frame, weight="w", **options)
    copied = rnnfast.train(repeated(frame, counts), **options)
    assert weighted.model.schema.predict == "last"
    assert_same_weights(weighted.model, copied.model)
    scale = 1 if reduction == "mean" else len(counts) / counts.sum()  # a sum is given per sequence
    losses = [np.array([row["loss"] for row in run.history]) for run in (weighted, copied)]
    np.testing.assert_allclose(losses[0], losses[1] / scale, rtol=RETRAINED)
    loss = weighted.evaluations["train"].metrics["loss"]
    assert loss == pytest.approx(copied.evaluations["train"].metrics["loss"] / scale, rel=RETRAINED)
    scores = [run.evaluations["train"].metrics.figures for run in (weighted, copied)]
    assert scores[0] == pytest.approx(scores[1], rel=RETRAINED)


def table(frame):
    return read_table(frame, target="y", weight="w", features=["x", "z"])


def test_a_weight_repeats_a_row_of_a_net_without_memory():
    frame = sequences().assign(y=np.random.default_rng(3).normal(size=60))
    options = {**FULL, "target": "y", "cell": "mlp", "predict": "every", "scale": "none", "scale_target": False}
    weighted = rnnfast.train(frame, weight="w", **options)
    rows = frame.loc[frame.index.repeat(frame["w"])].drop(columns=["w", "t"])
    assert_same_weights(weighted.model, rnnfast.train(rows, **options).model)


def test_weights_of_steps_follow_torch():
    torch = twin.import_torch()
    frame = sequences(classes=True)
    frame["y"] = np.random.default_rng(5).integers(0, 2, 60)
    options = {**FULL, "target": "y", "weight": "w", "class_weight": ("1", "3"), "scale": "none"}
    start = rnnfast.train(frame, **{**options, "epochs": 0}).model
    trained = rnnfast.train(frame, **options, optimizer="sgd").model
    module = twin.build(start.architecture, start.parameters)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    data = table(frame)
    weight = torch.tensor(frame["w"].to_numpy() * np.where(frame["y"] == 1, 3.0, 1.0))
    y = torch.tensor(data.y[:, 0])
    for _ in range(options["epochs"]):
        optimizer.zero_grad()
        parts = zip(data.offsets[:-1], data.offsets[1:], strict=True)
        p = torch.cat([twin.outputs(start.architecture, module, data.x[a:b])[0] for a, b in parts])[:, 0]
        losses = torch.nn.functional.binary_cross_entropy_with_logits(p, y, reduction="none")
        ((losses * weight).sum() / weight.sum()).backward()
        optimizer.step()
    for name, tensor in twin.tensors_of(module).items():
        np.testing.assert_allclose(trained.parameters[name], tensor, rtol=1e-7, atol=1e-9, err_msg=name)


def test_a_weight_is_no_feature_and_rows_of_weight_0_say_nothing():
    frame = sequences()
    assert table(frame).schema.features == ("x", "z")
    assert read_table(frame, target="y", weight="w").schema.features == ("x", "z")
    frame["y"] = np.random.default_rng(1).normal(size=60)
    other = frame.copy()
    other.loc[other["w"] == 0, "y"] += 50
    options = {**FULL, "target": "y", "weight": "w", "scale_target": False}
    assert_same_weights(rnnfast.train(frame, **options).model, rnnfast.train(other, **options).model)


BAD = {
    "below zero": ("-0.5", r"'-0\.5' is below 0; give a number from 0 up"),
    "empty": ("", r"'' is empty; give a number from 0 up"),
    "infinite": ("inf", r"'inf' is infinite; give a number"),
    "text": ("much", r"'much' is not a number; correct it, or train without --weight w"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_weights_name_their_line(case, tmp_path):
    cell, message = BAD[case]
    (tmp_path / "t.csv").write_text(f"id,x,y,w\nA,1,2.5,1\nA,2,3,{cell}\nB,3,4,2\n")
    with pytest.raises(DataError, match=r"t\.csv, line 3, column 'w': " + message):
        read_table(tmp_path / "t.csv", target="y", weight="w")


def test_a_column_of_words_is_no_weight_and_no_categories_either(tmp_path):
    (tmp_path / "t.csv").write_text("id,x,y,w\nA,1,2.5,low\nA,2,3,high\nB,3,4,low\n")
    with pytest.raises(DataError, match=r"line 2, column 'w': 'low' is not a number .*correct it, or train without"):
        read_table(tmp_path / "t.csv", target="y", weight="w")


@pytest.mark.parametrize("part", ["training", "validation"])
def test_a_part_without_any_weight(part):
    frame = sequences()
    frame["fold"] = np.where(frame["id"] < 6, "train", "valid")
    frame["w"] = (frame["fold"] == ("valid" if part == "training" else "train")).astype(int)
    with pytest.raises(DataError, match=f"column 'w': every labelled step of the {part} part has the weight 0"):
        rnnfast.train(frame, target="y", weight="w", split_by="column:fold", epochs=0)


def test_one_role_per_column():
    with pytest.raises(UsageError, match="column 'w' is given as ignore and as weight"):
        read_table(sequences(), target="y", weight="w", ignore="w")
    with pytest.raises(DataError, match="there is no column 'weigth'"):
        read_table(sequences(), target="y", weight="weigth")


def test_weights_that_an_update_of_one_sequence_cannot_feel():
    frame, heard = sequences(60), Notices()
    options = {"preset": "fast", "target": "y", "weight": "w", "hidden": 3, "epochs": 1}
    trained = rnnfast.train(frame, reporter=heard, **options)
    assert trained.model.config.train.batch_size > 1  # where nothing else is asked for
    assert heard.notices == []
    rnnfast.train(frame, reporter=heard, batch_size=1, **options)
    assert "where these weigh alike, weights have no effect" in heard.notices[0]
    # In a sum they do not cancel.
    assert rnnfast.train(frame, reporter=heard, reduction="sum", **options).model.config.train.batch_size == 1
    assert len(heard.notices) == 1


def test_weights_of_classes_reach_the_update():
    frame, heard = sequences(60), Notices()
    frame["y"] = (frame["id"] % 3 == 0).astype(int)
    options = {"preset": "fast", "target": "y", "features": "x", "class_weight": "1,20", "hidden": 3, "epochs": 1}
    assert rnnfast.train(frame, reporter=heard, **options).model.config.train.batch_size > 1
    rnnfast.train(frame, reporter=heard, batch_size=1, **options)
    assert "weights have no effect" in heard.notices[0]
    assert len(heard.notices) == 1


def test_eval_takes_weights_where_there_are_some_and_predict_never(tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    frame = sequences().assign(y=np.random.default_rng(3).normal(size=60))
    frame.to_csv("t.csv", index=False)
    frame.drop(columns="w").to_csv("plain.csv", index=False)
    frame.assign(w=-1).to_csv("bad.csv", index=False)
    run = ["--target", "y", "--weight", "w", "--hidden", "3", "--epochs", "2", "--valid", "plain.csv", "-o", "run"]
    result(["train", "--data", "t.csv", *run], capsys)
    weighted = result(["eval", "--model", "run", "--data", "t.csv"], capsys)["metrics"]
    plain = result(["eval", "--model", "run", "--data", "plain.csv"], capsys)["metrics"]
    assert weighted["mae"] != plain["mae"]
    assert weighted["loss"] != pytest.approx(plain["loss"], rel=1e-3)
    assert rnnfast.cli.run(["eval", "--model", "run", "--data", "plain.csv"]) == 0
    assert "there is no column 'w', so all rows weigh the same" in " ".join(capsys.readouterr().err.split())
    assert "is below 0 (and 59 more such cells)" in fails(["eval", "--model", "run", "--data", "bad.csv"], 3, capsys)
    for name in ("plain", "bad"):
        assert result(["predict", "--model", "run", "--data", f"{name}.csv", "-o", f"{name}.out"], capsys)["rows"] == 60
    model = rnnfast.load("run")
    data = read_table("t.csv", schema=model.schema)
    squares = (model.target_scaler.transform(data.y) - model.outputs(data)) ** 2
    by_hand = np.average(squares[:, 0], weights=frame["w"])
    assert weighted["loss"] == pytest.approx(by_hand, rel=1e-5)
