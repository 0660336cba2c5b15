"""The page that takes a model into a device and behind a port runs, on a made table and on that of the engines."""

import shutil
import socket
from pathlib import Path

import pandas as pd
import pytest
from blocks import ROOT, blocks, run_page
from commands import isolate
from datasets import dataset, needs_datasets

PAGE = ROOT / "docs" / "device.md"

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("bash", "cc", "curl")), reason="no compiler of C, or no curl"
)


def engines(directory: Path) -> None:
    """Write train.csv and test.csv, as the page of the engines does."""
    page = ROOT / "docs" / "case-engines.md"
    for name in ("train_FD001.txt.gz", "test_FD001.txt.gz", "RUL_FD001.txt"):
        shutil.copy(dataset("cmapss_fd001") / name, directory)
    exec(next(block.text for block in blocks(page) if block.language == "python"), {})


def run(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fastapi")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        monkeypatch.setenv("PORT", str(listening.getsockname()[1]))
    assert run_page(PAGE, directory) == 5


def test_a_model_of_a_made_table_travels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    run(tmp_path, monkeypatch)
    assert len(pd.read_csv("rows.csv", header=None)) == 40


@needs_datasets
def test_a_model_of_the_engines_travels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path, preset=None)
    engines(tmp_path)
    run(tmp_path, monkeypatch)
    assert len(pd.read_csv("device.csv")) == 13_096
