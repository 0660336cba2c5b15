"""Categories, empty cells and scaling on the command line: train, eval, predict and inspect of one model."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ids import cases

import rnnfast
from rnnfast.cli import run
from tests.commands import fails, files_of, isolate, result

ENCODING = [
    "--target", "y", "--categorical", "wind", "--missing", "error,pm=ffill,x=mean", "--missing-indicator",
    "--scale", "zscore,x=robust",
]  # fmt: skip
TRAIN = [*ENCODING, "--unseen", "error", "--hidden", "3", "--epochs", "2", "--patience", "0"]


def table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.repeat(np.arange(12), 4), "t": np.tile(np.arange(4), 12)})
    frame["pm"] = pd.Series(random.normal(80, 30, 48).round(1)).mask(random.random(48) < 0.2)
    frame["x"] = pd.Series(random.normal(size=48).round(3)).mask(random.random(48) < 0.1)
    frame["wind"] = np.tile(["NW", "SE", "cv"], 16)
    frame["y"] = random.normal(size=48).round(3)
    return frame


@pytest.fixture(scope="module")
def air(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with tables and a model."""
    directory = tmp_path_factory.mktemp("air")
    frame = table()
    frame.to_csv(directory / "air.csv", index=False)
    frame.head(8).replace({"wind": {"cv": "calm"}}).to_csv(directory / "calm.csv", index=False)
    assert run(["train", "--data", str(directory / "air.csv"), *TRAIN, "-o", str(directory / "run"), "-q"]) == 0
    return directory


@pytest.fixture(autouse=True)
def here(air: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, air)


def test_a_model_answers_tables_with_gaps_in_any_order_of_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = table()
    model = rnnfast.load("run")
    expected = model.predict(rnnfast.read_table("air.csv", schema=model.schema))
    assert np.isfinite(expected).all()
    frame[[*reversed(frame.columns)]].drop(columns="y").assign(more="text").to_csv(tmp_path / "later.csv", index=False)
    assert run(["predict", "--model", "run", "--data", str(tmp_path / "later.csv"), "-o", str(tmp_path / "p.csv")]) == 0
    assert "empty cells" in capsys.readouterr().err
    np.testing.assert_allclose(pd.read_csv(tmp_path / "p.csv")["y_pred"], expected[:, 0], rtol=1e-6)
    direct = model.predict(rnnfast.read_table(frame, schema=model.schema))
    np.testing.assert_array_equal(direct, expected)


def test_eval_repeats_the_scores_of_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    scores = result(["eval", "--model", "run", "--data", "air.csv", "--part", "valid"], capsys)
    saved = result(["inspect", "run"], capsys)["metrics"]["valid"]
    assert scores["metrics"]["rmse"] == pytest.approx(saved["rmse"], rel=1e-6)


@pytest.mark.parametrize("command", ["eval", "predict"])
def test_an_unseen_category_ends_with_3(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    error = fails([command, "--model", "run", "--data", "calm.csv"], 3, capsys)
    for part in ("calm.csv, line 4, column 'wind': 'calm'", "NW, SE, cv", "--unseen bucket"):
        assert part in error


@pytest.mark.parametrize("role", ["--valid", "--test"])
def test_bad_cells_of_other_tables_are_found_before_training(role: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = files_of(Path())
    error = fails(["train", "--data", "air.csv", role, "calm.csv", *TRAIN, "-o", "other"], 3, capsys)
    assert "calm.csv, line 4" in error
    assert files_of(Path()) == before


@pytest.mark.parametrize(
    ("options", "code", "match"),
    cases(
        {
            "misspelt scale": (["--missing", "zero", "--scale", "zscor"], 2, "did you mean 'zscore'"),
            "scale of categories": (["--missing", "zero", "--scale", "wind=none"], 2, "'wind' holds categories"),
            "misspelt rule": (["--missing", "ffil"], 2, "did you mean 'ffill'"),
            "unknown column": (["--missing", "pm2=ffill"], 2, "no column 'pm2'"),
            "gaps are errors": (["--missing", "error"], 3, "air.csv, line"),
        }
    ),
)
def test_wrong_options(options: list[str], code: int, match: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "--data", "air.csv", "--target", "y", "--categorical", "wind", *options, "-o", "other"]
    assert match in fails(arguments, code, capsys)
    assert not Path("other").exists()


def test_inspect_shows_what_is_fitted(capsys: pytest.CaptureFixture[str]) -> None:
    described = result(["inspect", "run"], capsys)
    names = ["pm", "x", "wind=NW", "wind=SE", "wind=cv", "pm (missing)", "x (missing)"]
    assert described["inputs"] == names
    assert described["scaler"]["kinds"] == ["zscore", "robust"]
    assert described["categories"] == {"wind": ["NW", "SE", "cv"]}
    assert described["missing"]["rules"] == {"pm": "ffill", "x": "mean", "wind": "error"}
    assert described["unseen"] == "error"
    model = rnnfast.load("run")
    assert described["missing"]["fills"] == model.encoder.fills
    assert run(["inspect", "run"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    fills = f"Empty cells filled forward: pm ({model.encoder.fills['pm']:.2f}); mean: x ("
    for text in ("Scaling zscore: pm; robust: x", "Categories wind: 3 (NW, SE, cv)", fills, "was empty"):
        assert text in shown


def test_inspect_shows_how_a_table_would_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    options = [item for item in ENCODING if item != "--missing-indicator"]
    columns = {item["name"]: item for item in result(["inspect", "air.csv", *options], capsys)["columns"]}
    assert [columns["pm"][key] for key in ("role", "scale", "fill")] == ["feature", "zscore", "ffill"]
    assert [columns["wind"][key] for key in ("role", "scale", "categories")] == ["category", None, ["NW", "SE", "cv"]]
    assert run(["inspect", "air.csv", *options]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for text in ("Scaling zscore: pm; robust: x", "Categories wind: 3", "Empty cells filled forward: pm; mean: x"):
        assert text in shown
    assert run(["inspect", "air.csv", "--target", "y", "--ignore", "wind", "--missing", "zero"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Empty cells 0" in shown
    assert "Scaling" not in shown  # which the preset chooses


def test_the_kernels_read_the_inputs_where_they_are() -> None:
    """Neither training nor prediction makes a second copy of the features."""
    from rnnfast.kernels.run.memory import training_data

    model = rnnfast.load("run")
    data = rnnfast.read_table("air.csv", schema=model.schema)
    inputs = model.encoder.transform(data, "float32")
    tensors = training_data(inputs, data.y, data.labelled, data.offsets, "float32")
    assert np.shares_memory(tensors.x, inputs)
    other = training_data(inputs[:, ::2], data.y, data.labelled, data.offsets, "float64")
    np.testing.assert_array_equal(other.x, inputs[:, ::2].ravel())
