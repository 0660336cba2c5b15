"""How tables are written: any sign between cells, no header, JSON lines, workbooks, queries of databases."""

import gzip
import io
import json
import sqlite3
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from commands import isolate
from datasets import dataset
from ids import cases

import rnnfast
from rnnfast.cli import run
from rnnfast.config.resolve import Config
from rnnfast.data import read_table
from rnnfast.data.reading.disk import make_store
from rnnfast.data.reading.request import Request
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.stored import StoredSequences
from rnnfast.data.sources.batches import open_files
from rnnfast.errors import DataError, RnnfastError, UsageError

FRAME = pd.DataFrame(
    {
        "id": [f"k{k // 5}" for k in range(40)],
        "t": list(range(40)),
        "a": np.arange(40) / 8,
        "b": np.arange(40) % 7,
        "y": np.arange(40) % 2,
    }
)
NAMES = tuple(FRAME.columns)
OPTIONS = {"target": "y", "time": "t"}


def text_of(separator, header=True):
    return FRAME.to_csv(index=False, sep=separator, header=header)


def written(tmp_path, content, name="table"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def workbook(frame):
    pytest.importorskip("openpyxl")
    stream = io.BytesIO()
    frame.to_excel(stream, index=False)
    return stream.getvalue()


def spaced(header):
    """Cells in columns of spaces, with some at the ends of lines, as NASA writes them."""
    lines = text_of(" ", header).splitlines()
    return "".join(f"  {line.replace(' ', '   ')}  \n" for line in lines)


WRITTEN = {
    "another sign": (lambda: text_of("~"), {"sep": "~"}),
    "spaces": (lambda: spaced(True), {"sep": " "}),
    "spaces by name": (lambda: spaced(True), {"sep": "space"}),
    "tabs and spaces": (lambda: spaced(True).replace("   ", "\t"), {"sep": "space"}),
    "spaces without header": (lambda: spaced(False), {"sep": " ", "columns": NAMES}),
    "commas without header": (lambda: text_of(",", False), {"columns": NAMES}),
    "packed without header": (lambda: gzip.compress(text_of(";", False).encode()), {"columns": NAMES}),
    "header beside names": (lambda: text_of(","), {"columns": NAMES}),
    "tab": (lambda: text_of("\t"), {"sep": "\\t"}),
    "JSON lines": (lambda: FRAME.to_json(orient="records", lines=True), {}),
    "packed JSON lines": (lambda: gzip.compress(FRAME.to_json(orient="records", lines=True).encode()), {}),
    "workbook": (lambda: workbook(FRAME), {}),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_what_is_read_does_not_depend_on_how_it_is_written(tmp_path, case, monkeypatch):
    content, options = WRITTEN[case]
    path, expected = written(tmp_path, content()), read_table(FRAME, **OPTIONS)
    data = read_table(path, **OPTIONS, **options)
    for name in ("x", "y", "offsets", "ids", "row"):
        np.testing.assert_array_equal(getattr(data, name), getattr(expected, name), err_msg=name)
    assert data.schema == expected.schema
    monkeypatch.setattr("rnnfast.data.sources.batches.MOST_ROWS", 7)
    request = Request(Config().with_values({**OPTIONS, **options}, "test").data)
    make_store(open_files([str(path)], request.files), request, Budget(10**9), tmp_path / "store")
    block = next(iter(StoredSequences.open(tmp_path / "store", Budget(10**9)).blocks()))
    np.testing.assert_array_equal(block.x, data.x)
    np.testing.assert_array_equal(block.ids, data.ids)


@pytest.mark.parametrize("case", WRITTEN)
def test_a_bad_cell_is_named_by_its_place(tmp_path, case):
    content, options = WRITTEN[case]
    content()  # skips without its library
    frame = FRAME.astype({"b": object})
    frame.loc[3, "b"] = "oops"
    if "workbook" in case:
        bad, place = workbook(frame), "row 5"
    elif "JSON" in case:
        bad, place = frame.to_json(orient="records", lines=True), "line 4"
    else:
        header = "without" not in case
        sign = {"another sign": "~", "tab": "\t"}.get(case, " " if "spaces" in case else ",")
        bad, place = frame.to_csv(index=False, sep=sign, header=header), f"line {5 if header else 4}"
    with pytest.raises(DataError, match=rf"{place}, column 'b': 'oops' is not a number"):
        read_table(written(tmp_path, bad), **OPTIONS, **options)


@pytest.mark.parametrize(
    ("content", "options", "parts"),
    cases(
        {
            "numbers for names": ("1,2,0\n3,4,1\n", {}, ["line 1", "--columns a,b,c"]),
            "too few names": ("1,2,0\n3,4,1\n", {"columns": "a,y"}, ["line 1", "3 cells", "names 2"]),
            "ragged": ("1 2 0\n3 4\n", {"columns": "a,b,y", "sep": " "}, ["line 2", "'y'", "2 cells", "names 3"]),
            "too many cells": ("1 2 0\n3 4 1 9\n", {"columns": "a,b,y", "sep": " "}, ["line 2", "4 cells", "'9'"]),
            "spaces": ("a b y\n1 2 0\n", {}, ["--sep ' '"]),
            "broken JSON": ('{"a": 1, "y": 0}\n{"a": 2,\n', {}, ["line 2", "no JSON"]),
            "JSON of another kind": ('{"a": 1, "y": 0}\n\n[1]\n', {}, ["line 3", "list"]),
            "JSON list": ('[{"a": 1, "y": 0}]', {}, ["JSON list", "jq"]),
            "JSON nested deeply": ('{"a": 1, "y": 0}\n' + '{"a":' + "[" * 10**5, {}, ["line 2", "no JSON"]),
            "JSON of no key": ("{}\n{}\n", {}, ["there is no column 'y'"]),
            "JSON objects for numbers": ('{"a": {"b": 1}, "y": 0}\n{"a": 2, "y": 1}\n', {}, ["line 1", "'a'"]),
            "JSON cut off": (gzip.compress(b'{"a": 1, "y": 0}\n' * 10**5)[:-9], {}, ["damaged"]),
        }
    ),
)
def test_bad_files(tmp_path, content, options, parts):
    with pytest.raises(DataError) as caught:
        read_table(written(tmp_path, content), target="y", **options)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("content", "options", "message"),
    cases(
        {
            "no sign": ("a,y\n1,0\n", {"sep": "ab"}, "one sign"),
            "a figure": ("a,y\n1,0\n", {"sep": "1"}, "one sign"),
            "a name twice": ("1,0\n", {"columns": "a,a"}, "'a' is there twice"),
            "a sign for JSON": ('{"a": 1, "y": 0}\n', {"sep": ";"}, "JSON lines file, which names its columns"),
            "names for JSON": ('{"a": 1, "y": 0}\n', {"columns": "a,y"}, "JSON lines file, which names its columns"),
            "a query for a file": ("a,y\n1,0\n", {"query": "select 1"}, "--query is for a database"),
        }
    ),
)
def test_options_that_do_not_fit(tmp_path, content, options, message):
    with pytest.raises(UsageError, match=message):
        read_table(written(tmp_path, content), target="y", **options)


def test_json_has_the_values_that_python_writes(tmp_path):
    rows = [{"id": "007", "a": 1.5, "y": 0}, {"id": 7, "a": float("nan"), "y": 1}, {"id": 10**30, "y": True}]
    data = read_table(written(tmp_path, "\n".join(map(json.dumps, rows))), target="y", missing="zero")
    assert data.ids.tolist() == ["007", "7", "1e+30"]
    assert data.x[:, 0].tolist()[0] == 1.5
    assert np.isnan(data.x[1:, 0]).all()


def test_a_packed_bomb_of_json_ends_before_memory_does(tmp_path, monkeypatch):
    monkeypatch.setattr("rnnfast.data.sources.bounds.available_memory", lambda: 10**6)
    with pytest.raises(DataError, match=r"unpack to .* --memory"):
        read_table(written(tmp_path, gzip.compress(b'{"a": 1, "y": 0}\n' * 10**5)), target="y")
    with pytest.raises(DataError, match="too long for the memory"):
        read_table(written(tmp_path, gzip.compress(b'{"a": "' + b"x" * 10**6 + b'"}')), target="y")


def test_a_workbook_of_more_text_than_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("rnnfast.data.sources.workbook.available_memory", lambda: 10**5)
    content = io.BytesIO(workbook(FRAME))
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", " " * 10**6)
    with pytest.raises(DataError, match=r"texts take .* of memory"):
        read_table(written(tmp_path, content.getvalue()), target="y")


def test_a_sheet_may_have_empty_rows_and_cells(tmp_path):
    frame = pd.concat([FRAME[:3], pd.DataFrame([{}], columns=NAMES), FRAME[3:6]])
    data = read_table(written(tmp_path, workbook(frame)), **OPTIONS)
    assert data.rows == 6
    frame = FRAME.astype({"b": object})
    frame.loc[4, "b"] = "#N/A"
    with pytest.raises(DataError, match="row 6, column 'b': the cell is empty"):
        read_table(written(tmp_path, workbook(frame)), **OPTIONS)


@pytest.fixture
def database(tmp_path):
    pytest.importorskip("sqlalchemy")
    connection = sqlite3.connect(tmp_path / "f.db")
    FRAME.to_sql("tx", connection, index=False)
    connection.close()
    return f"sqlite:///{tmp_path / 'f.db'}"


def test_a_query_is_a_table(database):
    data, expected = read_table(database, **OPTIONS, query="select * from tx"), read_table(FRAME, **OPTIONS)
    np.testing.assert_array_equal(data.x, expected.x)
    np.testing.assert_array_equal(data.ids, expected.ids)
    data = read_table(database, **OPTIONS, query="select * from tx where id <> 'a:b' and id like 'k1%'")
    assert data.rows == 5


@pytest.mark.parametrize(
    ("name", "options", "kind", "message"),
    cases(
        {
            "no query": ("{}", {}, UsageError, r"--query 'select \* from tx' \(tables: tx\)"),
            "no such table": ("{}", {"query": "select * from ty"}, DataError, r"no such table: ty \(tables: tx\)"),
            "no rows": ("{}", {"query": "select * from tx where t < 0"}, DataError, "no rows"),
            "no select": ("{}", {"query": "delete from tx"}, UsageError, "SELECT"),
            "no file": ("{}x", {"query": "select 1"}, DataError, "no such file; did you mean 'f.db'"),
            "no such kind": ("nosql://x", {"query": "select 1"}, UsageError, "'nosql'"),
            "password": ("sqlite://me:secret@host/f", {"query": "x"}, UsageError, r"me:\*\*\*@host"),
            "web": ("https://a.org/b/t.csv?x=1", {}, UsageError, "download it first .*curl -L -o t.csv"),
            "bucket": ("s3://a/t.csv", {}, UsageError, "no URLs of files; download it first"),
        }
    ),
)
def test_urls_that_are_no_table(database, name, options, kind, message):
    with pytest.raises(kind, match=message) as caught:
        read_table(name.format(database), target="y", **options)
    assert "secret" not in str(caught.value)
    data = read_table(database, **OPTIONS, query="select * from tx")  # nothing was changed
    assert data.rows == 40


def test_a_database_is_read_at_once(database, capsys, tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)
    args = ["train", "--data", database, "--query", "select * from tx", "--target", "y", "--memory", "2G"]
    assert run(args) == 2
    assert "the rows of a query are read at once; save them as a file first" in " ".join(
        capsys.readouterr().err.split()
    )


@pytest.mark.parametrize(
    ("library", "content"),
    cases({"openpyxl": ("openpyxl", True), "sqlalchemy": ("sqlalchemy", False)}),
)
def test_what_is_not_installed_is_named(tmp_path, monkeypatch, library, content):
    path = written(tmp_path, workbook(FRAME)) if content else "sqlite:///f.db"
    monkeypatch.setitem(sys.modules, library, None)
    extra = {"openpyxl": "xlsx", "sqlalchemy": "sql"}[library]
    with pytest.raises(RnnfastError, match=rf'pip install "rnnfast\[{extra}\]"'):
        read_table(path, target="y", **({} if content else {"query": "select 1"}))


def test_a_model_remembers_how_its_table_is_written(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)
    for name, rows in (("train.txt", FRAME), ("new.txt", FRAME[:10])):
        rows.to_csv(name, index=False, header=False, sep=" ")
    FRAME.to_csv("named.csv", index=False)
    FRAME.to_csv("wide.csv", index=False, sep=";")
    FRAME.to_json("lines.jsonl", orient="records", lines=True)
    how = ["--sep", " ", "--columns", ",".join(NAMES)]
    args = ["train", "--data", "train.txt", *how, "--target", "y", "--time", "t", "--epochs", "1", "-o", "run"]
    assert run([*args, "--valid", "new.txt"]) == 0
    for name in ("train.txt", "new.txt", "named.csv", "wide.csv", "lines.jsonl"):
        assert run(["predict", "--model", "run", "--data", name, "-o", f"{name}.out"]) == 0, name
        assert run(["eval", "--model", "run", "--data", name]) == 0, name
    outputs = {
        name: (tmp_path / f"{name}.out").read_text() for name in ("train.txt", "named.csv", "wide.csv", "lines.jsonl")
    }
    assert len(set(outputs.values())) == 1
    model = rnnfast.load("run")
    assert model.predict("new.txt")["y_pred"].tolist() == model.predict("named.csv")["y_pred"].tolist()[:10]


def test_the_raw_turbines_need_no_script():
    names = ["unit", "cycle", *(f"setting{k}" for k in (1, 2, 3)), *(f"s{k}" for k in range(1, 22))]
    path = dataset("cmapss_fd001/train_FD001.txt.gz")
    data = read_table(path, sep=" ", columns=names, id="unit", time="cycle", target="s2")
    assert (data.rows, data.sequences) == (20_631, 100)
    assert data.proposals == ()
