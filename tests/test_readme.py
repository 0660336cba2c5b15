"""The README shows what a terminal shows, and every command of the documents is run or has a reason not to be."""

import re
import shlex
import sys
from pathlib import Path

import click
import pytest
from blocks import SAMPLES
from commands import isolate
from terminal_screen import ROOT, lines_left, run_on_terminal

from rnnfast.cli import group

README = ROOT / "README.md"
PAGES = (README, *sorted((ROOT / "docs").glob("*.md")))
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^ {4,}((?:rnnfast|make|pip|python|py-spy|perf|gdb|eval|[A-Z_]+=\S+) .*)$", re.MULTILINE)
FIGURES = {
    r"[▁▂▃▄▅▆▇█]+": "▇",
    r" [▲▼]": "",
    r"\d[\d,.]*": "0",
    r"0 [kM]?B\b": "0 B",
    r"0 (ms|µs|s|min)\b": "0 s",
    r"0 [kMG]? ?steps/s": "0 steps/s",
}
LEFT_TO_READERS = {
    "a run that was killed": ["rnnfast train --resume runs/tx"],
    "a GPU": ["python bench/engine.py --device cuda"],
    "the reader's own table": [
        "rnnfast train --data creditcard.csv",
        "rnnfast eval --model runs/tx --data new.csv --ci 95 --by Amount",
    ],
    "a public set": [
        "rnnfast eval --model runs/cmapss_fd001_train-gru64",
        "rnnfast train --data creditcard_2023_part.csv.gz",
        "rnnfast train --data time_amount_class_first36h.csv.gz",
        "rnnfast train --data train_FD001.txt.gz",
        "rnnfast train --data temperatures.csv",
        "rnnfast forecast --model runs/week",
    ],
    "a table larger than memory": ["rnnfast train --data big.parquet"],
    "a race of half a minute": ["rnnfast train --data t.csv --target y --preset best"],
    "public sets, hours of peers": ["python bench/defaults.py DIRECTORY", "python bench/quality.py DIRECTORY"],
    "installs something": ["make demo", "make test", "pip install"],
    "a tool that is not there wherever tests run": ["py-spy", "perf", "gdb", "eval", "_RNNFAST_COMPLETE=fish_source"],
    "prints the assembly of a kernel, compiled for it": ["NUMBA_CACHE_DIR=$(mktemp -d) python"],
}


def left_to_readers(page: Path) -> list[str]:
    """Return the commands of a page that stand in no block that is run."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    return [" ".join(match[1].split()) for match in INDENTED.finditer(text)]


def words(lines: list[str]) -> list[str]:
    """Return what is shown without what depends on the machine: figures, units, wins, all epochs but the first."""
    epochs = [line for line in lines if line.startswith("epoch ")]
    text = "\n".join(line for line in lines if line not in epochs[1:] and not line.startswith("Kernels "))
    for figure, word in FIGURES.items():
        text = re.sub(figure, word, text)
    return text.split()


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals of POSIX")
def test_the_readme_shows_what_a_terminal_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path, preset=None)
    for name in SAMPLES:
        (tmp_path / name).symlink_to(ROOT / name)
    printed = re.search(r"make demo\. .*?-->\n```\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert printed is not None
    command = re.search(r"rnnfast (train .*)", (ROOT / "Makefile").read_text("utf-8"))
    assert command is not None
    shown = run_on_terminal(command[1].split(), 100)
    assert words(printed[1].splitlines()) == words(shown), "put this into the README:\n" + "\n".join(shown)


def test_a_line_that_is_redrawn_leaves_its_last_text() -> None:
    assert lines_left("a\r\nepoch 1\r\x1b[2K\x1b[1mepoch 2\x1b[0m\r\nb\x1b[1A\r\x1b[2Kc") == ["a", "c", "b"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_command_is_run_or_there_is_a_reason(page: Path) -> None:
    known = tuple(start for starts in LEFT_TO_READERS.values() for start in starts)
    assert [command for command in left_to_readers(page) if not command.startswith(known)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_not_run_have_options_that_exist(page: Path) -> None:
    for command in left_to_readers(page):
        if command.startswith("rnnfast "):
            _, name, *arguments = shlex.split(command, comments=True)
            parsed = group.get_command(click.Context(group), name)
            assert parsed is not None, f"{name} is no command"
            # Its own context: click keeps the help option of the first one, and other tests need -h.
            parsed.make_parser(click.Context(parsed, **parsed.context_settings)).parse_args(arguments)


def test_a_reason_belongs_to_a_command() -> None:
    commands = [command for page in PAGES for command in left_to_readers(page)]
    starts = [start for starts in LEFT_TO_READERS.values() for start in starts]
    assert [start for start in starts if not any(command.startswith(start) for command in commands)] == []
