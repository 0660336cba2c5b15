"""Options that are wrong, without effect or called otherwise elsewhere: what the command line and Python answer."""

import os
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ids import cases

import rnnfast
import rnnfast.data.reading.opening
from rnnfast.cli.train import train as command
from rnnfast.config.effects import NEEDS, check_effects, check_future
from rnnfast.config.resolve import Config, from_environment, table_of_option
from rnnfast.config.synonyms import NAMES, hint
from rnnfast.data.synth.generate import synth
from rnnfast.errors import DataError, UsageError
from rnnfast.training.class_weights import class_weights
from rnnfast.training.directory import table_name


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("values", "message"),
    cases(
        {
            "activation of a gru": ({"cell": "gru", "activation": "relu"}, "the activations of gru are fixed"),
            "activation of an own cell": ({"cell": "a.py:f", "activation": "relu"}, "of a.py:f are fixed"),
            "dropout after one layer": ({"dropout": 0.5}, "--dropout 0.5 has no effect: it is between layers"),
            "factor of a constant rate": ({"lr_gamma": 0.5}, "the learning rate has --schedule constant"),
            "steps of a cosine": ({"lr_step": 3, "schedule": "cosine"}, "has --schedule cosine"),
            "momentum of adam": ({"momentum": 0.5, "optimizer": "adam"}, "--optimizer adam has none"),
            "momentum of auto": ({"momentum": 0.5}, "--optimizer auto has none"),
            "range of xavier": ({"init_range": 0.1}, "weights are drawn by --init xavier"),
            "recurrent bias of an mlp": ({"cell": "mlp", "recurrent_bias": False}, "mlp has no recurrent weights"),
        }
    ),
)
def test_an_option_without_effect_is_refused(values, message):
    with pytest.raises(UsageError, match="leave it out") as caught:
        check_effects(Config().with_values(values, "train()"))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "values",
    cases(
        {
            "activation": {"activation": "relu"},
            "dropout": {"dropout": 0.5, "hidden": (4, 4)},
            "factor": {"lr_gamma": 0.5, "schedule": "exponential"},
            "steps": {"lr_step": 3, "schedule": "plateau"},
            "momentum": {"momentum": 0.5, "optimizer": "nesterov"},
            "range": {"init_range": 0.1, "init": "uniform"},
            "recurrent bias": {"cell": "lstm", "recurrent_bias": False},
        }
    ),
)
def test_an_option_with_effect_is_not(values):
    check_effects(Config().with_values(values, "train()"))


@pytest.mark.parametrize(
    ("values", "match"),
    cases(
        {
            "horizon": ({"horizon": 1}, "that a horizon asks for"),
            "lag": ({"lag_target": True}, "that --lag-target puts there"),
            "both": ({"horizon": "1..3", "lag_target": True, "window": 5}, "that a horizon asks for"),
        }
    ),
)
def test_a_second_direction_that_would_read_the_answer_is_refused(values, match):
    config = Config().with_values({"cell": "gru", "bidirectional": True, **values}, "train()")
    with pytest.raises(UsageError, match=match):
        check_future(config)
    check_future(config.with_values({"predict": "last"}, "train()"))
    check_future(config.with_values({"bidirectional": False}, "train()"))


def test_what_is_checked_for_effect_exists():
    tables = table_of_option()
    assert all(tables[need.option][0] == need.table for need in NEEDS)


def test_a_table_is_not_read_for_an_option_without_effect(capsys):
    assert "no effect" in fails(["train", "--data", "missing.csv", "--cell", "gru", "--activation", "elu"], 2, capsys)


def test_a_network_is_called_by_the_activation_that_it_has(capsys):
    synth("xor", "xor.csv", sequences=20)
    result(["train", "xor.csv", "--cell", "gru", "--hidden", "3", "--epochs", "1", "-o", "run"], capsys)
    assert result(["inspect", "run"], capsys)["activation"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    cases(
        {
            "a number": (["train", "x.csv", "--hidden", "16", "--hidden", "32"], "--hidden is there 2 times"),
            "a list": (["train", "x.csv", "--target", "a", "--target", "b"], "write --target COLUMN,..."),
            "a model": (["eval", "--model", "a", "--model", "b", "--data", "c"], "--model is there 2 times"),
            "a contradiction": (["train", "x.csv", "--shuffle", "--no-shuffle"], "--shuffle is there 2 times"),
            "short and long": (["train", "x.csv", "-o", "a", "--output", "b"], "--output is there 2 times"),
        }
    ),
)
def test_an_option_with_one_value_may_be_there_once(words, message, capsys):
    assert message in fails(words, 2, capsys)


def test_options_with_several_values_and_switches_may_be_repeated(capsys):
    for seed, name in enumerate(("a.csv", "b.csv")):
        synth("xor", name, sequences=20, seed=seed)
    words = ["train", "--data", "a.csv", "--data", "b.csv", "--ignore", "name,t", "-q", "-q", "--epochs", "0"]
    assert result([*words, "-o", "run"], capsys)["rows"] == 2 * len(Path("a.csv").read_text().splitlines()) - 2


@pytest.mark.parametrize(
    ("word", "option"),
    cases(
        {
            "keras rate": ("--learning-rate", "--lr"),
            "keras stopping": ("--early-stopping", "--patience"),
            "keras split": ("--validation-split", "--split"),
            "torch layers": ("--num-layers", "--hidden"),
            "sklearn seed": ("--random-state", "--seed"),
            "sklearn threads": ("--n-jobs", "--threads"),
            "underscores": ("--learning_rate", "--lr"),
            "graphics card": ("--gpu", "--device"),
            "spelling": ("--treads", "--threads"),
        }
    ),
)
def test_hints_go_by_meaning_before_spelling(word, option, capsys):
    assert f"no such option '{word}'; did you mean '{option}'?" in fails(["train", word, "1"], 2, capsys)


def test_python_files_and_variables_get_the_same_hints():
    with pytest.raises(UsageError, match=r"unknown option 'learning_rate'; did you mean 'lr'\?"):
        rnnfast.train("x.csv", learning_rate=0.1)
    with pytest.raises(UsageError, match=r"RNNFAST_EPOCH: there is no such option; did you mean 'RNNFAST_EPOCHS'\?"):
        from_environment({"RNNFAST_EPOCH": "4"})
    with pytest.raises(UsageError, match=r"did you mean 'RNNFAST_LR'\?"):
        from_environment({"RNNFAST_LEARNING_RATE": "4"})
    with pytest.raises(UsageError, match=r"did you mean 'RNNFAST_NO_COLOR'\?"):
        from_environment({"RNNFAST_NOCOLOR": "1"})


def test_no_hint_shadows_an_option_or_names_one_that_does_not_exist():
    flags = {option.name for option in command.params}
    others = {"model", "fail_under"}  # of eval and predict
    assert set(NAMES) <= flags | others
    assert not flags & {word for words in NAMES.values() for word in words.split()} - {"index"}
    assert hint("nothing_like_it", flags) == ""


def test_names_may_be_written_in_any_case(capsys):
    config = Config().with_values({"cell": "GRU", "optimizer": "Adam", "loss": "MSE"}, "train()")
    assert (config.model.cell, config.train.optimizer, config.train.loss) == ("gru", "adam", "mse")
    synth("xor", "xor.csv", sequences=20)
    words = ["train", "xor.csv", "--cell", "RNN", "--hidden", "3", "--optimizer", "SGD", "--epochs", "1", "-o", "run"]
    result(words, capsys)
    result(["eval", "--model", "run", "--data", "xor.csv", "--part", "Valid", "--fail-under", "AUROC=0"], capsys)


def test_a_percentage_is_answered_with_the_share():
    with pytest.raises(UsageError, match=r"--split: 80,20 is more than the whole.*did you mean 0.8,0.2\?"):
        Config().with_values({"split": "80,20"}, "--split")
    with pytest.raises(UsageError, match=r"more than the whole: shares add up to 1 at most$"):
        Config().with_values({"split": "0.9,0.3"}, "--split")


@pytest.mark.parametrize(
    ("source", "name"),
    cases(
        {
            "plain": ("tx.csv", "tx"),
            "packed": ("data/tx.csv.gz", "tx"),
            "dots": ("PRSA_data_2010.1.1-2014.12.31.csv.gz", "PRSA_data_2010.1.1-2014.12.31"),
            "words between dots": ("sales.march.parquet", "sales.march"),
            "a number at the end": ("part.2024", "part.2024"),
            "standard input": ("<stdin>", "stdin"),
            "hidden": (".csv", ".csv"),
        }
    ),
)
def test_a_run_is_named_by_the_whole_name_of_its_table(source, name):
    assert table_name(source) == name


def test_the_configuration_of_a_run_works_from_any_directory(capsys):
    synth("xor", "xor.csv", sequences=20)
    words = ["train", "xor.csv", "--valid", "xor.csv", "--hidden", "3", "--epochs", "1", "-o", "run"]
    first = result(words, capsys)
    text = Path("run/config.toml").read_text(encoding="utf-8")
    assert tomllib.loads(text)["data"]["data"] == [str(Path("xor.csv").absolute())]
    Path("elsewhere").mkdir()
    os.chdir("elsewhere")
    again = result(["train", "--config", "../run/config.toml", "-o", "again"], capsys)
    assert again["metrics"] == first["metrics"]


@pytest.mark.parametrize(
    ("option", "weights"),
    cases(
        {
            "none": (("none",), ()),
            "a number each": (("1", "3"), (1.0, 3.0)),
            "one by name": (("churn=2",), (1.0, 2.0)),
            "all by name": (("churn=2", "no=0.5"), (0.5, 2.0)),
            "balanced": (("balanced",), (0.5, 4.5)),
        }
    ),
)
def test_classes_weigh_by_name_or_in_their_order(option, weights):
    assert class_weights(option, ("no", "churn"), np.array([90, 10])) == pytest.approx(weights, rel=0.12)


@pytest.mark.parametrize(
    ("option", "message"),
    cases(
        {
            "unknown class": (("chrun=2",), "there is no class 'chrun'; did you mean 'churn'?"),
            "twice": (("churn=2", "churn=9"), "the class 'churn' has two weights"),
            "too many": (("1", "2", "3"), "or 2 numbers from 0 up; the classes are no, churn"),
            "mixed": (("churn=2", "1"), "give none, balanced, CLASS=WEIGHT"),
            "no number": (("churn=much",), "give none, balanced, CLASS=WEIGHT"),
            "negative": (("churn=-1",), "numbers from 0 up"),
        }
    ),
)
def test_wrong_class_weights_are_answered_with_the_classes(option, message):
    with pytest.raises(UsageError) as caught:
        class_weights(option, ("no", "churn"), np.array([90, 10]))
    assert message in str(caught.value)


@pytest.mark.parametrize("from_disk", [False, True], ids=["memory", "disk"])
def test_the_positive_class_can_be_chosen(from_disk, capsys, monkeypatch):
    if from_disk:
        monkeypatch.setattr(rnnfast.data.reading.opening, "needs_store", lambda names, budget, options: True)
    lines = ["id,x,y"] + [f"{n // 4},{n % 7},{'fraud' if n % 7 > 4 else 'paid'}" for n in range(160)]
    Path("tx.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = ["train", "tx.csv", "--id", "id", "--target", "y", "--hidden", "3", "--epochs", "2", "--memory", "900M"]
    result([*words, "-o", "plain"], capsys)
    chosen = result([*words, "-o", "chosen", "--positive", "fraud"], capsys)
    assert result(["inspect", "plain"], capsys)["classes"] == ["fraud", "paid"]
    assert result(["inspect", "chosen"], capsys)["classes"] == ["paid", "fraud"]
    shares = [result(["eval", "--model", run, "--data", "tx.csv"], capsys)["baseline"] for run in ("plain", "chosen")]
    assert shares[0]["auprc"] == pytest.approx(1 - shares[1]["auprc"])
    scores = result(["eval", "--model", "chosen", "--data", "tx.csv", "--part", "valid"], capsys)
    assert scores["metrics"] == pytest.approx(chosen["metrics"]["valid"])


@pytest.mark.parametrize(
    ("labels", "classes"),
    cases(
        {
            "German": (("ja", "nein"), ("nein", "ja")),
            "English": (("yes", "no"), ("no", "yes")),
            "normal": (("Attack", "Normal"), ("Normal", "Attack")),
            "signs": (("+", "-"), ("-", "+")),
            "neither": (("cat", "dog"), ("cat", "dog")),
            "both": (("none", "normal"), ("none", "normal")),
        }
    ),
)
def test_a_word_for_no_is_not_the_positive_class(labels, classes):
    frame = pd.DataFrame({"x": np.arange(60.0), "y": np.tile(labels, 30)})
    data = rnnfast.read_table(frame, target="y")
    assert data.schema.classes == classes
    assert data.y[:2, 0].tolist() == [classes.index(label) for label in labels]


@pytest.mark.parametrize(
    ("labels", "positive", "match"),
    cases(
        {
            "no class": (["ok", "fraud"], "fruad", "did you mean 'fraud'"),
            "three classes": (["a", "b", "c"], "a", "is for two classes, and there are 3"),
            "a quantity": ([0.5, 1.5, 2.5], "0.5", "the target is a quantity"),
        }
    ),
)
def test_a_positive_class_that_is_none_is_refused(labels, positive, match):
    frame = pd.DataFrame({"x": np.arange(60.0), "y": np.tile(labels, 60 // len(labels))})
    with pytest.raises(DataError, match=match):
        rnnfast.read_table(frame, target="y", positive=positive)


def test_take_by_a_mask_or_by_numbers(capsys):
    synth("xor", "xor.csv", sequences=6)
    data = rnnfast.read_table("xor.csv")
    mask = np.isin(data.ids, data.ids[[1, 4]])
    assert data.take(mask).ids.tolist() == data.take([1, 4]).ids.tolist() == data.ids[[1, 4]].tolist()
    with pytest.raises(UsageError, match="numbers from -1 to 2; they are 0 to 5"):
        data.take([-1, 2])
    with pytest.raises(UsageError, match="a mask of shape"):
        data.take([True, False])


def test_an_output_of_another_format_is_refused(capsys):
    for name in ("out.xlsx", "out.json", "out.csv.zip"):
        assert "the formats are .csv, .csv.gz and .parquet" in fails(
            ["predict", "--model", "run", "--data", "x.csv", "-o", name], 2, capsys
        )


def test_class_weights_may_be_a_mapping():
    assert Config().with_values({"class_weight": {"fraud": 5, "ok": 1}}, "train()").train.class_weight == (
        "fraud=5",
        "ok=1",
    )
