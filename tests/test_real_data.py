"""Real tables, where they lie beside the repository: the models must beat the naive answers clearly."""

import subprocess
import sys
from pathlib import Path

import pytest
from commands import isolate, result
from datasets import DATASETS, dataset, needs_datasets

pytestmark = needs_datasets

NEEDED = ("occupancy", "cmapss_fd001", "min_temperatures", "pendigits", "basic_motions", "fsdd_mfcc")


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the tables in long form: one row per step, with id and t."""
    made = tmp_path_factory.mktemp("long")
    command = [sys.executable, str(DATASETS / "convert.py"), "--root", str(DATASETS), "--out", str(made)]
    subprocess.run([*command, "--only", *NEEDED], check=True, capture_output=True)
    return made


def test_card_payments(capsys: pytest.CaptureFixture[str]) -> None:
    rows = str(dataset("creditcard/creditcard_part_first36h.csv.gz"))
    made = result(["train", rows, "--hidden", "10", "--epochs", "40", "-o", "run"], capsys)
    assert (made["task"], made["rows"], sum(made["sequences"].values())) == ("binary", 28148, 2815)
    assert made["metrics"]["valid"]["auprc"] > 0.75  # 0.013 by chance, single rows give 0.87 to 0.90
    assert made["metrics"]["valid"]["loss"] < 0.4 * made["baseline"]["valid"]["loss"]
    gate = ["eval", "--model", "run", "--data", rows, "--part", "valid", "--fail-under", "auprc=0.75"]
    assert result(gate, capsys)["metrics"] == pytest.approx(made["metrics"]["valid"], rel=1e-6)


def test_occupancy_without_its_telling_column(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = [str(tables / "occupancy_train.csv"), "--valid", str(tables / "occupancy_test.csv")]
    made = result(["train", *data, "--target", "y", "--ignore", "Light", "--epochs", "80"], capsys)
    scores, naive = made["metrics"]["valid"], made["baseline"]["valid"]
    assert scores["auroc"] > 0.85
    assert scores["accuracy"] > naive["accuracy"] + 0.1
    assert scores["loss"] < 0.8 * naive["loss"]


def test_engines_that_wear_out(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = [str(tables / "cmapss_fd001_train.csv"), "--test", str(tables / "cmapss_fd001_test.csv")]
    made = result(["train", *data, "--target", "rul", "--epochs", "60"], capsys)
    assert made["sequences"] == {"train": 80, "valid": 20, "test": 100}
    for part in ("valid", "test"):
        assert made["metrics"][part]["rmse"] < 0.7 * made["baseline"][part]["rmse"]


def test_tomorrows_temperature(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = str(tables / "min_temperatures.csv")
    made = result(["train", table, "--target", "temp_next", "--epochs", "100", "-o", "run"], capsys)
    scores = made["metrics"]["valid"]
    assert scores["rmse"] < 0.75 * made["baseline"]["valid"]["rmse"]
    assert scores["r2"] > 0.45


def test_pen_digits(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = [str(tables / "pendigits_train.csv"), "--valid", str(tables / "pendigits_test.csv")]
    options = ["--target", "y", "--task", "multiclass", "--hidden", "32", "--lr", "0.01", "--epochs", "25"]
    made = result(["train", *data, *options, "-o", "run"], capsys)
    assert (made["task"], made["sequences"]["train"]) == ("multiclass", 7494)
    scores, naive = made["metrics"]["valid"], made["baseline"]["valid"]
    assert scores["accuracy"] > 0.9  # 0.10 by chance; 1-nearest-neighbour 0.98
    assert scores["macro_f1"] > 0.9
    assert scores["loss"] < 0.2 * naive["loss"]
    scored = result(["eval", "--model", "run", "--data", str(tables / "pendigits_test.csv")], capsys)
    assert scored["classes"] == list(range(10))
    assert sum(map(sum, scored["confusion"])) == 3498


def test_motions_named_by_text(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = [str(tables / "basic_motions_train.csv"), "--valid", str(tables / "basic_motions_test.csv")]
    options = ["--target", "y", "--cell", "gru", "--hidden", "16", "--window", "20", "--epochs", "60"]
    made = result(["train", *data, *options], capsys)
    assert made["task"] == "multiclass"
    assert made["metrics"]["valid"]["accuracy"] > 0.8  # 0.25 by chance


def test_spoken_digits(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = [str(tables / "fsdd_mfcc_train.csv"), "--valid", str(tables / "fsdd_mfcc_test.csv")]
    options = ["--target", "y", "--task", "multiclass", "--cell", "gru", "--hidden", "32", "--epochs", "12"]
    made = result(["train", *data, *options], capsys)
    assert made["metrics"]["valid"]["macro_f1"] > 0.9  # 0.10 by chance


def test_fine_dust_with_gaps_and_wind_directions(capsys: pytest.CaptureFixture[str]) -> None:
    """Reads 2,067 empty cells and a column of texts, without preparing the file."""
    rows = str(dataset("beijing_pm25/PRSA_data_2010.1.1-2014.12.31.csv.gz"))
    options = ["--features", "pm2.5,DEWP,PRES,Iws", "--categorical", "cbwd", "--target", "TEMP", "--window", "24"]
    described = result(["inspect", rows, *options, "--missing", "pm2.5=ffill"], capsys)
    columns = {column["name"]: column for column in described["columns"]}
    assert columns["pm2.5"]["missing"] == 2067
    assert columns["cbwd"]["categories"] == ["NE", "NW", "SE", "cv"]
    assert "empty cells: pm2.5 2,067 (filled forward)" in described["notes"]
    training = ["--hidden", "3", "--epochs", "3", "--scale", "zscore,Iws=robust", "--missing", "pm2.5=ffill"]
    made = result(["train", "--data", rows, *options, *training, "-o", "run"], capsys)
    assert made["metrics"]["valid"]["r2"] > 0.6
    assert result(["eval", "--model", "run", "--data", rows, "--part", "valid"], capsys)["metrics"]["r2"] > 0.6
