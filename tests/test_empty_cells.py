"""Empty cells: an error, or filled by a rule."""

import io

import numpy as np
import pandas as pd
import pytest
from encoded_tables import TABLE, fit, made, read, write
from stored_tables import assert_same, stored

from rnnfast.config.sections import DataConfig
from rnnfast.data import Encoder, read_table
from rnnfast.errors import DataError


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


def test_a_model_without_a_rule_names_the_cell(tmp_path):
    full = write(tmp_path, "id,t,a,b,y\nA,0,1,2,0\nA,1,3,4,1\n")
    data = read_table(full, target="y")
    encoder = Encoder.fit([data], DataConfig())
    later = read_table(write(tmp_path, TABLE, "later.csv"), schema=data.schema)
    for job in (encoder.transform, encoder.check):
        with pytest.raises(DataError, match=r"later\.csv, line [34], column '[ab]': the cell is empty .*--missing"):
            job(later)


WORDS = "id,t,x,flag,kind,y\nA,0,1.5,true,-,0\nA,1,?,?,+,1\nA,2, - ,false,-,0\nB,0,2,N.A.,+,1\nB,1,Missing,true,-,0\n"


def test_words_for_no_value_are_empty_where_a_column_holds_numbers(tmp_path):
    """In a column of texts they may mean something."""
    data = read(tmp_path, WORDS, categorical="kind", missing="mean")
    assert data.schema.features == ("x", "flag", "kind")
    assert data.categories["kind"] == ("+", "-")
    assert "empty cells: x 3 (mean), flag 2 (mean)" in data.notes
    nan = np.nan
    np.testing.assert_array_equal(data.x[:, :2], [[1.5, 1], [nan, nan], [nan, 0], [2, nan], [nan, 1]])


def test_a_table_on_disk_has_the_same_empty_cells(tmp_path):
    options = {"categorical": "kind", "missing": "mean", "time": "t"}
    frame = pd.read_csv(io.StringIO(WORDS), dtype=str, keep_default_na=False)
    assert_same(stored(frame, tmp_path, target="y", **options), read(tmp_path, WORDS, **options))


def test_a_word_for_no_value_is_refused_like_an_empty_cell(tmp_path):
    with pytest.raises(DataError, match=r"line 3, column 'x': the cell is empty \('\?'\).*--missing x=mean"):
        read(tmp_path, WORDS, features="x")
    with pytest.raises(DataError, match=r"line 4, column 'x': 'a few' is not a number \(and"):
        read(tmp_path, WORDS.replace(" - ", "a few").replace("Missing", "lots"), features="x")


def test_a_target_keeps_its_words(tmp_path):
    assert read(tmp_path, WORDS, target="kind", features="y").schema.classes == ("-", "+")


@pytest.mark.parametrize("task", ["auto", "regression"])
def test_words_among_the_numbers_of_a_target_are_no_labels(tmp_path, task):
    options = {"target": "x", "task": task, "features": "y", "time": "t"}
    words = WORDS.replace("Missing", "4")
    data = read(tmp_path, words, **options)
    np.testing.assert_array_equal(data.y[:, 0], [1.5, np.nan, np.nan, 2, 4])
    frame = pd.read_csv(io.StringIO(words), dtype=str, keep_default_na=False)
    assert_same(stored(frame, tmp_path, **options), data)
    known = read_table(write(tmp_path, words, "again.csv"), schema=data.schema)
    np.testing.assert_array_equal(known.y, data.y)
    with pytest.raises(DataError, match=r"column 'x': 'lots' is not a number.*correct it or empty the cell"):
        read(tmp_path, words.replace("1.5", "lots"), **options | {"task": "regression"})
    classes = read(tmp_path, words.replace("?", "none").replace("1.5", "none"), **options | {"task": "multiclass"})
    assert "none" in classes.schema.classes  # which may be a class among numbers


def test_a_model_names_the_word_of_a_cell_that_it_refuses(tmp_path):
    data = read(
        tmp_path, WORDS.replace("?,?", "2,true").replace(" - ", "1").replace("N.A.", "true").replace("Missing", "3")
    )
    encoder = fit(data)
    later = read_table(write(tmp_path, WORDS, "later.csv"), schema=data.schema)
    with pytest.raises(DataError, match=r"line 3, column 'x': the cell is empty \('\?'\).*no rule"):
        encoder.transform(later)


def test_an_empty_cell_of_a_data_frame_has_no_text():
    frame = pd.DataFrame({"x": [None, 1.5, 2.5, 3.5], "y": [0, 1, 0, 1]})
    with pytest.raises(DataError, match=r"row 0, column 'x': the cell is empty \(''\); fill it"):
        fit(read_table(frame, target="y", window=2))
