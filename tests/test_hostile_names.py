"""Names and texts from outside never command a terminal: of files, columns, classes, categories and databases."""

import sqlite3
from pathlib import Path

import click
import numpy as np
import pandas as pd
import pytest
from commands import isolate, said
from ids import cases
from rich.text import Text

from rnnfast.cli.common import State
from rnnfast.cli.failure import report
from rnnfast.console.screen import Screen, fields, table
from rnnfast.display import printable
from rnnfast.errors import DataError
from rnnfast.training.directory import table_name

ESCAPE, ONE_BYTE, TURNED = "\x1b[31m", "\x9b31m", "\u202e"
EVIL = f"a{ESCAPE}{ONE_BYTE}{TURNED}"
SHOWN = r"a\x1b[31m\x9b31m\u202e"
SHORT = ["--hidden", "2", "--epochs", "1", "--no-cache"]


@pytest.fixture(autouse=True)
def _tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table and a database whose names and texts hold signs that command a terminal."""
    isolate(monkeypatch, tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.repeat(np.arange(20), 6), "t": np.tile(np.arange(6), 20)})
    frame[EVIL] = random.normal(size=len(frame)).round(3)
    frame["kind"] = random.choice([EVIL, "plain"], len(frame))
    frame["y"] = np.where(random.random(len(frame)) < 0.5, EVIL, "no")
    frame.to_csv(f"{EVIL}.csv", index=False)
    with sqlite3.connect("f.db") as connection:
        connection.execute(f'create table "{EVIL}" (x real)')
    connection.close()


def test_commands_show_them_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    roles = ["--target", "y", "--categorical", "kind"]
    assert f"\n{SHOWN} " in said(["inspect", f"{EVIL}.csv", *roles, "-v"], 0, capsys)
    said(["train", f"{EVIL}.csv", *roles, *SHORT], 0, capsys)
    (directory,) = Path("runs").iterdir()
    assert directory.name.isprintable()
    model = str(directory / "model.safetensors")
    assert SHOWN in said(["inspect", model, "-v"], 0, capsys)
    assert SHOWN in said(["eval", "--model", model, "--data", f"{EVIL}.csv"], 0, capsys)
    written = said(["predict", "--model", model, "--data", f"{EVIL}.csv", "-o", f"out{EVIL}.csv"], 0, capsys)
    assert f"out{SHOWN}.csv" in written
    assert Path(f"out{EVIL}.csv").is_file()


@pytest.mark.parametrize(
    ("words", "code"),
    cases(
        {
            "no such file": (["inspect", f"none{EVIL}.csv"], 3),
            "no such option": (["inspect", f"--{EVIL}"], 2),
            "no such column": (["train", f"{EVIL}.csv", "--target", f"b{EVIL}"], 3),
            "tables of a database": (["train", "sqlite:///f.db", "--target", "y"], 2),
            "message of a database": (["train", "sqlite:///f.db", "--query", f'select "x" from "b{EVIL}"'], 3),
        }
    ),
)
def test_errors_show_them_escaped(words: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert SHOWN in said(words, code, capsys).splitlines()[-1]


@pytest.mark.parametrize(
    "part",
    cases(
        {
            "sentence": EVIL,
            "styled sentence": Text(EVIL, "red"),
            "field": fields([(EVIL, EVIL), (Text(EVIL), Text(EVIL))]),
            "table": table([EVIL, "n"], [[EVIL, "1"], [Text(EVIL), Text("2")]]),
        }
    ),
)
def test_the_screen_escapes_whatever_it_shows(part: object, capsys: pytest.CaptureFixture[str]) -> None:
    Screen().result(part)  # type: ignore[arg-type]
    text = capsys.readouterr().out
    assert SHOWN in text
    assert printable(text) == text


LINED, ON_ONE_LINE = "a\nrnnfast: done\tb", r"a\nrnnfast: done\tb"


@pytest.mark.parametrize(
    "part",
    cases(
        {
            "sentence": LINED,
            "styled sentence": Text(LINED, "red"),
            "field": fields([(LINED, LINED), (Text(LINED), Text(LINED))]),
            "field of lines": fields([("", [LINED, LINED])]),
            "table": table([LINED, "n"], [[LINED, "1"], [Text(LINED), Text("2")]]),
        }
    ),
)
def test_a_name_begins_no_line(part: object, capsys: pytest.CaptureFixture[str]) -> None:
    """Else it could look like what rnnfast itself says."""
    Screen().result(part)  # type: ignore[arg-type]
    text = capsys.readouterr().out
    assert ON_ONE_LINE in text
    assert not any(line.lstrip().startswith("rnnfast") for line in text.splitlines())


@pytest.mark.parametrize(
    "error",
    cases({"rnnfast": DataError(LINED), "system": OSError(2, "no", LINED), "usage": click.UsageError(LINED)}),
)
def test_a_name_in_an_error_begins_no_line(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    report(error, State())
    assert ON_ONE_LINE in capsys.readouterr().err


def test_choices_of_an_option_are_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert r"\n" not in said(["export"], 2, capsys)


def test_lines_and_letters_stay() -> None:
    assert printable("Ä\tb\nc – ✓ \u00a0x") == "Ä\tb\nc – ✓ \u00a0x"


def test_a_run_is_named_without_them() -> None:
    assert table_name(f"x/s{ESCAPE}\n2024.csv") == "s_[31m_2024"
