"""Scores on the screen: what comes first, what is shown, residuals."""

import numpy as np
import pandas as pd
import pytest
from terminals import WIDTHS, plain_environment, too_long

import rnnfast
from rnnfast.console.metrics import shown_metrics
from rnnfast.console.residuals import binned
from rnnfast.console.scores import score_sheet
from rnnfast.console.screen import Screen
from rnnfast.metrics.evaluation import Baseline, Evaluation, Scores

__all__ = ["plain_environment"]


def render(evaluations: dict[str, Evaluation], targets: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    screen = Screen()
    screen.result(*score_sheet(evaluations, (), targets, screen.out.width))
    return capsys.readouterr().out


@pytest.mark.parametrize("width", WIDTHS)
def test_several_targets_get_a_line_each(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    names = tuple(f"a_target_with_a_long_name_{j}" for j in range(20))
    scores = {"rmse": 12345.678, "mae": 1.5, "r2": None}
    evaluation = Evaluation(
        task="regression",
        labelled_steps=100,
        metrics=Scores(1.0, scores, per_target=dict.fromkeys(names, scores)),
        residuals=np.random.default_rng(0).normal(size=(100, 20)),
    )
    shown = render({"train": evaluation, "valid": evaluation}, names, capsys)
    assert too_long(shown, width) == []
    assert "and 8 targets more" in shown
    assert "12,346" in shown
    assert "–" in shown


@pytest.mark.parametrize(
    "values",
    [np.zeros(5), np.array([1e300, -1e300]), np.array([np.nan, 1.0]), np.array([np.nan])],
    ids=["zeros", "huge", "nan and one", "nan alone"],
)
def test_residuals_of_any_kind(values: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    evaluation = Evaluation("regression", 5, Scores(float("nan"), {}), residuals=values)
    assert "Residuals" in render({"valid": evaluation}, ("y",), capsys)


def test_scores_name_what_matters_first_and_what_is_better(capsys: pytest.CaptureFixture[str]) -> None:
    model = {"accuracy": 0.9, "specificity": 0.8, "auprc": 0.5, "log_loss": 0.2, "f1": None}
    naive = {"accuracy": 0.8, "specificity": 1.0, "auprc": 0.5, "log_loss": 0.3, "f1": 0.0}
    evaluation = Evaluation(
        "binary", 10, Scores(0.2, model, threshold=0.5), baseline=Baseline(Scores(0.3, naive)), loss_title=""
    )
    lines = render({"valid": evaluation}, ("y",), capsys).splitlines()
    words = {line.split()[0]: line.split() for line in lines}
    assert lines[1].startswith("auprc")
    assert words["accuracy"] == ["accuracy", "90.00", "%", "80.00", "%", "▲"]
    assert words["specificity"][-1] == "▼"
    assert words["log_loss"][-1] == "▲"
    assert words["auprc"][-1] == "0.5000"
    assert words["f1"][-1] == "0"
    assert "loss" not in words
    assert "than always answering the majority class" in lines[-1]


@pytest.mark.parametrize(
    ("y", "loss", "shown"),
    [([1.0, 2.0, 3.0], "loss (mse)", True), ([-1.0, 0.0, 3.0], "loss (mse)", False)],
    ids=["one sign", "both signs"],
)
def test_relative_errors_are_shown_where_the_target_keeps_its_sign(y: list[float], loss: str, shown: bool) -> None:
    frame = pd.DataFrame({"id": np.repeat(range(6), 3), "x": np.arange(18.0), "y": np.tile(y, 6)})
    result = rnnfast.train(frame, id="id", target="y", task="regression", hidden=3, epochs=1, scale_target=False)
    evaluation = result.evaluations["valid"]
    assert evaluation.metrics["mape"] is not None
    assert ("mape" in shown_metrics(evaluation)) == shown
    assert evaluation.loss_title == loss


@pytest.mark.parametrize(
    ("spread", "step"), [(1.0, 0.1), (44.0, 5.0), (2e-7, 2e-8), (1e9, 1e8)], ids=["one", "tens", "tiny", "huge"]
)
def test_bins_are_round_numbers(spread: float, step: float) -> None:
    middles, counts = binned(np.linspace(-spread / 2, spread / 2, 10_001))
    assert np.diff(middles) == pytest.approx(step)
    assert 0.0 in middles
    assert counts.sum() == 10_001
