"""Attributions of answers, and importance of features: what they are of, and that they say what the network does.

That gradients with respect to the inputs are right test_sensitivity.py says.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import twin
from commands import isolate
from explained_models import QUICK, read, table, trained, with_age
from ids import cases

import rnnfast
from rnnfast.catalogue import CELLS
from rnnfast.data import SequenceData
from rnnfast.data.synth.generate import synth
from rnnfast.errors import DataError, UsageError
from rnnfast.model.explain.attribution import Explainer, Method
from rnnfast.model.explain.features import features_of, input_means
from rnnfast.model.explain.integrals import TOLERANCE, integrals
from rnnfast.model.explain.integrals import Path as Way
from rnnfast.model.members import Committee
from rnnfast.records import UNSET
from rnnfast.records import replace as changed


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)


EMBEDDED = {"embed": "colour=2", "dtype": "float64"}
STATIC = {"static": "age", "dtype": "float64"}

MODELS = cases(
    {
        "regression": ("sum", {}),
        "two classes": ("up", {}),
        "several classes": ("kind", {}),
        "both directions": ("sum", {"bidirectional": True}),
        "head and stack": ("sum", {"head": "attention", "hidden": (5, 5)}),
        "patches": ("sum", {"patch": (3, 2), "predict": "last"}),
        "lag": ("sum", {"lag_target": True, "missing": ("mean",), "difference": False}),
        "without memory": ("sum", {"cell": "mlp"}),
        "float64": ("up", {"dtype": "float64"}),
        "register engine": ("sum", {"cell": "rnn"}),
        **{f"an embedding and constants, {cell}": ("up", {"cell": cell, **EMBEDDED, **STATIC}) for cell in CELLS},
        "an embedding": ("kind", EMBEDDED),
        "embeddings, both directions": ("sum", {"bidirectional": True, "hidden": (5, 5), **EMBEDDED, **STATIC}),
        "an embedding, patches": ("sum", {"patch": (3, 2), "predict": "last", **EMBEDDED, **STATIC}),
        "an embedding, an ensemble": ("sum", {"ensemble": 2, **EMBEDDED, **STATIC}),
        "constants alone": ("up", STATIC),
    }
)


@pytest.mark.parametrize(("target", "options"), MODELS)
def test_attributions_sum_to_what_the_output_differs_from_that_of_the_baseline(target, options):
    frame = with_age(table())
    model = trained(target, frame, **options)
    data, explainer = read(model, frame), Explainer(model)
    rows, raw = data.offsets[1:] - 1, model.outputs(data)
    outputs = raw[rows].argmax(axis=1)
    for one in explainer.explain(data, rows, outputs):
        row, output = rows[one.place], outputs[one.place]
        expected = beside(model, explainer, len(one.rows))[one.own, output]
        assert one.end == pytest.approx(raw[row, output], rel=1e-4, abs=1e-5)
        assert one.start == pytest.approx(expected, rel=1e-4, abs=1e-5)
        assert one.attribution.sum() == pytest.approx(one.end - one.start, rel=TOLERANCE, abs=1e-4)
        assert one.error <= TOLERANCE
        assert data.row[row] == one.rows[one.own]


def beside(model: rnnfast.Model, explainer: Explainer, rows: int) -> np.ndarray:
    """Raw outputs for the baseline at so many rows: networks see numbers in place of codes, a linear part is added."""
    networks, outputs, part = model.architecture.without_embeddings, [], model.linear_part
    for tensors, network in zip(model.members, explainer.slopes.networks, strict=True):
        start = np.tile(network.seen.of_baseline(explainer.baseline), (rows, 1)).astype(model.config.train.dtype)
        raw = Committee(networks, [tensors]).outputs_of(start.ravel(), np.array([0, rows]))[0]
        outputs.append(raw if part is None else part.share * raw + part.outputs(start, np.array([0, rows])))
    return np.mean(outputs, axis=0)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_attributions_of_categories_and_constants_are_those_of_pytorch(cell):
    torch = twin.import_torch()
    frame = with_age(table(12))
    model = trained("sum", frame, cell=cell, split=(1.0,), **(EMBEDDED | STATIC))
    explainer, data = Explainer(model), read(model, frame)
    network, net = explainer.slopes.networks[0], model.architecture.without_embeddings
    module = twin.build(net, {name: array for name, array in model.parameters.items() if "embed" not in name})
    rows = data.offsets[1:] - 1
    encoded, start = model.encoder.transform(data, "float64"), network.seen.of_baseline(explainer.baseline)
    tables, texts = model.parameters["embed.0.weight"], model.encoder.categories["colour"]
    assert start[model.encoder.names.index("colour") :][:2] == pytest.approx(
        np.mean([tables[texts.index(text)] for text in frame["colour"]], axis=0)
    )
    for one in explainer.explain(data, rows, np.zeros(len(rows), int)):
        first, stop = data.offsets[one.place], data.offsets[one.place + 1]
        way, slopes = network.seen.of(encoded[first:stop]) - start, 0.0
        for place in (np.arange(64) + 0.5) / 64:
            x = torch.tensor(start + place * way, requires_grad=True)
            twin.outputs(net, module, x)[0][-1, 0].backward()
            slopes = slopes + x.grad.numpy() / 64
        of_inputs = network.seen.summed(slopes * way)
        expected = np.stack([of_inputs[:, feature.inputs].sum(axis=1) for feature in explainer.features], axis=1)
        np.testing.assert_allclose(one.attribution, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
        constant = [feature.name for feature in explainer.features].index("age")
        assert (one.attribution[1:, constant] == 0).all()
        assert one.attribution[0, constant] != 0


def test_more_points_are_nearer_and_are_taken_where_they_are_needed():
    frame = table()
    model = trained("up", frame, dtype="float64", epochs=20, lr=0.05)
    explainer, data = Explainer(model), read(model, frame)
    inputs = model.encoder.transform(data, "float64") * 4  # a long way, on which the network bends
    way = Way(inputs[: data.offsets[1]], int(data.offsets[1]) - 1, 0)

    def error(points: int) -> float:
        return next(integrals(explainer.slopes, [way], explainer.baseline, points)).error

    assert error(50) <= TOLERANCE
    assert error(100) <= max(error(50), 1e-12)
    one = next(integrals(explainer.slopes, [way], explainer.baseline, 2))
    assert one.points > 2
    assert one.error <= TOLERANCE


def test_long_sequences_and_many_are_computed_in_portions(monkeypatch):
    frame = table()
    model = trained("sum", frame, dtype="float64")
    whole = model.explain(frame)
    monkeypatch.setattr("rnnfast.model.explain.integrals.ROWS", 20)
    pd.testing.assert_frame_equal(model.explain(frame), whole, rtol=1e-9)


def test_attributions_of_the_adding_task_are_at_the_two_marked_steps(tmp_path: Path):
    synth("adding", tmp_path / "adding.csv", 400, 20, 1)
    result = rnnfast.train("adding.csv", cell="gru", hidden=16, epochs=60, preset="auto", batch_size=16, lr=0.01)
    frame = pd.read_csv("adding.csv")
    attributions = result.model.explain("adding.csv", sequences=400)
    moved = attributions.assign(size=attributions["attribution"].abs()).groupby("row")["size"].sum()
    frame["size"] = moved.reindex(frame.index)
    hits = [set(one.nlargest(2, "size").index) == set(one.index[one["x2"] == 1]) for _, one in frame.groupby("name")]
    assert np.mean(hits) > 0.9


def test_features_are_columns_and_units_of_the_calendar():
    frame = table()
    frame["t"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(frame)) * 7, unit="h")
    frame.loc[3, "x2"] = np.nan
    model = trained("sum", frame, calendar=True, missing=("mean",), missing_indicator=True, lag_target=True)
    features = features_of(model.encoder)
    units = ["t.hour", "t.weekday", "t.month", "t.yearday"]
    assert [one.name for one in features] == ["x1", "x2", "colour", *units, "sum (lag)"]
    inputs = np.concatenate([one.inputs for one in features])
    assert sorted(inputs.tolist()) == list(range(len(model.encoder.names)))
    names = np.array(model.encoder.names)
    assert set(names[features[2].inputs]) == {
        "colour=blue",
        "colour=green",
        "colour=red",
        "colour=(unseen)",
        "colour (missing)",
    }
    assert names[features[1].inputs].tolist() == ["x2", "x2 (missing)"]
    explained = model.explain(frame)
    hours = explained[explained["feature"] == "t.hour"]
    assert hours["value"].tolist() == [frame["t"].dt.hour[row] for row in hours["row"]]
    assert set(explained[explained["feature"] == "colour"]["value"]) <= {"red", "green", "blue"}
    assert "sum (lag)" in set(explained["feature"])


def test_columns_say_which_answer_and_which_step():
    frame = table()
    model = trained("sum", frame)
    explained = model.explain(frame, id="7", step=2)
    assert list(explained) == ["id", "t", "row", "explained", "at", "feature", "value", "attribution"]
    rows = frame.index[frame["id"] == 7]
    assert set(explained["explained"]) == {rows[1]}
    assert explained["at"].tolist() == [-1] * 3 + [0] * 3
    assert explained["row"].tolist() == [rows[0]] * 3 + [rows[1]] * 3
    assert explained["value"].tolist()[:2] == pytest.approx(frame.loc[rows[0], ["x1", "x2"]].tolist())
    assert set(explained["id"]) == {"7"}


def test_two_directions_see_the_steps_after_the_row():
    frame = table()
    explained = trained("sum", frame, bidirectional=True).explain(frame, row=1)
    after = explained[explained["at"] > 0]
    assert len(after)
    assert (after["attribution"] != 0).any()


def test_windows_see_the_rows_before_them():
    frame = table(1).drop(columns=["id"])
    frame = pd.concat([frame] * 20, ignore_index=True)
    frame["t"] = np.arange(len(frame))
    model = trained("sum", frame, window=4)
    explained = model.explain(frame, row=9)
    assert explained["row"].min() < 8  # where its window begins
    data = read(model, frame)
    explainer = Explainer(model)
    one = next(explainer.explain(data, np.array([9]), np.array([0])))
    assert one.end == pytest.approx(float(model.outputs(data)[9, 0]), rel=1e-4, abs=1e-5)


def test_an_ensemble_is_explained_by_the_mean_of_its_networks():
    frame = table()
    model = trained("sum", frame, ensemble=2, dtype="float64")
    single = [replace(model, parameters=dict(tensors)).explain(frame) for tensors in model.members]
    mean = (single[0]["attribution"] + single[1]["attribution"]) / 2
    np.testing.assert_allclose(model.explain(frame)["attribution"], mean, rtol=1e-6, atol=1e-9)


def test_the_baseline_is_the_mean_of_the_training_rows():
    frame = table()
    data = rnnfast.read_table(frame.drop(columns=["up", "kind"]), target="sum", id="id", time="t", categorical="colour")
    model = rnnfast.train(data, **QUICK, split=(1.0,)).model
    expected = model.encoder.transform(data).mean(axis=0)
    np.testing.assert_allclose(model.provenance.input_means, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(Explainer(model, Method(baseline="zero")).baseline.inputs, 0.0)
    model.save("model.safetensors")
    assert rnnfast.load("model.safetensors").provenance.input_means == model.provenance.input_means


def test_the_mean_is_that_of_some_sequences_of_a_large_table(monkeypatch):
    frame = table(200)
    model = trained("sum", frame)
    data = rnnfast.read_table(frame, schema=model.schema)
    monkeypatch.setattr("rnnfast.model.explain.features.MEAN_ROWS", 300)
    some = np.array(input_means(model.encoder, data).inputs)
    np.testing.assert_allclose(some, model.encoder.transform(data).mean(axis=0), atol=0.1)


def test_blocks_change_no_bit_of_the_mean(monkeypatch):
    frame = table(30)
    model = trained("sum", frame)
    data = rnnfast.read_table(frame, schema=model.schema)
    means = input_means(model.encoder, data)
    pieces = [data.take(np.arange(first, first + 5)) for first in range(0, 30, 5)]
    monkeypatch.setattr(SequenceData, "blocks", lambda self, columns: pieces)
    assert input_means(model.encoder, data) == means


def test_a_model_file_without_means_says_what_to_do():
    frame = table()
    model = trained("sum", frame)
    model.provenance = changed(model.provenance, input_means=UNSET)
    with pytest.raises(UsageError, match="--baseline zero"):
        model.explain(frame)
    assert len(model.explain(frame, baseline="zero"))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    cases(
        {
            "unknown id": ({"id": "99"}, DataError, "no sequence with the id '99'"),
            "unknown row": ({"row": 10_000}, DataError, "no row 10000"),
            "step 0": ({"step": 0}, UsageError, "count from 1"),
            "step beyond all": ({"step": 50}, DataError, "no sequence has step 50"),
            "row and id": ({"row": 1, "id": "2"}, UsageError, "leave out --id"),
            "unknown answer": ({"answer": "summ"}, UsageError, "did you mean 'sum'"),
            "unknown baseline": ({"baseline": "median"}, UsageError, "mean, zero"),
            "baseline of another shape": ({"baseline": np.zeros(2)}, UsageError, "6 inputs"),
        }
    ),
)
def test_what_cannot_be_explained_is_said(options, error, words):
    frame = table()
    with pytest.raises(error, match=words):
        trained("sum", frame).explain(frame, **options)


def test_a_class_that_is_named_is_explained_in_place_of_the_predicted_one():
    frame = table()
    model = trained("kind", frame)
    predicted = model.predict(frame)["kind_pred"][0]
    own, named = (model.explain(frame, row=0, answer=answer) for answer in (None, predicted))
    np.testing.assert_array_equal(own["attribution"], named["attribution"])
    other = model.explain(frame, row=0, answer=next(name for name in model.schema.classes if name != predicted))
    assert (other["attribution"] != own["attribution"]).any()


def test_rows_without_a_step_of_a_front_have_no_answer():
    frame = table()
    model = trained("sum", frame, patch=(3, 3), predict="last")
    with pytest.raises(DataError, match="every 3 rows"):
        model.explain(frame, id="0", step=-2)


def test_a_baseline_of_numbers_names_a_category_by_its_code():
    frame = table()
    model = trained("up", frame, **EMBEDDED)
    usual = np.zeros(len(model.encoder.names))
    code = model.encoder.names.index("colour")
    usual[code] = 2
    red, none = (Explainer(model, Method(baseline=one)) for one in (usual, np.zeros_like(usual)))
    network = red.slopes.networks[0]
    np.testing.assert_array_equal(network.seen.of_baseline(red.baseline)[code:], model.parameters["embed.0.weight"][1])
    np.testing.assert_array_equal(network.seen.of_baseline(none.baseline), 0.0)
    usual[code] = 1.5
    with pytest.raises(UsageError, match=r"1\.5 is no code of a category"):
        Explainer(model, Method(baseline=usual))
