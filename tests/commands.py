"""Running the command line in tests, in this process or in one of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rnnfast.cli import run

BINARY_METRICS = {
    "loss", "accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "mcc", "auroc", "auprc",
    "log_loss", "brier", "threshold",
}  # fmt: skip
MULTICLASS_METRICS = {"loss", "accuracy", "balanced_accuracy", "macro_f1", "log_loss"}
REGRESSION_METRICS = {"loss", "mae", "rmse", "mape", "r2", "within_5pct", "within_10pct"}


def isolate(monkeypatch: pytest.MonkeyPatch, directory: Path, preset: str | None = "fast") -> None:
    """Work in a directory, with no option from the environment but the preset.

    preset: most tests are of what commands do, with the least network; None: as users have it.
    """
    monkeypatch.chdir(directory)
    for name in list(os.environ):
        if name.startswith("RNNFAST_") and name != "RNNFAST_CACHE_DIR":
            monkeypatch.delenv(name)
    if preset is not None:
        monkeypatch.setenv("RNNFAST_PRESET", preset)


def result(arguments: Sequence[str], capsys: pytest.CaptureFixture[str], code: int = 0) -> dict[str, Any]:
    """Run a command with --json; stdout must hold one object and stderr nothing unless the command fails."""
    capsys.readouterr()
    assert run([*arguments, "--json"]) == code
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert code not in (0, 130) or captured.err == ""
    return dict(json.loads(captured.out))


def fails(arguments: Sequence[str], code: int, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must end with that code, nothing on stdout and one error as the last line; return it."""
    capsys.readouterr()
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    errors = [line for line in captured.err.splitlines() if line.startswith("rnnfast: error: ")]
    assert errors == captured.err.splitlines()[-1:]
    return errors[0]


def start(arguments: Sequence[str], **settings: Any) -> "subprocess.Popen[str]":
    """Start the command in a process of its own, with its streams as pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "rnnfast", *arguments],
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings},
    )


def files_of(directory: Path) -> set[str]:
    """Return all files and directories, hidden ones too, relative to the directory."""
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def said(words: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command; return what it prints, in which nothing commands a terminal."""
    capsys.readouterr()
    assert run(words) == code
    captured = capsys.readouterr()
    text = captured.out + captured.err
    assert not {sign for sign in text if not sign.isprintable() and sign != "\n"}
    return text
