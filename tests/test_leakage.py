"""Nothing of the validation and test parts reaches training: not one bit of what is fitted or fed to the kernels."""

import copy

import numpy as np
import pandas as pd
import pytest

from rnnfast.cells import built_in
from rnnfast.config.resolve import Config
from rnnfast.data import read_table, split
from rnnfast.data.encoding.scaling import KINDS
from rnnfast.training.prepare import initial_model, kernel_data

SPLIT = (0.6, 0.2)


def table(task, sequences=30, steps=4):
    """Numbers with gaps, categories, a lag of nothing; some steps without a label, some of them the last."""
    random, rows = np.random.default_rng(0), sequences * steps
    frame = pd.DataFrame(random.normal(50, 20, (rows, 2)), columns=["a", "b"]).mask(random.random((rows, 2)) < 0.2)
    frame["colour"] = pd.Series(random.choice(["red", "green", "blue"], rows)).mask(random.random(rows) < 0.1)
    frame["id"] = np.repeat(np.arange(sequences), steps)
    frame["t"] = np.tile(np.arange(steps), sequences)
    label = random.normal(7, 2, rows) if task == "regression" else random.choice(3 if task == "multiclass" else 2, rows)
    frame["y"] = pd.Series(label).mask(random.random(rows) < 0.3)
    return read_table(
        frame, target="y", task=task, predict="every", categorical="colour", missing="mean", id="id", time="t"
    )


def spoil(data, rows):
    """Change features, gaps, categories and labels of some rows as far as they go."""
    data = copy.deepcopy(data)
    random = np.random.default_rng(1)
    colours = data.categories["colour"]
    data.categories = {"colour": (*colours, "violet")}
    data.x[rows] = random.choice([1e9, -1e9, np.nan], (int(rows.sum()), data.x.shape[1]))
    data.x[rows, 2] = random.choice([0, len(colours), np.nan], int(rows.sum()))
    known = rows & ~np.isnan(data.y[:, 0])
    data.y[known] = 1e9 if data.schema.task == "regression" else (data.y[known] + 1) % len(data.schema.classes)
    return data


def fitted(train, **options):
    """All that follows from the training part: stored values, and what the kernels read."""
    values = {"hidden": 3, "missing": "ffill,a=mean", "missing_indicator": True, **options}
    model = initial_model(train, Config().with_values(values, "test"), built_in("rnn"))
    data = kernel_data(model, train)
    stored = (
        model.encoder.to_json(),
        model.target_scaler.to_json(),
        model.target_mean,
        model.class_weights,
        model.threshold,
        {name: tensor.tobytes() for name, tensor in model.parameters.items()},
    )
    return stored, [array.tobytes() for array in data]


@pytest.mark.parametrize("kind", KINDS)
def test_validation_and_test_rows_have_no_say(kind):
    data = table("regression")
    parts = split(data, SPLIT)
    foreign = ~np.isin(data.row, parts.train.row)
    other = spoil(data, foreign)
    train = other.cut(*_spans(other, parts.train))
    np.testing.assert_array_equal(train.row, parts.train.row)
    assert fitted(train, scale=kind) == fitted(parts.train, scale=kind)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_nor_have_they_on_classes(task):
    data = table(task)
    train = split(data, SPLIT).train
    other = spoil(data, ~np.isin(data.row, train.row))
    again = other.cut(*_spans(other, train))
    assert fitted(again, class_weight="balanced") == fitted(train, class_weight="balanced")


def _spans(data, part):
    """Find the sequences of a part in the whole table: the split itself may follow the labels."""
    chosen = np.flatnonzero(np.isin(data.row[data.offsets[:-1]], part.row[part.offsets[:-1]]))
    return chosen, data.offsets[chosen], data.lengths[chosen]


@pytest.mark.parametrize("kind", KINDS)
def test_nor_have_rows_after_the_last_label(kind):
    """No loss reaches them; only what is fitted is compared, as the kernels do see them."""
    train = split(table("regression"), SPLIT).train
    late = ~train.seen
    assert late.any()
    assert fitted(spoil(train, late), scale=kind)[0] == fitted(train, scale=kind)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_training_rows_do_have_a_say(kind):
    """The tests above can fail."""
    train = split(table("regression"), SPLIT).train
    encoder, target, mean, *_ = fitted(train, scale=kind)[0]
    moved = fitted(spoil(train, train.seen), scale=kind)[0]
    assert encoder["missing"]["fills"] != moved[0]["missing"]["fills"]
    assert encoder["categories"] != moved[0]["categories"]
    assert (encoder["scaler"] != moved[0]["scaler"]) == (kind != "none")
    assert target != moved[1]
    assert mean != moved[2]
