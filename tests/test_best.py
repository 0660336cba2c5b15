"""--preset best: who races, who wins, what the budget buys, and that nothing but the training part has a say."""

import signal
import threading
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import fails, isolate, result
from ids import cases
from notices import Notices
from test_blocks import ENOUGH, trained_in_blocks
from test_presets import TINY, visits

import rnnfast
from rnnfast.config.resolve import Config
from rnnfast.errors import TrainingInterrupted, UsageError
from rnnfast.training.best import MOST_NETWORKS
from rnnfast.training.candidates import candidates
from rnnfast.training.presets import choose
from rnnfast.training.race import Contender, leads, relative

# What is left to try: scaling, rate and weight decay, so that all candidates have the kernels of one network.
QUICK = {
    "preset": "best", "budget": "1s", "id": "id", "target": "y", "features": "x", "cell": "rnn", "hidden": 4,
    "epochs": 3, "patience": 3, "schedule": "onecycle", "head": "last", "bidirectional": False, "patch": (),
    "average": 1, "batch_size": 4, "cache": False, "seed": 1,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path, preset=None)


class Laps(Notices):
    def __init__(self):
        super().__init__()
        self.laps, self.choices = [], []

    def lap(self, lap):
        self.laps.append(lap)

    def preset(self, chosen):
        self.choices.append(chosen)


def fine(config):
    """Let all options go together."""


def listed(size=TINY, **options):
    config = choose(Config().with_values({"preset": "best", **options}, "train()"), size)[0]
    return config, candidates(config, size, fine)


@pytest.fixture(scope="module")
def raced(tmp_path_factory):
    return rnnfast.train(visits(40), **QUICK)


# --- candidates ---


@pytest.mark.parametrize("labels", [True, False], ids=["every step", "sequence"])
def test_what_the_user_gave_is_not_raced(labels):
    size = replace(TINY, per_step=labels)
    every = {option for changes in listed(size)[1] for option in changes}
    assert {"hidden", "scale", "lr", "weight_decay", "cell"} <= every
    for option, value in {"hidden": 7, "scale": "robust", "lr": 0.3, "weight_decay": 0.2, "head": "mean"}.items():
        config, changes = listed(size, **{option: value})
        assert all(option not in one for one in changes)
        assert all(config.choosing(one) != config for one in changes)


def test_patches_and_heads_are_for_labels_of_long_sequences():
    def options(size):
        return {option for changes in listed(size)[1] for option in changes}

    label = replace(TINY, per_step=False)
    assert {"patch", "head", "bidirectional"} <= options(label)
    assert not {"patch", "head", "bidirectional"} & options(TINY)
    assert "patch" not in options(replace(label, steps=20))
    assert "random_start" in options(TINY)


def test_what_does_not_go_with_a_linear_part_is_tried_without_it():
    config, changes = listed(replace(TINY, task="regression", classes=0, per_step=False))
    assert config.model.linear_part
    assert {"bidirectional": True, "linear_part": False} in changes
    assert {"patch": (4,), "linear_part": False} in changes
    assert all("linear_part" not in one for one in changes if not one.keys() & {"bidirectional", "patch"})
    of_shape, changes = listed(replace(TINY, per_step=False))
    assert of_shape.model.linear_part
    assert {"bidirectional": True} in changes


def test_what_does_not_go_with_other_options_is_left_out():
    def check(config):
        if config.model.dropout:
            raise UsageError("none here")

    config, every = listed()
    assert len(candidates(config, TINY, check)) == len(every) - 1


def test_epochs_are_averaged_where_a_validation_part_says_which():
    """The folds of a race have one in any case; a run that all of its table trains would be refused after the race."""
    options = {name: value for name, value in QUICK.items() if name not in ("average", "features")}
    options |= {"budget": "0.2s", "schedule": "constant"}
    frame = visits(40).assign(y=lambda frame: frame.x**2)
    for split, averages in ((1.0, False), (0.8, True)):
        runners = rnnfast.train(frame, **options, split=split).chosen.race.runners
        assert any("average" in runner.options for runner in runners) is averages


def test_saved_weights_keep_their_shape():
    assert not any({"hidden", "cell"} & one.keys() for one in listed(init_from="m.safetensors")[1])


# --- the race ---


def contender(*errors, **options):
    return Contender(options, Config(), list(errors))


@pytest.mark.parametrize(
    ("errors", "wins"),
    cases(
        {
            "better on each fold": ([0.8, 0.9, 0.7], True),
            "better by chance": ([0.2, 1.1, 1.2], False),
            "better on a few folds that differ": ([0.8, 0.9, 0.6], False),
            "as much better on more folds": ([0.8, 0.9, 0.6, 0.8, 0.9, 0.6], True),
            "worse": ([1.1, 1.2, 1.0], False),
            "all that time allowed": ([0.5], False),
            "left out before the end": ([0.1, 0.1], False),
            "diverged": ([0.1, np.inf, 0.1], False),
        }
    ),
)
def test_a_change_wins_where_its_lead_is_no_noise(errors, wins):
    auto = contender(*[1.0] * (max(len(errors), 3) if len(errors) > 1 else 1))
    assert leads(contender(*errors, lr=1.0), auto) is wins


def test_anything_is_better_than_a_run_that_diverges():
    auto = contender(1.0, np.inf)
    assert leads(contender(5.0, 5.0, lr=1.0), auto)
    assert relative(auto, auto) == 1.0


def test_errors_are_relative_to_those_of_auto_on_the_same_folds():
    assert relative(contender(1.0, lr=1.0), contender(2.0, 100.0)) == 0.5
    assert relative(contender(lr=1.0), contender(1.0)) == np.inf
    assert relative(contender(0.0, lr=1.0), contender(0.0)) == 1.0


def test_half_of_the_candidates_go_on_to_the_next_fold():
    laps = Laps()
    rnnfast.train(visits(40), reporter=laps, **QUICK)
    starts = [lap for lap in laps.laps if not lap.judged]
    first = [lap.candidates for lap in starts[: starts[0].folds]]
    assert first == sorted(first, reverse=True)
    assert first[1] == 1 + max(2, -(-(first[0] - 1) // 2))
    assert first[-1] == 3
    assert all(lap.judged <= lap.candidates for lap in laps.laps)


def test_auto_is_judged_on_all_folds(raced):
    race = raced.chosen.race
    (auto,) = [runner for runner in race.runners if not runner.options]
    assert (auto.error, auto.folds) == (1.0, race.folds)
    assert race.runners[0].options == race.winner
    assert race.sequences == 32


def test_candidates_are_judged_as_they_will_answer(raced):
    assert raced.chosen.race.networks == 2
    assert rnnfast.train(visits(40), **QUICK, ensemble=1).chosen.race.networks == 1


# --- the run ---


@pytest.mark.parametrize("threads", [1, 2])
def test_any_number_of_threads_gives_the_same_choices_and_weights(raced, threads):
    again = rnnfast.train(visits(40), **QUICK, threads=threads)
    assert again.chosen == raced.chosen
    for name, tensor in raced.model.parameters.items():
        np.testing.assert_array_equal(again.model.parameters[name], tensor)


def test_the_winner_is_an_ensemble_trained_again_on_all_rows(raced):
    values = raced.chosen.values
    assert raced.chosen.name == "best"
    assert len(raced.model.members) == len(raced.members) == values["ensemble"] == MOST_NETWORKS
    assert values["refit"] is True
    assert raced.refitted > 0
    for option, value in raced.chosen.race.winner.items():
        assert values[option] == value
    assert set(raced.seconds) == {"load", "race", "compile", "train", "eval"}


@pytest.mark.parametrize("memory", [None, "900M"], ids=["memory", "disk"])
def test_labels_that_do_not_train_have_no_say(memory):
    frame = visits(40)
    part = np.where(np.arange(40) < 24, "train", np.where(np.arange(40) < 32, "valid", "test"))
    frame["part"] = np.repeat(part, 6)
    other, outside = frame.copy(), frame.part != "train"
    other.loc[outside, "y"] = np.where(frame.y[outside] == "low", "high", "low")
    runs = []
    for name, table in (("a.csv", frame), ("b.csv", other)):
        table.to_csv(name, index=False)
        runs.append(rnnfast.train(name, **QUICK, split_by="column:part", memory=memory))
    assert runs[0].chosen == runs[1].chosen
    assert runs[0].chosen.race is not None


def test_a_table_that_memory_holds_gets_the_same_choices():
    visits(40).to_csv("t.csv", index=False)
    memory, disk = rnnfast.train("t.csv", **QUICK), rnnfast.train("t.csv", **QUICK, memory="900M")
    assert memory.chosen == disk.chosen


def test_a_table_in_blocks_races_without_what_blocks_refuse():
    """Its trials are in memory, where sequences could be mixed; the winner trains on blocks."""
    visits(40).to_csv("t.csv", index=False)
    race = trained_in_blocks("t.csv", {**QUICK, "budget": "0.2s"}, ENOUGH).chosen.race
    augmented = [runner.options["augment"] for runner in race.runners if "augment" in runner.options]
    assert set(augmented) == {("drop=0.1",)}


def test_a_split_in_time_has_folds_in_time():
    frame = visits(40)
    frame = frame.assign(t=np.arange(len(frame)), y=frame.x)
    options = {**QUICK, "id": None, "window": 6, "time": "t", "split_by": "time", "schedule": "constant"}
    laps = Laps()
    runs = [rnnfast.train(frame, reporter=laps, **options, threads=threads) for threads in (1, 2)]
    assert runs[0].chosen == runs[1].chosen
    assert runs[0].chosen.race.folds == laps.laps[0].folds > 1  # other seeds would judge on the same ones again
    assert runs[0].refitted == 0


def test_an_ensemble_of_forecasts_has_a_linear_part_beside_it():
    frame = visits(40)
    frame = frame.assign(t=np.arange(len(frame)), y=frame.x.cumsum())
    options = {**QUICK, "id": None, "time": "t", "horizon": 1, "lag_target": True, "window": 6}
    runs = [rnnfast.train(frame, **options, threads=threads) for threads in (1, 2)]
    assert runs[0].chosen == runs[1].chosen
    assert len(runs[0].model.members) > 1
    assert runs[0].model.linear_part is not None
    assert runs[0].model.linear_part == runs[1].model.linear_part
    assert not any("linear_part" in runner.options for runner in runs[0].chosen.race.runners)


def test_its_file_reruns_the_network_without_a_race(capsys):
    visits(40).to_csv("t.csv", index=False)
    flags = [
        f"--{name.replace('_', '-')}={value}"
        for name, value in QUICK.items()
        if isinstance(value, int | str) and value is not False
    ]
    words = [*flags, "--no-bidirectional", "-o", "first"]
    first = result(["train", "t.csv", *words], capsys)
    race = first["preset"]["race"]
    assert first["preset"]["name"] == "best"
    assert race["runners"][0]["options"] == race["winner"]
    saved = tomllib.loads(Path("first/config.toml").read_text(encoding="utf-8"))
    assert saved["model"]["preset"] == "fast"
    again = result(["train", "--config", "first/config.toml", "-o", "again"], capsys)
    assert again["metrics"] == first["metrics"]
    assert "preset" not in again


@pytest.mark.parametrize(
    ("options", "networks", "refit"),
    cases(
        {
            "an ensemble that was asked for": ({"ensemble": 2}, 2, True),
            "no training again": ({"refit": False}, MOST_NETWORKS, False),
            "no validation part": ({"split": 1.0}, MOST_NETWORKS, False),
        }
    ),
)
def test_ensemble_and_training_again_give_way_to_options(options, networks, refit):
    again = rnnfast.train(visits(40), **{**QUICK, **options})
    assert len(again.model.members) == networks
    assert (again.refitted > 0) is refit


def test_a_budget_that_buys_no_race_buys_a_network():
    laps = Laps()
    small = rnnfast.train(visits(40), reporter=laps, **{**QUICK, "budget": "0.000001s"})
    assert any("no race: --budget 0.000001s is not enough" in text for text in laps.notices)
    assert len(small.model.members) == 1
    assert not laps.laps
    assert "race" not in small.to_json()["preset"]


def test_a_smaller_budget_is_a_smaller_race(raced):
    race = rnnfast.train(visits(40), **{**QUICK, "budget": "0.2s"}).chosen.race
    assert (race.folds, race.epochs) < (raced.chosen.race.folds, 1.0)
    assert raced.chosen.race.epochs == 1.0


def test_sequences_that_are_too_few_for_folds_are_trained_without_a_race():
    laps = Laps()
    small = rnnfast.train(visits(4), reporter=laps, **QUICK)
    assert any(text.startswith("no race, as there is too little to compare") for text in laps.notices)
    assert len(small.model.members) > 1


def test_a_line_of_progress_shows_the_race(capsys):
    rnnfast.train(visits(40), progress=True, **{**QUICK, "ensemble": 1, "budget": "0.1s"})
    assert "epoch 3/3" in capsys.readouterr().err


def test_no_epoch_is_no_race():
    assert not rnnfast.train(visits(), **{**QUICK, "epochs": 0}).chosen.race


def test_a_limit_on_the_time_ends_the_race(raced):
    short = rnnfast.train(visits(40), **{**QUICK, "max_time": "0.001s"})
    assert short.epochs >= 1
    assert len(short.chosen.race.runners) <= len(raced.chosen.race.runners)


def test_ctrl_c_in_the_race_leaves_nothing():
    class Press(Laps):
        def lap(self, lap):
            super().lap(lap)
            if len(self.laps) == 2:
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    with pytest.raises(TrainingInterrupted, match="before the first epoch; nothing is written") as caught:
        rnnfast.train(visits(40), reporter=Press(), **QUICK)
    assert caught.value.result is None


def test_a_budget_without_race_is_refused(capsys):
    visits().to_csv("t.csv", index=False)
    text = fails(["train", "t.csv", "--id", "id", "--target", "y", "--budget", "5s"], 2, capsys)
    assert "--budget 5s has no effect: --preset auto has no race to plan" in text
    text = fails(["train", "t.csv", "--target", "y", "--preset", "best", "--budget", "soon"], 2, capsys)
    assert "budget: 'soon' is not a duration" in text


def test_folds_of_a_cross_validation_race_by_themselves():
    tested = rnnfast.cv(visits(40), folds=2, **QUICK)
    assert all(len(fold.model.members) == MOST_NETWORKS for fold in tested.folds)


def test_a_wrong_table_is_refused_before_the_race():
    frame = visits(40)
    frame.loc[frame.index[-6:], "x"] = np.nan
    laps = Laps()
    with pytest.raises(rnnfast.DataError):
        rnnfast.train(frame, reporter=laps, **{**QUICK, "split_by": "sequence"})
    assert not laps.laps
