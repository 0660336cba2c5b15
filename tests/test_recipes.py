"""The recipes in configs/: all can be read, and those of synthetic tables solve what they are for."""

from pathlib import Path
from typing import Any

import pytest
from commands import isolate, result

from rnnfast.config import resolve
from rnnfast.data.synth import synth

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted((ROOT / "configs").glob("*.toml"))


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_recipe_can_be_read_and_says_how_to_run_it(path: Path) -> None:
    resolve({}, path)
    header = [line.removeprefix("# ") for line in path.read_text().splitlines() if line.startswith("#")]
    assert any(line.startswith(f"rnnfast train --config configs/{path.name} --data ") for line in header)


def solve(recipe: str, table: str | Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Train by a recipe; return the scores of both parts."""
    config = str(ROOT / "configs" / f"{recipe}.toml")
    return dict(result(["train", str(table), "--config", config, "-o", "run"], capsys)["metrics"])


def test_exclusive_or_without_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    scores = solve("xor", ROOT / "data" / "xor.csv", capsys)
    assert scores["train"]["accuracy"] == scores["valid"]["accuracy"] == 1.0
    assert scores["valid"]["loss"] < 0.01


def test_parity_of_32_bits_without_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    synth("parity", tmp_path / "parity32.csv", sequences=1000, steps=32)
    assert solve("parity", "parity32.csv", capsys)["valid"]["accuracy"] == 1.0


def test_the_sum_of_values_100_steps_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    synth("adding", tmp_path / "adding100.csv", sequences=2000, steps=100)
    # An answer of 1 has a mean square error of 1/6.
    assert solve("adding", "adding100.csv", capsys)["valid"]["rmse"] ** 2 < 0.001
