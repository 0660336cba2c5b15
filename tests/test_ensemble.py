"""Ensembles: networks that differ by seed, out-of-bag scores, and one file for all of them."""

import signal
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ensembles import KINDS, RULE, alone, fit, frame
from ids import cases
from safetensors import safe_open

import rnnfast
from rnnfast.data.splitting.bags import bag
from rnnfast.errors import ModelError
from rnnfast.model.members import joined, separated
from rnnfast.model.model import Model
from rnnfast.reporter import Reporter
from rnnfast.training import ensemble
from rnnfast.training.directory import write_run
from rnnfast.training.prepare import member_seeds


@pytest.fixture(scope="module")
def trained():
    return fit(ensemble=3, threads=2)


# --- training ---


def test_the_first_network_is_that_of_the_seed(trained):
    single = fit()
    for name, tensor in single.model.parameters.items():
        np.testing.assert_array_equal(trained.model.members[0][name], tensor)
    own = [
        {key: value for key, value in row.items() if key != "member"} for row in trained.history if row["member"] == 1
    ]
    assert own == single.history


def test_networks_differ_by_weights_and_order(trained):
    losses = {row["member"]: row["loss"] for row in trained.history if row["split"] == "train"}
    assert len(set(losses.values())) == 3
    assert len(set(member_seeds(1, 50)) | set(member_seeds(2, 50))) == 100


@pytest.mark.parametrize("threads", [1, 4])
def test_any_number_of_threads_gives_the_same_bits(trained, threads):
    other = fit(ensemble=3, threads=threads)
    assert other.history == trained.history
    assert other.members == trained.members
    for name, tensor in trained.model.parameters.items():
        np.testing.assert_array_equal(other.model.parameters[name], tensor)


def test_each_network_stops_by_itself():
    outcome = fit("two classes", ensemble=4, epochs=40, patience=2, lr=0.2)
    assert len({member.epochs for member in outcome.members}) > 1
    for number, member in enumerate(outcome.members, 1):
        losses = {
            row["epoch"]: row["loss"] for row in outcome.history if (row["member"], row["split"]) == (number, "valid")
        }
        assert member.valid_loss == min(losses.values()) == losses[member.best_epoch]
        assert member.epochs == max(losses)
    assert outcome.epochs == max(member.epochs for member in outcome.members)


def test_networks_that_wait_for_others_keep_to_the_time(monkeypatch):
    """Three on two threads train one after the other: each has half of the time."""
    limits = []

    class Recorded(ensemble.Loop):
        def __init__(self, model, *arguments):
            limits.append(model.config.train.max_time)
            super().__init__(model, *arguments)

    monkeypatch.setattr(ensemble, "Loop", Recorded)
    fit(ensemble=3, threads=2, max_time="80s")
    assert limits == ["40.0s"] * 3


def test_no_epoch_gives_networks_that_differ():
    model = fit(ensemble=2, epochs=0).model
    first, second = model.members
    assert not np.array_equal(first["rnn.weight_ih_l0"], second["rnn.weight_ih_l0"])


def test_divergence_of_one_network_names_it_and_keeps_all():
    with pytest.raises(rnnfast.DivergedError, match="network 1 diverged at epoch") as caught:
        fit(ensemble=2, optimizer="sgd", lr=1e30, clip_norm=0.0, scale_target=False)
    assert len(caught.value.result.model.members) == 2
    assert all(np.isfinite(tensor).all() for tensor in caught.value.result.model.parameters.values())


# --- bags ---


TABLES = {
    "sequences": {},
    "windows of ids": {"window": 3, "stride": 1},
    "overlapping windows": {"id": None, "ignore": ("name",), "window": 4, "stride": 2},
    "horizon": {"id": None, "ignore": ("name",), "window": 4, "stride": 1, "horizon": 2},
}


@pytest.mark.parametrize("name", TABLES)
def test_a_bag_shares_no_row_with_what_it_leaves_out(name):
    data = rnnfast.read_table(frame(sequences=60), **{"target": "y1", "id": "name", "time": "t", **TABLES[name]})
    inside, outside = bag(data, 0)
    assert not set(inside.row) & set(outside.row)
    assert len(set(inside.row) | set(outside.row)) >= 0.95 * len(frame(sequences=60))
    assert 0.5 < len(set(inside.row)) / len(frame(sequences=60)) < 0.75
    assert set(bag(data, 1)[0].row) != set(inside.row)


@pytest.mark.parametrize("kind", ["quantity", "two classes", "classes", "last step"])
def test_out_of_bag_scores_are_of_networks_that_did_not_see_a_sequence(kind):
    labels, options = KINDS[kind]
    assert_out_of_bag(fit(labels, ensemble=4, bag=True, split=(1.0,), threads=2, **options), labels)


def test_out_of_bag_scores_are_of_the_networks_that_were_trained_again():
    assert_out_of_bag(fit("two classes", ensemble=4, bag=True, split=(0.8,), refit=True, threads=2), "two classes")


def assert_out_of_bag(outcome, labels):
    """Check the scores against answers of networks to rows of the table that they have left out."""
    model = outcome.model
    data = rnnfast.read_table(frame(labels), schema=model.schema)
    answers, count = np.zeros((data.rows, model.schema.outputs)), np.zeros((data.rows, 1))
    for k, seed in enumerate(member_seeds(RULE["seed"], 4)):
        left_out = np.isin(data.row, bag(data, seed)[1].row)[:, None]
        answers += np.where(left_out, alone(model, k).predict(data), 0.0)
        count += left_out
    scored = data.labelled & (count[:, 0] > 0)
    assert 0 < scored.sum() < data.labelled.sum()
    expected = model.task.figures(data.y[scored], answers[scored] / count[scored])
    scores = outcome.metrics["out_of_bag"]
    assert outcome.evaluations["out_of_bag"].labelled_steps == scored.sum()
    for metric, value in expected.items():
        assert scores[metric] == pytest.approx(value, rel=1e-4, abs=1e-6), metric
    assert model.provenance.metrics["out_of_bag"]["loss"] == pytest.approx(scores["loss"])


def test_bags_need_an_ensemble_and_ids():
    with pytest.raises(rnnfast.UsageError, match="--bag on has no effect: each network of an ensemble has a bag"):
        fit(bag=True)
    with pytest.raises(rnnfast.DataError, match="--bag draws ids, and the training part has one"):
        fit(ensemble=2, bag=True, sequences=1, split=(1.0,))


# --- the file ---


def test_tensors_of_each_network_stand_under_its_number(trained, tmp_path):
    path = tmp_path / "model.safetensors"
    trained.model.save(path)
    with safe_open(path, framework="numpy") as file:
        names = set(file.keys())
    single = set(fit().model.parameters)
    assert names == {f"members.{k}.{name}" for k in range(3) for name in single}
    assert trained.model.header.members == 3
    loaded = rnnfast.load(path)
    np.testing.assert_array_equal(loaded.predict(frame())["y1_pred"], trained.model.predict(frame())["y1_pred"])
    assert loaded.provenance.training.members == trained.members


def test_a_single_network_has_the_names_of_pytorch():
    model = fit(ensemble=1).model
    assert "rnn.weight_ih_l0" in model.parameters
    assert not model.header.members
    assert "y1_std" not in model.predict(frame())


def test_more_than_nine_networks_stay_in_order():
    members = [{"a": k, "b.c": -k} for k in range(12)]
    names = joined(members)
    assert list(separated(dict(sorted(names.items())))) == members


@pytest.mark.parametrize(
    ("names", "reason"),
    cases(
        {
            "a network is missing": (lambda name: not name.startswith("members.1."), "members"),
            "a tensor is missing": (lambda name: name != "members.1.head.bias", "members.1.head.bias"),
        }
    ),
)
def test_a_damaged_file_is_refused(trained, tmp_path, monkeypatch, names, reason):
    path, header = tmp_path / "model.safetensors", trained.model.header
    parameters = {name: tensor for name, tensor in trained.model.parameters.items() if names(name)}
    monkeypatch.setattr(Model, "header", header)
    replace(trained.model, parameters=parameters).save(path)
    monkeypatch.undo()
    with pytest.raises(ModelError, match=reason):
        rnnfast.load(path)


# --- going on ---


def test_training_goes_on_from_an_ensemble_or_a_single_network(trained, tmp_path):
    trained.model.save(tmp_path / "three.safetensors")
    fit().model.save(tmp_path / "one.safetensors")
    again = fit(ensemble=3, epochs=0, init_from=str(tmp_path / "three.safetensors"))
    for name, tensor in trained.model.parameters.items():
        np.testing.assert_array_equal(again.model.parameters[name], tensor)
    several = fit(ensemble=2, epochs=0, init_from=str(tmp_path / "one.safetensors")).model.members
    np.testing.assert_array_equal(several[0]["head.weight"], several[1]["head.weight"])
    with pytest.raises(ModelError, match="holds 3 networks, not 2; use --ensemble 3"):
        fit(ensemble=2, init_from=str(tmp_path / "three.safetensors"))
    with pytest.raises(ModelError, match="holds 3 networks, not 1; use --ensemble 3"):
        fit(init_from=str(tmp_path / "three.safetensors"))


class Pressing(Reporter):
    """Presses Ctrl-C at an epoch of a network, and keeps what is told."""

    def __init__(self, member, epoch):
        self.moment, self.notices, self.trained = (member, epoch), [], []
        self.pressed = threading.Event()

    def epoch(self, record):
        if (record.member, record.epoch) == self.moment:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            self.pressed.wait(5)

    def interrupted(self, phase):
        self.pressed.set()

    def member(self, number, trained):
        self.trained.append(number)

    def notice(self, text):
        self.notices.append(text)


def test_ctrl_c_keeps_the_networks_that_have_an_epoch():
    reporter = Pressing(member=2, epoch=3)
    with pytest.raises(rnnfast.TrainingInterrupted) as caught:
        rnnfast.train(frame(), **{**RULE, "epochs": 9}, ensemble=4, threads=1, reporter=reporter)
    outcome = caught.value.result
    assert [member.epochs for member in outcome.members] == [9, 3]
    assert (outcome.stopped, len(outcome.model.members), reporter.trained) == ("interrupted", 2, [1, 2])
    assert "2 of 4 networks were trained: the model is made of these" in reporter.notices
    assert outcome.metrics["valid"]["rmse"] > 0


# --- the command ---


def test_the_commands_take_an_ensemble(tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    frame().to_csv("table.csv", index=False)
    options = ["--hidden", "3", "--epochs", "2", "--horizon", "1", "--lag-target", "--features", "x1"]
    report = result(["train", "--data", "table.csv", "-o", "run", "--ensemble", "2", *options], capsys)
    assert [member.keys() for member in report["members"]] == [
        {"seed", "epochs", "best_epoch", "stopped", "valid_loss"}
    ] * 2
    scores = result(["eval", "--model", "run", "--data", "table.csv", "--part", "valid"], capsys)
    assert scores["metrics"]["loss"] == pytest.approx(report["metrics"]["valid"]["loss"])
    described = result(["inspect", "run"], capsys)
    assert (described["members"], len(described["tensors"])) == (2, 12)
    assert report["parameters"] == described["parameters"] == 2 * (3 * 2 + 9 + 3 + 3 + 3 + 1)
    assert result(["predict", "--model", "run", "--data", "table.csv", "-o", "out.csv"], capsys)["rows"] == 150
    assert list(pd.read_csv("out.csv"))[-2:] == ["y1_pred", "y1_std"]
    ahead = result(["forecast", "--model", "run", "--data", "table.csv"], capsys)
    assert set(ahead["forecast"][0]) == {"name", "t", "y1_pred", "y1_std"}
    history = pd.read_csv("run/history.csv")
    assert list(history)[:3] == ["member", "epoch", "split"]
    assert history["member"].unique().tolist() == [1, 2]
    frame().assign(y1_std=0).to_csv("table.csv", index=False)
    keep = ["predict", "--model", "run", "--data", "table.csv", "--keep", "y1_std"]
    assert "--keep y1_std: the predictions have a column of that name" in fails(keep, 2, capsys)


def test_a_run_is_written_whole(trained, tmp_path):
    write_run(trained, trained.model.config, tmp_path / "run")
    assert "ensemble = 3" in (tmp_path / "run" / "config.toml").read_text()
