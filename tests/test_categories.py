"""Categories: columns of text as inputs, how they are read, and what a later table may hold."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from encoded_tables import fit, made, read, write
from ids import cases

from rnnfast.config.sections import DataConfig
from rnnfast.data import Encoder, Schema, read_table
from rnnfast.data.columns.categories import MOST_CATEGORIES
from rnnfast.errors import DataError, UsageError


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
                "missing: 'men' is not one of error, zero, mean, ffill; did you mean 'mean'",
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
