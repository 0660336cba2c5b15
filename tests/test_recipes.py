"""The recipes in configs/: all can be read, and those of synthetic tables solve what they are for."""

from pathlib import Path
from typing import Any

import pytest
from commands import isolate, result
from datasets import ROOT, dataset
from ids import cases

from rnnfast.config.recipes import recipes
from rnnfast.config.resolve import resolve
from rnnfast.data.synth.generate import synth
from rnnfast.errors import UsageError

CONFIGS = sorted((ROOT / "configs").glob("*.toml"))


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_recipe_can_be_read_and_says_how_to_run_it(path: Path) -> None:
    resolve({}, path)
    header = [line.removeprefix("# ") for line in path.read_text().splitlines() if line.startswith("#")]
    assert any(line.startswith(f"rnnfast train --config recipe:{path.stem} --data ") for line in header)


def test_recipes_are_found_by_name_from_anywhere() -> None:
    assert set(recipes()) == {path.stem for path in CONFIGS}
    assert resolve({}, "recipe:cmapss") == resolve({}, ROOT / "configs" / "cmapss.toml")
    with pytest.raises(UsageError, match=r"recipe:cmpass: no such recipe; did you mean 'cmapss'\?; there are adding, "):
        resolve({}, "recipe:cmpass")


def solve(recipe: str, table: str | Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Train by a recipe; return the scores of both parts."""
    config = str(ROOT / "configs" / f"{recipe}.toml")
    return dict(result(["train", str(table), "--config", config, "-o", "run"], capsys)["metrics"])


@pytest.mark.parametrize(
    ("recipe", "table", "part", "metric", "least_gain"),
    cases(
        {
            "min_temperatures": (
                "min_temperatures",
                "min_temperatures/daily-min-temperatures.csv",
                "valid",
                "rmse",
                0.1,
            ),
            "beijing_pm25": (
                "beijing_pm25",
                "beijing_pm25/PRSA_data_2010.1.1-2014.12.31.csv.gz",
                "valid",
                "rmse",
                0.15,
            ),
            "etth1": (
                "etth1",
                "etth1/ETTh1.csv.gz",
                "test",
                "rmse",
                -0.15,
            ),  # repeating is ahead there, which docs/recipes.md says
        }
    ),
)
def test_forecasts_of_files_as_published_beside_repeating_the_last_value(
    recipe: str, table: str, part: str, metric: str, least_gain: float, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(ROOT / "configs" / f"{recipe}.toml")
    made = result(["train", str(dataset(table)), "--config", config, "-o", "run"], capsys)
    baseline = made["baseline"][part]
    assert made["metrics"][part][metric] < (1 - least_gain) * baseline["naive"][metric]
    assert made["metrics"][part][metric] < 0.9 * baseline[metric]


def test_card_payments_as_published_by_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    scores = solve("creditcard_real", dataset("creditcard/creditcard_part_first36h.csv.gz"), capsys)
    assert scores["valid"]["auprc"] > 0.87  # single rows: 0.87 to 0.90


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
