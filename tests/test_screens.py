"""Whole screens, as a person sees them: each is a text in snapshots/, compared line by line.

After a change of what is printed: look at each new screen, and renew the texts by

    SNAPSHOTS=renew python -m pytest tests/test_screens.py

Times, sizes, versions and speeds are replaced by words. Colours stand as [1m, [32m and the like.
"""

import difflib
import functools
import os
import re
import shlex
import signal
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from commands import isolate
from ids import cases
from rich.cells import cell_len
from terminals import Terminal, screen_of
from test_multiclass import moves

from rnnfast.cli import run
from rnnfast.console.screen import WIDEST
from rnnfast.console.training import TrainConsole
from rnnfast.data.synth.generate import synth
from rnnfast.diagnose import benchmark, caches, machine
from rnnfast.reporter import EpochRecord

SNAPSHOTS = Path(__file__).parent / "snapshots"
FIELD = re.compile(r"^(\w+) .*(\n {10}.*)*\n", re.MULTILINE)  # a label with its text, of any number of lines
MEASURED = {  # labels of fields that are another's on each machine, and what stands for their text
    "Kernels": None,  # there are none on a second run
    "Time": "TIMES",
    "Versions": "VERSIONS",
    "Kernel": "KERNEL",
}
WORDS = (
    (r"^rnnfast \d\S*$", "rnnfast VERSION"),
    (r"(?:\n {9})? \(\d[\d.]* [kMG]?B\)", " (SIZE)"),
    (r" +\d[\d.]* [kMG]? ?steps/s", "SPEED"),
    (r"  +\d[\d.]* m?s$", "TIME"),
    (r", \d[\d.]* m?s$", ", TIME"),
)


class Shot(NamedTuple):
    """Commands and the window that they print in; colour: whether colours are a part of the text."""

    commands: str
    width: int = 80
    height: int = 24
    terminal: bool = True
    colour: bool = False


TRAIN = "train --seed 0 --threads 1 --dtype float64 --force"
CARDS = f"{TRAIN} --data cards.csv --epochs 60 --lr 0.2 -o runs/cards"
HEAT = f"{TRAIN} --data heat.csv --epochs 12 --patience 0"
AHEAD = f"{HEAT} --split 0.6,0.2 --horizon 2 --lag-target -o runs/ahead"
DEMAND = (
    f"{TRAIN} --data demand.csv --id name --time t --target 'Heat demand (kWh)' --epochs 12 --patience 0"
    " --split 0.6,0.2 --horizon 1..3 --lag-target -o runs/demand"
)
CV = "cv --seed 0 --threads 1 --dtype float64 --folds 3"
MOVES = f"{TRAIN} --data moves.csv --target move --epochs 12 --optimizer sgd --batch-size 1 --lr 0.2 -o runs/moves"

SHOTS = {
    "train binary": Shot(CARDS),
    "train binary in a pipe": Shot(CARDS, terminal=False),
    "train binary at 40 columns": Shot(CARDS, 40, 24),
    "train regression at 120 columns": Shot(f"{HEAT} -o runs/heat", 120, 40),
    "train classes": Shot(MOVES),
    "train a forecast": Shot(AHEAD),
    "train steps ahead at 200 columns": Shot(DEMAND, 200, 50),
    "train by preset": Shot(f"{TRAIN} --data moves.csv --target move --epochs 12 --preset auto -v -o runs/preset"),
    "train an ensemble": Shot(f"{HEAT} --ensemble 3 --bag -o runs/heats"),
    "train quietly": Shot(f"{CARDS} --quiet"),
    "train verbosely": Shot(f"{CARDS} --verbose"),
    "training interrupted": Shot(f"{HEAT} -o runs/heat"),
    "training diverged": Shot(f"{HEAT} --lr 1e4 -o runs/heat"),
    "cv": Shot(f"{CV} --data cards.csv --epochs 60 --lr 0.2 -o runs/folds.csv --force"),
    "cv in time at 40 columns": Shot(f"{CV} --data heat.csv --epochs 12 --folds-by time --horizon 1", 40),
    "eval": Shot("eval --model runs/cards --data cards.csv --part valid"),
    "eval of events": Shot("eval --model runs/cards --data cards.csv --part valid --events --reliability"),
    "threshold": Shot(
        "threshold --model runs/cards --data cards.csv --choose cost:fp=1,fn=20 -n; "
        "threshold --model runs/cards --data cards.csv --choose events:recall>=0.9 -n"
    ),
    "threshold at 40 columns": Shot("threshold --model runs/cards --data cards.csv --choose cost:fp=1,fn=20 -n", 40),
    "eval in colour": Shot("eval --model runs/cards --data cards.csv --part valid", colour=True),
    "predict": Shot("predict --model runs/cards --data cards.csv --part valid -o runs/out.csv --force"),
    "forecast": Shot("forecast --model runs/ahead --data heat.csv -o runs/ahead.csv --force"),
    "inspect model": Shot("inspect runs/cards"),
    "inspect a model of forecasts": Shot("inspect runs/ahead"),
    "inspect table": Shot("inspect mixed.csv"),
    "inspect table at 40 columns": Shot("inspect mixed.csv", 40),
    "doctor": Shot("doctor"),
    "cache": Shot("cache show"),
    "bench": Shot("bench"),
    "help": Shot("bench -h"),
    "help of all": Shot("-h"),
    "errors": Shot(
        "train; train --learning-rate 1 cards.csv; train moves.csv; train card.csv; inspect runs/none;"
        " eval --model runs/cards --data heat.csv"
    ),
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with tables and models of two of them."""
    place = tmp_path_factory.mktemp("screens")
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, place)
        synth("creditcard", "cards.csv", sequences=400, steps=10)
        synth("temperature", "heat.csv", sequences=30, steps=10)
        moves("moves.csv")
        pd.read_csv("heat.csv").rename(columns={"y1": "Heat demand (kWh)"}).to_csv("demand.csv", index=False)
        mixed().to_csv("mixed.csv", index=False)
        for words in (CARDS, AHEAD):
            assert run([*shlex.split(words), "--quiet"]) == 0
    return place


def mixed() -> pd.DataFrame:
    """Return a table with what `inspect` has to say something about."""
    rows = np.arange(60)
    return pd.DataFrame(
        {
            "customer": [f"c{i}" for i in rows // 6],
            "day": pd.date_range("2024-01-01", periods=60).strftime("%Y-%m-%d"),
            "plan": np.array(["basic", "plus", "pro"])[rows % 3],
            "amount": np.where(rows % 7 == 0, np.nan, 10.0 + rows / 4),
            "always": 1,
            "churn": rows % 6 == 5,
        }
    )


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examine and measure a machine that is the same everywhere."""
    examined = machine.Examination(
        versions={"rnnfast": "0.1.0", "python": "3.11.7"},
        system="Linux",
        cpu=machine.Cpu("A Processor", "x86_64", 256, None),
        cores=machine.Cores(2, 4),
        threads={},
        cache=machine.KernelCache("/home/ada/.cache/rnnfast/rnnfast-0123", "rnnfast", True),
        table_cache=machine.TableCache("/home/ada/.cache/rnnfast/tables", 3, 2_500_000_000),
        warm_up_seconds=0.5,
        torch=machine.Torch("2.13.0", {"cpu": "A Processor", "cuda": "NVIDIA A, 80 GiB"}),
        checks=(
            machine.Check("vectors", "ok", "256-bit registers"),
            machine.Check("threads", "warning", "8 asked for on 2 usable cores", "set OMP_NUM_THREADS to at most 2"),
        ),
    )
    kept = caches.Caches(
        (
            caches.Kept("tables", "parsed tables", "/home/ada/.cache/rnnfast/tables", 3, 2_500_000, 2 << 30),
            caches.Kept("kernels", "compiled kernels", "/home/ada/.cache/rnnfast", 120, 340_000_000),
        )
    )
    rnn = benchmark.WorkloadSpeed("rnn10", "rnn", 10, "float32", 1, "small", 8.1, 35.2e6, 61.0, 0.224)
    gru = benchmark.WorkloadSpeed("gru128-100", "gru", 128, "float32", 256, "packed", 412.0, 497e3, 170.0, 0.6)
    measured = benchmark.BenchReport(benchmark.Machine("A Processor", 1), {"float32": 272.0}, (rnn, gru))
    monkeypatch.setattr(machine, "examine", lambda: examined)
    monkeypatch.setattr(caches, "show", lambda: kept)
    monkeypatch.setattr(benchmark, "run", lambda *_: measured)


def shoot(shot: Shot, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the commands, both streams in one window, and return what stays there."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", "COLUMNS": shot.width, "LINES": shot.height}.items():
        monkeypatch.setenv(name, str(value))
    window = Terminal()
    if not shot.terminal:
        monkeypatch.setattr(window, "isatty", lambda: False)
    monkeypatch.setattr(sys, "stdout", window)
    monkeypatch.setattr(sys, "stderr", window)
    for words in map(shlex.split, shot.commands.split(";")):
        window.write(f"$ rnnfast {words[0]}\n")
        code = run(words)
        window.write(f"exit code {code}\n")
    written = window.getvalue()
    if shot.colour:
        return re.sub(" +$", "", written.replace("\x1b", ""), flags=re.MULTILINE)
    return "\n".join(screen_of(written))


def normalised(text: str) -> str:
    """Replace what differs between machines and runs by words."""

    def field(match: re.Match[str]) -> str:
        word = MEASURED.get(match[1], match[0])
        return match[0] if word == match[0] else "" if word is None else f"{match[1]:<9} {word}\n"

    text = FIELD.sub(field, text)
    for pattern, word in WORDS:
        text = re.sub(pattern, functools.partial(in_place, word), text, flags=re.MULTILINE)
    return text


def in_place(word: str, match: re.Match[str]) -> str:
    """Return the word, right-aligned where spaces before the match make a column of it."""
    return word.rjust(len(match[0])) if match[0].startswith("  ") else word


def press_at_third_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    epoch = TrainConsole.epoch

    def pressed(console: TrainConsole, record: EpochRecord) -> None:
        epoch(console, record)
        if record.epoch == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(TrainConsole, "epoch", pressed)


@pytest.mark.parametrize(("name", "shot"), cases({name: (name, shot) for name, shot in SHOTS.items()}))
def test_screen(name: str, shot: Shot, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, directory)
    if name == "training interrupted":
        press_at_third_epoch(monkeypatch)
    shown = shoot(shot, monkeypatch)
    if not shot.colour:
        assert [line for line in shown.splitlines() if cell_len(line) > min(shot.width, WIDEST)] == []
    shown = normalised(shown)
    snapshot = SNAPSHOTS / f"{name.replace(' ', '-')}.txt"
    if os.environ.get("SNAPSHOTS") == "renew":
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(shown, encoding="utf-8")
    stored = snapshot.read_text(encoding="utf-8")
    changes = difflib.unified_diff(stored.splitlines(), shown.splitlines(), "snapshot", "now", lineterm="", n=2)
    assert stored == shown, "\n".join(changes)


def test_every_snapshot_is_one_of_a_screen() -> None:
    assert {path.stem for path in SNAPSHOTS.iterdir()} == {name.replace(" ", "-") for name in SHOTS}
