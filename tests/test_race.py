"""The rounds of a race and its finals, on trials whose errors are made up: who is judged, how often, and who wins."""

import math
from types import SimpleNamespace

import pytest
from ids import cases

from rnnfast.config.resolve import Config
from rnnfast.errors import DataError
from rnnfast.reporter import Reporter
from rnnfast.training.race import FINALISTS, FINALS, LEAST, MARGIN, PARTNERS, Track, needed, outcome
from rnnfast.training.stopping import Deadline, Interrupt
from rnnfast.training.trial import Outcome

FOLDS, EPOCHS = 4, 5
GOOD = {"lr": 0.5, "hidden": 0.8, "weight_decay": 0.9, "average": 1.2}  # options, and what each does to the error
CHANGES = [{"lr": 0.5}, {"hidden": (8,)}, {"weight_decay": 0.3}, {"average": 5}]


class MadeUp:
    """Trials whose error is the product of what the changes of a configuration do."""

    def __init__(self, effects=GOOD, id_column="id"):
        self.folds, self.workers, self.effects = [None] * FOLDS, 2, effects
        self.part = SimpleNamespace(schema=SimpleNamespace(id=id_column), sequences=40)
        self.judged = []

    def add(self, parts):
        self.folds.append(parts)
        return len(self.folds) - 1

    def run(self, trials, interrupt, done):
        self.judged += [(trial.config, trial.fold) for trial in trials]
        return [Outcome(self.error(trial.config), EPOCHS) for trial in trials]

    def error(self, config):
        values, usual = ({**vars(one.model), **vars(one.train)} for one in (config, Config()))
        return math.prod(effect for name, effect in self.effects.items() if values[name] != usual[name])


def raced(trials, budget=math.inf, finals=False):
    track = Track(trials, lambda options: Config().choosing(options), lambda config, epochs: epochs or 10.0,
                  budget, 2, Reporter())  # fmt: skip
    contenders = track.race(CHANGES, Deadline(None), Interrupt())
    if finals:
        track.finals(contenders, lambda number: [None] * FOLDS, Deadline(None), Interrupt())
    return track, contenders


def test_changes_that_help_add_up():
    _, contenders = raced(MadeUp())
    race = outcome(contenders, MadeUp(), 1.0, 2)
    assert race.winner == {"lr": 0.5, "hidden": (8,), "weight_decay": 0.3}
    assert race.runners[0].error == pytest.approx(0.5 * 0.8 * 0.9)
    assert not any("average" in runner.options and len(runner.options) > 1 for runner in race.runners)


def test_a_round_without_a_better_one_is_the_last():
    trials = MadeUp({"lr": 1.1, "hidden": 1.2, "weight_decay": 1.3, "average": 1.4})
    _, contenders = raced(trials)
    assert [one.options for one in contenders] == [{}, *CHANGES]
    assert outcome(contenders, trials, 1.0, 2).winner == {}


def test_what_is_joined_fits_the_budget():
    first = needed([10.0] * 4, FOLDS) + 10.0 * FOLDS
    finals = 10.0 * FOLDS * (1 + LEAST)
    _, contenders = raced(MadeUp(), budget=first + finals - 1)
    joined = [one for one in contenders if len(one.options) > 1]
    assert 0 < len(joined) < PARTNERS  # trials took half of the usual epochs, and the rest is there
    _, contenders = raced(MadeUp(), budget=first / 2 + finals)
    assert not [one for one in contenders if len(one.options) > 1]


def test_the_budget_is_spent_by_the_epochs_that_trials_took():
    trials = MadeUp()
    track, _ = raced(trials, budget=1e6)
    assert 1e6 - track.left == EPOCHS * len(trials.judged)


def test_the_best_ones_and_auto_are_judged_on_other_folds_while_the_budget_lasts():
    trials = MadeUp()
    _, contenders = raced(trials, finals=True)
    auto, *finalists = sorted((one for one in contenders if len(one.errors) > FOLDS), key=lambda one: bool(one.options))
    assert not auto.options
    assert len(auto.errors) == len(trials.folds) == FOLDS * (1 + FINALS)
    assert len(finalists) <= FINALISTS
    assert max(len(one.errors) for one in finalists) == len(trials.folds)
    assert len({len(one.errors) for one in finalists}) > 1  # fewer each time
    trials = MadeUp()
    track, contenders = raced(trials, budget=1000.0)
    before = len(trials.judged)
    track.left = 0.0
    track.finals(contenders, lambda number: [None] * FOLDS, Deadline(None), Interrupt())
    assert len(trials.judged) == before


def test_a_fold_that_nobody_was_judged_on_does_not_count():
    class After(Deadline):
        passed = property(lambda self: len(contenders[0].errors) > FOLDS)

    trials = MadeUp()
    track, contenders = raced(trials)
    track.finals(contenders, lambda number: [None] * FOLDS, After(None), Interrupt())
    assert outcome(contenders, trials, 1.0, 2).folds == FOLDS + 1


def test_who_was_never_judged_is_no_runner():
    trials = MadeUp()
    track = Track(trials, lambda options: Config().choosing(options), lambda config, epochs: 1.0, 1e6, 2, Reporter())
    race = outcome(track.race(CHANGES, Deadline(0.0), Interrupt()), trials, 1.0, 2)
    assert [(runner.options, runner.error, runner.folds) for runner in race.runners] == [({}, 1.0, 0)]


def test_a_division_that_cannot_be_trained_on_ends_the_finals_and_not_the_race():
    def more(number):
        if number == 2:
            raise DataError("fold 1: the validation part has no labelled step")
        return [None] * FOLDS

    trials = MadeUp()
    track, contenders = raced(trials)
    track.finals(contenders, more, Deadline(None), Interrupt())
    race = outcome(contenders, trials, 1.0, 2)
    assert race.winner
    assert race.folds == race.runners[0].folds == 2 * FOLDS


@pytest.mark.parametrize(
    ("id_column", "effect", "wins"),
    cases(
        {
            "sequences, a little better": ("id", MARGIN + 0.05, True),
            "windows of one series, a little better": (None, MARGIN + 0.05, False),
            "windows of one series, much better": (None, MARGIN - 0.05, True),
        }
    ),
)
def test_what_windows_of_one_series_say_of_later_rows_is_little(id_column, effect, wins):
    trials = MadeUp({"lr": effect}, id_column)
    _, contenders = raced(trials)
    assert bool(outcome(contenders, trials, 1.0, 2).winner) is wins
