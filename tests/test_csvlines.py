"""Texts of tables are written to CSV so that a spreadsheet does not run them; numbers and other formats stay."""

import csv
import gzip
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import isolate
from hypothesis import given
from hypothesis import strategies as st
from ids import cases

from rnnfast.cli import run
from rnnfast.model.csvlines import CsvLines, harmless, lines_of

FORMULAS = ("=1+1", "+cmd|' /C calc'!A0", "-1+2", "@SUM(A1)", "\t=1", "\r=1")
NUMBERS = ("-5", "+1.5e-3", "-.5", "-inf", "+12")
SHORT = ["--hidden", "2", "--epochs", "1", "--no-cache"]


def test_texts_that_begin_a_formula_get_an_apostrophe() -> None:
    assert harmless(FORMULAS) == [f"'{text}" for text in FORMULAS]
    assert harmless(["a=1", "", "'=1", " x"]) == ["a=1", "", "'=1", " x"]


def test_numbers_stay() -> None:
    assert harmless([*NUMBERS, -5, -0.5, None]) == [*NUMBERS, -5, -0.5, None]


@given(st.lists(st.text(), min_size=1), st.booleans())
def test_a_reader_gets_the_texts_back_and_no_formula(texts: list[str], raw: bool) -> None:
    written = "".join(lines_of([texts, texts], {0, 1}, raw))
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert rows == [[text, text] for text in (texts if raw else harmless(texts))]


CELLS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3))


@given(st.lists(st.tuples(st.text(max_size=3), CELLS, CELLS), min_size=1, max_size=5))
def test_lines_are_those_of_the_writer_of_csv(rows: list[tuple[object, ...]]) -> None:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\r\n").writerows(rows)
    columns = list(zip(*rows, strict=True))
    written = "".join(line.removesuffix("\n") + "\r\n" for line in lines_of(columns, range(3), raw=True))
    assert written == stream.getvalue()


def test_only_columns_of_texts_are_looked_at() -> None:
    stream = io.StringIO()
    CsvLines(stream, ["text", "float64"], raw=False).add([["=a"], ["-0.5"]])
    CsvLines(stream, ["text", "float64"], raw=True).add([["=a"], ["-0.5"]])
    assert stream.getvalue() == "'=a,-0.5\n=a,-0.5\n"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table whose ids, categories and names of columns are formulas, and a model of it."""
    path = tmp_path_factory.mktemp("formulas")
    ids = [f"{text}{i}" for i in range(5) for text in FORMULAS[:4]]
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"=id": np.repeat(ids, 6), "t": np.tile(np.arange(6), len(ids))})
    frame["@x"] = random.normal(size=len(frame)).round(3)
    frame["-y"] = random.normal(size=len(frame)).round(3)
    frame["note"] = random.choice(["=1+1", "plain", "-7"], len(frame))
    frame.to_csv(path / "table.csv", index=False)
    frame["-y"] = frame["-y"].where(frame["t"] < 5)
    frame.to_csv(path / "asks.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, path)
        roles = ["--id", "=id", "--time", "t", "--target=-y", "--features", "@x"]
        assert run(["train", "table.csv", *roles, *SHORT, "-q", "-o", "run"]) == 0
    return path


USE = ["--model", "run", "--data", "table.csv", "--no-cache", "-q"]
CV = ["cv", "table.csv", "--id", "=id", "--time", "t", "--target=-y", "--features", "@x", "--folds", "2", *SHORT, "-q"]
WRITERS = {
    "predict": ["predict", *USE, "--keep", "note"],
    "predict in blocks": ["predict", *USE, "--keep", "note", "--memory", "600M"],
    "forecast": ["forecast", *USE[:3], "asks.csv", *USE[4:]],
    "explain": ["explain", *USE],
    "importance": ["explain", *USE, "--importance", "--repeats", "2"],
    "cv": CV,
}


def cells(text: str) -> set[str]:
    return {cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row}


def formulas(text: str) -> set[str]:
    return {cell for cell in cells(text) if harmless([cell]) != [cell]}


@pytest.mark.parametrize("words", cases({name: (words,) for name, words in WRITERS.items()}))
def test_no_command_writes_a_formula(words: list[str], directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, directory)
    assert run([*words, "-f", "-o", "out.csv"]) == 0
    text = Path("out.csv").read_text(encoding="utf-8")
    assert formulas(text) == set()
    assert any(cell.startswith("'") for cell in cells(text))
    assert run([*words, "-f", "-o", "raw.csv", "--raw"]) == 0
    raw = Path("raw.csv").read_text(encoding="utf-8")
    assert formulas(raw)
    assert cells(raw) == {cell.removeprefix("'") for cell in cells(text)}


def test_packed_files_and_standard_output_are_written_alike(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, directory)
    for name in ("a.csv", "a.csv.gz", "a.parquet"):
        assert run(["predict", *USE, "--keep", "note", "-f", "-o", name]) == 0
    plain = Path("a.csv").read_bytes()
    assert gzip.decompress(Path("a.csv.gz").read_bytes()) == plain
    words = [sys.executable, "-m", "rnnfast", "predict", *USE, "--keep", "note"]
    assert subprocess.run(words, capture_output=True, check=True).stdout == plain
    assert "=1+1" in set(pd.read_parquet("a.parquet")["note"])
    assert b",-7," in plain


@pytest.mark.parametrize("raw", [pytest.param(False, id="harmless"), pytest.param(True, id="raw")])
def test_streams_too(raw: bool, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, directory)
    words = [sys.executable, "-m", "rnnfast", "stream", "--model", "run", *(["--raw"] if raw else [])]
    text = subprocess.run(words, input=Path("table.csv").read_bytes(), capture_output=True, check=True).stdout.decode()
    assert bool(formulas(text)) == raw
    assert ("'=id" in cells(text)) != raw
