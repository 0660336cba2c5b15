"""Importance of features: what exchanging their values among sequences costs."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import isolate
from explained_models import QUICK, table, trained
from ids import cases

import rnnfast
from rnnfast.errors import UsageError
from rnnfast.model.explain.importance import ORDER, exchanged


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)


def test_what_no_answer_depends_on_has_no_importance():
    frame = table(80)
    model = trained("sum", frame, epochs=30, lr=0.02)
    entries = model.importance(frame).set_index("feature")
    assert entries["metric"].unique().tolist() == ["r2"]
    assert entries["drop"].idxmax() == "x1"
    assert entries.loc["x1", "drop"] > 10 * abs(entries.loc["x2", "drop"])
    assert entries.loc[ORDER, "kind"] == "order"
    assert entries.loc[ORDER, "drop"] > entries.loc[ORDER, "spread"]


def test_order_means_nothing_to_a_cell_without_memory():
    frame = table()
    entries = trained("up", frame, cell="mlp").importance(frame).set_index("feature")
    assert entries.loc[ORDER, "drop"] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    "options", cases({"last step": {"predict": "last"}, "patches": {"patch": (2, 2), "predict": "last"}})
)
def test_importance_of_models_that_answer_some_rows(options):
    frame = table()
    entries = trained("up", frame, **options).importance(frame, repeats=2)
    assert np.isfinite(entries["drop"]).all()


def test_groups_are_exchanged_together_and_seeds_repeat():
    frame = table()
    model = trained("sum", frame)
    entries = model.importance(frame, groups=("x1+colour", "x*"), repeats=3, seed=5)
    assert set(entries.loc[entries["kind"] == "group", "feature"]) == {"x1+colour", "x*"}
    pd.testing.assert_frame_equal(model.importance(frame, groups=("x1+colour", "x*"), repeats=3, seed=5), entries)
    with pytest.raises(UsageError, match="no feature 'x9'"):
        model.importance(frame, groups=("x9",))


def test_values_come_from_the_same_step_of_another_sequence_counted_from_the_last():
    offsets = np.array([0, 3, 5, 9])
    for seed in range(5):
        source = exchanged(offsets, np.random.default_rng(seed))
        donors = np.searchsorted(offsets, source, side="right") - 1
        for first, stop in pairwise(offsets):
            donor = donors[first]
            assert (donors[first:stop] == donor).all()
            assert source[stop - 1] == offsets[donor + 1] - 1
            assert (np.diff(source[first:stop]) >= 0).all()
    alone = exchanged(np.array([0, 6]), np.random.default_rng(0))
    assert sorted(alone.tolist()) == list(range(6))
    assert (alone != np.arange(6)).all()


def test_importance_weighs_rows_as_the_score_does():
    frame = table().drop(columns=["sum", "kind"])
    frame["same"], frame["w"] = 1.0, np.random.default_rng(3).choice([0.0, 1.0, 9.0], len(frame))
    columns = {"id": "id", "time": "t"} if "id" in frame else {}
    data = rnnfast.read_table(frame, target="up", categorical="colour", weight="w", **columns)
    entries = rnnfast.train(data, **QUICK).model.importance(frame, repeats=2).set_index("feature")
    assert entries.loc["same", "drop"] == 0
