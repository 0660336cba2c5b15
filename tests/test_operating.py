"""Threshold and temperature of a model: where they come from, where they are stored, and that everything uses them."""

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ids import cases
from notices import Notices

import rnnfast
from rnnfast.cli import run
from rnnfast.config.rules import rule_of
from rnnfast.errors import DataError, ModelError, UsageError
from rnnfast.metrics import confusion
from rnnfast.metrics.events import event_scores
from rnnfast.model import Model
from rnnfast.model.operating import choose_threshold
from rnnfast.tasks.operating import decide, steps_of
from rnnfast.training.ensemble import Networks

QUICK = {"preset": "fast", "hidden": 3, "epochs": 2, "batch_size": 4, "optimizer": "adam", "seed": 1, "patience": 0}
STEPS = 6


@pytest.fixture(autouse=True)
def _directory(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)


def table(kind="binary", count=60):
    random = np.random.default_rng(0)
    x = random.normal(size=count * STEPS)
    noisy = np.convolve(x, np.ones(3))[: count * STEPS] + random.normal(size=count * STEPS)
    labels = {"binary": (noisy > 2).astype(int), "multiclass": np.digitize(noisy, [-1, 1]), "regression": noisy}
    time = np.tile(pd.date_range("2024-01-01", periods=STEPS, freq="D").astype(str), count)
    return pd.DataFrame({"id": np.repeat(np.arange(count), STEPS), "t": time, "x": x, "y": labels[kind]})


def fit(kind="binary", frame=None, **options):
    notes = Notices()
    usual = {"id": "id", "time": "t", "target": "y", "task": kind, "reporter": notes}
    trained = rnnfast.train(table(kind) if frame is None else frame, **usual | QUICK | options)
    return trained, "\n".join(notes.notices)


def test_a_number_is_the_threshold_and_needs_no_answers():
    for value in (0.3, "0.3"):
        trained, notes = fit(threshold=value)
        assert trained.model.threshold == 0.3
        assert trained.metrics["valid"]["threshold"] == 0.3
        assert "threshold" not in notes
        assert "operating" not in trained.to_json()


PARTS = cases(
    {
        "validation": ({}, "valid", "the validation part"),
        "an ensemble": ({"ensemble": 2}, "valid", "the validation part"),
        "no validation": ({"split": 1.0}, "train", "as there is no validation part"),
        "bags": ({"split": 1.0, "ensemble": 3, "bag": True}, "out_of_bag", "outside the bags"),
        "float64": ({"dtype": "float64"}, "valid", "the validation part"),
    }
)


@pytest.mark.parametrize(("options", "part", "note"), PARTS)
def test_a_rule_chooses_on_rows_that_did_not_train_where_there_are_some(options, part, note):
    trained, notes = fit(threshold="recall>=0.7", calibrate="temperature", **options)
    scores, operating = trained.metrics[part], trained.to_json()["operating"]
    assert scores["recall"] >= 0.7
    assert scores["threshold"] == trained.model.threshold == operating["threshold"]
    assert (operating["part"], operating["rule"], operating["met"]) == (part, "recall>=0.7", True)
    assert operating["log_loss"][1] <= operating["log_loss"][0]
    assert scores["log_loss"] == pytest.approx(operating["log_loss"][1])
    assert note in notes


def test_a_rule_that_cannot_be_met_says_so_and_takes_the_nearest():
    trained, notes = fit(threshold="precision>=1", epochs=0, frame=table().assign(x=1.0))
    assert "no threshold has precision>=1 on the validation part; the nearest" in notes
    assert not trained.to_json()["operating"]["met"]


def test_a_second_training_keeps_what_the_first_network_chose():
    first, _ = fit(threshold="f1", calibrate="temperature")
    again, _ = fit(threshold="f1", calibrate="temperature", refit=True, patience=5)
    plain, _ = fit(threshold="f1", calibrate="temperature", patience=5)
    assert again.refitted
    assert (again.model.threshold, again.model.temperature) == (plain.model.threshold, plain.model.temperature)
    assert first.model.temperature != 1


def test_the_file_holds_them_and_everything_uses_them(tmp_path):
    trained, _ = fit(threshold="recall>=0.9", calibrate="temperature")
    model = trained.model
    model.save(tmp_path / "m.safetensors")
    again = rnnfast.load(tmp_path / "m.safetensors")
    assert (again.threshold, again.temperature) == (model.threshold, model.temperature)
    assert again.provenance.operating == model.provenance.operating
    data = rnnfast.read_table(table(), id="id", time="t", target="y")
    probability = 1 / (1 + np.exp(-again.outputs(data) / again.temperature))
    np.testing.assert_allclose(again.predict(data), probability, rtol=1e-5)
    frame = again.predict(table())
    assert (frame["y_pred"] == (frame["y_prob"] >= model.threshold)).all()
    scores = again.evaluate(table())
    assert scores.confusion == confusion(table()["y"], again.predict(data), model.threshold)
    assert scores.loss_title == "loss (bce, uncalibrated)"


def test_an_answer_that_is_the_threshold_but_for_its_precision_is_the_same_everywhere():
    trained, _ = fit(epochs=0)
    data = rnnfast.read_table(table(), id="id", time="t", target="y")
    answer = float(np.sort(trained.model.predict(data).ravel())[50])
    trained.model.threshold = np.nextafter(answer, 1)  # the same number in float32, and above the answer
    predicted = trained.model.predict(table())["y_pred"].sum()
    (_, fp), (_, tp) = trained.model.evaluate(data).confusion
    assert predicted == fp + tp


def test_classes_are_calibrated_too():
    trained, _ = fit("multiclass", calibrate="temperature")
    assert trained.model.temperature != 1
    scores = trained.evaluations["valid"].calibration
    assert 0 <= scores.ece <= 1
    before, after = trained.to_json()["operating"]["log_loss"]
    assert after <= before


def test_several_horizons_have_one_threshold():
    trained, _ = fit(horizon="1..2", threshold="f1")
    assert 0 < trained.model.threshold < 1
    with pytest.raises(UsageError, match="several horizons"):
        fit(horizon="1..2", threshold="events:recall>=0.8")


REFUSED = cases(
    {
        "a threshold of classes": ("multiclass", {"threshold": "f1"}, "--threshold f1: the task is multiclass"),
        "another number for classes": ("multiclass", {"threshold": 0.7}, "most probable class is predicted"),
        "a threshold of a quantity": ("regression", {"threshold": "f1"}, "a quantity has no probability"),
        "a quantity": ("regression", {"calibrate": "temperature"}, "probabilities alone can be calibrated"),
        "no logits": ("binary", {"calibrate": "temperature", "loss": "mse"}, "mse gives no logits; use --loss bce"),
        "no rule": ("binary", {"threshold": "best"}, "is no rule for a threshold"),
    }
)  # fmt: skip


@pytest.mark.parametrize(("kind", "options", "message"), REFUSED)
def test_what_does_not_fit_is_refused_before_training(kind, options, message, monkeypatch):
    monkeypatch.setattr(import_module("rnnfast.training.stages"), "Networks", None)
    with pytest.raises(UsageError, match=message):
        fit(kind, **options)


def test_labels_and_times_that_allow_no_choice_are_refused_before_training(monkeypatch):
    monkeypatch.setattr(import_module("rnnfast.training.stages"), "Networks", None)
    frame = table()
    frame.loc[frame["id"] >= 40, "y"] = 0
    parts = {"valid": frame[frame["id"] >= 40], "id": "id", "time": "t", "target": "y", **QUICK}
    with pytest.raises(DataError, match=r"the validation part has no label .* that counts"):
        rnnfast.train(frame[frame["id"] < 40], threshold="f1", **parts)
    with pytest.raises(DataError, match="--calibrate temperature: all labels of the validation part are"):
        rnnfast.train(frame[frame["id"] < 40], calibrate="temperature", **parts)
    weighed = table()
    weighed["w"] = np.where((weighed["id"] >= 40) & (weighed["y"] == weighed["y"].max()), 0.0, 1.0)
    parts["valid"] = weighed[weighed["id"] >= 40]
    with pytest.raises(DataError, match="--calibrate temperature: all labels of the validation part are"):
        rnnfast.train(weighed[weighed["id"] < 40], calibrate="temperature", weight="w", **parts)
    frame = table().assign(t=np.tile(np.arange(STEPS), 60))
    with pytest.raises(DataError, match="no two rows with dates as times"):
        rnnfast.train(frame, id="id", time="t", target="y", threshold="events:alarms<=2/day", **QUICK)


def test_folds_have_thresholds_of_their_own_and_are_pooled_by_them():
    validated = rnnfast.cv(table(), id="id", time="t", target="y", threshold="recall>=0.7", folds=3, **QUICK)
    assert len({fold.model.threshold for fold in validated.folds}) > 1
    pooled = validated.pooled
    assert pooled.confusion == np.sum([fold.evaluation.confusion for fold in validated.folds], axis=0).tolist()
    (_, fp), (fn, tp) = pooled.confusion
    assert pooled.metrics["precision"] == pytest.approx(tp / (tp + fp))
    assert pooled.metrics["recall"] == pytest.approx(tp / (tp + fn))
    assert "threshold" not in pooled.metrics


def test_a_temperature_that_is_none_is_a_damaged_file(tmp_path):
    trained, _ = fit(epochs=0)
    for wrong in (0.0, -1.0):
        trained.model.temperature = wrong
        trained.model.save(tmp_path / "m.safetensors")
        with pytest.raises(ModelError, match="temperature is"):
            rnnfast.load(tmp_path / "m.safetensors")


def test_rows_of_weight_0_are_no_rows_for_alarms_events_and_ece():
    """With them, marked positive where the model says no, all three would be others."""
    model = fit()[0].model
    frame = table().assign(w=1.0)
    absent = np.arange(len(frame)) % 3 == 2
    without = frame.assign(y=frame["y"].astype(float).mask(absent))
    lighter = frame.assign(w=np.where(absent, 0.0, 1.0), y=np.where(absent, 1, frame["y"]))
    model = replace(model, schema=replace(model.schema, weight="w"))
    few, fewer = (model.outcomes(rnnfast.read_table(one, schema=model.schema)) for one in (lighter, without))
    for rule in ("alarms<=100/1000", "events:recall>=0.5", "events:alarms<=50/1000"):
        one, other = (decide(rule_of(rule), outcomes, "the table").chosen for outcomes in (few, fewer))
        assert one == other
    one, other = (event_scores(steps_of(outcomes), 0.4) for outcomes in (few, fewer))
    assert one == other
    one, other = (model.scorer.evaluate(outcomes).calibration for outcomes in (few, fewer))
    assert one == other


# --- the command, and eval ---


@pytest.fixture
def run_directory(capsys):
    table().to_csv("t.csv", index=False)
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in QUICK.items()]
    result(["train", "--data", "t.csv", "--id", "id", "--time", "t", "--target", "y", *flags, "-o", "run"], capsys)
    return Path("run")


def test_the_command_chooses_on_validation_and_writes_model_and_configuration(run_directory, capsys):
    choose = ["threshold", "--model", "run", "--data", "t.csv", "--choose", "recall>=0.9"]
    before = (run_directory / "model.safetensors").read_bytes()
    dry = result([*choose, "--dry-run"], capsys)
    assert (dry["written"], dry["part"]) == ([], "valid")
    assert (run_directory / "model.safetensors").read_bytes() == before
    made = result(choose, capsys)
    assert made["written"] == ["run/model.safetensors", "run/config.toml"]
    assert made["threshold"] == dry["threshold"] == rnnfast.load("run").threshold
    assert made["points"]["chosen"]["recall"] >= 0.9
    assert made["points"]["until now"]["threshold"] == made["before"] == 0.5
    assert (run_directory / "config.toml").read_text().count('threshold = "recall>=0.9"') == 1
    assert not list(run_directory.glob(".*"))
    scores = result(["eval", "--model", "run", "--data", "t.csv", "--part", "valid"], capsys)
    assert scores["confusion"] == made["confusion"]
    stored = result(["inspect", "run"], capsys)
    assert stored["metrics"]["valid"]["recall"] == scores["metrics"]["recall"]
    assert stored["metrics"]["train"]["recall"] is None
    assert stored["metrics"]["train"]["auroc"] is not None
    assert stored["operating"]["rule"] == "recall>=0.9"


def test_a_number_is_told_once(run_directory, capsys):
    assert run(["threshold", "--model", "run", "--data", "t.csv", "--choose", "0.4", "--dry-run"]) == 0
    assert "threshold 0.4 on the valid part" in " ".join(capsys.readouterr().err.split())


def test_the_run_again_by_its_configuration_has_the_same_rule(run_directory, capsys):
    result(["threshold", "--model", "run", "--data", "t.csv", "--choose", "recall>=0.9"], capsys)
    result(["train", "--config", "run/config.toml", "-o", "again"], capsys)
    assert rnnfast.load("again").threshold == rnnfast.load("run").threshold


def test_another_table_is_taken_whole_and_a_wrong_rule_is_told(run_directory, capsys):
    table(count=30).to_csv("other.csv", index=False)
    made = result(["threshold", "--model", "run", "--data", "other.csv", "--choose", "alarms<=100/1000"], capsys)
    assert (made["part"], made["labelled_steps"], made["training_table"]) == ("all", 30 * STEPS, False)
    assert made["points"]["chosen"]["alarms_per_1000"] <= 100
    assert "--choose: 'precision' is no rule" in fails(
        ["threshold", "--model", "run", "--data", "t.csv", "--choose", "precision"], 2, capsys
    )
    table().assign(y=0).to_csv("none.csv", index=False)
    told = fails(["threshold", "--model", "run", "--data", "none.csv", "--choose", "f1"], 3, capsys)
    assert "--choose 'f1': the table has no label" in told


def test_a_table_on_disk_gives_the_same_threshold(run_directory):
    in_memory, on_disk = (
        choose_threshold("run", ["t.csv"], "f1", "valid", dry_run=True, config=rnnfast_config(memory))
        for memory in (None, "600M")
    )
    assert on_disk.points == in_memory.points


def rnnfast_config(memory):
    from rnnfast.config.sections import DataConfig

    return DataConfig(memory=memory)


def test_eval_scores_events_and_shows_bins(run_directory, capsys):
    scores = result(["eval", "--model", "run", "--data", "t.csv", "--events"], capsys)
    events, rows = scores["events"], table()
    starts = (rows["y"] == 1) & ((rows["y"].shift(fill_value=0) == 0) | (rows["id"] != rows["id"].shift()))
    assert events["events"] == starts.sum()
    assert events["days"] == pytest.approx(60 * STEPS)
    assert events["per_day"] == pytest.approx(events["false_alarms"] / events["days"])
    assert sum(one["rows"] for one in scores["calibration"]["bins"]) == len(rows)
    assert rnnfast.cli.run(["eval", "--model", "run", "--data", "t.csv", "--events", "--reliability", "-q"]) == 0
    shown = capsys.readouterr().out
    assert "are positive; ECE 0." in shown
    assert "share positive" in shown
    assert "Caught" in shown
    message = fails(["eval", "--model", "run", "--data", "t.csv", "--events", "--last"], 2, capsys)
    assert "leave one of them out" in message


def test_events_of_quantities_are_refused(capsys):
    table("regression").to_csv("q.csv", index=False)
    flags = ["--id", "id", "--time", "t", "--target", "y", "--epochs", "0", "-o", "q"]
    result(["train", "--data", "q.csv", *flags], capsys)
    asked = ["--model", "q", "--data", "q.csv"]
    assert "runs of the second of two classes" in fails(["eval", *asked, "--events"], 2, capsys)
    assert "a threshold is for" in fails(["threshold", *asked, "--choose", "f1"], 2, capsys)


def test_points_are_valid_json(run_directory, capsys):
    made = result(["threshold", "--model", "run", "--data", "t.csv", "--choose", "events:recall>=0.5", "-n"], capsys)
    assert made["events"]["recall"] >= 0.5
    assert {"caught", "false_alarms"} <= made["points"]["chosen"].keys()
    assert "cost" not in json.dumps(made["points"])


def test_rows_that_weigh_more_count_more_in_a_rule_as_in_the_scores():
    frame = table().assign(w=np.where(np.arange(60 * STEPS) % 3, 1.0, 5.0))
    trained, notes = fit(frame=frame, threshold="recall>=0.7", weight="w")
    scores = trained.metrics["valid"]
    assert scores["recall"] >= 0.7
    assert f"precision {scores['precision']:.3g}, recall {scores['recall']:.3g}" in notes
    alike, _ = fit(frame=frame.drop(columns="w"), threshold="recall>=0.7")
    assert scores["precision"] != alike.metrics["valid"]["precision"]


@pytest.mark.parametrize("ensemble", [1, 2], ids=["a network", "an ensemble"])
def test_the_validation_part_is_asked_once_when_the_weights_stand(ensemble, monkeypatch):
    """Temperature, threshold, intervals and scores read the same answers."""
    asked, fitted, questions = [], Networks.fit, Model.questions

    def fit_alone(networks, interrupt):
        outcome = fitted(networks, interrupt)
        asked.clear()
        return outcome

    def watched(model, data):
        asked.append(data.sequences)
        return questions(model, data)

    monkeypatch.setattr(Networks, "fit", fit_alone)
    monkeypatch.setattr(Model, "questions", watched)
    trained, _ = fit(calibrate="temperature", threshold="f1", ensemble=ensemble)
    assert asked.count(trained.sequences["valid"]) == 1
    again = trained.model.evaluate(trained.evaluations["valid"].outcomes.data)
    assert again.metrics.entries() == trained.metrics["valid"].entries()
