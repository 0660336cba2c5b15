"""What is fitted, scored and trained on each shard becomes one: encoders, losses, areas, samples, states."""

import numpy as np
import pytest
from ids import cases
from notices import Notices
from sharded_tables import GRU, OPTIONS, directory, sharded, table

import rnnfast
from rnnfast.data.encoding.scaling import summary_for
from rnnfast.shards.state import OUTER_MOMENTUM, OUTER_RATE, Outer, State, averaged

__all__ = ["directory", "table"]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("coarse", [False, True], ids=["exact", "histograms"])
def test_losses_and_areas_are_of_all_rows_where_a_sample_is_scored(monkeypatch, coarse):
    options = {**GRU, "ignore": "colour", "memory": "900M", "monitor": "auprc", "patience": 5}
    whole = sharded(3, **options)
    monkeypatch.setattr("rnnfast.shards.sequences.ShardedSequences.sample_room", 3000)
    if coarse:
        monkeypatch.setattr("rnnfast.training.totals.EXACT_STEPS", 10)
    told = Notices()
    sampled = sharded(3, reporter=told, **options)
    assert any("train: scored on" in text for text in told.notices)
    assert any("train: loss, auroc, auprc of all" in text for text in told.notices)
    assert any("from histograms: right to" in text for text in told.notices) == coarse
    tolerances = {"loss": 1e-9, "auroc": 1e-3 if coarse else 1e-12, "auprc": 1e-3 if coarse else 1e-12}
    for name, tolerance in tolerances.items():
        figures = [run.metrics["train"][name] for run in (sampled, whole)]
        assert figures[0] == pytest.approx(figures[1], abs=tolerance)
    assert sum("valid, after each pass: loss, auprc of all 222" in text for text in told.notices) == 1
    passes = [[row for row in run.history if row["split"] == "valid"] for run in (sampled, whole)]
    for one, other in zip(*passes, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-9)
        assert one["auprc"] == pytest.approx(other["auprc"], abs=1e-2 if coarse else 1e-12)


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    "options",
    cases(
        {
            "weights of classes": {"ignore": "colour", "class_weight": "balanced"},
            "a sum over the steps": {"ignore": "colour", "reduction": "sum"},
            "a quantity": {"data": "quantity.csv"},
        }
    ),
)
def test_losses_of_each_pass_are_of_all_rows_where_a_sample_is_scored(monkeypatch, options):
    options = {**GRU, "memory": "900M", **options}
    whole = sharded(3, **options)
    monkeypatch.setattr("rnnfast.shards.sequences.ShardedSequences.sample_room", 3000)
    sampled = sharded(3, **options)
    assert sampled.history[-1]["loss"] == pytest.approx(whole.history[-1]["loss"], rel=1e-9)


@pytest.mark.usefixtures("table")
def test_what_is_fitted_to_shards_is_what_is_fitted_to_the_whole():
    seen = sharded(4, categorical="colour", scale="zscore,x2=robust", epochs=0, split=(1.0,)).model
    whole = rnnfast.train("table.csv", **{**OPTIONS, "categorical": "colour", "scale": "zscore,x2=robust", "epochs": 0,
                                          "split": (1.0,)}).model  # fmt: skip
    assert seen.encoder.names == whole.encoder.names
    np.testing.assert_allclose(seen.encoder.scaler.shift, whole.encoder.scaler.shift, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(seen.encoder.scaler.scale, whole.encoder.scaler.scale, rtol=1e-12)
    assert seen.target_mean == pytest.approx(whole.target_mean)


def test_summaries_of_parts_make_that_of_the_whole():
    values = np.random.default_rng(0).normal(1e6, 1, (900, 2))
    values[::7, 1] = np.nan
    whole, parts = summary_for(("zscore", "robust")), [summary_for(("zscore", "robust")) for _ in range(4)]
    whole.add(values)
    for number, part in enumerate(parts):
        part.add(values[300 * number : 300 * (number + 1)])  # the last one has none
    merged = parts[3].merge(parts[0]).merge(parts[1]).merge(parts[2])
    assert (merged.low == whole.low).all()
    assert merged.mean[0] == pytest.approx(whole.mean[0], rel=1e-14)
    assert merged.deviation[0] == pytest.approx(whole.deviation[0], rel=1e-9)
    assert merged.quartiles(1) == whole.quartiles(1)


def test_samples_of_parts_are_a_sample_of_the_whole():
    parts = [summary_for(("robust",), most=100) for _ in range(3)]
    for number, part in enumerate(parts):
        part.add(np.full((1000 * (number + 1), 1), float(number)))
    merged = parts[0].merge(parts[1]).merge(parts[2])
    shares = np.bincount(merged.values(0).astype(int)) / len(merged.values(0))
    np.testing.assert_allclose(shares, np.array([1, 2, 3]) / 6, atol=0.15)


def test_states_are_averaged_by_weight_and_those_of_no_weight_have_no_say():
    one, other = (State(*(np.full(3, value, np.float32) for _ in range(3))) for value in (1, 4))
    broken = State(*(np.full(3, np.nan, np.float32) for _ in range(3)))
    assert averaged([one, broken, other], [2.0, 0.0, 1.0]).m.tolist() == [2, 2, 2]
    odd = State(*(np.array([0.1, -0.0, 3e-39], np.float32) for _ in range(3)))
    assert averaged([odd], [7.3]).parameters.tobytes() == odd.parameters.tobytes()


def test_the_outer_step_of_nesterov_goes_on_with_its_momentum():
    outer, before = Outer("nesterov", 1), np.array([1.0])
    first = outer.step(before, np.array([0.0]))
    assert first[0] == pytest.approx(1 - OUTER_RATE * (1 + OUTER_MOMENTUM))
    again = outer.step(first, first)
    assert again[0] == pytest.approx(first[0] - OUTER_RATE * OUTER_MOMENTUM * OUTER_MOMENTUM)
