"""Ensembles: networks that differ by seed, one file, one answer, and how far they differ."""

import signal
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ids import cases
from safetensors import safe_open
from tolerances import FLOAT32_OUTPUTS, SUMS

import rnnfast
from rnnfast.data.splitting.bags import bag
from rnnfast.errors import ModelError
from rnnfast.metrics.loss import mean_loss
from rnnfast.model.members import joined, separated
from rnnfast.model.model import Model
from rnnfast.reporter import Reporter
from rnnfast.tasks import Target, task_of
from rnnfast.tasks.base import log_sum
from rnnfast.training import ensemble
from rnnfast.training.directory import write_run
from rnnfast.training.prepare import member_seeds

RULE = {"hidden": 3, "epochs": 3, "patience": 0, "lr": 0.05, "batch_size": 4, "optimizer": "adam", "seed": 1}


def frame(labels="quantity", sequences=30, steps=5):
    random = np.random.default_rng(0)
    x = random.normal(size=(sequences, steps, 2))
    total = x[..., 0].cumsum(axis=1)
    y = {
        "quantity": total,
        "two classes": (total > 0).astype(int),
        "classes": np.where(total < -0.7, "lo", np.where(total > 0.7, "hi", "mid")),
        "label per sequence": np.repeat(np.where(total[:, -1:] > 0, "u", "v"), steps, axis=1),
    }[labels]
    names, times = np.repeat(np.arange(sequences), steps), np.tile(np.arange(steps), sequences)
    x1, x2 = x.reshape(-1, 2).T
    return pd.DataFrame({"name": names, "t": times, "x1": x1, "x2": x2, "y1": y.ravel()})


def fit(labels="quantity", sequences=30, **options):
    return rnnfast.train(frame(labels, sequences), **{**RULE, **options})


def alone(model: Model, k: int) -> Model:
    """Return a network of an ensemble as a model of its own."""
    return replace(model, parameters=model.members[k])


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


# --- the answer ---


SOME = np.array([[[0.3], [-2.0]], [[1.5], [4.0]], [[-0.2], [0.1]]])
EXTREME = np.array([[[-800.0], [60.0], [0.0]], [[-700.0], [45.0], [-1000.0]]])


def task(name, loss):
    class Scaler:
        def transform(self, values):
            return (values - 5.0) / 3.0

        def inverse(self, values):
            return values * 3.0 + 5.0

    classes = {"binary": (0, 1), "multiclass": ("a", "b"), "regression": ()}[name]
    return task_of(name, Target(("y",), classes, loss, Scaler(), (0.5, 0.5)[: 2 if name == "multiclass" else 1]))


@pytest.mark.parametrize(
    ("name", "loss", "outputs"),
    cases(
        {
            "logits": ("binary", "bce", SOME),
            "extreme logits": ("binary", "bce", EXTREME),
            "scores": ("binary", "mse", SOME),
            "classes": ("multiclass", "ce", np.concatenate([SOME, -SOME], axis=2)),
            "extreme classes": ("multiclass", "ce", np.concatenate([EXTREME, EXTREME[::-1]], axis=2)),
            "quantities": ("regression", "mse", SOME),
        }
    ),
)
def test_outputs_of_an_ensemble_give_its_mean_answer(name, loss, outputs):
    kind = task(name, loss)
    mean = np.mean([kind.answers(member) for member in outputs], axis=0)
    np.testing.assert_allclose(kind.answers(kind.average(outputs)), mean, rtol=SUMS)


def test_the_loss_of_small_probabilities_is_exact():
    """log((e^-800 + e^-700) / 2): neither probability is a float64."""
    averaged = task("binary", "bce").average(EXTREME[:, :1])
    assert mean_loss("bce", averaged, np.ones((1, 1))) == pytest.approx(700 + np.log(2), rel=SUMS)


@pytest.mark.parametrize(("name", "loss"), [("binary", "bce"), ("binary", "mse"), ("regression", "mse")])
def test_steps_without_an_answer_stay_without(name, loss):
    """Those that a head for the last step leaves out; warnings are errors."""
    outputs = SOME.copy()
    outputs[:, 0] = np.nan
    kind = task(name, loss)
    for result_of in (kind.average, kind.spread):
        assert np.isnan(result_of(outputs)).ravel().tolist() == [True, False]


def test_sums_of_logarithms_are_those_of_numpy():
    """Large, small, none at all, and of steps that a network does not answer."""
    none = -np.inf
    logarithms = np.array([[800.0, none, none, 1.0], [-800.0, none, -2000.0, np.nan], [799.0, none, -2001.0, 0.0]])
    with np.errstate(invalid="ignore"):
        expected = np.logaddexp.reduce(logarithms, axis=0, keepdims=True)
        np.testing.assert_allclose(log_sum(logarithms, axis=0), expected, rtol=SUMS)


def test_one_network_is_its_own_average():
    np.testing.assert_array_equal(task("binary", "mse").average(SOME[:1]), SOME[0])


KINDS = {
    "quantity": ("quantity", {}),
    "float64": ("quantity", {"dtype": "float64", "cell": "gru"}),
    "two classes": ("two classes", {"cell": "lstm"}),
    "two classes, squared error": ("two classes", {"loss": "mse"}),
    "classes": ("classes", {"bidirectional": True}),
    "last step": ("label per sequence", {"predict": "last"}),
    "several targets": ("quantity", {"target": ("y1", "x2"), "features": ("x1",)}),
    "several horizons": ("quantity", {"horizon": (1, 2), "lag_target": True}),
    "windows": ("quantity", {"window": 3, "stride": 1, "cell": "mlp"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_are_means_and_spreads_of_the_networks(kind):
    labels, options = KINDS[kind]
    model, table = fit(labels, ensemble=3, **options).model, frame(labels)
    data = rnnfast.read_table(table, schema=model.schema, require_target=False)
    answers = np.stack([alone(model, k).predict(data) for k in range(3)]).astype(np.float64)
    together = model.answers(data)
    np.testing.assert_allclose(together.values, answers.mean(axis=0), rtol=0, atol=4 * FLOAT32_OUTPUTS)
    np.testing.assert_allclose(together.spread, answers.std(axis=0), rtol=0, atol=4 * FLOAT32_OUTPUTS)
    assert together.spread.max() > 1e-3
    columns, single = model.predict(table).columns, alone(model, 0).predict(table).columns
    assert set(columns) - set(single) == {f"{name}_std" for name in model.schema.answers}


def test_scores_are_those_of_the_mean_answer(trained):
    labels = frame()["y1"].to_numpy()
    errors = trained.model.predict(frame())["y1_pred"] - labels
    assert trained.model.evaluate(frame()).metrics["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-6)
    losses = [member.valid_loss for member in trained.members]
    assert trained.metrics["valid"]["loss"] < np.mean(losses)  # as a squared error is convex


def test_the_spread_of_classes_is_that_of_the_predicted_one():
    model, table = fit("classes", ensemble=2).model, frame("classes")
    lines = model.predict(table)
    probabilities = np.stack(
        [alone(model, k).predict(table)[[f"y1_prob_{c}" for c in model.schema.classes]] for k in (0, 1)]
    )
    chosen = [model.schema.classes.index(label) for label in lines["y1_pred"]]
    spread = probabilities.std(axis=0)[np.arange(len(lines)), chosen]
    np.testing.assert_allclose(lines["y1_std"], spread, atol=FLOAT32_OUTPUTS)


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
    assert reporter.notices[-1] == "2 of 4 networks were trained: the model is made of these"
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
