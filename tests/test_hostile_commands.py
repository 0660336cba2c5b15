"""Names that command a terminal, mark up or are HTML, in every place a name can stand, over every command."""

import io
import json
import logging
import os
import sqlite3
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import isolate, said
from ids import cases

from rnnfast.cli import COMMANDS, run
from rnnfast.cli.process import escape_logs
from rnnfast.console.screen import Screen
from rnnfast.console.service import show_service
from rnnfast.display import printable
from rnnfast.serving.command import Listening

EVIL = "\x1b[31m\x9b31m\u202e\u2066\x0b\x07[bold]<b>&\nforged"
SHOWN = r"\x1b[31m\x9b31m\u202e\u2066\x0b\x07[bold]<b>&\nforged"
LINED = SHOWN.replace(r"\n", "\n")  # where texts have lines: CSV, warnings and logs
CLASSES = (f"no{EVIL}", f"yes</script><img src=x onerror=alert(1)>{EVIL}")
ROLES = ["--id", f"id{EVIL}", "--time", f"t{EVIL}", "--target", f"y{EVIL}", "--categorical", f"kind{EVIL}"]
SHORT = ["--hidden", "2", "--epochs", "1", "--no-cache"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables of two classes and of quantities, and a run of each, all of whose names are hostile."""
    path = tmp_path_factory.mktemp("hostile")
    random = np.random.default_rng(0)
    ids = [f"{i}{EVIL}" for i in range(20)]
    frame = pd.DataFrame({f"id{EVIL}": np.repeat(ids, 6), f"t{EVIL}": np.tile(np.arange(6), 20)})
    frame[f"x{EVIL}"] = random.normal(size=len(frame)).round(3)
    frame[f"kind{EVIL}"] = random.choice([f"a{EVIL}", "b"], len(frame))
    frame[f"y{EVIL}"] = random.choice(CLASSES, len(frame))
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, path)
        frame.to_csv(f"d{EVIL}.csv", index=False)
        quantities = frame.assign(**{f"y{EVIL}": random.normal(size=len(frame))})
        quantities.to_csv("quantities.csv", index=False)
        quantities[f"y{EVIL}"] = quantities[f"y{EVIL}"].where(quantities[f"t{EVIL}"] < 5)
        quantities.to_csv("asks.csv", index=False)
        for table, output in ((f"d{EVIL}.csv", f"r{EVIL}"), (f"d{EVIL}.csv", f"s{EVIL}"), ("quantities.csv", "q")):
            assert run(["train", table, *ROLES, *SHORT, "-q", "-o", output]) == 0
    return path


@pytest.fixture(autouse=True)
def _here(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, directory)
    monkeypatch.setenv("RNNFAST_CACHE_DIR", str(directory / f"cache{EVIL}"))
    monkeypatch.setenv("COLUMNS", "120")


MODEL, DATA = ["--model", f"r{EVIL}"], ["--data", f"d{EVIL}.csv", "--no-cache"]
# name: (words, exit code)
COMMAND_LINES = {
    "train": (["train", f"d{EVIL}.csv", *ROLES, *SHORT, "-v", "-f", "-o", f"t{EVIL}"], 0),
    "train in blocks": (["train", f"d{EVIL}.csv", *ROLES, *SHORT, "--memory", "600M", "-f", "-o", f"t{EVIL}"], 0),
    "train members": (["train", f"d{EVIL}.csv", *ROLES, *SHORT, "--ensemble", "2", "-f", "-o", f"t{EVIL}"], 0),
    "train without column": (["train", f"d{EVIL}.csv", "--target", f"z{EVIL}", "-o", f"n{EVIL}"], 3),
    "train again": (["train", f"d{EVIL}.csv", *ROLES, "-o", f"r{EVIL}"], 2),
    "train from a configuration": (["train", "--config", f"none{EVIL}.toml"], 2),
    "eval": (["eval", *MODEL, *DATA, "--by", f"kind{EVIL}", "-v"], 0),
    "eval by id": (["eval", *MODEL, *DATA, "--by-id"], 0),
    "eval json": (["eval", *MODEL, *DATA, "--json"], 0),
    "predict": (["predict", *MODEL, *DATA, "-f", "-o", f"p{EVIL}.csv"], 0),
    "predict column": (["predict", *MODEL, *DATA, "--keep", f"none{EVIL}"], 3),
    "forecast": (["forecast", "--model", "q", "--data", "asks.csv", "--no-cache", "-f", "-o", f"f{EVIL}.csv"], 0),
    "forecast json": (["forecast", "--model", "q", "--data", "asks.csv", "--no-cache", "--json"], 0),
    "explain": (["explain", *MODEL, *DATA], 0),
    "explain importance": (["explain", *MODEL, *DATA, "--importance", "--repeats", "2"], 0),
    "explain id": (["explain", *MODEL, *DATA, "--id", f"none{EVIL}"], 3),
    "threshold": (["threshold", *MODEL, *DATA, "--choose", "precision>=0.1", "--dry-run"], 0),
    "compare": (["compare", f"r{EVIL}", f"s{EVIL}", *DATA], 0),
    "stream": (["stream", "--model", f"none{EVIL}"], 4),
    "serve": (["serve", "--model", f"none{EVIL}"], 2),
    "cv": (["cv", f"d{EVIL}.csv", *ROLES, *SHORT, "--folds", "2", "-f", "-o", f"c{EVIL}.csv"], 0),
    "cv folds": (["cv", f"d{EVIL}.csv", *ROLES, *SHORT, "--folds-by", f"column:none{EVIL}"], 3),
    "tune": (["tune", f"d{EVIL}.csv", *ROLES, "--trials", "2", "--epochs", "1", "-f", "-o", f"u{EVIL}"], 0),
    "export": (["export", *MODEL, "--to", "json", "-f", "-o", f"x{EVIL}.json"], 0),
    "report": (["report", f"r{EVIL}", "-f", "-o", f"h{EVIL}.html"], 0),
    "inspect table": (["inspect", f"d{EVIL}.csv", "-v"], 0),
    "inspect with roles": (["inspect", f"d{EVIL}.csv", *ROLES], 0),
    "inspect model": (["inspect", f"r{EVIL}", "-v"], 0),
    "synth": (["synth", "xor", "-f", "-o", f"x{EVIL}.csv"], 0),
    "bench": (["bench", "--workload", f"none{EVIL}"], 2),
    "cache": (["cache", "show"], 0),
    "doctor": (["doctor"], 0),
}  # fmt: skip


@pytest.mark.parametrize(("words", "code"), cases(COMMAND_LINES))
def test_no_command_shows_a_name_that_commands(
    words: list[str], code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        lines = said(words, code, capsys).splitlines()
    assert not any(line.strip().startswith("forged") for line in lines)  # which would look like one of rnnfast's own
    text = "".join("".join(lines).split())
    if words[0] != "doctor" and "--json" not in words:
        assert r"\x1b[31m" in text
        assert "[bold]" in text or "…" in text  # which marks up nothing


def test_every_command_is_tried() -> None:
    assert {words[0] for words, _ in COMMAND_LINES.values()} == set(COMMANDS)


FORMS = {"c": "c", "onnx": "onnx", "json": "json", "torch": "py"}


@pytest.mark.parametrize(("form", "ending"), FORMS.items(), ids=list(FORMS))
def test_an_export_holds_names_and_no_command(form: str, ending: str) -> None:
    """In comments of C and Python, names of ONNX and JSON: nothing that ends a comment or commands a terminal."""
    if form == "onnx":
        pytest.importorskip("onnx")
    assert run(["export", *MODEL, "--to", form, "-f", "-q", "-o", f"exported.{ending}"]) == 0
    content = Path(f"exported.{ending}").read_bytes()
    if form != "onnx":  # which has texts as they are, with their lengths
        assert content.isascii()
        assert not {0x1B, 0x07, 0x0B} & set(content)


def test_a_log_file_is_lines_of_ascii() -> None:
    words = ["train", f"d{EVIL}.csv", *ROLES, *SHORT, "-q", "-f", "-o", "logged", "--log-file", f"log{EVIL}.jsonl"]
    assert run(words) == 0
    content = Path(f"log{EVIL}.jsonl").read_bytes()
    assert content.isascii()
    assert all(json.loads(line)["event"] for line in content.splitlines())
    assert b"\x1b" not in content


def test_a_page_shows_names_and_runs_none() -> None:
    assert run(["report", f"r{EVIL}", "-f", "-o", "page.html", "-q"]) == 0
    page = Path("page.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert "<b>&" not in page
    assert r"\u202e" in page
    assert not set("\x1b\x9b\u202e\u2066\x07") & set(page)


def test_predictions_on_a_terminal_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Window(io.StringIO):
        def isatty(self) -> bool:
            return True

    window = Window()
    monkeypatch.setattr("sys.stdout", window)
    assert run(["predict", *MODEL, *DATA, "-q"]) == 0
    assert LINED in window.getvalue()
    assert printable(window.getvalue()) == window.getvalue()


def test_predictions_in_a_pipe_are_as_they_are() -> None:
    words = [sys.executable, "-m", "rnnfast", "predict", *MODEL, *DATA, "-q"]
    assert EVIL.encode() in subprocess.run(words, capture_output=True, check=True).stdout


def test_messages_of_databases_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    with sqlite3.connect("f.db") as connection:
        connection.execute("create table if not exists a (x real)")
    connection.close()
    query = f'select "x" from "b{EVIL}"'
    assert SHOWN in said(["train", "sqlite:///f.db", "--query", query], 3, capsys).replace("\n", "")


def test_warnings_of_libraries_are_escaped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    def warned(*arguments: object, **options: object) -> None:
        warnings.simplefilter("always")
        warnings.warn(f"careful{EVIL}", RuntimeWarning, stacklevel=1)
        raise SystemExit(0)

    monkeypatch.setattr("rnnfast.data.inspection.inspect_tables", warned)
    assert f"careful{LINED}" in said(["inspect", f"d{EVIL}.csv"], 0, capsys)


def test_logs_of_libraries_are_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "lastResort", logging._StderrHandler(logging.WARNING))
    escape_logs()
    assert logging.lastResort is not None
    assert logging.lastResort.format(logging.makeLogRecord({"msg": EVIL})) == LINED


def test_a_service_shows_its_models_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    listening = Listening(**{**dict.fromkeys(Listening._fields, ""), "models": {f"m{EVIL}": f"r{EVIL}"}})
    show_service(Screen(), listening)
    assert f"m{SHOWN}(r{SHOWN})" in "".join(capsys.readouterr().err.split())
