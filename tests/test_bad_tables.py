"""Bad input, case by case: the error names file, line, column, value and fix."""

import csv
import gzip

import numpy as np
import pandas as pd
import pytest
from ids import cases

from rnnfast.data import read_table
from rnnfast.errors import DataError, UsageError

GOOD = "id,t,a,b,y\nA,0,1,2,0\nA,1,3,4,1\nB,0,5,6,1\n"


def message(tmp_path, content, name="bad.csv", **options):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    options = {"target": "y", **options}
    with pytest.raises(DataError) as caught:
        read_table(path, **options)
    text = str(caught.value)
    assert name in text
    assert caught.value.exit_code == 3
    return text


CASES = {
    # name: (content, options, what the message must hold)
    "missing target": (GOOD, {"target": "Y1"}, ["line 1", "'Y1'", "did you mean 'y'", "id, t, a, b, y"]),
    "missing id": (GOOD, {"id": "idd"}, ["line 1", "'idd'", "did you mean 'id'"]),
    "missing time": (GOOD, {"time": "tt"}, ["line 1", "'tt'", "did you mean 't'"]),
    "missing feature": (GOOD, {"features": ["a", "bb"]}, ["line 1", "'bb'", "did you mean 'b'"]),
    "pattern without match": (GOOD, {"features": "x*"}, ["line 1", "'x*'", "id, t, a, b, y"]),
    "missing ignored": (GOOD, {"ignore": "aa"}, ["line 1", "'aa'", "did you mean 'a'"]),
    "target not named": (GOOD, {"target": ()}, ["line 1", "--target", "id, t, a, b, y"]),
    "no feature left": (GOOD, {"ignore": ["a", "b"]}, ["line 1", "no numeric column", "id, t, a, b, y"]),
    "text in numbers": (
        "id,t,a,b,y\nA,0,1,2,0\nA,1,3,oops,1\nB,0,5,6,1\n",
        {},
        ["line 3", "'b'", "'oops'", "not a number", "--ignore b"],
    ),
    "decimal comma": (
        'id,t,a,b,y\nA,0,1,2,0\nA,1,"3,5",4,1\nB,0,5,6,1\n',
        {},
        ["line 3", "'a'", "'3,5'", "write decimals with a point"],
    ),
    "text in a chosen feature": (
        "id,t,a,b,y\nA,0,x,2,0\nA,1,x,4,1\n",
        {"features": "a,b"},
        ["line 2", "'a'", "'x'", "1 more", "--ignore a"],
    ),
    "empty feature": (
        "id,t,a,b,y\nA,0,1,2,0\nA,1,3,,1\nB,0,5,,1\n",
        {},
        ["line 3", "'b'", "empty", "1 more", "fill it"],
    ),
    "NA in a feature": ("id,t,a,b,y\nA,0,1,2,0\nA,1,NaN,4,1\n", {}, ["line 3", "'a'", "'NaN'", "--ignore a"]),
    "infinite feature": ("id,t,a,b,y\nA,0,1,2,0\nA,1,-inf,4,1\n", {}, ["line 3", "'a'", "'-inf'", "infinite"]),
    "too large a feature": ("id,t,a,b,y\nA,0,1,2,0\nA,1,1e999,4,1\n", {}, ["line 3", "'a'", "'1e999'", "--ignore a"]),
    "infinite target": ("a,y\n1,0.5\n2,1.5\n3,inf\n", {}, ["line 4", "'y'", "'inf'", "infinite", "empty the cell"]),
    "duplicate time": (
        "id,t,a,y\nA,0,1,0\nB,5,1,0\nB,6,1,0\nB,5.0,1,1\n",
        {"ties": "error"},
        ["line 5", "'t'", "'5.0'", "id 'B'", "line 3", "--ties keep"],
    ),
    "empty id": ("id,t,a,y\nA,0,1,0\n,1,1,1\n", {}, ["line 3", "'id'", "empty"]),
    "empty time": ("id,t,a,y\nA,0,1,0\nA,,1,1\n", {}, ["line 3", "'t'", "empty", "2024-01-31"]),
    "time is no date": ("id,t,a,y\nA,2024-01-01,1,0\nA,soon,1,1\n", {}, ["line 3", "'t'", "'soon'", "2024-01-31"]),
    "infinite time": ("id,t,a,y\nA,0,1,0\nA,inf,1,1\n", {}, ["'t'", "neither a number nor a date"]),
    "too many cells": (
        "id,t,a,b,y\nA,0,1,2,0\nA,1,3,4,1,9\nB,0,5,6,1\n",
        {},
        ["line 3", "'y'", "6 cells", "header has 5", "'9'", "quote"],
    ),
    "too many cells in the first row": (
        "id,t,a,b,y\nA,0,1,2,0,9\nA,1,3,4,1\n",
        {},
        ["line 2", "'y'", "6 cells", "'9'"],
    ),
    "too many cells in every row": ("a,b,y\n0,1,2,0\n1,3,4,1\n", {}, ["line 2", "'y'", "4 cells", "header has 3"]),
    "one row with an empty cell too many": ("a,b,y\n1,2,0\n3,4,1,\n5,6,1\n", {}, ["line 3", "'y'", "4 cells", "is ''"]),
    "text in a huge cell": (
        "a,b,y\n1,2,0\n" + "x" * 200_000 + ",4,1\n5,6,1\n",
        {},
        ["line 3, column 'a'", "'xxx", "xxx...' is not a number"],
    ),
    "names that no terminal should get": (
        "a,\x1b[2J,y\n1,2,0\n3,x,1\n",
        {},
        ["line 3", r"'\x1b[2J'", "--ignore '?[2J'"],
    ),
    "a class of a thousand signs": ("a,y\n1," + "c" * 1000 + "\n2," + "c" * 1000 + "\n", {}, ["'ccc", "ccc..., so"]),
    "text among dates of a time": (
        "t,a,y\n2024-01-01,1,0\n31.01.2024,2,1\n",
        {"time": "t"},
        ["line 3, column 't'", "'31.01.2024'", "'2024-01-01' (", "in one way"],
    ),
    "too few cells": ("id,t,a,b,y\nA,0,1,2,0\nA,1,3\n", {}, ["line 3", "'b'", "3 cells", "header has 5", "complete"]),
    "only the label is cut off": ("a,b,y\n1,2,0\n3,4\n5,6,1\n", {}, ["line 3", "'y'", "2 cells", "('4')"]),
    "short row in a quoted table": ('a,b,y\n"1",2,0\n3,4\n5,6,1\n', {}, ["line 3", "'y'", "2 cells"]),
    "open quote": ('a,b,y\n1,2,0\n"3,4,1\n5,6,1\n', {}, ["line 3", "quote", "close it"]),
    "empty file": ("", {}, ["is empty", "header"]),
    "blank lines only": ("\n\r\n  \n", {}, ["is empty", "header"]),
    "header only": ("id,t,a,y\n\n", {}, ["no rows"]),
    "no header": ("1,2,0\n3,4,1\n", {}, ["line 1", "1, 2, 0", "add a header"]),
    "duplicate column": ("a,b, a ,y\n1,2,3,0\n", {}, ["line 1", "'a'", "columns 1 and 3", "rename"]),
    "spaces between cells": ("a b y\n1 2 0\n", {}, ["line 1", "'a b y'", "' '", "--sep"]),
    "one class": ("a,y\n1,0\n2,0\n", {}, ["'y'", "0", "nothing to learn", "both classes"]),
    "one class of text": ("a,y\n1,no\n2,no\n", {}, ["'y'", "'no'", "both classes"]),
    "constant quantity": ("a,y\n1,0.5\n2,0.5\n", {}, ["'y'", "0.5", "nothing to learn"]),
    "no label at all": ("a,y\n1,\n2,\n", {}, ["'y'", "every cell is empty"]),
    "third class of text asked to be binary": (
        "a,y\n1,no\n2,yes\n3,no\n4,maybe\n",
        {"task": "binary"},
        ["line 5", "'y'", "'maybe'", "'no' and 'yes'", "--task multiclass", "against the rest"],
    ),
    "text among numbers": (
        "a,y\n1,0.5\n2,high\n3,2\n",
        {},
        ["line 3", "'y'", "'high'", "not a number", "--task multiclass"],
    ),
    "infinite class": ("a,y\n1,0\n2,inf\n", {}, ["line 3", "'y'", "'inf'", "infinite"]),
    "infinite class of several": ("a,y\n1,0\n2,inf\n3,1\n", {"task": "multiclass"}, ["line 3", "'inf'", "infinite"]),
    "one of several classes": ("a,y\n1,0\n2,0\n", {"task": "multiclass"}, ["'y'", "nothing to learn", "other classes"]),
    "a name per row": (
        "a,y\n" + "".join(f"{i},n{i}\n" for i in range(1001)),
        {},
        ["'y'", "1,001 different values", "at most 1,000", "--target"],
    ),
    "too many numbers for classes": (
        "a,y\n" + "".join(f"{i},{i}\n" for i in range(1001)),
        {"task": "multiclass"},
        ["'y'", "1,001 different values"],
    ),
    "third class asked to be binary": (
        "a,y\n1,0\n2,1\n3,2\n",
        {"task": "binary"},
        ["line 4", "'y'", "'2'", "3 in all", "--target"],
    ),
    "two binary targets": ("a,y,z\n1,0,1\n2,1,0\n", {"target": "y,z", "task": "binary"}, ["'z'", "one target"]),
    "two targets with classes": (
        "a,y,z\n1,0,1\n2,1,0\n",
        {"target": "y,z", "task": "multiclass"},
        ["'z'", "a multiclass task has one target"],
    ),
    "text as a quantity": (
        "a,y\n1,0.5\n2,high\n3,2\n",
        {"task": "regression"},
        ["line 3", "'y'", "'high'", "not a number", "empty the cell"],
    ),
    "not UTF-8": (
        "a,näme,y\n1,2,0\n".encode("latin-1"),
        {},
        [
            "line 1",
            "0xe4",
            "not UTF-8 text, but reads as cp1252; save the table as UTF-8: iconv -f cp1252 -t utf-8",
            "-utf8.csv",
        ],
    ),
    "another encoding": (b"a,\x83\x81,y\n1,2,0\n", {}, ["line 1", "0x83", "with the encoding that it was written in"]),
    "UTF-16": ("a,b,y\n1,2,0\n".encode("utf-16"), {}, ["is UTF-16 text", "iconv -f utf-16 -t utf-8"]),
    "not UTF-8 in a row": (b"a,b,y\r\n1,2,0\r\n\xff,2,1\r\n", {}, ["line 3", "0xff", "UTF-8"]),
    "rows without header": (
        "7,2024-01-02,0.5\n8,2024-01-03,0.7\n",
        {},
        [
            "line 1: there is no column 'y'; the columns are 7, 2024-01-02, 0.5; where the first line is a row",
            "--columns",
        ],
    ),
    "misspelt column": ("a,yy\n1,0\n", {}, ["no column 'y'; did you mean 'yy'? The columns are a, yy"]),
    "SQLite": (b"SQLite format 3\0rest", {}, ["is a database", "--data sqlite:///", "--query 'select * from"]),
    "zero bytes": (b"a,y\n1,0\n\x00\x01,2\n", {}, ["line 3", "zero byte", "CSV"]),
    "damaged zip": (b"PK\x03\x04rest", {}, ["damaged or incomplete zip", "CSV"]),
    "damaged Parquet": (b"PAR1rest", {}, ["damaged or incomplete Parquet", "CSV"]),
    "damaged Feather": (b"ARROW1rest", {}, ["damaged or incomplete Feather", "CSV"]),
    "old Excel": (b"\xd0\xcf\x11\xe0rest", {}, ["Excel", "CSV"]),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_table(tmp_path, case):
    content, options, parts = CASES[case]
    text = message(tmp_path, content, **options)
    for part in parts:
        assert part in text, f"{part!r} is not in {text!r}"


LINES = {
    "CRLF": "id,t,a,y\r\nA,0,1,0\r\nA,1,!,1\r\nA,2,1,1\r\n",
    "blank lines": "\n\nid,t,a,y\n\nA,0,1,0\n   \nA,1,!,1\nA,2,1,1\n\n",
    "quoted line breaks": 'id,t,a,y\n"A\nB",0,1,0\nA,1,!,1\nA,2,1,1\n',
    "quoted header": '"id"," t ","a","y"\nA,0,1,0\nA,1,!,1\nA,2,1,1\n',
    "byte order mark": "\ufeffid,t,a,y\nA,0,1,0\nA,1,!,1\nA,2,1,1\n",
    "bare CR": "id,t,a,y\rA,0,1,0\rA,1,!,1\rA,2,1,1\r",
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("case", LINES)
def test_the_line_is_the_one_an_editor_shows(tmp_path, case, packed):
    content = LINES[case]
    editor = content.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    line = next(number for number, text in enumerate(editor, 1) if "!" in text)
    data, name = (gzip.compress(content.encode()), "bad.csv.gz") if packed else (content, "bad.csv")
    assert f"line {line}, column 'a': '!'" in message(tmp_path, data, name)


def test_the_line_is_right_in_a_large_file(tmp_path):
    rows = ["0.5,1.5,0"] * 70_000 + ["0.5,bad,1"] + ["0.5,1.5,1"] * 30_000
    assert "line 70002, column 'b': 'bad'" in message(tmp_path, "a,b,y\n" + "\n".join(rows))


def test_the_second_file_is_named(tmp_path):
    (tmp_path / "one.csv").write_text(GOOD)
    (tmp_path / "two.csv").write_text("id,t,a,b,y\nC,0,1,2,0\nC,1,!,4,1\n")
    with pytest.raises(DataError, match=r"two\.csv, line 3, column 'a': '!' is not a number"):
        read_table([tmp_path / "one.csv", tmp_path / "two.csv"], target="y")


@pytest.mark.parametrize(
    ("other", "parts"),
    cases(
        {
            "a column is missing": ("id,t,a,y\nC,0,1,0\n", ["two.csv, line 1", "no column 'b'"]),
            "one column more": (
                "id,t,a,b,B2,y\nC,0,1,2,3,0\n",
                ["two.csv, line 1", "'B2'", "one.csv has no such column", "did you mean 'b'"],
            ),
        }
    ),
)
def test_files_with_different_columns(tmp_path, other, parts):
    (tmp_path / "one.csv").write_text(GOOD)
    (tmp_path / "two.csv").write_text(other)
    with pytest.raises(DataError) as caught:
        read_table([tmp_path / "one.csv", tmp_path / "two.csv"], target="y")
    assert all(part in str(caught.value) for part in parts), caught.value


def test_missing_file_names_the_nearest(tmp_path):
    (tmp_path / "transactions.csv").write_text(GOOD)
    with pytest.raises(DataError, match=r"transaction\.csv: no such file; did you mean 'transactions\.csv'"):
        read_table(tmp_path / "transaction.csv", target="y")
    with pytest.raises(DataError, match=r"the directory .*nowhere is missing as well"):
        read_table(tmp_path / "nowhere" / "a.csv", target="y")


def test_directory(tmp_path):
    with pytest.raises(DataError, match=r"is a directory; name a table in it"):
        read_table(tmp_path, target="y")


def test_damaged_gzip(tmp_path):
    whole = gzip.compress(GOOD.encode() * 5000)
    for damaged in (whole[: len(whole) // 2], whole[:10] + b"garbage" * 9, whole[:-4] + b"\0\0\0\0"):
        assert "gzip" in message(tmp_path, damaged, "bad.csv.gz")


BAD_AFTER_SCHEMA = cases(
    {
        "no target": ("name,t,x1,x2\nA,0,1,2\n", ["new.csv, line 1", "no column 'y1'"]),
        "another feature": ("name,t,x1,X_2,y1\nA,0,1,2,0\n", ["line 1", "no column 'x2'", "did you mean"]),
        "no id": ("t,x1,x2,y1\n0,1,2,0\n", ["line 1", "no column 'name'"]),
        "no time": ("name,x1,x2,y1\nA,1,2,0\n", ["line 1", "no column 't'"]),
        "unseen class": (
            "name,t,x1,x2,y1\nA,0,1,2,no\nA,1,1,2,maybe\n",
            ["line 3", "'y1'", "'maybe'", "'no' and 'yes'"],
        ),
        "text for a number": ("name,t,x1,x2,y1\nA,0,1,2,no\nA,1,1,many,no\n", ["line 3", "'x2'", "'many'"]),
        "no target value": ("name,t,x1,x2,y1\nA,0,1,2,\nA,1,1,2,\n", ["'y1'", "no step has a target value"]),
    }
)


@pytest.mark.parametrize(("content", "parts"), BAD_AFTER_SCHEMA)
def test_table_that_does_not_fit_a_schema(tmp_path, content, parts):
    (tmp_path / "old.csv").write_text("name,t,x1,x2,y1\nA,0,1,2,no\nA,1,3,4,yes\n")
    (tmp_path / "new.csv").write_text(content)
    schema = read_table(tmp_path / "old.csv").schema
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "new.csv", schema=schema)
    assert all(part in str(caught.value) for part in parts), caught.value


def test_unseen_number_in_a_binary_target(tmp_path):
    (tmp_path / "old.csv").write_text("a,y\n1,0\n2,1\n")
    (tmp_path / "new.csv").write_text("a,y\n1,0\n2,2\n")
    schema = read_table(tmp_path / "old.csv", target="y").schema
    with pytest.raises(DataError, match=r"line 3, column 'y': '2' is not one of the classes 0 and 1"):
        read_table(tmp_path / "new.csv", schema=schema)


def test_bad_frame_names_the_row():
    frame = pd.DataFrame({"a": [1.0, np.nan, 3.0], "y": [0, 1, 0]}, index=[7, 8, 9])
    with pytest.raises(DataError, match="<DataFrame>, row 1, column 'a': the cell is empty"):
        read_table(frame, target="y")
    with pytest.raises(DataError, match="<DataFrame>: has no rows"):
        read_table(frame[:0], target="y")
    with pytest.raises(DataError, match="<DataFrame>: there is no column 'z'"):
        read_table(frame, target="z")
    with pytest.raises(DataError, match="column 'a': the name is there twice"):
        read_table(pd.DataFrame([[1, 2, 3]], columns=["a", "a", "y"]), target="y")


def test_a_cell_too_long_to_look_at(tmp_path, monkeypatch):
    monkeypatch.setattr("rnnfast.data.sources.source.LONGEST_CELL", 100)
    limit = csv.field_size_limit()
    text = message(tmp_path, "a,b,y\n1,2,0\n3," + "x" * 200 + ",1\n")
    assert "line 3: has a cell of more than 100 characters; shorten it, or close the quote" in text
    assert csv.field_size_limit() == limit


ODD_OBJECTS = [[1, 2], (1, 2), {"a": 1}, 1 + 2j, "text", b"bytes"]


@pytest.mark.parametrize("value", ODD_OBJECTS, ids=lambda value: type(value).__name__)
def test_objects_in_a_frame_are_refused_like_text(value):
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "y": [0, 1, 0]}, dtype=object)
    frame.at[1, "a"] = value
    with pytest.raises(DataError, match=r"<DataFrame>, row 1, column 'a': .* is not a number"):
        read_table(frame, target="y", features="a")
    frame = pd.DataFrame({"t": [1, value, 3], "a": [1.0, 2.0, 3.0], "y": [0, 1, 0]}, dtype=object)
    with pytest.raises(DataError, match=r"row 1, column 't': .* is neither a number nor a date"):
        read_table(frame, target="y", time="t")


def test_whole_numbers_beyond_float64_are_infinite():
    frame = pd.DataFrame({"a": [1, 10**400, 2], "y": [0, 1, 0]}, dtype=object)
    with pytest.raises(DataError, match=r"row 1, column 'a': '1000.*' is infinite"):
        read_table(frame, target="y", features="a")
    with pytest.raises(DataError, match=r"row 1, column 'a': '1000.*' is neither a number nor a date"):
        read_table(frame.assign(b=[1, 2, 3]), target="y", time="a")


@pytest.mark.parametrize(
    ("options", "match"),
    cases(
        {
            "stride": ({"stride": 2}, "stride 2 has no effect without a window"),
            "stride with an id": ({"stride": 2, "id": "id"}, "stride 2 has no effect without a window"),
            "id is the target": ({"id": "a", "target": "a"}, "'a' is given as id and as target"),
            "target is a feature": ({"features": "a,y"}, "'y' is given as target and as features"),
            "feature is ignored": ({"features": "a", "ignore": "a"}, "'a' is given as features and as ignore"),
            "misspelt option": ({"windw": 3}, "unknown option 'windw'; did you mean 'window'"),
            "empty window": ({"window": 0}, "window"),
            "misspelt task": ({"task": "binry"}, "did you mean 'binary'"),
        }
    ),
)
def test_contradictory_options(tmp_path, options, match):
    (tmp_path / "good.csv").write_text(GOOD)
    with pytest.raises(UsageError, match=match):
        read_table(tmp_path / "good.csv", **{"target": "y", **options})


def test_no_table():
    with pytest.raises(UsageError, match="no table"):
        read_table([])
