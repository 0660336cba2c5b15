"""`cv`: figures of a plain loop over train and evaluate, on threads; predictions by models that did not see the row."""

import json
import signal
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from commands import isolate, result
from folded_tables import TINY, Notes, table, without_times
from ids import cases

import rnnfast
from rnnfast.cli import run
from rnnfast.config.sections import DataConfig
from rnnfast.data.reading.request import Request
from rnnfast.data.reading.stores import stored_table
from rnnfast.data.sequences.budget import Budget, Phases
from rnnfast.data.splitting.folds import folds
from rnnfast.errors import DataError, DivergedError, UsageError
from rnnfast.records import plain
from rnnfast.reporter import Reporter
from rnnfast.training.fold_reporters import InOrder, OfFold
from rnnfast.training.refit import refitted

LOOPS = {
    "labels per step": ("binary", {}),
    "a class per sequence": ("multiclass", {"cell": "gru"}),
    "overlapping windows": ("regression", {"window": 4, "stride": 2, "dtype": "float64"}),
    "steps ahead with a lag": ("regression", {"horizon": 1, "lag_target": True}),
    "all of the rest trains": ("binary", {"split": 1.0}),
    "an ensemble": ("binary", {"ensemble": 2}),
}


@pytest.mark.parametrize("case", LOOPS)
def test_figures_are_those_of_a_plain_loop(case):
    kind, options = LOOPS[case]
    network = {**TINY, **{name: options[name] for name in ("cell", "dtype", "ensemble") if name in options}}
    reading = {name: value for name, value in options.items() if name not in (*network, "split")}
    frame = table(kind=kind)
    outcome = rnnfast.cv(frame, target="y", ignore="group", folds=3, **TINY, **options)
    data = rnnfast.read_table(frame, target="y", ignore="group", **reading)
    made = folds(data, 3, share=options.get("split", 0.8))
    answers = []
    for number, fold in enumerate(outcome.folds):
        parts = made[number]
        alone = {"split": 1.0} if parts.valid is None else {"valid": parts.valid}
        trained = rnnfast.train(parts.train, **network, **alone)
        scores = trained.model.evaluate(parts.test)
        assert dict(fold.metrics) == dict(scores.metrics)
        assert plain(fold.evaluation.baseline) == plain(scores.baseline)
        assert (fold.epochs, fold.best_epoch) == (trained.epochs, trained.best_epoch)
        answers.append((fold.y, fold.answers))
    name = next(iter(outcome.mean))
    values = [fold.metrics[name] for fold in outcome.folds]
    assert outcome.mean[name] == pytest.approx(np.mean(values))
    assert outcome.std[name] == pytest.approx(np.std(values, ddof=1))
    y, predicted = (np.concatenate(arrays) for arrays in zip(*answers, strict=True))
    assert outcome.pooled.metrics.figures == outcome.folds[0].model.task.figures(y, predicted)
    assert outcome.pooled.labelled_steps == len(y) == sum(fold.evaluation.labelled_steps for fold in outcome.folds)


@pytest.mark.parametrize("folds_by", ["sequence", "column:group", "time"])
def test_threads_change_nothing(folds_by):
    options = {"target": "y", "folds_by": folds_by, "time": "t", "folds": 3, **TINY, "features": "x"}
    one, two = (rnnfast.cv(table(steps=20), threads=threads, **options) for threads in (1, 2))
    assert without_times(one) == without_times(two)
    for first, second in zip(one.folds, two.folds, strict=True):
        for name, tensor in first.model.parameters.items():
            np.testing.assert_array_equal(tensor, second.model.parameters[name])
    pd.testing.assert_frame_equal(one.predictions, two.predictions)


@pytest.mark.parametrize(
    ("kind", "options"),
    cases(
        {
            "labels per step": ("binary", {}),
            "a class per sequence": ("multiclass", {}),
            "overlapping windows": ("regression", {"window": 4, "stride": 1}),
        }
    ),
)
def test_each_row_is_answered_by_the_model_that_did_not_see_it(kind, options, tmp_path):
    frame = table(kind=kind).sample(frac=1, random_state=2)
    last = kind == "multiclass"
    outcome = rnnfast.cv(frame, target="y", ignore="group", folds=4, output=tmp_path / "oof.csv", **TINY, **options)
    predictions = outcome.predictions
    assert list(predictions.columns[:4]) == ["id", "t", "fold", "y"]
    if last:
        assert sorted(predictions["id"]) == sorted(set(frame["id"]))
        assert (predictions["t"] == 5).all()
    else:
        assert predictions.index.tolist() == frame.index.tolist(), "all rows, in input order"
    same = frame.loc[predictions.index]
    pd.testing.assert_frame_equal(predictions[["id", "t", "y"]], same[["id", "t", "y"]], check_dtype=False)
    assert predictions.groupby("id")["fold"].nunique().max() == 1
    for fold in outcome.folds:
        mine = predictions[predictions["fold"] == fold.number]
        assert fold.sequences["test"] == mine["id"].nunique() or options
        whole = fold.model.predict(frame[frame["id"].isin(mine["id"])])
        own = whole.loc[mine.index]
        pd.testing.assert_frame_equal(own.reset_index(drop=True), mine[own.columns].reset_index(drop=True))
    written = pd.read_csv(tmp_path / "oof.csv", dtype={"y_pred": predictions["y_pred"].dtype})
    pd.testing.assert_frame_equal(
        written, predictions.reset_index(drop=True), check_dtype=False, check_exact=False, rtol=1e-6
    )
    assert outcome.files == {"output": tmp_path / "oof.csv"}


@pytest.mark.parametrize("refit", [False, True], ids=["trained once", "trained again"])
def test_no_row_of_a_test_part_changes_its_model(refit):
    """Neither labels nor inputs: the model of a fold and its encoder are the same whatever the rows that it tests."""
    frame, options = table(kind="regression"), {"folds": 3, "ignore": "group", "refit": refit, **TINY}
    before = rnnfast.cv(frame, target="y", **options)
    tested = before.predictions["fold"] == 2
    frame.loc[tested, ["x", "y"]] *= 100
    after = rnnfast.cv(frame, target="y", **options)
    for k, same in ((1, True), (0, False)):
        one, other = before.folds[k].model, after.folds[k].model
        equal = [np.array_equal(one.parameters[name], other.parameters[name]) for name in one.parameters]
        assert all(equal) == same


def test_folds_in_time_leave_the_first_stretch_unanswered(tmp_path):
    frame = table(steps=20, kind="regression")
    notes = Notes()
    outcome = rnnfast.cv(frame, target="y", ignore="group", time="t", folds=3, folds_by="time", reporter=notes, **TINY)
    assert outcome.untested == 100 == len(frame) - len(outcome.predictions)
    assert outcome.predictions["t"].min() == 5
    fold_of = outcome.predictions.groupby("t")["fold"].unique().map(list)
    assert fold_of.tolist() == [[1]] * 5 + [[2]] * 5 + [[3]] * 5


def test_repeats_are_other_seeds():
    options = {"target": "y", "ignore": "group", "folds": 2, **TINY}
    both = rnnfast.cv(table(), repeats=2, seed=4, **options)
    apart = [rnnfast.cv(table(), seed=seed, **options) for seed in (4, 5)]
    assert [dict(fold.metrics) for fold in both.folds] == [dict(f.metrics) for one in apart for f in one.folds]
    assert [(fold.repeat, fold.number) for fold in both.folds] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    lines = both.predictions
    assert (lines.groupby(level=0).size() == 2).all()
    assert lines["repeat"].tolist()[:4] == [1, 2, 1, 2]


def test_notices_are_given_once():
    frame = table(ids=30)
    frame.loc[5::6, "y"] = np.nan  # rows at the end of each id ask for a forecast
    notes = Notes()
    rnnfast.cv(frame, target="y", ignore="group", lag_target=True, folds=3, reporter=notes, **TINY)
    assert len(notes.notices) == len(set(notes.notices)) > 0
    assert sum("left out" in text for text in notes.notices) == 3, "of each part, not of each fold"
    assert sorted(notes.numbers) == [1, 2, 3]


def test_a_class_that_a_training_part_lacks():
    frame = table()
    frame["y"] = (frame["id"] == "s0").astype(int)
    with pytest.raises(DataError, match=r"fold \d of 3: .* labels of the training part are 0; a classifier needs both"):
        rnnfast.cv(frame, target="y", ignore="group", predict="last", folds=3, **TINY)


def test_a_metric_without_value_in_some_folds(capsys, tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)
    frame = table()
    frame["y"] = frame["id"].isin(["s0", "s1", "s2"]).astype(int)
    frame.to_csv("t.csv", index=False)
    arguments = ["cv", "t.csv", "--target", "y", "--ignore", "group", "--folds", "4", "--hidden", "3", "--epochs", "3"]
    report = result([*arguments, "--batch-size", "4", "--split", "1"], capsys)
    defined = [fold["metrics"]["auroc"] for fold in report["folds"] if fold["metrics"]["auroc"] is not None]
    assert len(defined) == 3
    assert report["mean"]["auroc"] == pytest.approx(np.mean(defined))
    assert run([*arguments, "--batch-size", "4", "--split", "1"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "auroc" in said
    assert "no value in fold" in said
    assert "mean and std are over the others" in said


def test_a_fold_that_diverges_is_named():
    with pytest.raises(DivergedError, match=r"fold 1 of 3: diverged at epoch 1") as caught:
        rnnfast.cv(
            table(kind="regression"),
            target="y",
            ignore="group",
            folds=3,
            lr=1e30,
            activation="relu",
            **TINY,
        )
    assert caught.value.exit_code == 6


REFUSED = {
    "validation table": ({"valid": "v.csv"}, "--valid v.csv: the folds are what is tested"),
    "test table": ({"test": "v.csv"}, "--test v.csv: the folds are what is tested"),
    "rule of the split": ({"split_by": "time"}, "--split-by time: cv divides the table by --folds-by"),
    "two shares": ({"split": (0.7, 0.15)}, "--split 0.7,0.15: the folds are what is tested; give one share"),
    "column with a role": (
        {"folds_by": "column:id", "id": "id"},
        "column:id: that column is given as id too",
    ),
    "one fold": ({"folds": 1}, "folds: 1 is below the least value, 2"),
    "repeats in time": ({"repeats": 2, "folds_by": "time"}, "folds in time are always the same ones"),
    "standard output": ({"output": "-"}, "--output -: the scores go to stdout"),
    "unknown option": ({"fold": 3}, "unknown option 'fold'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_options_that_have_no_place(case):
    options, message = REFUSED[case]
    with pytest.raises(UsageError, match=message.replace(".", r"\.")):
        rnnfast.cv(table(), target="y", **{**TINY, **options})


def test_columns_of_the_same_name():
    with pytest.raises(UsageError, match="the predictions have a column 'fold' of their own"):
        rnnfast.cv(table().rename(columns={"id": "fold"}), id="fold", target="y", output="out.csv", **TINY)


@pytest.mark.parametrize("folds_by", ["sequence", "column:group", "time"])
def test_a_table_in_blocks_gives_the_figures_of_memory(folds_by, tmp_path):
    table(ids=30, steps=20).sample(frac=1, random_state=0).to_csv(tmp_path / "t.csv", index=False)
    reading = {"id": "id", "time": "t", "target": ("y",), "features": ("x",)}
    options = {"folds": 3, "folds_by": folds_by, "shuffle": False, **TINY}
    whole = rnnfast.cv(tmp_path / "t.csv", output=tmp_path / "whole.csv", **reading, **options)
    request = Request(DataConfig(**reading, split_by=folds_by, cache=False), with_time=True, groups=True)
    budget = Budget(10**9, phases=Phases(batch=10**4, bucket=10**4, block=3000, sample=10**7))
    with stored_table([str(tmp_path / "t.csv")], request, budget) as stored:
        assert len(stored.runs().first) > 1
        blocks = rnnfast.cv(stored, output=tmp_path / "blocks.csv", **options)
    for one, other in zip(whole.folds, blocks.folds, strict=True):
        assert dict(other.metrics) == pytest.approx(dict(one.metrics), rel=1e-6)
        assert one.sequences == other.sequences
    assert (tmp_path / "blocks.csv").read_text() == (tmp_path / "whole.csv").read_text()
    with pytest.raises(UsageError, match="the table was read in blocks; name a file for them with output="):
        _ = blocks.predictions


def test_a_saved_model_of_a_fold_knows_no_parts_of_the_table(tmp_path):
    path = tmp_path / "t.csv"
    table().to_csv(path, index=False)
    outcome = rnnfast.cv(path, target="y", folds=3, folds_by="column:group", **TINY)
    outcome.folds[1].model.save(tmp_path / "model.safetensors")
    model = rnnfast.load(tmp_path / "model.safetensors")
    with pytest.raises(UsageError, match="the training run had no such part of this table"):
        rnnfast.part_of(model, rnnfast.read_table(path, schema=model.schema), "valid")


def test_arrays():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(24, 5, 2))
    y = (X.sum(axis=(1, 2)) > 0).astype(int)
    outcome = rnnfast.cv(X, y, folds=3, **TINY)
    assert outcome.predictions["y"].tolist() == y.tolist()
    assert outcome.pooled.labelled_steps == 24


def test_the_result_shows_itself():
    outcome = rnnfast.cv(table(), target="y", ignore="group", folds=3, **TINY)
    text = repr(outcome)
    assert text.startswith("CrossValidation: 3 folds, 20 sequences\n  mean ")
    assert "<table>" in outcome._repr_html_()
    assert outcome.to_json() == plain(json.loads(json.dumps(outcome.to_json())))


def test_a_fold_whose_second_training_is_interrupted_is_not_complete(monkeypatch):
    calls, answered = [], threading.Event()

    class Answering(Reporter):
        def interrupted(self, phase):
            answered.set()

    def press_in_the_second(*arguments):
        calls.append(1)
        if len(calls) == 2:
            signal.raise_signal(signal.SIGINT)
            assert answered.wait(20), "the main thread hears of it later"
        return refitted(*arguments)

    monkeypatch.setattr(sys.modules["rnnfast.training.stages"], "refitted", press_in_the_second)
    options = {"target": "y", "ignore": "group", "folds": 3, "threads": 1, "refit": True, **TINY}
    with pytest.raises(rnnfast.TrainingInterrupted, match="when 1 of 3 folds") as caught:
        rnnfast.cv(table(), reporter=Answering(), **options)
    assert [fold.number for fold in caught.value.result.folds] == [1]


def test_folds_are_told_in_their_order_and_the_first_stands_for_all():
    listener = Notes()
    folds_told = InOrder(listener)
    for number, fold in ((2, 3), (0, 1), (3, None), (1, 2), (4, 5)):
        folds_told.end(number, None if fold is None else SimpleNamespace(number=fold))
    assert listener.numbers == [1, 2, 3, 5]
    said = []
    listener.start = said.append
    for number in (2, 1):
        OfFold(listener, number, first=number == 1).start(number)
    assert said == [1]
