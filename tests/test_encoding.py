"""From columns to inputs of the network: numbers, categories, empty cells; and how tables with them are read."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ids import cases

from rnnfast.cells import built_in
from rnnfast.config.resolve import Config
from rnnfast.config.sections import DataConfig
from rnnfast.data import Encoder, Schema, SequenceData, read_table, split
from rnnfast.data.columns.categories import MOST_CATEGORIES
from rnnfast.errors import DataError, ModelError, UsageError
from rnnfast.training.prepare import initial_model

TABLE = """id,t,shop,a,b,y
A,0,north,1,10,0
A,1,,2,,1
A,2,south,,30,0
B,0,north,4,,1
B,1,north,5,50,0
B,2, east ,,60,1
"""


def write(tmp_path, content, name="table.csv"):
    (tmp_path / name).write_text(content)
    return tmp_path / name


def read(tmp_path, content=TABLE, **options):
    return read_table(write(tmp_path, content), **{"target": "y", **options})


def fit(data, **options):
    return Encoder.fit([data], DataConfig(scale=("none",), **options))


def made(x, lengths=None, categories=None, predict="every", y=None, columns=None, **schema):
    """Sequences of numbers, without a file."""
    x = np.asarray(x, dtype=np.float64)
    lengths = np.array([len(x)] if lengths is None else lengths)
    names = columns or tuple(f"x{j + 1}" for j in range(x.shape[1]))
    schema = Schema(
        "id", None, names, ("y",), "regression", predict=predict, categorical=tuple(categories or ()), **schema
    )
    return SequenceData(
        x=x, y=np.zeros((len(x), 1)) if y is None else np.asarray(y, float).reshape(-1, 1),
        offsets=np.concatenate(([0], np.cumsum(lengths))), ids=np.array(["s"] * len(lengths), object),
        row=np.arange(len(x)), time=None, schema=schema, source=("made",), digest="", categories=categories or {},
    )  # fmt: skip


# --- numbers ---


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 1000, 40_000])
def test_numbers_are_scaled_into_a_new_array(rows, dtype):
    data = made(np.random.default_rng(0).normal(3, 5, (rows, 3)))
    before = data.x.copy()
    encoder = Encoder.fit([data], DataConfig(scale=("zscore", "x1=minmax", "x3=none")))
    inputs = encoder.transform(data, dtype)
    np.testing.assert_array_equal(inputs, encoder.scaler.transform(data.x).astype(dtype))
    assert (inputs.dtype, inputs.flags.c_contiguous, inputs.ctypes.data % 64) == (dtype, True, 0)
    assert encoder.names == ("x1", "x2", "x3")
    np.testing.assert_array_equal(data.x, before)


def test_only_the_rows_that_training_sees_are_fitted():
    """Not the rows after the last labelled step of a sequence, nor sequences without a label."""
    nan = np.nan
    x = np.array([[1.0], [2], [99], [3], [4], [99], [99]])
    data = made(x, lengths=[3, 2, 2], y=[nan, 0, nan, 1, 0, nan, nan])
    np.testing.assert_array_equal(data.seen, [True, True, False, True, True, False, False])
    encoder = Encoder.fit([data], DataConfig())
    assert (encoder.scaler.shift[0], encoder.scaler.scale[0]) == (1, 1 / 3)
    last = made(x, lengths=[3, 2, 2], y=[0, 0, nan, nan, 0, nan, nan], predict="last")
    np.testing.assert_array_equal(last.seen, [False, False, False, True, True, False, False])
    assert Encoder.fit([last], DataConfig()).scaler.shift[0] == 3


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 2**32))
def test_blocks_of_sequences_are_fitted_like_the_whole(lengths, seed):
    """Whatever the blocks: ranges, categories and the most frequent one exactly, means to a rounding."""
    random, rows = np.random.default_rng(seed), sum(lengths)
    shops = ("a", "b", "c")
    x = np.column_stack((random.normal(1e6, 1, rows), random.integers(0, 3, rows)))
    x[random.random(x.shape) < 0.3] = np.nan
    config = DataConfig(missing=("mean",), scale=("minmax",))
    data = made(x, lengths, {"x2": shops})
    whole = Encoder.fit([data], config)
    parts = Encoder.fit((data.take([k]) for k in range(len(lengths))), config)
    assert parts.names == whole.names
    assert parts.scaler.to_json() == whole.scaler.to_json()
    assert parts.fills["x2"] == whole.fills["x2"]
    assert parts.fills["x1"] == pytest.approx(whole.fills["x1"], rel=1e-15)


@settings(deadline=None)
@given(
    st.lists(st.tuples(*[st.one_of(st.just(np.nan), st.floats(-1e12, 1e12))] * 2), min_size=1, max_size=8),
    st.sampled_from(["zero", "mean", "ffill"]),
    st.booleans(),
    st.sampled_from(["minmax", "zscore", "robust", "none"]),
)
def test_storage_keeps_every_bit(values, rule, indicator, kind):
    data = made([[a, b, k % 3] for k, (a, b) in enumerate(values)], categories={"x3": ("r", "g", "b=2")})
    encoder = Encoder.fit([data], DataConfig(missing=(rule,), missing_indicator=indicator, scale=(kind,)))
    stored = Encoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert stored.to_json() == encoder.to_json()
    np.testing.assert_array_equal(stored.transform(data), encoder.transform(data))
    assert np.isfinite(stored.transform(data)).all()


@pytest.mark.parametrize("kind", ["minmax", "zscore", "robust"])
def test_rows_and_columns_are_picked_block_by_block(kind):
    """Fitting to some rows and columns of a table is fitting to a table of these alone."""
    random = np.random.default_rng(5)
    x = np.column_stack((random.normal(size=10_001), random.integers(0, 2, 10_001), random.normal(size=10_001)))
    y = np.where(np.arange(10_001) < 7_003, 0, np.nan)
    some = Encoder.fit([made(x, y=y, categories={"x2": ("a", "b")})], DataConfig(scale=(kind,)))
    alone = Encoder.fit([made(x[:7_003, [0, 2]], columns=("x1", "x3"))], DataConfig(scale=(kind,)))
    assert some.scaler.names == ("x1", "x3")
    np.testing.assert_allclose(some.scaler.shift, alone.scaler.shift, rtol=1e-12)
    np.testing.assert_allclose(some.scaler.scale, alone.scaler.scale, rtol=1e-12)


def test_damaged_storage():
    data = made([[1, 0], [np.nan, 1]], categories={"x2": ("a", "b")})
    stored = fit(data, missing=("mean",)).to_json()
    missing = stored["missing"]
    for change in (
        {"inputs": ["x1"]},
        {"scaler": {}},
        {"scaler": {**stored["scaler"], "names": ["x2"]}},
        {"categories": {"x2": ["b", "a"]}},
        {"categories": {"x2": [1, 2]}},
        {"categories": {}},
        {"unseen": "perhaps"},
        {"missing": {**missing, "fills": {}}},
        {"missing": {**missing, "fills": {"x1": float("nan"), "x2": "a"}}},
        {"missing": {**missing, "fills": {"x1": 1.0, "x2": "c"}}},
        {"missing": {**missing, "indicator": 1}},
        {"missing": None},
    ):
        with pytest.raises(ModelError, match="damaged"):
            Encoder.from_json({**stored, **change})
    with pytest.raises(ModelError, match="damaged"):
        Encoder.from_json({})
    with pytest.raises(ValueError, match="at least one block"):
        Encoder.fit([], DataConfig())


# --- categories ---


def test_categories_become_an_input_each(tmp_path):
    data = read(tmp_path, categorical="shop", features="b", missing=("mean",))
    assert data.schema.features == ("b", "shop")
    assert data.schema.categorical == ("shop",)
    assert data.categories == {"shop": ("east", "north", "south")}
    np.testing.assert_array_equal(data.x[:, 1], [1, np.nan, 2, 1, 1, 0])
    encoder = fit(data, missing=("zero",))
    assert encoder.names == ("b", "shop=east", "shop=north", "shop=south", "shop=(unseen)")
    expected = [[0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]]
    np.testing.assert_array_equal(encoder.transform(data)[:, 1:], expected)
    assert any("categories: shop" in note for note in data.notes)


def test_default_features_take_categories_in_the_order_of_the_table(tmp_path):
    data = read(tmp_path, categorical="s*", missing=("zero",))
    assert data.schema.features == ("shop", "a", "b")
    left = read(tmp_path, missing=("zero",))
    assert left.schema.features == ("a", "b")
    assert any("text" in note and "--categorical" in note and "shop" in note for note in left.notes)


def test_numbers_are_categories_by_their_text(tmp_path):
    data = read(tmp_path, "id,zip,y\nA,007,0\nA,7,1\nA,7.0,0\nA,NA,1\n", categorical="zip", missing=("zero",))
    assert data.categories == {"zip": ("007", "7", "7.0")}


def test_a_layout_keeps_its_columns_beside_categories(tmp_path):
    data = read(tmp_path, "name,t,x1,shop,y1\nA,0,1,n,0\nA,1,2,s,1\n", target=(), categorical="shop")
    assert (data.schema.layout, data.schema.features) == ("original", ("x1", "shop"))


def test_categories_of_a_later_table_are_found_by_text(tmp_path):
    data = read(tmp_path, categorical="shop", features="b", missing=("zero",))
    encoder = fit(data, missing=("zero",))
    later = write(tmp_path, "id,t,shop,b,y\nC,0,south,1,0\nC,1,mars,2,1\nC,2,east,3,1\n", "later.csv")
    found = read_table(later, schema=Schema.from_json(json.loads(json.dumps(data.schema.to_json()))))
    assert found.categories == {"shop": ("east", "mars", "south")}
    np.testing.assert_array_equal(encoder.transform(found)[:, 1:], [[0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]])


def test_a_table_may_have_categories_alone(tmp_path):
    data = read(tmp_path, "id,shop,y\n" + "A,n,0\nB,s,1\n" * 500, id="id", categorical="shop")
    assert fit(data).transform(data).sum() == data.rows == 1000


def test_unseen_categories_may_be_an_error(tmp_path):
    data = read(tmp_path, categorical="shop", features="b", missing=("zero",))
    encoder = fit(data, missing=("zero",), unseen="error")
    assert encoder.names == ("b", "shop=east", "shop=north", "shop=south")
    later = write(tmp_path, "id,t,shop,b,y\nD,1,mars,2,1\nD,0,south,1,0\n", "later.csv")
    found = read_table(later, schema=data.schema)
    for job in (encoder.transform, encoder.check):
        with pytest.raises(DataError, match=r"later\.csv, line 2, column 'shop': 'mars' .* east, north, south"):
            job(found)
    with pytest.raises(DataError, match=r"later\.csv, row 0, column 'shop': 'mars'"):
        encoder.transform(replace(found, origin=None))
    encoder.check(data)


def test_unseen_categories_of_another_part_name_their_line(tmp_path):
    rows = "".join(f"{k},0,{'rare' if k == 7 else 'usual'},{k % 2}\n" for k in range(12))
    data = read(tmp_path, "id,t,shop,y\n" + rows, id="id", time="t", categorical="shop")
    valid = data.take([7])
    encoder = Encoder.fit([data.take([k for k in range(12) if k != 7])], DataConfig(unseen="error"))
    with pytest.raises(DataError, match=r"table\.csv, line 9, column 'shop': 'rare'"):
        encoder.check(valid)


def test_too_many_categories(tmp_path):
    content = "shop,a,y\n" + "".join(f"n{k},1,{k % 2}\n" for k in range(MOST_CATEGORIES + 1))
    with pytest.raises(DataError, match=r"column 'shop': 1,001 different .*at most 1,000.*--ignore shop"):
        read(tmp_path, content, categorical="shop")
    blocks = [made([[0.0], [1.0]], categories={"x1": (f"a{k}", f"b{k}")}) for k in range(MOST_CATEGORIES)]
    with pytest.raises(DataError, match=r"made, column 'x1': 1,002 different"):
        Encoder.fit(blocks, DataConfig())


@pytest.mark.parametrize(
    ("cells", "expected"),
    cases(
        {
            "upper and lower case": (["True", "false", "TRUE"], [1, 0, 1]),
            "mixed case": (["tRuE", "false", "false"], [1, 0, 0]),
            "a gap": (["true", "", "False"], [1, np.nan, 0]),
        }
    ),
)
def test_booleans_are_numbers(tmp_path, cells, expected):
    content = "a,y\n" + "".join(f"{cell},{k % 2}\n" for k, cell in enumerate(cells))
    np.testing.assert_array_equal(read(tmp_path, content, missing=("zero",)).x[:, 0], expected)


def test_columns_of_a_frame():
    frame = pd.DataFrame(
        {
            "colour": pd.Categorical(["red", None, "blue", "red"], categories=["red", "green", "blue"]),
            "size": [1.0, 2.0, np.nan, 1.5],
            "flag": pd.array([True, None, False, True], dtype="boolean"),
            "y": [0, 1, 0, 1],
        }
    )
    data = read_table(frame, target="y", categorical="size", missing="zero")
    assert data.schema.features == ("colour", "size", "flag")
    assert data.categories == {"colour": ("blue", "red"), "size": ("1", "1.5", "2")}
    np.testing.assert_array_equal(data.x, [[1, 0, 1], [np.nan, 2, np.nan], [0, np.nan, 0], [1, 1, 1]])
    with pytest.raises(
        DataError, match=r"<DataFrame>, row 1, column 'colour': the cell is empty.*--missing colour=mean"
    ):
        read_table(frame, target="y")
    chosen = read_table(frame, target="y", features="size", missing="zero")
    assert chosen.schema.categorical == ()


@pytest.mark.parametrize(
    ("options", "match"),
    cases(
        {
            "categorical target": ({"categorical": "y"}, "'y' is given as target and as categorical"),
            "categorical and ignored": (
                {"categorical": "a", "ignore": "a"},
                "'a' is given as ignore and as categorical",
            ),
            "misspelt rule": (
                {"missing": ("men",)},
                "missing: 'men': 'men' is not one of error, zero, mean, ffill; did you mean 'mean'",
            ),
            "unknown column": ({"missing": ("alpha=mean",)}, "missing: there is no column 'alpha'"),
        }
    ),
)
def test_contradictory_options(tmp_path, options, match):
    with pytest.raises(UsageError, match=match):
        read(tmp_path, **options)


def test_text_chosen_as_a_feature_is_told_to_be_categories(tmp_path):
    with pytest.raises(
        DataError, match=r"line 2, column 'shop': 'north' is not a number.*--categorical shop.*--ignore"
    ):
        read(tmp_path, features="shop,a")
    with pytest.raises(DataError, match=r"there is no column 'shops'; did you mean 'shop'"):
        read(tmp_path, categorical="shops")


# --- empty cells ---


def test_empty_cells_are_an_error_unless_there_is_a_rule(tmp_path):
    with pytest.raises(DataError, match=r"line 3, column 'b': the cell is empty \(''\).*--missing b=mean.*--ignore b"):
        read(tmp_path, features="b")
    with pytest.raises(DataError, match=r"line 4, column 'a'"):
        read(tmp_path, missing="error,b=mean")
    with pytest.raises(DataError, match=r"line 3, column 'shop': the cell is empty"):
        read(tmp_path, features="shop", categorical="shop")
    with pytest.raises(DataError, match=r"line 3, column 'a': 'inf' is infinite"):
        read(tmp_path, "id,a,y\nA,,0\nA,inf,1\n", missing="zero")
    data = read(tmp_path, missing="a=zero,b=ffill")
    np.testing.assert_array_equal(np.isnan(data.x).sum(axis=0), [2, 2])


def test_what_was_empty_is_told(tmp_path):
    data = read(tmp_path, missing="ffill,a=mean,shop=zero", categorical="shop")
    assert "empty cells: shop 1 (0), a 2 (mean), b 2 (filled forward)" in data.notes
    later = read_table(tmp_path / "table.csv", schema=data.schema)
    assert not any("empty" in note for note in later.notes)  # the model tells by which rules it fills them


def test_rules_for_numbers(tmp_path):
    data = read(tmp_path, features="b", missing="zero")
    nan = np.nan
    np.testing.assert_array_equal(data.x[:, 0], [10, nan, 30, nan, 50, 60])
    mean = (10 + 30 + 50 + 60) / 4
    for rule, filled in {
        "zero": [10, 0, 30, 0, 50, 60],
        "mean": [10, mean, 30, mean, 50, 60],
        "ffill": [10, 10, 30, mean, 50, 60],  # never across sequences
    }.items():
        np.testing.assert_array_equal(fit(data, missing=(rule,)).transform(data)[:, 0], filled)
    scaled = Encoder.fit([data], DataConfig(missing=("zero",), scale=("minmax",)))
    np.testing.assert_allclose(scaled.transform(data)[:, 0], [0, -0.2, 0.4, -0.2, 0.8, 1], atol=1e-15)


def test_rules_for_categories(tmp_path):
    """The mean of categories is the most frequent one."""
    data = read(
        tmp_path, "id,t,c,y\nA,0,,0\nA,1,b,1\nA,2,,0\nB,0,,1\nB,1,a,0\nB,2,a,1\n", categorical="c", missing="zero"
    )
    for rule, filled in {
        "zero": [None, "b", None, None, "a", "a"],
        "mean": ["a", "b", "a", "a", "a", "a"],
        "ffill": ["a", "b", "b", "a", "a", "a"],
    }.items():
        inputs = fit(data, missing=(rule,)).transform(data)
        np.testing.assert_array_equal(inputs, [[cell == "a", cell == "b", False] for cell in filled])


def test_an_unseen_category_is_carried_forward_as_one():
    data = made([[0], [1], [np.nan], [np.nan]], categories={"x1": ("a", "z")}, lengths=[3, 1])
    encoder = fit(made([[0]], categories={"x1": ("a",)}), missing=("ffill",))
    np.testing.assert_array_equal(encoder.transform(data), [[1, 0], [0, 1], [0, 1], [1, 0]])


@pytest.mark.parametrize("rows", [3, 50_000])
def test_forward_filling_over_many_rows(rows):
    random = np.random.default_rng(3)
    x = np.where(random.random((rows, 2)) < 0.5, np.nan, random.normal(size=(rows, 2)))
    lengths = [rows // 3, rows - rows // 3]
    data = made(x, lengths)
    encoder = Encoder.fit([data], DataConfig(missing=("ffill",), scale=("none",)))
    sequence = np.repeat([0, 1], lengths)
    expected = pd.DataFrame(x).groupby(sequence).ffill().fillna(dict(enumerate(encoder.fills.values())))
    np.testing.assert_array_equal(encoder.transform(data), expected)


def test_indicators(tmp_path):
    data = read(tmp_path, categorical="shop", missing="zero,a=mean")
    encoder = fit(data, missing=("zero", "a=mean"), missing_indicator=True)
    assert encoder.names[-3:] == ("shop (missing)", "a (missing)", "b (missing)")
    np.testing.assert_array_equal(encoder.transform(data)[:, -3:], np.isnan(data.x))
    full = made([[1, 2], [3, 4]])  # the inputs do not depend on whether the training rows have gaps
    assert fit(full, missing=("x2=mean",), missing_indicator=True).names == ("x1", "x2", "x2 (missing)")


def test_a_column_that_is_empty_in_training():
    data = made([[np.nan, np.nan]], categories={"x2": ()})
    encoder = fit(data, missing=("mean",))
    assert encoder.names == ("x1", "x2=(unseen)")
    np.testing.assert_array_equal(encoder.transform(data), [[0, 0]])


def test_the_first_step_of_a_sequence_has_no_lagged_target():
    """Which is no empty cell: it gets a value whatever the rule."""
    data = made([[1, np.nan], [2, 10], [3, 20]], columns=("x1",), lag_target=True)
    assert data.schema.columns == ("x1", "y (lag)")
    encoder = Encoder.fit([data], DataConfig(scale=("none", "y=minmax"), missing_indicator=True))
    assert encoder.rules == {"x1": "error", "y (lag)": "error"}
    np.testing.assert_array_equal(encoder.transform(data), [[1, 0.5, 1], [2, 0, 0], [3, 1, 0]])
    stored = Encoder.from_json(json.loads(json.dumps(encoder.to_json())))
    np.testing.assert_array_equal(stored.transform(data), encoder.transform(data))
    assert Encoder.fit([data], DataConfig(missing=("zero",))).rules["y (lag)"] == "zero"


@pytest.mark.parametrize(
    ("horizon", "line", "role"), cases({"no horizon": (0, 3, "the next row"), "a horizon": (1, 3, "this row")})
)
def test_an_empty_lagged_target_without_a_rule_names_its_cell(tmp_path, horizon, line, role):
    full = read(tmp_path, "x,y\n1,1.5\n2,2\n3,4\n4,3\n5,6\n", lag_target=True, horizon=horizon, window=5)
    gap = write(tmp_path, "x,y\n1,1.5\n2,\n3,4\n4,3\n5,6\n", "gap.csv")
    where = rf"gap\.csv, line {line}, column 'y': the cell is empty; --lag-target makes it an input of {role}, and"
    with pytest.raises(DataError, match=rf"{where} an input must not be empty; .*--missing 'y \(lag\)'=ffill"):
        fit(read_table(gap, target="y", lag_target=True, horizon=horizon, window=5))
    later = read_table(gap, schema=full.schema, require_target=False)
    encoder = fit(full)
    for job in (encoder.transform, encoder.check):
        with pytest.raises(DataError, match=rf"{where} the model has no rule for that; .*train with --missing"):
            job(later)
    filled = fit(full, missing=("ffill",)).transform(later)[:, 1]
    np.testing.assert_array_equal(filled[-3:], [4, 3, 6] if horizon else [1.5, 4, 3])


def test_a_model_without_a_rule_names_the_cell(tmp_path):
    full = write(tmp_path, "id,t,a,b,y\nA,0,1,2,0\nA,1,3,4,1\n")
    data = read_table(full, target="y")
    encoder = Encoder.fit([data], DataConfig())
    later = read_table(write(tmp_path, TABLE, "later.csv"), schema=data.schema)
    for job in (encoder.transform, encoder.check):
        with pytest.raises(DataError, match=r"later\.csv, line [34], column '[ab]': the cell is empty .*--missing"):
            job(later)


def test_other_columns_are_refused(tmp_path):
    encoder = fit(made([[1.0, 2.0]]))
    for other in (made([[1.0]]), made([[1.0, 0]], categories={"x2": ("a",)})):
        with pytest.raises(DataError, match="the model wants"):
            encoder.transform(other)


def test_the_network_has_an_input_for_each_name(tmp_path):
    data = read(tmp_path, categorical="shop", missing="mean")
    values = {"missing": "mean", "missing_indicator": True, "hidden": 3}
    model = initial_model(data, Config().with_values(values, "test"), built_in("rnn"))
    assert len(model.encoder.names) == 2 + 4 + 3 == model.architecture.features
    assert model.parameters["rnn.weight_ih_l0"].shape == (3, 9)


def test_parts_keep_their_categories(tmp_path):
    rows = "".join(f"{k},{'abc'[k % 3]},{k % 2}\n" for k in range(30))
    data = read(tmp_path, "id,c,y\n" + rows, categorical="c")
    parts = split(data, (0.5, 0.25))
    assert all(part.categories == data.categories for part in (parts.train, parts.valid, parts.test))
    assert fit(parts.train).names == ("c=a", "c=b", "c=c", "c=(unseen)")
