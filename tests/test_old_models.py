"""Models that earlier versions wrote load, show what they hold and give the same answers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import result

import rnnfast
from rnnfast.config.sections import DataConfig
from rnnfast.model.predictions import predict_table

FOLDER = Path(__file__).parent / "models"
TABLE = str(FOLDER / "table.csv")
FILES = sorted(FOLDER.glob("*.safetensors"))
# Relative to the largest answer of a column: formulas may round in another order, but nothing else may change.
TOLERANCE = {"float32": 1e-6, "float64": 1e-13}

each_file = pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])


def test_the_files_cover_cells_tasks_and_precisions():
    models = [rnnfast.load(file) for file in FILES]
    assert {model.config.model.cell for model in models} == {"rnn", "gru", "lstm", "mlp"}
    assert len({model.config.model.activation for model in models}) == 8
    assert {model.schema.task for model in models} == {"binary", "multiclass", "regression"}
    assert {model.config.train.dtype for model in models} == set(TOLERANCE)


@each_file
def test_the_same_answers(file, tmp_path):
    output = tmp_path / "answers.csv"
    predict_table(file, [TABLE], output, config=DataConfig(cache=False))
    answers, before = pd.read_csv(output), pd.read_csv(file.with_suffix(".csv"))
    tolerance = TOLERANCE[rnnfast.load(file).config.train.dtype]
    assert list(answers) == list(before)
    for name in before:
        if before[name].dtype == np.float64:
            largest = before[name].abs().max()
            np.testing.assert_allclose(answers[name], before[name], rtol=0, atol=tolerance * largest, err_msg=name)
        else:
            assert answers[name].tolist() == before[name].tolist(), name


@each_file
def test_the_same_scores(file, capsys):
    scores = result(["eval", "--model", str(file), "--data", TABLE, "--no-cache"], capsys)
    for name in ("substitutions", "calibration", "findings", "verdict"):  # which were not told then
        scores.pop(name, None)
    before = json.loads((FOLDER / "scores.json").read_text(encoding="utf-8"))[file.stem]
    assert_same(scores, before, 10 * TOLERANCE[rnnfast.load(file).config.train.dtype])


def assert_same(value, before, tolerance):
    """The same keys, texts and counts; numbers to a relative tolerance, beyond that of answers as sums amplify it."""
    if isinstance(before, dict):
        assert value.keys() == before.keys()
        for name in before:
            assert_same(value[name], before[name], tolerance)
    elif isinstance(before, float):
        assert value == pytest.approx(before, rel=tolerance, abs=tolerance)
    else:
        assert value == before


@each_file
def test_inspect_shows_them(file, capsys):
    shown = result(["inspect", str(file)], capsys)
    model = rnnfast.load(file)
    assert shown["cell"] == model.config.model.cell
    assert shown["task"] == model.schema.task
    assert shown["metrics"]["valid"]["loss"] > 0
    assert json.dumps(shown["columns"]["targets"]) == json.dumps(list(model.schema.targets))


def test_inspect_leaves_relative_errors_out_where_targets_cross_0(capsys):
    metrics = result(["inspect", str(FOLDER / "rnn-swish-regression.safetensors")], capsys)["metrics"]
    assert metrics["train"]["mape"] is metrics["valid"]["mape"] is None
    assert metrics["valid"]["mae"] > 0


@each_file
def test_they_are_written_as_they_were_read(file, tmp_path):
    model = rnnfast.load(file)
    model.save(tmp_path / "again.safetensors")
    again = rnnfast.load(tmp_path / "again.safetensors")
    assert again.schema == model.schema
    assert again.encoder.to_json() == model.encoder.to_json()
    assert again.config == model.config
    for name, tensor in model.parameters.items():
        np.testing.assert_array_equal(again.parameters[name], tensor)
