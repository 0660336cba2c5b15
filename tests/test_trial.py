"""Trials: the error of a configuration on folds of the rows that train."""

from dataclasses import replace

import numpy as np
import pytest
from ids import cases
from test_presets import visits

import rnnfast
from rnnfast.config.resolve import Config
from rnnfast.data import read_table, split
from rnnfast.errors import DataError, TrainingInterrupted
from rnnfast.model.questions import scored_rows
from rnnfast.reporter import Reporter
from rnnfast.training.defaults import resolved
from rnnfast.training.stopping import Interrupt
from rnnfast.training.trial import MEMBERS, SEEDS_APART, Trial, Trials

QUICK = {"preset": "fast", "hidden": 4, "epochs": 2, "batch_size": 4}


def configured(data, **options):
    return resolved(Config().with_values({**QUICK, **options}, "train()"), data.schema.task, data.sequences)


def errors(data, count=3, threads=1, **options):
    config = configured(data, threads=threads, **options)
    outcomes = Trials(data, config, count).run([Trial(config, fold) for fold in range(count)], Interrupt())
    return [outcome.error for outcome in outcomes]


def quantities(sequences=24):
    frame = visits(sequences)
    return frame.assign(y=100 * frame.x, t=np.arange(len(frame)))


def test_classes_have_the_brier_score():
    data = read_table(visits(), id="id", target="y")
    config = configured(data)
    trials = Trials(data, config, 3)
    ((error, *_),) = trials.run([Trial(config, 1)], Interrupt())
    parts = trials.folds[1]
    result = rnnfast.train(parts.train, valid=parts.valid, test=parts.test, **QUICK, seed=1, threads=1)
    assert error == pytest.approx(result.metrics["test"]["brier"])


def test_several_classes_have_the_sum_over_them():
    frame = visits()
    frame["y"] = np.array(["a", "b", "c"])[frame.id % 3]
    data = read_table(frame, id="id", target="y")
    assert all(0 < error < 2 for error in errors(data))


def test_quantities_have_the_error_as_a_share_of_their_variance():
    data = read_table(quantities(), id="id", target="y", features="x")
    config = configured(data)
    trials = Trials(data, config, 3)
    ((error, *_),) = trials.run([Trial(config, 0)], Interrupt())
    parts = trials.folds[0]
    result = rnnfast.train(parts.train, valid=parts.valid, test=parts.test, **QUICK, threads=1)
    assert error == pytest.approx(result.metrics["test"]["rmse"] ** 2 / data.y.var())


def test_a_network_is_judged_beside_its_linear_part():
    data = read_table(quantities(), id="id", target="y", lag_target=True)
    config = configured(data, linear_part=True)
    trials = Trials(data, config, 3)
    ((error, *_),) = trials.run([Trial(config, 0)], Interrupt())
    parts = trials.folds[0]
    result = rnnfast.train(parts.train, valid=parts.valid, test=parts.test, **QUICK, linear_part=True, threads=1)
    assert 0 < result.model.linear_part.share < 1
    assert error == pytest.approx(result.metrics["test"]["rmse"] ** 2 / data.y.var())
    assert error != trials.run([Trial(configured(data), 0)], Interrupt())[0].error


def test_a_few_networks_are_judged_as_an_ensemble_of_many():
    data = read_table(quantities(), id="id", target="y", features="x")
    config = configured(data)
    trials = Trials(data, config, 3)
    ((error, epochs, _),) = trials.run([Trial(config, 1, networks=2)], Interrupt())
    models = [trials._trained(trials.folds[1], config.choosing({"seed": seed}), None, Reporter(), Interrupt())[0]
              for seed in (1, 1 + SEEDS_APART)]  # fmt: skip
    rows = scored_rows(trials.folds[1].test)
    answers = [model.predict(rows)[rows.labelled] for model in models]
    alone = np.mean([np.mean((answer - rows.y[rows.labelled]) ** 2) for answer in answers])
    together = np.mean((np.mean(answers, axis=0) - rows.y[rows.labelled]) ** 2)
    spread = 2 * (alone - together)
    assert spread > 0
    assert error * data.y.var() == pytest.approx(alone - spread + spread / MEMBERS, rel=1e-5)
    assert epochs == QUICK["epochs"]


WINDOWS = {"target": "y", "window": 6, "lag_target": True, "features": "x"}


@pytest.mark.parametrize(
    ("columns", "options"),
    cases(
        {
            "classes": ({"id": "id", "target": "y"}, {}),
            "windows": (WINDOWS, {}),
            "a linear part": (WINDOWS, {"linear_part": True}),
        }
    ),
)
def test_any_number_of_threads_gives_the_same_errors(columns, options):
    data = read_table(visits(), **columns)
    assert errors(data, threads=2, **options) == errors(data, threads=1, **options)


@pytest.mark.parametrize("by", ["sequence", "time"])
def test_rows_outside_the_training_part_have_no_say(by):
    """Lags of windows come from the rows around, which may be those of another part."""
    frame, options = quantities(40), {"target": "y", "features": "x", "window": 6, "lag_target": True, "time": "t"}
    other = frame.copy()
    train = split(read_table(frame, **options), (0.6,), by=by).train
    outside = ~np.isin(np.arange(len(frame)), train.row)
    other.loc[outside, ["x", "y"]] += np.random.default_rng(1).normal(size=(outside.sum(), 2))
    again = split(read_table(other, **options), (0.6,), by=by).train
    assert errors(train, split_by=by) == errors(again, split_by=by)


def test_in_time_the_last_stretch_judges_first():
    data = read_table(quantities(), target="y", features="x", window=6, time="t")
    tested = [parts.test.row.min() for parts in Trials(data, configured(data, split_by="time"), 3).folds]
    assert tested == sorted(tested, reverse=True)


def test_a_run_that_diverges_is_infinitely_bad():
    data = read_table(quantities(), id="id", target="y", features="x")
    assert errors(data, lr=1e30, optimizer="sgd", scale_target=False)[0] == np.inf


def test_an_ensemble_and_training_again_are_left_to_the_run():
    data = read_table(visits(), id="id", target="y")
    assert errors(data, ensemble=3, refit=True) == errors(data)


def test_too_few_sequences_for_the_folds_are_refused():
    data = read_table(visits(4), id="id", target="y")
    with pytest.raises(DataError, match="too few for 5 folds"):
        errors(data, count=5)


COURSES = {
    "patience": {"epochs": 8, "patience": 2, "schedule": "plateau"},
    "one cycle": {"epochs": 8, "patience": 8, "schedule": "onecycle", "optimizer": "adam"},
    "last weights": {"epochs": 8, "patience": 0, "optimizer": "adam"},
    "seldom evaluated": {"epochs": 8, "patience": 8, "eval_every": 3},
    "dropout": {"epochs": 8, "hidden": (4, 4), "dropout": 0.3},
    "random starts": {"epochs": 8, "random_start": True},
    "a linear part": {"epochs": 8, "linear_part": True},
    "one epoch": {"epochs": 1},
}


@pytest.mark.parametrize("options", cases(COURSES))
def test_a_training_goes_on_where_it_paused(options):
    """With the bits of one without a pause, which has the error of its best weights so far."""
    data = read_table(visits(), id="id", target="y")
    config = configured(data, **options)
    trials = Trials(data, config, 3)
    ((whole, _, state),) = trials.run([Trial(config, 0)], Interrupt())
    assert state is None
    before = None
    for share in (0.25, 0.5):
        paused, _, before = trials.run([Trial(config, 0, share, before)], Interrupt())[0]
        assert trials.run([Trial(config, 0, share)], Interrupt())[0].error == paused
        assert before.record.epochs <= max(1, share * config.train.epochs)
    assert trials.run([Trial(config, 0, 1.0, before)], Interrupt())[0].error == whole


def test_ctrl_c_ends_the_trials():
    data = read_table(visits(), id="id", target="y")
    config, interrupt = configured(data), Interrupt()
    trials = Trials(data, config, 3)

    def press(number, error):
        with pytest.raises(TrainingInterrupted):  # the run has no epoch yet, and so leaves at once
            interrupt.press(lambda phase: pytest.fail("nothing is saved"))

    with pytest.raises(TrainingInterrupted):
        trials.run([Trial(config, fold % 3) for fold in range(20)], interrupt, press)


def test_weights_count():
    frame = visits().assign(w=1.0)
    data = read_table(frame, id="id", target="y", features="x", weight="w")
    plain = read_table(visits(), id="id", target="y", features="x")
    assert errors(data) == pytest.approx(errors(plain))
    halves = replace(data, weight=np.where(np.arange(data.rows) // 6 % 2, 0.5, 2.0))
    assert errors(halves) != pytest.approx(errors(plain))
