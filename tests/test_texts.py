"""Ids and times as Arrow's strings: texts as in the file, numbers that sort like them, ids in order of appearance."""

import pickle

import numpy as np
import pandas as pd
import pytest

from rnnfast.data import read_table
from rnnfast.data.sources.texts import Texts, compact_type, numbered, numbers_of

pytest.importorskip("pyarrow")

CELLS = {
    "plain numbers": ["10", "-3", "10", "0"],
    "leading zeros": ["007", "7", "07", "7"],
    "a leading zero that another length makes up for": ["07", "10", "7", "7"],
    "a sign of zero": ["0", "-0"],
    "a plus": ["+7", "7"],
    "spaces": [" 7", "7", "7 "],
    "hexadecimal": ["0x10", "16"],
    "text and numbers": ["card-1", "1", "card-1"],
    "words for nothing": ["NA", "nan", "", "NA"],
    "beyond 64 bits": ["18446744073709551616", "18446744073709551617"],
    "not of this world": ["Ä", "ä", "Ä", "日本"],
}


def column(texts):
    return pd.Series(texts, dtype=compact_type())


@pytest.mark.parametrize("texts", CELLS.values(), ids=list(CELLS))
def test_equal_texts_and_no_others_have_one_number(texts):
    codes, names = numbered(column(texts).array)
    assert names.dtype == object
    assert names.tolist() == list(dict.fromkeys(texts))
    assert names[codes].tolist() == texts


NUMBERS = {
    "whole numbers": (["10", "-3", "007"], np.array([10, -3, 7])),
    "decimals": (["0.5", "1e3", "2"], np.array([0.5, 1000, 2])),
    "dates": (["1970-01-01", "1970-01-02"], np.array([0, 86_400_000_000_000])),
    "instants": (["1970-01-01 00:00:01", "1970-01-01T00:00:00.5"], np.array([1_000_000_000, 500_000_000])),
    "instants with zones": (["1970-01-01T01:00:00+01:00", "1970-01-01T00:00:01Z"], np.array([0, 1_000_000_000])),
    "hexadecimal numbers": (["0x10", "7"], None),
    "an infinite number": (["1", "inf"], None),
    "an empty cell": (["1", ""], None),
    "a word after many numbers": (["1"] * 2000 + ["one"], None),
    "dates that nanoseconds do not reach": (["1970-01-01", "3000-01-01"], None),
    "dates and numbers": (["1970-01-01", "7"], None),
}


@pytest.mark.parametrize(("texts", "expected"), NUMBERS.values(), ids=list(NUMBERS))
def test_numbers_of_texts(texts, expected):
    numbers = numbers_of(column(texts))
    if expected is None:
        assert numbers is None
    else:
        values, dates = numbers
        assert dates == ("-" in texts[0][1:])
        assert values.dtype == expected.dtype
        np.testing.assert_array_equal(values, expected)


def test_texts_are_like_an_array_of_objects():
    texts = Texts(column(["007", "1.50", "+3"]).array).take(np.array([2, 0, 0]))
    assert len(texts) == 3
    assert texts.shape == (3,)
    assert texts.tolist() == list(texts) == ["+3", "007", "007"]
    assert texts[1] == "007"
    assert texts[[1, 0]].tolist() == ["007", "+3"]
    assert texts[:1].tolist() == ["+3"]
    assert (texts == np.array(["+3", "7", "007"], dtype=object)).tolist() == [True, False, True]
    assert np.asarray(texts).dtype == object
    assert texts.take(np.array([1])).tolist() == ["007"]
    assert pickle.loads(pickle.dumps(texts)).tolist() == texts.tolist()


def test_the_same_sequences_without_arrow(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    rows = [("a", "2"), ("007", "1"), ("a", "01"), ("7", "3"), ("007", "0")]
    path.write_text("name,t,x1,y1\n" + "".join(f"{name},{time},{j},{j % 2}\n" for j, (name, time) in enumerate(rows)))
    compact = read_table(path)
    monkeypatch.setattr("rnnfast.data.sources.parsing.compact_type", lambda: object)
    plain = read_table(path)
    assert isinstance(compact.time, Texts)
    assert isinstance(plain.time, np.ndarray)
    assert compact.ids.tolist() == plain.ids.tolist() == ["a", "007", "7"]
    assert compact.time.tolist() == plain.time.tolist() == ["01", "2", "0", "1", "3"]
    np.testing.assert_array_equal(compact.x, plain.x)
    np.testing.assert_array_equal(compact.key, plain.key)
    np.testing.assert_array_equal(compact.row, plain.row)


def test_ids_of_several_files_are_compared_as_texts(tmp_path):
    for time, identity in enumerate(("7", "07", "7")):
        (tmp_path / f"{time}.csv").write_text(f"name,t,x1,y1\n{identity},{time},1,0\nb,{time},2,1\n")
    data = read_table(str(tmp_path / "*.csv"))
    assert data.ids.tolist() == ["7", "b", "07"]
    assert data.lengths.tolist() == [2, 3, 1]
