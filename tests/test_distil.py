"""One network that learned from an ensemble: its labels, its loss, what is written and shown of both."""

import numpy as np
import pytest
from commands import fails, isolate, result
from ensembles import RULE, frame
from ids import cases
from notices import Notices
from tolerances import SUMS

import rnnfast
from rnnfast.kernels.run.memory import training_data
from rnnfast.kernels.run.trainer import Policy, Trainer
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout
from rnnfast.training.distil import Teacher

OPTIONS = {**RULE, "cell": "gru", "ensemble": 2, "distil": True}


def steps_of_shares(shares):
    """Return what one update of plain SGD against shares of three classes changes, and its loss."""
    net = Architecture.named("gru", 2, 3, 3, dtype="float64")
    random = np.random.default_rng(0)
    tensors = {name: random.normal(size=shape) / 2 for name, shape in Layout(net).shapes().items()}
    x, offsets, labelled = random.normal(size=(7, 2)), np.array([0, 3, 7]), np.arange(7) != 1
    soft = shares.shape[1] > 1
    trainer = Trainer(
        net, tensors, training_data(x, shares, labelled, offsets, "float64"), Policy("ce", batch=2, soft=soft)
    )
    before = trainer.parameters.copy()
    loss = trainer.run(np.arange(2), 1, 0.1)
    return trainer.parameters - before, loss[0]


def test_the_loss_of_shares_is_the_mean_of_those_of_the_classes():
    labels = np.random.default_rng(1).integers(0, 3, (2, 7, 1))
    hard = [steps_of_shares(classes.astype(float)) for classes in labels]
    shares = [np.eye(3)[classes[:, 0]] for classes in labels]
    for weight in (0.0, 0.3):
        step, loss = steps_of_shares(weight * shares[0] + (1 - weight) * shares[1])
        np.testing.assert_allclose(step, weight * hard[0][0] + (1 - weight) * hard[1][0], rtol=SUMS, atol=SUMS)
        assert loss == pytest.approx(weight * hard[0][1] + (1 - weight) * hard[1][1], rel=SUMS)


@pytest.mark.parametrize(
    ("labels", "options"),
    cases(
        {
            "quantity": ("quantity", {}),
            "changes": ("quantity", {"lag_target": True, "horizon": 1, "difference": True}),
            "two classes": ("two classes", {}),
            "two classes, mse": ("two classes", {"loss": "mse"}),
            "classes": ("classes", {}),
            "label per sequence, patches": ("label per sequence", {"patch": (2,), "head": "all"}),
        }
    ),
)
def test_one_network_learns_the_answers_of_all(labels, options):
    outcome = rnnfast.train(frame(labels), **{**OPTIONS, **options})
    model = outcome.model
    assert len(model.members) == 1
    assert (model.config.model.ensemble, model.config.model.distil) == (2, True)
    assert set(outcome.metrics) == {"ensemble_valid", "train", "valid"}
    teacher = rnnfast.train(frame(labels), **{**OPTIONS, **options, "distil": False})
    assert outcome.metrics["ensemble_valid"] == teacher.metrics["valid"]
    data = rnnfast.read_table(frame(labels), schema=model.schema)
    answers = Teacher(teacher.model).labels(data)
    if model.schema.classes:
        np.testing.assert_array_equal(answers, teacher.model.answers(data).values)
    plain = rnnfast.train(frame(labels), **{**OPTIONS, **options, "distil": False, "ensemble": 1}).model
    assert any((plain.parameters[name] != tensor).any() for name, tensor in model.parameters.items())


def test_what_it_learns_from_is_trained_again_too():
    outcome = rnnfast.train(frame("classes"), **OPTIONS, split=(0.6, 0.2), refit=True)
    assert outcome.refitted == outcome.epochs
    assert set(outcome.metrics) == {"ensemble_valid", "ensemble_test", "train", "valid", "test"}


def test_threshold_and_temperature_are_those_of_the_one_network():
    rules = {"threshold": "f1", "calibrate": "temperature"}
    model = rnnfast.train(frame("two classes"), **OPTIONS, **rules, refit=True).model
    ensemble = rnnfast.train(frame("two classes"), **{**OPTIONS, "distil": False}, **rules).model
    assert model.temperature not in (1.0, ensemble.temperature)
    assert model.provenance.operating.part == "valid"
    assert model.provenance.operating.temperature == model.temperature
    assert model.provenance.operating.threshold == model.threshold


@pytest.mark.parametrize("labels", ["quantity", "classes"])
def test_a_table_on_disk_gives_the_same_network(labels, tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)
    frame(labels).to_csv("table.csv", index=False)
    memory = rnnfast.train("table.csv", **OPTIONS, cache=False)
    monkeypatch.setattr(rnnfast.data.reading.opening, "needs_store", lambda names, budget, options: True)
    disk = rnnfast.train("table.csv", **OPTIONS, cache=False, memory="900M")
    for name, tensor in memory.model.parameters.items():
        np.testing.assert_allclose(disk.model.parameters[name], tensor, rtol=1e-4, atol=1e-6, err_msg=name)


def test_without_an_ensemble_there_is_nothing_to_learn_from(tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    frame().to_csv("table.csv", index=False)
    message = "--distil on has no effect: one network learns what an ensemble answers, and there is none"
    assert message in fails(["train", "--data", "table.csv", "--distil"], 2, capsys)


def test_an_ensemble_whose_time_is_over_is_the_model():
    reporter = Notices()
    outcome = rnnfast.train(frame(), **OPTIONS, max_time="1e-6s", reporter=reporter)
    assert len(outcome.model.members) == 2
    assert any("nothing is distilled (--distil): the time of --max-time is over" in text for text in reporter.notices)


def test_the_commands_take_the_file_as_any_network(tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    frame().to_csv("table.csv", index=False)
    options = ["--hidden", "3", "--epochs", "2", "--ensemble", "2", "--distil"]
    report = result(["train", "--data", "table.csv", "-o", "run", *options], capsys)
    assert set(report["metrics"]) == {"ensemble_valid", "train", "valid"}
    assert "members" not in report
    assert result(["inspect", "run"], capsys)["members"] == 1
    again = result(["train", "--config", "run/config.toml", "-o", "again"], capsys)
    assert again["metrics"] == report["metrics"]
