"""Presets: what they choose, what they leave alone, and that a run says and saves it."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from datasets import ROOT
from ids import cases

import rnnfast
from rnnfast.cli import run
from rnnfast.config.effects import check_effects
from rnnfast.config.option import CHOSEN
from rnnfast.config.resolve import Config, resolve
from rnnfast.errors import UsageError
from rnnfast.training.presets import AUTO, ORIGINAL, choose, fixed, updates
from rnnfast.training.size import Size

TINY = Size("multiclass", sequences=29, rows=7279, steps=251, outputs=1, classes=3, mergeable=True)
SHAPES = cases(
    {
        "few long series": TINY,
        "many short series": replace(TINY, sequences=6000, rows=48000, steps=8, classes=10),
        "two classes": replace(TINY, task="binary", classes=2),
        "a quantity": replace(TINY, task="regression", classes=0, sequences=80, per_step=True),
        "several quantities": replace(TINY, task="regression", classes=0, outputs=7),
        "one sequence": replace(TINY, sequences=1, rows=251),
        "millions of rows": replace(TINY, sequences=1_000_000, rows=30_000_000, steps=30),
        "weights": replace(TINY, weighted=True),
        "a forecast": replace(TINY, task="regression", classes=0, persistent=("y",)),
        "a validation table": replace(TINY, mergeable=False),
    }
)
OTHERS = {
    "window": 12, "cell": "lstm", "hidden": (7,), "init": "he", "scale": ("robust",), "optimizer": "rmsprop", "lr": 0.1,
    "weight_decay": 0.2, "clip_norm": 3.0, "batch_size": 3, "patience": 4, "epochs": 5, "schedule": "cosine",
    "refit": False, "patch": (3,), "head": "mean", "difference": True, "calendar": True,
    "linear_part": True, "average": 3, "augment": ("drop",),
}  # fmt: skip
QUICK = {"epochs": 2, "hidden": 4, "id": "id", "target": "y", "cache": False}


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path, preset=None)


def given(**options):
    return Config().with_values(options, "train()")


def visits(sequences=24, steps=6, seed=0):
    """Sequences of two kinds, each with one class."""
    random = np.random.default_rng(seed)
    kind = np.repeat(np.arange(sequences) % 2, steps)
    level = random.normal(size=sequences * steps) + 2 * kind
    names = np.array(["low", "high"])[kind]
    return pd.DataFrame({"id": np.repeat(np.arange(sequences), steps), "x": level, "y": names})


@pytest.mark.parametrize("size", SHAPES)
def test_what_is_chosen_is_within_its_bounds_and_has_a_reason(size):
    config, chosen = choose(given(), size)
    assert chosen.name == "auto"
    assert [choice.option for choice in chosen.choices] == [r.option for r in AUTO if r.option in chosen.values]
    assert set(chosen.values) <= set(CHOSEN) == {rule.option for rule in AUTO}
    assert all(choice.reason for choice in chosen.choices)
    assert 1 <= config.train.batch_size <= max(1, size.sequences)
    assert config.train.epochs >= 1
    assert config.train.patience >= 1 or config.train.refit
    assert str(chosen).startswith("auto: cell gru, hidden ")
    assert "1 sequence of" in str(chosen) or f"{size.sequences:,} sequences of" in str(chosen)


@pytest.mark.parametrize(
    ("size", "options", "chosen"),
    cases(
        {
            "of a quantity": ({"task": "regression", "classes": 0}, {}, True),
            "of two classes at every row": ({"task": "binary", "classes": 2}, {}, True),
            "of two classes of sequences": ({"task": "binary", "classes": 2, "per_step": False}, {}, True),
            "of two classes of many sequences": (
                {"task": "binary", "classes": 2, "per_step": False, "sequences": 2001},
                {},
                False,
            ),
            "of classes of long sequences": ({"per_step": False, "rows": 300_000}, {}, False),
            "of classes of sequences, in both directions": ({"per_step": False}, {"bidirectional": True}, True),
            "of two classes by squares": ({"task": "binary", "classes": 2}, {"loss": "mse"}, False),
            "of several classes at every row": ({"per_step": True}, {}, True),
            "of several classes of sequences": ({"per_step": False}, {}, True),
            "of a quantity of sequences": ({"task": "regression", "classes": 0, "per_step": False}, {}, True),
            "by steps alone": ({"task": "regression", "classes": 0}, {"cell": "mlp"}, False),
            "of windows of one row": ({"task": "regression", "classes": 0}, {"window": 1}, False),
            "in both directions": ({"task": "regression", "classes": 0}, {"bidirectional": True}, False),
            "of an initial model": ({"task": "regression", "classes": 0}, {"epochs": 0}, False),
        }
    ),
)
def test_where_a_linear_part_answers_too(size, options, chosen):
    config, _ = choose(given(**options), replace(TINY, **size))
    assert config.model.linear_part is chosen


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("rule", AUTO, ids=lambda rule: rule.option)
def test_each_choice_gives_way_to_an_option(rule, size):
    value = OTHERS[rule.option]
    config, chosen = choose(given(**{rule.option: value}), size)
    tables = config.tables.values()
    assert next(getattr(table, rule.option) for table in tables if hasattr(table, rule.option)) == value
    assert rule.option not in chosen.values


@pytest.mark.parametrize(
    ("options", "cell", "hidden"),
    cases(
        {
            "nothing": ({}, "gru", None),
            "units": ({"hidden": 10}, "rnn", (10,)),
            "an activation": ({"activation": "relu"}, "rnn", None),
            "a cell": ({"cell": "lstm"}, "lstm", None),
            "both": ({"cell": "gru", "hidden": 5}, "gru", (5,)),
        }
    ),
)
def test_units_alone_keep_the_vanilla_network_and_what_stands_around_it_is_chosen(options, cell, hidden):
    config, chosen = choose(given(**options), TINY)
    assert config.model.cell == cell
    assert config.model.hidden == (hidden or chosen.values["hidden"])
    assert {"optimizer", "scale", "patience"} <= chosen.values.keys()


def test_patience_and_epochs_count_updates_where_there_are_few_sequences():
    few, many = choose(given(), TINY)[0], choose(given(), replace(TINY, sequences=100_000))[0]
    assert few.train.patience * updates(TINY, few) >= 1500
    assert many.train.patience < few.train.patience
    assert many.train.epochs <= few.train.epochs
    rarely = choose(given(eval_every=5), TINY)[0]
    assert rarely.train.patience < few.train.patience
    assert rarely.train.patience * updates(TINY, rarely) >= 1500


def test_one_label_a_sequence_runs_one_cycle_to_its_end_and_keeps_the_best_weights():
    labels = replace(TINY, per_step=False, sequences=400)
    config = choose(given(), labels)[0].train
    assert (config.schedule, config.lr, config.patience) == ("onecycle", 0.01, config.epochs)
    assert choose(given(epochs=7), labels)[0].train.patience == 7
    assert choose(given(), labels)[0].data.scale == ("zscore",)
    assert choose(given(), TINY)[0].data.scale == ("minmax",)  # a label at each step
    for options in ({"patience": 5}, {"max_time": "5s"}):  # which would cut it short
        assert choose(given(**options), labels)[0].train.schedule == "constant"


def test_few_sequences_with_a_label_each_are_all_trained_on_in_the_end():
    few = replace(TINY, per_step=False)
    assert (choose(given(), few)[0].train.refit, choose(given(), few)[0].train.patience) == (True, 0)
    split = choose(given(refit=False), few)[0].train
    assert split.patience == split.epochs
    for options, size in (({"init_from": "m"}, few), ({}, replace(few, mergeable=False)), ({}, TINY)):
        assert not choose(given(**options), size)[0].train.refit


CHOOSING = cases({"a figure": {"monitor": "macro_f1"}, "a mean": {"average": 3}})


@pytest.mark.parametrize("options", CHOOSING)
def test_where_validation_is_to_choose_the_weights_it_does(options):
    config = choose(given(**options), replace(TINY, per_step=False))[0]
    assert (config.train.schedule, config.train.refit) == ("onecycle", False)
    assert config.train.patience == config.train.epochs
    check_effects(config)
    both = choose(given(monitor="macro_f1", refit=True), replace(TINY, per_step=False))[0].train
    assert both.patience == both.epochs


def test_classes_at_every_step_take_the_mean_of_a_tenth_of_the_epochs():
    size = replace(TINY, sequences=100)
    assert choose(given(), size)[0].train.average == 10
    assert choose(given(epochs=40), size)[0].train.average == 4
    assert choose(given(epochs=40, eval_every=2), size)[0].train.average == 2
    assert choose(given(epochs=19), size)[0].train.average == 1  # of which few are alike


@pytest.mark.parametrize(
    ("size", "options"),
    cases(
        {
            "quantities": ({"task": "regression", "classes": 0}, {}),
            "classes of sequences": ({"per_step": False}, {"patience": 5}),
            "no part that validates": ({"validated": False}, {}),
            "trained again": ({}, {"refit": True}),
            "the last weights": ({}, {"patience": 0}),
            "one cycle": ({}, {"schedule": "onecycle"}),
        }
    ),
)
def test_where_no_epochs_are_averaged(size, options):
    config, chosen = choose(given(**options), replace(TINY, **size))
    assert config.train.average == 1
    assert "average" not in chosen.values


@pytest.mark.parametrize(
    ("size", "chosen"),
    cases(
        {
            "few": ({"sequences": 6}, ("shift",)),
            "more": ({"sequences": 10}, ()),
            "one": ({"sequences": 1}, ()),
            "few quantities": ({"sequences": 6, "task": "regression", "classes": 0}, ()),
            "few with a class each": ({"sequences": 6, "per_step": False}, ()),
        }
    ),
)
def test_levels_of_few_sequences_with_classes_at_every_step_shift(size, chosen):
    assert choose(given(), replace(TINY, **size))[0].train.augment == chosen
    assert choose(given(augment="off"), replace(TINY, **size))[0].train.augment == ()


def test_reasons_are_those_of_the_value():
    def reasons(size, **options):
        return {choice.option: choice.reason for choice in choose(given(**options), size)[1].choices}

    few = replace(TINY, per_step=False)
    assert reasons(few)["patience"] == "one cycle runs to its end, trained again on all"
    assert "the best weights are kept" in reasons(few, refit=False)["patience"]
    assert reasons(TINY)["patience"] == "evaluations, 1,500 updates at least"
    assert reasons(few)["scale"] == "the class of a sequence lies in its shape"
    assert reasons(TINY)["scale"] == "inputs in a bounded range overfit less"
    assert "levels" not in reasons(few)["linear_part"]  # which sees the shapes of sequences, not levels that go on
    assert (reasons(few)["lr"], reasons(TINY)["lr"]) == ("at the peak of one cycle", "usual for adamw")


def test_weights_are_felt_in_every_update():
    few = replace(TINY, weighted=True)
    assert choose(given(), TINY)[0].train.batch_size == 1
    assert choose(given(), few)[0].train.batch_size == 2
    assert choose(given(reduction="sum"), few)[0].train.batch_size == 1


@pytest.mark.parametrize(("steps", "patch"), cases({"long": (90, (4,)), "half as long": (45, (2,))}))
def test_long_sequences_with_a_class_each_are_read_some_rows_at_a_time(steps, patch):
    long = replace(TINY, per_step=False, steps=steps)
    model = choose(given(), long)[0].model
    assert (model.patch, model.head) == (patch, "all")
    others = (replace(long, steps=44), replace(TINY, steps=steps), replace(long, task="regression", classes=0))
    for size in others:
        assert not {"patch", "head"} & choose(given(), size)[1].values.keys()
    assert choose(given(patch="off"), long)[0].model.patch == ()
    for options in ({"cell": "mlp"}, {"conv": 3}, {"tbptt": 5}):
        assert not {"patch", "head"} & choose(given(**options), long)[1].values.keys()


def test_fast_is_what_options_are_declared_with():
    config = given(preset="fast")
    assert fixed(config) is config
    assert choose(config, TINY) == (config, None)


def test_original_is_the_recipe_of_that_name():
    recipe = resolve({}, ROOT / "configs" / "rnn-rust.toml", {})
    assert fixed(given(preset="original")) == recipe
    assert ORIGINAL.keys() <= recipe.explicit
    other = fixed(given(preset="original", init="xavier", cell="gru"))
    assert (other.model.cell, other.model.init_range, other.model.recurrent_bias) == ("gru", None, True)


def test_original_leaves_the_loss_to_a_task_that_has_no_mean_squared_error():
    config = fixed(given(preset="original"))
    assert choose(config, TINY)[0].train.loss == "auto"
    assert choose(config, replace(TINY, task="binary", classes=2))[0].train.loss == "mse"
    asked = fixed(given(preset="original", loss="mse"))
    assert choose(asked, TINY)[0].train.loss == "mse"  # which the run refuses, as it was asked for


@pytest.mark.parametrize(
    ("preset", "options"),
    cases({"auto": ("auto", []), "original": ("original", []), "a mean": ("auto", ["--average", "2"])}),
)
def test_a_run_says_what_it_chose_and_its_file_repeats_it(preset, options, capsys):
    visits().to_csv("t.csv", index=False)
    words = ["train", "t.csv", "--id", "id", "--target", "y", "--task", "binary", "--epochs", "3", "--preset", preset]
    words += options
    first = result([*words, "-o", "first"], capsys)
    saved = tomllib.loads(Path("first/config.toml").read_text(encoding="utf-8"))
    assert saved["model"]["preset"] == preset
    if preset == "auto":
        assert first["preset"]["name"] == "auto"
        assert first["preset"]["size"] == "19 sequences of 6 steps, 2 classes"
        values = {choice["option"]: choice["value"] for choice in first["preset"]["choices"]}
        assert saved["model"]["cell"] == values["cell"] == "gru"
        assert saved["train"]["patience"] == values["patience"]
        assert all(choice["reason"] for choice in first["preset"]["choices"])
    again = result(["train", "--config", "first/config.toml", "-o", "again"], capsys)
    assert again["metrics"] == first["metrics"]
    assert "preset" not in again


@pytest.mark.parametrize("memory", [None, "900M"], ids=["memory", "disk"])
def test_labels_that_do_not_train_have_no_say(memory):
    """Neither in the choices nor in what is fitted before training: only the test part has other labels."""
    frame = visits(40)
    frame["part"] = np.repeat(np.where(np.arange(40) < 24, "train", np.where(np.arange(40) < 32, "valid", "test")), 6)
    other = frame.copy()
    kept_out = frame.part != "train"
    other.loc[kept_out, "y"] = np.where(frame.y[kept_out] == "low", "high", "low")
    runs = []
    for name, table in (("a.csv", frame), ("b.csv", other)):
        table.to_csv(name, index=False)
        runs.append(rnnfast.train(name, **QUICK, split_by="column:part", refit=False, memory=memory))
    assert runs[0].chosen == runs[1].chosen
    assert runs[0].model.config.train == runs[1].model.config.train


def test_a_table_in_blocks_gets_the_same_choices():
    visits(40).to_csv("t.csv", index=False)
    memory = rnnfast.train("t.csv", **QUICK)
    disk = rnnfast.train("t.csv", **QUICK, memory="900M")
    assert memory.chosen == disk.chosen


def test_only_verbose_runs_give_reasons(capsys):
    visits().to_csv("t.csv", index=False)
    words = ["train", "t.csv", "--id", "id", "--target", "y", "--epochs", "1", "--hidden", "4", "--cell", "rnn"]
    for flags, told in (([], False), (["-v"], True)):
        assert run([*words, *flags]) == 0
        shown = capsys.readouterr()
        assert ("--clip-norm 1.0: a bound" in shown.err) is told
        assert ("-v gives the reasons" in shown.err) is not told
        assert "try --epochs" not in shown.err, "no advice beside a course that the preset chose"


def test_an_unknown_preset_is_answered_with_those_that_there_are(capsys):
    with pytest.raises(UsageError, match=r"'fats' is not one of auto, best, fast, original; did you mean 'fast'\?"):
        given(preset="fats")
    assert "fast" in fails(["train", "t.csv", "--preset", "fats"], 2, capsys)
