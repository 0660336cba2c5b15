"""The linear part of all values of a sequence, where each has a quantity and all are equally long."""

import numpy as np
import pytest
from commands import isolate
from ids import cases
from linear_parts import FORECAST, OPTIONS, RUN, WHOLE, balanced, series, spectra, trained

import rnnfast
from rnnfast.cluster.here import InProcess
from rnnfast.data import read_table
from rnnfast.model.places import Places, common_length
from rnnfast.shards import running
from rnnfast.training import linear_part, regressors, ridge


@pytest.fixture(autouse=True)
def _directory(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)


def test_all_values_of_equally_long_sequences_tell_what_is_linear_in_them(monkeypatch):
    monkeypatch.setattr(linear_part, "share_of", lambda network, linear: 0.0)
    monkeypatch.setattr(ridge, "PENALTIES", np.array([1e-9]))
    model = trained(**WHOLE)
    assert model.linear_part.places.length == 7
    assert model.evaluate(spectra(80)).metrics["r2"] > 0.99999


def test_all_values_are_those_of_the_ridge_regression_of_scikit_learn(monkeypatch):
    linear_model = pytest.importorskip("sklearn.linear_model")
    monkeypatch.setattr(linear_part, "HALF", 0.0)
    monkeypatch.setattr(ridge, "PENALTIES", np.array([7.0]))
    model, frame = trained(**WHOLE, scale="none", split=1.0), spectra()
    x, y = frame[["x", "z"]].to_numpy().reshape(30, -1), frame["y"].to_numpy()[::7]
    y = model.task.labels(y[:, None])[:, 0]
    other = linear_model.Ridge(7.0).fit(x / x.std(axis=0), y)
    weights = np.reshape(model.linear_part.places.weights, (7, 3))[:, :-1]
    np.testing.assert_allclose(weights.ravel(), other.coef_ / x.std(axis=0), rtol=1e-6)


@pytest.mark.parametrize(
    ("lengths", "features", "common"),
    cases(
        {
            "equally long": ((5, 5, 5), 2, 5),
            "one shorter": ((5, 4, 5), 2, 0),
            "many values": ((251, 251), 2, 0),
            "no sequence": ((), 2, 0),
        }
    ),
)
def test_all_values_are_inputs_of_equally_long_sequences_with_few_of_them(lengths, features, common):
    assert common_length(np.array(lengths, np.int64), features) == common


def test_the_means_of_a_place_add_nothing_and_rows_after_the_last_place_neither():
    places = trained(**WHOLE, split=1.0, scale="none").linear_part.places
    x = spectra()[["x", "z"]].to_numpy().reshape(30, 7, 2)
    usual = np.vstack([x.mean(axis=0), x[0]])
    np.testing.assert_allclose(places.sums(usual, np.array([0, 14])), 0, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "averages"),
    [({"window": 10}, 3), ({"window": 40}, 4), (OPTIONS["ids"], 4)],
    ids=["short", "long", "none"],
)
def test_averages_are_of_rows_that_windows_tell_of(options, averages):
    assert len(trained(**options).linear_part.averages.rates) == averages


@pytest.mark.parametrize("rows", [1, 3, 16])
def test_all_values_go_on_from_call_to_call_of_a_stream(rows):
    frame = spectra().sort_values(["t", "id"]).reset_index(drop=True)
    model = balanced(trained(**WHOLE))
    stream = model.stream()
    parts = [slice(first, first + rows) for first in range(0, len(frame), rows)]
    answers = np.concatenate([stream.step_many(frame["id"][part], frame[part]) for part in parts])
    np.testing.assert_array_equal(answers, model.stream().step_many(frame["id"], frame))
    expected = model.predict(frame).sort_values("id")["y_pred"]
    np.testing.assert_allclose(answers[-30:, 0], expected, rtol=1e-7)


@pytest.mark.parametrize(("length", "fit"), [(2, True), (3, False)], ids=["as many", "another length"])
def test_all_values_of_a_model_file_fit_its_network(length, fit):
    assert Places(length, ((1.0,) * 6, (2.0,) * 6)).fits(2, 2) == fit


def test_a_table_on_disk_gives_the_same_places():
    spectra(60).to_csv("table.csv", index=False)
    options = {**RUN, "id": "id", "time": "t", "target": "y"}
    memory, disk = (rnnfast.train("table.csv", **options, **more).model.linear_part for more in ({}, {"memory": "2GB"}))
    np.testing.assert_allclose(disk.places.weights, memory.places.weights, rtol=1e-9)
    assert disk.share == pytest.approx(memory.share)


def test_a_table_in_shards_gives_places_too():
    spectra(60).to_csv("table.csv", index=False)
    options = {**RUN, "id": "id", "time": "t", "target": "y"}
    parts = [
        rnnfast.train("table.csv", **options).model.linear_part,
        running.train(InProcess(), "table.csv", shards=2, **options).model.linear_part,
    ]
    alone = [np.array(part.places.weights) / (1 - part.share) for part in parts]  # the shards are split in another way
    np.testing.assert_allclose(alone[1], alone[0], rtol=0.5, atol=0.5)


@pytest.mark.parametrize("options", cases({"all values": (WHOLE,), "rows": (FORECAST,)}))
def test_the_unit_of_weights_has_no_say_in_quantities(options, monkeypatch):
    monkeypatch.setattr(linear_part, "HALF", 0.0)
    frame = spectra() if options is WHOLE else series()
    options = {name: value for name, value in options.items() if name != "frame"}
    one, other = (
        trained(frame.assign(w=unit), **options, weight="w", split=1.0).linear_part for unit in (1.0, 2.0**-20)
    )
    assert one == other


def test_quantities_that_weigh_nothing_are_as_those_that_are_unknown():
    frame = spectra().assign(w=0.5)
    model = trained(frame, **{name: value for name, value in WHOLE.items() if name != "frame"}, weight="w")
    off = frame["id"] % 2 == 0
    tables = frame.assign(w=np.where(off, 0.0, 0.5)), frame.assign(y=frame["y"].where(~off))
    light, unknown = (regressors.regression(model, read_table(table, schema=model.schema)) for table in tables)
    assert light == unknown


def test_a_sequence_that_ends_early_is_answered_by_the_means_of_the_rest_in_any_unit_of_weights():
    x = np.random.default_rng(0).normal(3, 1, size=(20, 6))
    z = np.column_stack([x, np.ones(20), x.sum(axis=1)])
    for weight in (1.0, 1e-3):
        part = regressors._of_places(np.array([[1.0]] * 6 + [[0.0]]), z.T @ z * weight / 20, 3)
        begun = part.outputs(x[:1, :2], np.array([0, 1]))
        np.testing.assert_allclose(begun, x[0, :2].sum() + x[:, 2:].mean(axis=0).sum())
