"""Arrays are tables: sequences with the columns id, x1, x2, .. and y, read by the same rules."""

import numpy as np
import pandas as pd
import pytest
from ids import cases

import rnnfast
from rnnfast.errors import DataError, UsageError

COUNT, STEPS, FEATURES = 20, 4, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(COUNT, STEPS, FEATURES))
SUMS = X.sum(axis=2).cumsum(axis=1)  # (COUNT, STEPS)
LENGTHS = [1 + number % STEPS for number in range(COUNT)]
RAGGED = [steps[:length] for steps, length in zip(X, LENGTHS, strict=True)]
SIGN = (SUMS[:, -1] > 0).astype(int)
QUICK = {"preset": "fast", "hidden": 4, "epochs": 1}


def frame(sequences, **columns):
    """The table that arrays stand for."""
    rows = pd.DataFrame(np.concatenate(sequences), columns=["x1", "x2", "x3"])
    return rows.assign(id=np.repeat(np.arange(len(sequences)), [len(piece) for piece in sequences]), **columns)


@pytest.mark.parametrize(
    ("sequences", "y", "column"),
    cases(
        {
            "block, label per sequence": (X, SIGN, np.repeat(SIGN, STEPS)),
            "list, label per sequence": (RAGGED, SIGN.tolist(), np.repeat(SIGN, LENGTHS)),
            "block, label per step": (X, SUMS, SUMS.ravel()),
            "list, label per step": (
                RAGGED,
                [sums[:length] for sums, length in zip(SUMS, LENGTHS, strict=True)],
                np.concatenate([sums[:length] for sums, length in zip(SUMS, LENGTHS, strict=True)]),
            ),
        }
    ),
)
def test_arrays_are_read_as_the_table_they_stand_for(sequences, y, column):
    data, table = rnnfast.read_table(sequences, y), rnnfast.read_table(frame(sequences, y=column), target="y")
    assert np.array_equal(data.x, table.x)
    assert np.array_equal(data.y, table.y)
    assert np.array_equal(data.offsets, table.offsets)
    assert data.ids.tolist() == table.ids.tolist()
    assert data.schema == table.schema


@pytest.mark.parametrize(
    ("y", "task", "classes"),
    cases(
        {
            "integers": (SIGN, "binary", (0, 1)),
            "booleans": (SIGN.astype(bool), "binary", (False, True)),
            "texts": (np.where(SIGN, "up", "down"), "binary", ("down", "up")),
            "several texts": (np.array(["a", "b", "c", "d"] * 5), "multiclass", ("a", "b", "c", "d")),
            "pandas column": (pd.Series(SIGN, dtype="Int64"), "binary", (0, 1)),
            "numbers": (SUMS[:, -1], "regression", ()),
        }
    ),
)
def test_labels_are_classes_by_the_rules_of_tables(y, task, classes):
    schema = rnnfast.read_table(X, y).schema
    assert (schema.task, schema.classes, schema.targets) == (task, classes, ("y",))


def test_a_label_of_a_sequence_is_that_of_its_last_step_even_where_all_are_alike_but_one():
    rare = np.eye(1, COUNT, dtype=int)[0]
    assert rnnfast.read_table(X, rare).schema.predict == "last"
    assert rnnfast.read_table(X, rare, predict="every").schema.predict == "every"


def test_several_targets_are_numbered():
    assert rnnfast.read_table(X, X[:, 0, :2]).schema.targets == ("y1", "y2")
    assert rnnfast.read_table(X, X[:, :, :2]).schema.predict == "every"


def test_an_empty_label_is_unlabelled():
    y = SUMS[:, -1].copy()
    y[3] = np.nan
    assert rnnfast.read_table(X, y).labelled_steps == COUNT - 1


def test_options_name_the_features():
    data = rnnfast.read_table(np.round(X), SIGN, features="x1,x3", categorical="x3")
    assert data.schema.features == ("x1", "x3")
    assert data.schema.categorical == ("x3",)


def test_arrays_train_and_validate():
    result = rnnfast.train(X, SIGN, valid=(RAGGED, SIGN), test=(X, SIGN), **QUICK)
    assert result.sequences == {"train": COUNT, "valid": COUNT, "test": COUNT}


def with_gap():
    gap = X.copy()
    gap[2, 1, 0] = np.nan
    return gap


@pytest.mark.parametrize(
    ("data", "y", "options", "kind", "message"),
    cases(
        {
            "empty cell": (with_gap(), SIGN, {}, DataError, r"X\[2\]\[1\], column 'x1': the cell is empty"),
            "no labels": (X, None, {}, UsageError, r"give the labels y beside X"),
            "flat": (X[0], SIGN, {}, DataError, r"X has the shape \(4, 3\), not \(sequences, steps, features\)"),
            "few labels": (X, SIGN[:5], {}, DataError, r"y has 5 entries and X 20 sequences"),
            "one label": (X, 3, {}, DataError, r"y is 3; give a label"),
            "labels of other steps": (RAGGED, [SUMS[0, :2]] * 19 + [SUMS[0]], {}, DataError, r"y\[0\] has the shape"),
            "no sequence": (X[:0], [], {}, DataError, r"X has no sequences"),
            "no step": ([X[0], X[0, :0]], [0, 1], {}, DataError, r"X\[1\] has the shape \(0, 3\)"),
            "features": ([X[0], X[1, :, :2]], [0, 1], {}, DataError, r"X\[1\] has 2 features, X\[0\] 3"),
            "mask": (np.ma.masked_array(X), SIGN, {}, UsageError, r"masked array"),
            "column name": (X, SIGN, {"target": "y"}, UsageError, r"target: arrays have the columns id, x1"),
            "memory": (X, SIGN, {"memory": "1G"}, UsageError, r"DataFrames and arrays are in memory already"),
            "labels of a table": (frame(X), SIGN, {}, UsageError, r"not with pandas.DataFrame"),
            "valid without labels": (X, SIGN, {"valid": X}, UsageError, r"give the pair \(X, y\)"),
            "valid of other columns": (
                X, SIGN, {"valid": (X[:, :, :2], SIGN)}, DataError, r"the features x1, x2, .* a column 'x3'",
            ),
            "number": (3, None, {}, UsageError, r"int is no table; give a path, a DataFrame"),
            "nothing": (None, None, {}, UsageError, r"NoneType is no table"),
            "mapping": ({"a": [1]}, None, {}, UsageError, r"dict is no table"),
            "pandas column": (pd.Series([1]), None, {}, UsageError, r"Series is no table.*to_frame"),
            "list of X and y": ([X, SIGN], None, {}, DataError, r"the pair of X and y is a tuple: \(X, y\)"),
            "tuple of four": ((X, SIGN, SIGN, SIGN), None, {}, UsageError, r"this one has 4"),
            "text of a table": ("a,b\n1,2\n", None, {}, UsageError, r"a text of 8 characters is no path: 'a,b\\n1,2"),
            "long text": ("x" * 5000, None, {}, UsageError, r"5,000 characters is no path"),
            "file and number": (["a.csv", 3], None, {}, UsageError, r"int is no table"),
        }
    ),
)  # fmt: skip
def test_what_is_no_table_is_refused_in_words(data, y, options, kind, message):
    with pytest.raises(kind, match=message):
        rnnfast.train(data, y, **QUICK, **options)


@pytest.mark.parametrize(
    ("weight", "column"),
    cases(
        {
            "of sequences": (np.arange(COUNT), np.repeat(np.arange(COUNT), STEPS)),
            "of steps": (np.arange(COUNT * STEPS).reshape(COUNT, STEPS), np.arange(COUNT * STEPS)),
        }
    ),
)
def test_weights_stand_beside_labels(weight, column):
    data = rnnfast.read_table((X, SIGN, weight))
    assert data.weight.tolist() == column.tolist()
    assert (
        data.schema
        == rnnfast.read_table(
            frame(X, y=np.repeat(SIGN, STEPS), weight=column), target="y", weight="weight", predict="last"
        ).schema
    )


def test_a_sequence_without_weight_has_no_say_in_scores():
    weight = np.arange(COUNT) % 3
    model = rnnfast.train((X, SIGN, weight), **QUICK).model
    heavy = weight > 0
    score = model.evaluate((X, SIGN, weight)).metrics["loss"]
    assert score == pytest.approx(model.evaluate((X[heavy], SIGN[heavy], weight[heavy])).metrics["loss"])
    assert score != pytest.approx(model.evaluate((X, SIGN)).metrics["loss"])


def test_weights_of_what_trained_without_are_refused():
    model = rnnfast.train(X, SIGN, **QUICK).model
    with pytest.raises(UsageError, match="the table that trained had no weights"):
        model.evaluate((X, SIGN, np.ones(COUNT)))


@pytest.mark.parametrize(
    ("weight", "options", "kind", "message"),
    cases(
        {
            "another number": ([1.0], {}, DataError, "weight has 1 entries and X 20 sequences"),
            "below 0": (-np.ones(COUNT), {}, DataError, r"X\[0\]\[0\], column 'weight'.*is below 0"),
            "several": (np.ones((COUNT, 2)), {}, DataError, "weight has 2 values for a sequence"),
            "a column beside it": (np.ones(COUNT), {"weight": "x1"}, UsageError, "weight: arrays have the columns"),
        }
    ),
)
def test_what_is_no_weight_is_refused_in_words(weight, options, kind, message):
    with pytest.raises(kind, match=message):
        rnnfast.train((X, SIGN, weight), **options)
