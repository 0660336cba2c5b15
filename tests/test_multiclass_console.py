"""What people see of several classes, at every width."""

import re
from pathlib import Path

import numpy as np
import pytest
from commands import isolate
from terminals import WIDTHS, too_long
from test_multiclass import TRAIN, moves

from rnnfast.cli import run
from rnnfast.console.classes import balance_text
from rnnfast.console.scores import score_sheet
from rnnfast.console.screen import Screen
from rnnfast.console.text import UNBROKEN
from rnnfast.metrics.evaluation import Baseline, Evaluation, Scores


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_run_fits_the_terminal(width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    moves("moves.csv")
    assert run(["train", "moves.csv", *TRAIN, "-o", "run"]) == 0
    train = capsys.readouterr()
    assert run(["inspect", "run"]) == 0
    assert run(["inspect", "moves.csv", "--target", "move"]) == 0
    inspect = capsys.readouterr()
    assert run(["eval", "--model", "run", "--data", "moves.csv"]) == 0
    shown = train.out + train.err + inspect.out + inspect.err
    assert too_long(shown + capsys.readouterr().out, width) == []
    assert not re.search(r" $", shown, re.MULTILINE)
    for text in ("Confusion matrix", "Right:", "always answering the majority class", "macro_f1"):
        assert text in " ".join(train.out.split())
    for text in ("3 classes: 'circle', 'rest', 'shake, hard'", "rest: 30 sequences (33.3 %)", "stratified", "ce loss"):
        assert text in " ".join(train.err.split())
    assert "3 classes: circle, rest, shake, hard" in " ".join(inspect.out.split())


def render(counts: np.ndarray, classes: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    scores = Scores(1.0, dict.fromkeys(("accuracy", "macro_f1", "log_loss"), 0.5))
    evaluation = Evaluation(
        "multiclass", int(counts.sum()), scores, counts.tolist(), Baseline(scores), classes=tuple(classes)
    )
    screen = Screen()
    screen.result(*score_sheet({"valid": evaluation}, classes, ("target",), screen.out.width))
    return capsys.readouterr().out


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("classes", [2, 4, 10, 11, 300])
@pytest.mark.parametrize("long", [False, True])
def test_confusion_of_any_number_of_classes_fits(classes, long, width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    names = [f"a_class_with_a_long_name_{j}" if long else str(j) for j in range(classes)]
    counts = np.random.default_rng(classes).integers(0, 100_000, (classes, classes))
    shown = render(counts, names, capsys)
    assert too_long(shown, width) == []
    assert "Right:" in shown
    if classes <= 4 and not long and width > 40:
        assert "Confusion matrix" in shown
        assert f"{counts[1, 0]:,}" in shown
    if classes > 10:
        assert f"{counts[~np.eye(classes, dtype=bool)].max():,}" in shown


def test_confusion_without_a_mistake_and_of_absent_classes(capsys):
    shown = render(np.diag([5] * 12), [str(j) for j in range(12)], capsys)
    assert "Right: 60 of 60 (100 %)." in shown
    assert "mistakes" not in shown
    shown = render(np.array([[0, 0, 0], [1, 2, 1], [0, 0, 4]]), ["a", "b", "c"], capsys)
    assert "least often b: 2 of 4 (50.0 %)" in shown


def test_recall_and_precision_stand_at_the_margins(capsys):
    lines = render(np.array([[8, 2, 0], [0, 5, 5], [0, 0, 10]]), ["a", "b", "c"], capsys).splitlines()
    rows = {line.split()[0]: line.split() for line in lines if line.split()}
    assert rows["a"] == ["a", "8", "2", "0", "80.0"]
    assert rows["precision"] == ["precision", "100", "71.4", "66.7"]


def test_many_classes_have_a_table_of_their_own_the_worst_first(capsys):
    counts = np.diag([10] * 20)
    counts[7] = 0
    counts[7, 3] = 10
    lines = render(counts, [f"c{j}" for j in range(20)], capsys).splitlines()
    start = next(j for j, line in enumerate(lines) if line.startswith("class"))
    assert lines[start + 1].split() == ["c7", "10", "–", "0", "%", "0"]
    assert lines[start + 2].split() == ["c3", "10", "50.0", "%", "100", "%", "0.667"]
    assert any("f1 of the others: 1.00 or more" in line for line in lines)


def test_the_balance_of_many_classes_is_a_summary():
    assert balance_text({"a": 1, "b": 3}).replace(UNBROKEN, " ") == "a: 1 step (25.0 %), b: 3 steps (75.0 %)"
    text = balance_text({f"c{j}": j + 1 for j in range(20)}).replace(UNBROKEN, " ")
    assert text == "20, from 1 step (0.476 %) of c0 to 20 steps (9.52 %) of c19"


def test_ten_classes_have_a_matrix_at_80_columns(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    lines = render(np.full((10, 10), 7) + np.diag([150] * 10), [str(j) for j in range(10)], capsys).splitlines()
    row = next(line for line in lines if line.startswith("precision"))
    assert row.split() == ["precision", *["71.4"] * 10]
    assert any("Confusion matrix of valid" in line for line in lines)
