"""Every metric on real tables, of all rows and of slices, with and without weights: against scikit-learn.

The network has hardly trained: what it answers is of no interest here, but that it is scored as scikit-learn does.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from commands import isolate
from datasets import DATASETS, dataset, needs_datasets
from ids import cases

import rnnfast
from rnnfast.metrics.calibration import BINS
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.model.breakdown import Breakdown
from rnnfast.model.tables import evaluate_table

sk = pytest.importorskip("sklearn.metrics")
pytestmark = needs_datasets

EXACT = {"rel": 1e-12, "abs": 1e-13}
IDS = 10  # the worst ones, by themselves
QUICK = {"preset": "fast", "hidden": 4, "epochs": 1, "batch_size": 16, "seed": 1, "predict": "every", "progress": False}


class Table(NamedTuple):
    """folder: of the table, of which so many ids are scored; file: that convert.py makes of it."""

    folder: str
    file: str
    target: str
    options: dict[str, Any]
    ids: int = 10**9


TABLES = {
    "credit default": Table("credit_default", "credit_default.csv", "y", {}, 2000),
    "pen digits": Table("pendigits", "pendigits_test.csv", "y", {"task": "multiclass"}, 1500),
    "FD001": Table("cmapss_fd001", "cmapss_fd001_test.csv", "rul", {"scale": "zscore"}),
    "Beijing": Table("beijing_pm25", "beijing_pm25_test.csv", "pm25_next", {"difference": False}),
    "ECG200": Table("ecg200", "ecg200_test.csv", "y", {}),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with the tables in long form."""
    directory, folders = tmp_path_factory.mktemp("long"), [table.folder for table in TABLES.values()]
    for folder in folders:
        dataset(folder)
    command = [sys.executable, str(DATASETS / "convert.py"), "--root", str(DATASETS), "--out", str(directory)]
    subprocess.run([*command, "--only", *folders], check=True, capture_output=True)
    return directory


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)


def drawn(made: Path, table: Table) -> pd.DataFrame:
    """Rows of some ids with a weight, 0 of every fifth, and three groups of unequal size."""
    frame, random = pd.read_csv(made / table.file), np.random.default_rng(3)
    frame = frame[frame["id"].isin(frame["id"].unique()[: table.ids])].reset_index(drop=True)
    frame["w"] = np.where(random.random(len(frame)) < 0.2, 0.0, random.gamma(1.0, 2.0, len(frame)))
    frame["group"] = random.choice(["a", "b", "c"], len(frame), p=[0.7, 0.29, 0.01])
    return frame


class Rows(NamedTuple):
    """Labels, answers, weights (1 without) and the group, id and place in it of each scored row."""

    y: np.ndarray
    p: np.ndarray
    w: np.ndarray
    group: np.ndarray
    id: np.ndarray
    place: np.ndarray
    length: np.ndarray

    def of(self, chosen: np.ndarray) -> "Rows":
        """Those of some rows, without those that weigh nothing."""
        return Rows(*(column[chosen & (self.w > 0)] for column in self))


def rows_of(model: rnnfast.Model, frame: pd.DataFrame, weighted: bool) -> Rows:
    """What is scored, beside the table."""
    outcomes = model.outcomes(rnnfast.read_table("table.csv", schema=model.schema, cache=False))
    at = outcomes.data.row[outcomes.rows]
    place = frame.groupby("id").cumcount().to_numpy()
    length = frame.groupby("id")["t"].transform("size").to_numpy()
    own = (frame[name].to_numpy()[at] for name in ("group", "id"))
    weight = frame["w"].to_numpy()[at] if weighted else np.ones(len(at))
    return Rows(outcomes.y[:, 0], outcomes.answers, weight, *own, place[at], length[at])


def of_two_classes(rows: Rows, threshold: float) -> Iterator[tuple[str, float | None]]:
    y, p, w = rows.y.astype(int), rows.p[:, 0], rows.w
    said, both = (p >= threshold).astype(int), len(np.unique(y)) == 2
    weighted, zero = {"sample_weight": w}, {"zero_division": 0.0}
    yield "accuracy", sk.accuracy_score(y, said, **weighted)
    yield "balanced_accuracy", np.mean([sk.recall_score(y, said, pos_label=k, **weighted) for k in np.unique(y)])
    yield "precision", sk.precision_score(y, said, **zero, **weighted)
    yield "recall", sk.recall_score(y, said, **zero, **weighted)
    yield "specificity", sk.recall_score(y, said, pos_label=0, **zero, **weighted)
    yield "f1", sk.f1_score(y, said, **zero, **weighted)
    yield "mcc", sk.matthews_corrcoef(y, said, **weighted)
    yield "auroc", sk.roc_auc_score(y, p, **weighted) if both else None
    yield "auprc", sk.average_precision_score(y, p, **weighted) if both else None
    yield "log_loss", sk.log_loss(y, np.column_stack([1 - p, p]), labels=[0, 1], **weighted)
    yield "brier", sk.brier_score_loss(y, p, pos_label=1, **weighted)


def of_classes(rows: Rows, _: float | None) -> Iterator[tuple[str, float | None]]:
    y, p, weighted = rows.y.astype(int), rows.p, {"sample_weight": rows.w}
    said, occur = p.argmax(axis=1), np.unique(np.append(rows.y, rows.p.argmax(axis=1))).astype(int)
    yield "accuracy", sk.accuracy_score(y, said, **weighted)
    yield "balanced_accuracy", sk.recall_score(y, said, labels=np.unique(y), average="macro", **weighted)
    yield "macro_f1", sk.f1_score(y, said, labels=occur, average="macro", zero_division=0.0, **weighted)
    yield "log_loss", -np.average(np.log(p[np.arange(len(y)), y]), weights=rows.w)


def of_quantities(rows: Rows, _: float | None) -> Iterator[tuple[str, float | None]]:
    y, p, w = rows.y, rows.p[:, 0], rows.w
    yield "mae", sk.mean_absolute_error(y, p, sample_weight=w)
    yield "rmse", sk.root_mean_squared_error(y, p, sample_weight=w)
    yield "r2", sk.r2_score(y, p, sample_weight=w) if len(np.unique(y)) > 1 else None
    some = y != 0
    yield "mape", sk.mean_absolute_percentage_error(y[some], p[some], sample_weight=w[some]) if some.any() else None
    for share in (0.05, 0.1):
        yield f"within_{100 * share:.0f}pct", np.average(np.abs(p - y) <= share * np.abs(y), weights=w)


EXPECTED: dict[str, Callable[[Rows, float], Iterator[tuple[str, float | None]]]] = {
    "binary": of_two_classes,
    "multiclass": of_classes,
    "regression": of_quantities,
}


def assert_scores(metrics: Any, rows: Rows, evaluation: Evaluation) -> None:
    """Metrics of some rows are those of scikit-learn; all of them."""
    expected = dict(EXPECTED[evaluation.task](rows, evaluation.metrics.threshold)) if len(rows.y) else {}
    names = set(evaluation.metrics.figures)
    assert names == set(expected) or not len(rows.y)
    for name in names:
        value = expected.get(name)
        assert metrics[name] == (None if value is None else pytest.approx(value, **EXACT)), name


def assert_matrix_and_calibration(evaluation: Evaluation, rows: Rows) -> None:
    classes = range(max(2, len(evaluation.classes)))
    binary = evaluation.task == "binary"
    said = (rows.p[:, 0] >= evaluation.metrics.threshold).astype(int) if binary else rows.p.argmax(axis=1)
    expected = sk.confusion_matrix(rows.y.astype(int), said, labels=list(classes), sample_weight=rows.w)
    np.testing.assert_allclose(evaluation.confusion, expected, rtol=1e-12)
    probability = rows.p[:, 0] if binary else rows.p.max(axis=1)
    right = rows.y == 1 if binary else rows.y == said
    edges, error = sorted({np.sort(probability)[k * len(right) // BINS] for k in range(1, BINS)}), 0.0
    for low, high in zip([-np.inf, *edges], [*edges, np.inf], strict=True):
        inside = (probability >= low) & (probability < high)
        error += abs((rows.w * (probability - right))[inside].sum())
    assert evaluation.calibration.ece == pytest.approx(error / rows.w.sum(), **EXACT)


@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
@pytest.mark.parametrize("table", cases({name: (table,) for name, table in TABLES.items()}))
def test_metrics_are_those_of_scikit_learn(table: Table, weighted: bool, made: Path) -> None:
    frame = drawn(made, table)
    frame.to_csv("table.csv", index=False)
    extra = {"weight": "w", "ignore": "group"} if weighted else {"ignore": "group,w"}
    names = {"id": "id", "time": "t", "target": table.target, "cache": False}
    model = rnnfast.train("table.csv", **names, **QUICK, **extra, **table.options).model
    asked = Breakdown(by=("group",), by_id=True, by_step=True, top=IDS)
    scored = evaluate_table(model, ["table.csv"], breakdown=asked)
    rows = rows_of(model, frame, weighted)
    every = rows.of(np.ones(len(rows.y), bool))
    assert_scores(scored.evaluation.metrics, every, scored.evaluation)
    if scored.evaluation.confusion is not None:
        assert_matrix_and_calibration(scored.evaluation, every)
    by = {slicing.by: slicing.slices for slicing in scored.parts.by}
    assert set(by) == {"group", "id", "step", "share of a sequence"}
    assert {one.value for one in by["group"]} == {"a", "b", "c"}
    assert len(by["id"]) == min(IDS, frame["id"].nunique())
    ends = {"1": (1, 1), "2": (2, 2)}
    quarter = np.ceil(4 * (rows.place + 1) / rows.length).astype(int)
    for name, slices in by.items():
        for one in slices:
            low, high = (
                ends.get(one.value) or [int(text) for text in one.value.split(" to ")] if name == "step" else (0, 0)
            )
            chosen = {
                "group": rows.group == one.value,
                "id": rows.id.astype(str) == one.value,
                "step": (rows.place + 1 >= low) & (rows.place + 1 <= high),
                "share of a sequence": [f"to {25 * k} %" for k in quarter] == np.array(one.value),
            }[name]
            assert one.labelled_steps == chosen.sum()
            assert_scores(one.metrics, rows.of(chosen), scored.evaluation)
