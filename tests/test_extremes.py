"""Tables of one row, one column, one giant cell, or of nothing: an exit code and a line, in memory and in blocks."""

from pathlib import Path

import pandas as pd
import pytest
from commands import isolate, said
from ids import cases

LONG = 17_000_000  # characters of a cell, more than a CSV file may hold in one
ROW = {"name": ["a"], "t": [1], "x1": [0.5], "y1": [1]}
WORDS = ["--target", "y1", "--features", "x1", "--hidden", "4", "--epochs", "1", "--no-cache", "-q", "-o", "run"]
MEMORY = {"in memory": [], "in blocks": ["--memory", "600M"]}

# name: (columns, what is said)
TABLES = {
    "one row": (ROW, "every labelled step is 1, so there is nothing to learn"),
    "one column": ({"y1": [0, 1] * 20}, "there is no column 'x1'"),
    "a header alone": ({name: [] for name in ROW}, "no rows|is empty"),
    "a giant number": ({**ROW, "x1": ["7" * LONG]}, "is not a number|more than 16,777,216|infinite|is text"),
    "a giant id": ({**ROW, "name": ["b" * LONG]}, "nothing to learn|more than 16,777,216|too few rows"),
}


def written(columns: dict[str, list[object]], ending: str) -> str:
    """Write a table. Returns: its name."""
    frame, path = pd.DataFrame(columns), f"table.{ending}"
    if ending == "csv":
        frame.to_csv(path, index=False)
    elif ending == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        pytest.importorskip("pyarrow")
        frame.to_parquet(path)
    return path


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)


@pytest.mark.parametrize("memory", MEMORY.values(), ids=list(MEMORY))
@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(("columns", "reasons"), cases(TABLES))
def test_an_extreme_table_is_refused_in_one_line(
    columns: dict[str, list[object]],
    reasons: str,
    ending: str,
    memory: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = said(["train", written(columns, ending), *WORDS, *memory], 3, capsys)
    assert any(reason in text for reason in reasons.split("|"))
    assert len(text) < 500
    assert not Path("run").exists()


@pytest.mark.parametrize("memory", MEMORY.values(), ids=list(MEMORY))
@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet", "t.feather", "t.csv.gz"])
@pytest.mark.parametrize("content", cases({"nothing": b"", "ends of lines": b"\n" * 100, "a mark": b"\xef\xbb\xbf"}))
def test_a_file_of_nothing_is_refused(
    content: bytes, name: str, memory: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path(name).write_bytes(content)
    text = said(["train", name, *WORDS, *memory], 3, capsys)
    assert name in text
    assert len(text.splitlines()) == 1


def test_objects_without_keys_have_no_columns(capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.jsonl").write_text("{}\n{}\n")
    assert "the columns are none" in said(["train", "t.jsonl", *WORDS], 3, capsys)


@pytest.mark.parametrize("memory", MEMORY.values(), ids=list(MEMORY))
@pytest.mark.parametrize("ending", ["parquet", "feather"])
@pytest.mark.parametrize("column", ["name", "x1"])
def test_a_giant_cell_of_a_file_of_columns_is_refused_before_it_is_copied(
    column: str, ending: str, memory: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.DataFrame({**ROW, column: ["7" * LONG]})
    pytest.importorskip("pyarrow")
    getattr(table, f"to_{ending}")(f"t.{ending}")
    text = said(["train", f"t.{ending}", *WORDS, *memory], 3, capsys)
    assert f"t.{ending}, column '{column}': has a cell of more than 16,777,216 bytes" in text
