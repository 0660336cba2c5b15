"""`tune`: the same search for any number of threads and after an interruption, on the training part alone."""

import json

import numpy as np
import pandas as pd
import pytest
from commands import isolate
from ids import cases

import rnnfast
from rnnfast.cli import run
from rnnfast.config.resolve import Config
from rnnfast.config.tuning import TuneConfig
from rnnfast.errors import DataError, ModelError, UsageError
from rnnfast.records import plain
from rnnfast.training import journal, tuning
from rnnfast.training.finals import clearly_less
from rnnfast.training.sampler import Sampler
from rnnfast.training.space import Space
from rnnfast.training.trial import Trials
from rnnfast.training.tuning import Tables, tune_tables

TINY = {"target": "y", "id": "id", "hidden": 3, "cell": "gru", "epochs": 2, "preset": "fast", "dtype": "float64"}


def table(ids=30, steps=5, seed=0):
    """Sequences whose target is whether their first input is the larger one on the whole."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.repeat(np.arange(ids), steps), "x": rng.normal(size=ids * steps)})
    frame["z"] = rng.normal(size=ids * steps)
    frame["y"] = (frame.groupby("id")["x"].transform("sum") > 0).astype(int)
    return frame


def search(frame=None, *, trials=5, output=None, size=2, valid=None, test=None, **options):
    """Search with generations of two."""
    config = Config().with_values({**TINY, "output": output, **options}, "test")
    tables = Tables(table() if frame is None else frame, valid, test)
    return tune_tables(tables, config, TuneConfig(trials=trials), size=size)


def told(outcome):
    """What a search says, but for seconds and places of files."""
    report = plain(outcome.report())
    for name in ("seconds", "train", "model", "config"):
        del report[name]
    report["trials"] = [
        {name: value for name, value in trial.items() if name != "seconds"} for trial in report["trials"]
    ]
    return report


def tensors(outcome):
    return [array for member in outcome.model.members for array in member.values()]


def same_tensors(one, other):
    return all(np.array_equal(a, b) for a, b in zip(tensors(one), tensors(other), strict=True))


def test_the_same_result_for_any_number_of_threads():
    one, two = search(threads=1), search(threads=2)
    assert told(one) == told(two)
    assert same_tensors(one, two)


def test_the_same_result_after_an_interruption(tmp_path):
    whole = search(output=str(tmp_path / "whole"))
    lines = (tmp_path / "whole" / journal.FILE).read_text().splitlines()
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / journal.FILE).write_text("\n".join(lines[:3]) + "\n")  # the header and a generation
    again = search(output=str(tmp_path / "part"))
    assert told(again) == told(whole)
    assert same_tensors(again, whole)


def test_the_best_are_not_run_again_twice(tmp_path, monkeypatch):
    """What was repeated before an interruption is in the journal, that on the validation part too."""
    whole = search(trials=12, size=12, epochs=6, output=str(tmp_path / "whole"))
    lines = (tmp_path / "whole" / journal.FILE).read_text().splitlines()
    again = [line for line in lines if '"repetition"' in line]
    assert len(again) >= 2 * 3 * 5, "two finalists, three folds, five seeds"
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / journal.FILE).write_text("\n".join([*lines[:13], *again[::2]]) + "\n")
    runs, run_trials = [], Trials.run

    def counted(self, trials, *rest):
        runs.extend(trials)
        return run_trials(self, trials, *rest)

    monkeypatch.setattr(Trials, "run", counted)
    outcome = search(trials=12, size=12, epochs=6, output=str(tmp_path / "part"))
    assert len(runs) == len(again) - len(again[::2])
    assert told(outcome) == told(whole)
    assert (tmp_path / "part" / journal.FILE).read_text().splitlines()[13:] == lines[13:]
    runs.clear()
    assert told(search(trials=12, size=12, epochs=6, output=str(tmp_path / "part"))) == told(whole)
    assert not runs


def test_embeddings_and_constant_columns_stay():
    """Folds, finalists and the network that is trained last know them."""
    frame = table().assign(age=lambda rows: rows["id"] % 7, town=lambda rows: np.array(list("abc"))[rows["id"] % 3])
    outcome = search(frame, static="age", embed="town=2", trials=2)
    for member in outcome.model.members:
        assert {"static.l0.weight", "embed.0.weight"} <= member.keys()
    assert (outcome.config.model.static, outcome.config.model.embed) == (("age",), ("town=2",))
    assert outcome.model.predict(frame)["y_prob"].notna().all()


def test_options_that_are_given_stay():
    outcome = search(lr=0.02, scale="rank", batch_size=4)
    assert not {"lr", "scale", "batch_size", "hidden", "cell"} & outcome.searched.keys()
    assert (outcome.config.train.lr, outcome.config.data.scale) == (0.02, ("rank",))
    assert (outcome.config.model.hidden, outcome.config.train.batch_size) == ((3,), 4)


def test_labels_of_other_parts_have_no_say():
    """Trials and finalists look at the training part alone, the error on the validation part aside."""
    valid, shuffled = table(10, seed=1), table(10, seed=1)
    shuffled["y"] = 1 - shuffled["y"]
    one, other = (told(search(valid=part)) for part in (valid, shuffled))
    for outcome in (one, other):
        for finalist in (outcome["best"], *outcome["finalists"]):
            finalist.pop("untouched", None)
    assert one == other


def test_shuffled_labels_of_the_test_part_change_no_choice_and_no_weight():
    test, shuffled = table(12, seed=1), table(12, seed=1)
    labels = np.random.default_rng(2).permutation(shuffled.groupby("id")["y"].first())
    shuffled["y"] = np.repeat(labels, 5)
    one, other = (search(test=part) for part in (test, shuffled))
    assert one.result.metrics["test"] != other.result.metrics["test"]
    assert told(one) == told(other)
    assert same_tensors(one, other)


def test_trials_are_not_compared_on_the_whole_training_part():
    outcome = search(table(40), trials=8, size=8)
    assert outcome.folds == 3
    stages = [(len(trial.rungs), len(trial.errors)) for trial in outcome.trials]
    assert set(stages) <= {(1, 0), (2, 0), (2, 2), (2, 3)}, "the better half goes on"
    assert 3 <= stages.count((1, 0)) <= 4
    assert 1 <= stages.count((2, 0)) <= 2
    assert outcome.trials[0].error == 1
    assert stages[0] == (2, 3), "all others are compared with the base"


def test_the_best_are_repeated_and_the_preset_is_among_them():
    outcome = search(trials=12, size=12, epochs=6)
    assert {finalist.seeds for finalist in outcome.finalists} == {5}
    assert 1 in {finalist.trial.trial for finalist in outcome.finalists}
    others = [finalist.mean for finalist in outcome.finalists[1:]]
    assert others == sorted(others)
    assert outcome.best.mean == 1 or outcome.best.mean < others[0]


@pytest.mark.parametrize(
    ("options", "networks", "again"),
    cases(
        {
            "one cycle": ({"schedule": "onecycle"}, 5, True),
            "a constant rate, which validation ends": ({"schedule": "constant"}, 5, False),
            "one network was asked for": ({"schedule": "onecycle", "ensemble": 1, "refit": False}, 1, False),
            "training again was asked for": ({"schedule": "constant", "refit": True}, 5, True),
        }
    ),
)
def test_the_network_is_an_ensemble_which_after_one_cycle_trains_on_the_validation_part_too(options, networks, again):
    outcome = search(trials=2, **options)
    assert outcome.config.model.ensemble == networks
    assert (outcome.result.refitted > 0) is again


def test_what_is_written_reruns_without_a_search(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)
    table().to_csv("t.csv", index=False)
    outcome = rnnfast.tune("t.csv", output="run", trials=3, **TINY)
    assert run(["train", "--config", "run/config.toml", "-o", "again", "-q"]) == 0
    again = rnnfast.load("again")
    for one, other in zip(outcome.model.members, again.members, strict=True):
        assert all(np.array_equal(one[name], other[name]) for name in one)


def test_a_table_that_is_labelled_at_every_step():
    frame = table().assign(y=lambda t: t["x"] * 2 + 1)
    outcome = search(frame, trials=2)
    assert outcome.task == "regression"
    assert not {"head", "bidirectional", "patch"} & outcome.searched.keys()


REFUSED = {
    "no epochs": ({"epochs": 0}, "--epochs 0 trains nothing"),
    "a directory of another search": ({"output": "other"}, "its trials have epochs 2, not 3"),
    "nothing left": (
        {"lr": 0.1, "scale": "rank", "head": "last", "bidirectional": False, "weight_decay": 0, "batch_size": 2}
        | {"schedule": "constant", "clip_norm": 0, "patch": (), "dropout": 0, "random_start": False}
        | {"augment": ()},
        "every option that a search would change is given",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_searched(case, tmp_path, monkeypatch):
    options, message = REFUSED[case]
    isolate(monkeypatch, tmp_path)
    if "output" in options:
        search(trials=1, size=1, output="other")
    with pytest.raises(UsageError, match=message):
        search(**{"epochs": 3, **options})


def test_another_table_in_the_same_directory(tmp_path):
    search(trials=1, size=1, output=str(tmp_path))
    with pytest.raises(UsageError, match="its trials are those of another table; give another -o DIR, or --force"):
        search(table(seed=5), trials=1, size=1, output=str(tmp_path))


def test_too_few_sequences():
    with pytest.raises(DataError, match="2 sequences that train are too few to compare networks on 2 parts of them"):
        search(table(3).assign(y=lambda t: t["x"]))
    with pytest.raises(DataError, match=r"on a part of the rows that train: .* a classifier needs both classes"):
        search(table(30).assign(y=lambda t: (t["id"] < 2).astype(int)), seed=1)


def test_a_journal_that_is_none(tmp_path):
    (tmp_path / journal.FILE).write_text("[1]\n")
    with pytest.raises(ModelError, match=r"trials.jsonl, line 1: is no journal of trials"):
        search(trials=1, output=str(tmp_path))


def test_candidates_that_exclude_each_other_are_not_tried():
    """The largest patch is a quarter of a sequence; dropout between layers needs two of them."""
    frame = table(12, 40)
    data = rnnfast.read_table(frame, target="y", id="id")
    space = Space(Config().with_values({"preset": "auto"}, "test"), data.predicting("last"), None, False, True)
    assert space.values["patch"] == ["", "4", "8", "2"]
    assert space.plain({**space.base, "dropout": 0.2})["dropout"] == 0
    assert space.plain({**space.base, "hidden": "32,32", "dropout": 0.2})["dropout"] == 0.2
    for candidate in (*space.rates(), *space.single_changes(space.base)):
        space.config_of(candidate)


def test_a_search_begins_with_rates_of_the_preset_and_single_changes_of_it():
    """What needs the kernels of the preset's network alone runs first, whatever is compiled on a machine."""
    data = rnnfast.read_table(table(12, 8), target="y", id="id")
    space = Space(Config().with_values({"preset": "auto"}, "test"), data.predicting("last"), None, False, True)
    first = Sampler(space, 0, 32).ask(0, 16, [])
    assert first[0] == space.base
    assert [list(space.changes(one)) for one in first[1:8]] == [["lr"]] * 7
    assert all(len(space.changes(one)) == 1 and "lr" not in space.changes(one) for one in first[8:])
    assert {"hidden", "scale", "head", "cell"} <= {name for one in first[8:] for name in space.changes(one)}


def test_the_best_changes_are_tried_together_in_the_third_generation():
    data = rnnfast.read_table(table(12, 8), target="y", id="id")
    space = Space(Config().with_values({"preset": "auto"}, "test"), data.predicting("last"), None, False, True)
    sampler, base = Sampler(space, 0, 32), space.base
    better = [({**base, "hidden": "64"}, 0.8), ({**base, "scale": "minmax"}, 0.9), ({**base, "cell": "lstm"}, 1.2)]
    together = sampler.ask(2, 4, [[(base, 1.0)], better])[0]
    assert space.changes(together) == {"hidden": "64", "scale": "minmax"}


def test_a_preset_that_makes_no_mistake_is_not_replaced_by_luck():
    """One that is better in a single draw of many is not clearly better; one that is better in each is."""
    base = np.full((5, 3), 0.001)
    base[2, 1] = 0.5
    assert not clearly_less(np.full((5, 3), 0.002), base)
    assert clearly_less(np.full((5, 3), 0.1), np.full((5, 3), 0.2))
    noise = np.resize([-1.0, 1.0], (5, 3))
    assert not clearly_less(0.2 - 0.05 + 0.15 * noise, np.full((5, 3), 0.2)), "a lead of less than two standard errors"
    assert not clearly_less(np.full((5, 3), np.inf), base)


def grouped(ids=30):
    """Sequences of which three each belong together."""
    frame = table(ids)
    return frame.assign(who=[f"w{name // 3}" for name in frame["id"]])


def test_groups_stay_in_one_fold(monkeypatch):
    made, folded = [], tuning.folded
    monkeypatch.setattr(tuning, "folded", lambda *arguments: made.append(folded(*arguments)) or made[0])
    frame = grouped()
    config = Config().with_values(TINY, "test")
    outcome = tune_tables(Tables(frame), config, TuneConfig(trials=2, folds_by="column:who"), size=2)
    who = frame["who"].to_numpy()
    for parts in made[0].folds:
        pieces = [set(who[part.row]) for part in parts.named().values()]
        assert not set.intersection(*pieces[:2])
        assert not pieces[-1] & set.union(*pieces[:-1])
    assert outcome.model.schema.features == ("x", "z")


@pytest.mark.parametrize(
    ("options", "by", "message"),
    cases(
        {
            "another role": ({"features": "x,who"}, "column:who", "that column is given as features too"),
            "times": ({"time": "z", "split_by": "time"}, "column:who", "--split-by time asks for them"),
            "no rule": ({}, "who", "--folds-by: 'who' is not one of"),
        }
    ),
)
def test_groups_that_cannot_be(options, by, message):
    config = Config().with_values({**TINY, **options}, "test")
    with pytest.raises(UsageError, match=message):
        tune_tables(Tables(grouped()), config, TuneConfig(trials=1, folds_by=by), size=1)


def test_trials_of_other_folds_are_those_of_another_search(tmp_path):
    config = Config().with_values({**TINY, "output": str(tmp_path)}, "test")
    tune_tables(Tables(grouped()), config, TuneConfig(trials=1, folds_by="column:who"), size=1)
    resumed, tune_config = tuning.resumed(tmp_path, {"trials": 2})
    assert tune_config == TuneConfig(trials=2, folds_by="column:who")
    with pytest.raises(UsageError, match="its trials have folds by column:who, not sequence"):
        tune_tables(Tables(grouped()), resumed, TuneConfig(trials=2), size=1)


def test_arrays():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(24, 5, 2))
    outcome = rnnfast.tune(X, (X.sum(axis=(1, 2)) > 0).astype(int), trials=2, preset="fast", hidden=3, epochs=2)
    assert len(outcome.model.predict(X)) == 24


def test_the_result_shows_itself():
    outcome = search(trials=2)
    assert repr(outcome).startswith("TuneResult: 2 trials in 1 generation\n  chosen  trial ")
    assert "<table>" in outcome._repr_html_()
    assert outcome.to_json() == plain(json.loads(json.dumps(outcome.to_json())))
