"""Formats of tables: how they are packed, separated and marked, and that none of it changes what is read."""

import builtins
import datetime
import decimal
import gzip
import io
import json
import re
import sys
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from ids import cases
from pyarrow import feather, parquet

from rnnfast.cli import run
from rnnfast.data import read_table
from rnnfast.data.sources.dialect import as_points
from rnnfast.errors import DataError, RnnfastError

TABLE = "id,t,a,b,y\nA,0,1.5,2,0\nB,1,3,4.25,1\nA,2,-5,6e1,1\n"


def zipped(members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return stream.getvalue()


def columnar(text, write):
    stream = io.BytesIO()
    getattr(pd.read_csv(io.StringIO(text)), write)(stream)
    return stream.getvalue()


FORMATS = {
    "comma": lambda text: text.encode(),
    "tab": lambda text: text.replace(",", "\t").encode(),
    "semicolon": lambda text: text.replace(",", ";").encode(),
    "bar": lambda text: text.replace(",", "|").encode(),
    "semicolon, decimal comma": lambda text: text.replace(",", ";").replace(".", ",").encode(),
    "tab, decimal comma": lambda text: text.replace(",", "\t").replace(".", ",").encode(),
    "gzip": lambda text: gzip.compress(text.encode()),
    "zstd": lambda text: zstandard.compress(text.encode()),
    "zstd in frames": lambda text: zstandard.compress(text[:9].encode()) + zstandard.compress(text[9:].encode()),
    "zip": lambda text: zipped({"t.csv": text}),
    "zip from macOS": lambda text: zipped({"t.csv": text, "__MACOSX/._t.csv": "junk"}),
    "zip, decimal comma": lambda text: zipped({"t.csv": text.replace(",", ";").replace(".", ",")}),
    "zstd with mark": lambda text: zstandard.compress(b"\xef\xbb\xbf" + text.encode()),
    "Parquet": lambda text: columnar(text, "to_parquet"),
    "Feather": lambda text: columnar(text, "to_feather"),
}


def read(tmp_path, content, name="table", **options):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, **{"target": "y", **options})


def assert_same(data, expected):
    for name in ("x", "y", "offsets", "ids", "row"):
        np.testing.assert_array_equal(getattr(data, name), getattr(expected, name), err_msg=name)
    assert data.schema == expected.schema


def error(tmp_path, content, **options):
    with pytest.raises(DataError) as caught:
        read(tmp_path, content, "bad", **options)
    assert str(tmp_path / "bad") in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("form", FORMATS)
def test_format_is_recognised_by_content(tmp_path, form, monkeypatch):
    expected, content = read(tmp_path, TABLE, time="t"), FORMATS[form](TABLE)
    assert_same(read(tmp_path, content, time="t"), expected)
    assert_same(read(tmp_path, content, "misnamed.csv", time="t"), expected)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert_same(read_table("-", target="y", time="t"), expected)


cells = st.one_of(
    st.integers(-(10**9), 10**9).map(float),
    st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda value: round(value, 5)),
)


@settings(max_examples=25)
@given(
    rows=st.lists(st.tuples(st.sampled_from(["a1", "7", "x y"]), cells, cells), min_size=2, max_size=12),
    dtype=st.sampled_from(["f8", "i8", "f4", "i2"]),
    seed=st.integers(0, 9),
    form=st.sampled_from(sorted(FORMATS)),
)
def test_sequences_do_not_depend_on_format_or_order(tmp_path_factory, rows, dtype, seed, form):
    tmp_path = tmp_path_factory.mktemp("table")
    frame = pd.DataFrame(rows, columns=["id", "a", "b"])
    limit = 30_000 if dtype == "i2" else 1e9
    frame["b"] = frame["b"].clip(-limit, limit).astype(dtype)
    frame.insert(1, "t", np.arange(len(frame)) - 3)
    frame["y"] = np.arange(len(frame)) % 2
    expected = read_table(frame, target="y")
    shuffled = frame.iloc[np.random.default_rng(seed).permutation(len(frame))]
    data = read(tmp_path, FORMATS[form](shuffled.to_csv(index=False)))
    assert set(data.ids) == set(expected.ids)
    by_id = np.array([expected.ids.tolist().index(name) for name in data.ids])
    same = expected.take(by_id)
    np.testing.assert_array_equal(data.offsets, same.offsets)
    np.testing.assert_array_equal(data.y, same.y)
    # Text of a float32 has fewer digits than its value as float64.
    np.testing.assert_allclose(data.x, same.x, rtol=1e-6 if dtype == "f4" else 1e-15)


def test_marks_are_said(tmp_path):
    assert "cells are separated by semicolons, decimals are written with a comma" in (
        read(tmp_path, FORMATS["semicolon, decimal comma"](TABLE)).notes
    )
    assert "cells are separated by vertical bars" in read(tmp_path, FORMATS["bar"](TABLE)).notes
    assert not any("decimals" in note for note in read(tmp_path, FORMATS["tab"](TABLE)).notes)


def test_times_with_decimal_commas_are_numbers(tmp_path):
    data = read(tmp_path, "id;t;a;y\nA;10,5;1;0\nA;9,5;2;1\n", time="t")
    assert data.time.tolist() == ["9,5", "10,5"]
    np.testing.assert_array_equal(data.x[:, 0], [2, 1])


@pytest.mark.parametrize(
    ("content", "parts"),
    cases(
        {
            "a point among commas": (
                "a;b;y\n1,5;1;0\n2,5;2;1\n3.5;3;1\n",
                ["line 4", "'a'", "'3.5'", "decimals with a comma"],
            ),
            "a comma among points": (
                "a;b;y\n1.5;1;0\n2.5;2;1\n3,5;3;1\n",
                ["line 4", "'a'", "'3,5'", "decimals with a point"],
            ),
            # Mostly the other mark: a damaged column of numbers all the same, not text.
            "mostly points": (
                "a;b;y\n1,5;1,5;0\n2.5;2,5;1\n3.5;2,5;1\n4.5;7;0\n",
                ["line 3", "'a'", "'2.5'", "2 more"],
            ),
            "thousands and decimals": (
                "a;b;y\n1.234,5;1,5;0\n2;2,5;1\n3;2,5;1\n",
                ["line 2", "'a'", "'1.234,5'", "not a number"],
            ),
            "text among commas": (
                "a;b;y\n1,5;1;0\n2,5;2;1\nx;3;1\n",
                ["line 4", "'a'", "'x' is not a number", "--ignore a"],
            ),
        }
    ),
)
def test_mixed_decimal_marks(tmp_path, content, parts):
    text = error(tmp_path, content)
    assert all(part in text for part in parts), text
    assert read(tmp_path, content, ignore="a").schema.features == ("b",)


def test_separator_is_the_one_that_fits_the_rows(tmp_path):
    data = read(tmp_path, "a;b, in mm;y\n1;2;0\n3;4;1\n")
    assert data.schema.features == ("a", "b, in mm")
    assert "line 3, column 'y'" in error(tmp_path, "a;b;y\n1;2;0\n3;4\n5;6;1\n")


@pytest.mark.parametrize(
    ("content", "parts"),
    cases(
        {
            "two files in a zip": (zipped({"a": "x", "b": "y"}), ["2 files (a, b", "unpack"]),
            "empty zip": (zipped({}), ["no file"]),
            "Excel workbook": (zipped({"xl/workbook.xml": "x"}), ["Excel workbook", "CSV"]),
            "zip cut off": (zipped({"t": TABLE})[:60], ["damaged or incomplete zip"]),
            "zstd cut off": (zstandard.compress(TABLE.encode() * 99)[:-5], ["damaged or incomplete zstd"]),
            "zstd damaged": (
                zstandard.compress(TABLE.encode() * 99)[:12] + b"rubbish" * 9,
                ["damaged or incomplete zstd"],
            ),
            "Parquet in gzip": (
                gzip.compress(columnar(TABLE, "to_parquet")),
                ["a Parquet file packed by gzip", "unpack"],
            ),
            "gzip in gzip": (gzip.compress(gzip.compress(TABLE.encode())), ["a gzip file packed by gzip"]),
            "Parquet cut off": (columnar(TABLE, "to_parquet")[:-20], ["damaged or incomplete Parquet"]),
            "Feather damaged": (
                columnar(TABLE, "to_feather").replace(b'"columns": [', b'"columns": x'),
                ["damaged or incomplete Feather"],
            ),
            "Parquet without rows": (columnar("id,t,a,b,y\n", "to_parquet"), ["no rows"]),
            "Parquet with an empty cell": (
                columnar(TABLE.replace("-5", ""), "to_parquet"),
                ["row 2, column 'a': the cell is empty", "--ignore a"],
            ),
            "Feather with an infinite cell": (
                columnar(TABLE.replace("4.25", "inf"), "to_feather"),
                ["row 1, column 'b': 'inf' is infinite"],
            ),
            "JSON lines with half of a character": (
                b'{"a":1,"y":1}\n{"a":"\\ud800","y":2}\n',
                ["bad, line 2: \\ud800 is half of a character", "leave it out"],
            ),
            "JSON lines with half of a character in a name": (
                b'{"a":1,"y":1}\n\n{"a":1,"b\\uDC00":NaN,"y":2}\n',
                ["bad, line 3: \\udc00 is half of a character"],
            ),
            "JSON lines with its bytes": (
                b'{"a":1,"y":1}\n{"a":"\xed\xa0\x80","y":2}\n',
                ["bad, line 2: is not UTF-8 text"],
            ),
            "Parquet with text": (
                columnar(TABLE.replace("-5", "oops"), "to_parquet"),
                ["row 2, column 'a': 'oops' is not a number"],
            ),
        }
    ),
)
def test_bad_files(tmp_path, content, parts):
    text = error(tmp_path, content)
    assert all(part in text for part in parts), text


def test_feather_whose_texts_claim_terabytes_is_damaged(tmp_path):
    stream = io.BytesIO()
    table = pa.table({"a": ["three", "words", "given"], "y": [0, 1, 0]})
    feather.write_feather(table, stream, compression="uncompressed")
    ends = np.array([0, 5, 10, 15], dtype=np.int32)
    content = stream.getvalue().replace(ends.tobytes(), np.array([0, 5, 10, 2**30], dtype=np.int32).tobytes())
    assert content != stream.getvalue()
    assert "damaged or incomplete Feather" in error(tmp_path, content)


@pytest.mark.parametrize("form", ["Parquet", "Feather"])
def test_only_columns_that_are_needed_are_read(tmp_path, monkeypatch, form):
    from rnnfast.data.sources.columnar import Columnar

    read_columns, frame = [], Columnar.frame
    monkeypatch.setattr(
        Columnar, "frame", lambda self, columns: read_columns.append(list(columns)) or frame(self, columns)
    )
    content = FORMATS[form](TABLE)
    schema = read(tmp_path, content, features="a").schema
    read(tmp_path, content, ignore="b")
    read(tmp_path, content, schema=schema)
    assert read_columns[1:] == [["id", "t", "a", "y"], ["id", "t", "a", "y"]]


def test_parquet_of_dates_categories_and_row_labels(tmp_path):
    frame = pd.DataFrame(
        {
            "card": pd.Categorical(["b", "a", "b", "a"]),
            "when": pd.to_datetime(["2024-02-01", "2024-01-01", "2023-01-01", "2024-03-01"]),
            "amount": pd.array([1, 2, 3, 4], dtype="Int64"),
            "fraud": [True, False, True, False],
        },
        index=pd.Index([9, 8, 7, 5]),
    )
    frame.to_parquet(tmp_path / "t.parquet")
    data = read_table(tmp_path / "t.parquet", id="card", time="when", target="fraud")
    np.testing.assert_array_equal(data.x[:, 0], [3, 1, 2, 4])
    assert data.schema.classes == (False, True)
    assert data.schema.features == ("amount",)
    with pytest.raises(DataError, match=r"t\.parquet: there is no column 'crad'; did you mean 'card'"):
        read_table(tmp_path / "t.parquet", id="crad", target="fraud")


@pytest.mark.parametrize(
    ("form", "library", "extra"), [("Parquet", "pyarrow", "parquet"), ("zstd", "zstandard", "zstd")]
)
def test_missing_library_is_named(tmp_path, monkeypatch, form, library, extra):
    content, original = FORMATS[form](TABLE), builtins.__import__

    def without(name, *rest):
        if name.split(".")[0] == library:
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(RnnfastError, match=re.escape(f'pip install "rnnfast[{extra}]"')):
        read(tmp_path, content)


def test_patterns_of_files(tmp_path):
    lines = TABLE.splitlines(keepends=True)
    for j in (2, 1, 3):
        (tmp_path / f"part-{j}.csv").write_text(lines[0] + lines[j])
    data = read_table(str(tmp_path / "part-*.csv"), target="y")
    assert_same(data, read(tmp_path, TABLE))
    assert data.source == tuple(str(tmp_path / f"part-{j}.csv") for j in (1, 2, 3))
    with pytest.raises(DataError, match=r"prat-\*\.csv: no file matches this pattern; did you mean 'part-"):
        read_table(str(tmp_path / "prat-*.csv"), target="y")
    (tmp_path / "part-*.csv").write_text(TABLE)
    assert read_table(str(tmp_path / "part-*.csv"), target="y").source == (str(tmp_path / "part-*.csv"),)


def test_parquet_of_lists_decimals_and_dotted_names(tmp_path):
    table = pa.table(
        {
            "a.b": pa.array([decimal.Decimal("1.50"), decimal.Decimal("2.25")]),
            "a": pa.array([1, 2], pa.int8()),
            "list": pa.array([[1, 2], [3]]),
            "day": pa.array([datetime.date(2024, 1, 2), datetime.date(2024, 1, 1)]),
            "y": pa.array([0, 1]),
        }
    )
    parquet.write_table(table, tmp_path / "t.parquet")
    data = read_table(tmp_path / "t.parquet", target="y", time="day")
    assert data.schema.features == ("a.b", "a")
    np.testing.assert_array_equal(data.x, [[2.25, 2], [1.5, 1]])
    assert any("list" in note for note in data.notes)


def test_commands_take_several_tables_and_patterns(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for j in (1, 2):
        (tmp_path / f"part-{j}.csv").write_text(TABLE.replace("A,", f"A{j},").replace("B,", f"B{j},"))
    for words in (["part-1.csv", "part-2.csv"], ["part-*.csv", "--no-cache"]):
        assert run(["inspect", *words, "--target", "y", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["rows"] == 6
    options = ["--target", "y", "--hidden", "3", "--epochs", "0", "--split", "1", "-o", "run", "--quiet"]
    assert run(["train", "--data", "part-*.csv", *options]) == 0
    capsys.readouterr()
    assert run(["predict", "--model", "run", "--data", "part-?.csv", "--no-cache"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 7
    assert run(["eval", "--model", "run", "--data", "part-1.csv", "--data", "part-2.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["training_table"] is True
    assert run(["inspect", "run", "part-1.csv"]) == 2


def test_columns_that_the_parser_turned_into_numbers_in_part():
    # Of a large file pandas reads parts, and each part of a damaged column gets a type of its own.
    mixed = pd.Series([1, 2.5, "3,5", "4.5", "x", np.nan], dtype=object)
    assert as_points(mixed, ",").tolist()[:5] == [1, 2.5, "3.5", "4,5", "x"]
    assert as_points(mixed, ".") is mixed
    text = pd.Series(["a", "b", "1,5"], dtype=object)
    assert as_points(text, ",") is text
    empty = pd.Series([np.nan, np.nan], dtype=object)
    assert as_points(empty, ",").isna().all()


@pytest.mark.parametrize("form", ["Parquet", "Feather"])
def test_columns_are_found_in_any_order(form, tmp_path):
    """Text ids are read a few rows at a time, in the order of the file or of the question."""
    text = "a,b,id,t,y\n1.5,2,A,0,0\n3,4.25,B,1,1\n-5,6,A,1,1\n"
    data = read(tmp_path, FORMATS[form](text), target="y", id="id", time="t")
    again = read_table(str(tmp_path / "table"), schema=data.schema)
    np.testing.assert_array_equal(again.x, data.x)
    np.testing.assert_array_equal(again.y, data.y)
