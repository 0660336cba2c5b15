import string
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ids import cases

from rnnfast.config.forms import seconds
from rnnfast.config.resolve import Config, flag_of, from_environment, read_toml, resolve, table_of_option
from rnnfast.errors import UsageError

OPTIONS = table_of_option()


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_source_wins_over_the_ones_below_it(tmp_path: Path) -> None:
    file = write(tmp_path, "[train]\nlr = 0.2\nepochs = 2\nseed = 2\n")
    environment = {"RNNFAST_LR": "0.3", "RNNFAST_EPOCHS": "3", "PATH": "/bin"}
    train = resolve({"lr": "0.4"}, file, environment).train
    assert (train.lr, train.epochs, train.seed, train.patience) == (0.4, 3, 2, 10)


def test_empty_and_foreign_variables_are_left_alone() -> None:
    assert from_environment({"RNNFAST_LR": "", "RNNFAST_NO_COLOR": "1", "LR": "2"}) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    cases(
        {
            "unknown key": (
                "[train]\nbatchsize = 2\n",
                "unknown key 'batchsize' under [train]; did you mean 'batch_size'?",
            ),
            "misspelt table": ("[trian]\nlr = 2\n", "unknown table [trian]; did you mean 'train'?"),
            "key of another table": ("[data]\nlr = 2\n", "key 'lr' belongs under [train], not [data]"),
            "key without table": ("lr = 2\n", "unknown table [lr]; did you mean 'lr' under [train]?"),
            "value for a table": ("train = 2\n", "[train] must be a table"),
            "not TOML": ("[train]\nlr = \n", "cannot be read as TOML"),
            "text for a number": ("[train]\nlr = 'fast'\n", "lr: 'fast' is not a number"),
            "not a number": ("[train]\nlr = nan\n", "is not finite"),
            "fraction for a whole number": ("[train]\nepochs = 1.5\n", "is not a whole number"),
            "bool for a whole number": ("[train]\nepochs = true\n", "is not a whole number"),
            "negative epochs": ("[train]\nepochs = -1\n", "below the least value, 0"),
            "zero rate": ("[train]\nlr = 0\n", "must be above 0"),
            "text for a bool": ("[train]\nshuffle = 'maybe'\n", "is not true or false"),
            "no duration": ("[train]\nmax_time = 'soon'\n", "is not a duration"),
            "misspelt choice": (
                "[model]\nactivation = 'tahn'\n",
                "leaky_relu, sigmoid, elu, swish, gelu, identity; did you mean 'tanh'?",
            ),
            "empty list": ("[model]\nhidden = []\n", "hidden: needs at least one value"),
            "shares above one": ("[data]\nsplit = [0.7, 0.5]\n", "more than the whole"),
            "shares without training": ("[data]\nsplit = [0.2, 0.2, 0.2]\n", "give the share that trains"),
            "misspelt split": (
                "[data]\nsplit_by = 'tine'\n",
                "'tine' is not one of sequence, time, column:NAME; did you mean 'time'?",
            ),
            "a horizon twice": ("[data]\nhorizon = [1, 3, 1]\n", "horizon: 1,3,1: one of them is there twice"),
            "a horizon of none": ("[data]\nhorizon = '0..7'\n", "0 is the step itself, the others are steps ahead"),
            "horizons backwards": ("[data]\nhorizon = '7..1'\n", "'7..1' is no range; write the lower end first"),
            "endless horizons": ("[data]\nhorizon = '1..99999'\n", "at most 1,000 numbers"),
            "column without its mark": ("[data]\nsplit_by = 'fold'\n", "column:NAME; did you mean column:fold?"),
            "column without name": ("[data]\nsplit_by = 'column:'\n", "is not one of"),
            "misspelt cell": (
                "[model]\ncell = 'grru'\n",
                "'grru' is not one of rnn, gru, lstm, lru, mingru, mlp, FILE.py:NAME; did you mean 'gru'?",
            ),
            "file without a cell": ("[model]\ncell = 'cells.py'\n", "FILE.py:NAME; did you mean cells.py:NAME?"),
        }
    ),
)
def test_errors_say_what_is_wrong_and_what_to_do(tmp_path: Path, text: str, message: str) -> None:
    file = write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        resolve({}, file, {})
    assert message in str(caught.value)


def test_a_cell_may_be_one_of_a_file() -> None:
    assert resolve({"cell": "my_cells.py:peephole"}, None, {}).model.cell == "my_cells.py:peephole"


def test_errors_name_their_source() -> None:
    with pytest.raises(UsageError, match=r"^--batch-size: '0.5' is not a whole number"):
        resolve({"batch_size": "0.5"}, None, {})
    with pytest.raises(UsageError, match=r"^environment variable RNNFAST_LR: lr: -1\.0 must be above 0"):
        resolve({}, None, {"RNNFAST_LR": "-1"})
    with pytest.raises(UsageError, match=r"train\(\): unknown option 'hiden'; did you mean 'hidden'"):
        Config().with_values({"hiden": 3}, "train()")
    with pytest.raises(UsageError, match="no such configuration file"):
        read_toml("missing.toml")


def test_texts_become_tuples_but_file_names_keep_their_commas() -> None:
    config = resolve({"target": "a, b", "hidden": "64,32", "data": ("x,y.csv", "z.csv")}, None, {})
    assert config.data.target == ("a", "b")
    assert config.model.hidden == (64, 32)
    assert config.data.data == ("x,y.csv", "z.csv")
    assert resolve({}, None, {"RNNFAST_DATA": "x,y.csv"}).data.data == ("x,y.csv",)


@pytest.mark.parametrize(
    ("text", "expected"),
    cases(
        {
            "bare seconds": ("90", 90),
            "seconds": ("90s", 90),
            "minutes": ("10m", 600),
            "hours": ("1.5h", 5400),
            "none": (None, None),
        }
    ),
)
def test_durations(text: str | None, expected: float | None) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "s", "-3s", "0", "nan", "inf", "1d"],
    ids=["empty", "unit alone", "negative", "zero", "nan", "infinite", "days"],
)
def test_bad_durations(text: str) -> None:
    with pytest.raises(UsageError):
        seconds(text)


def value_of(name: str) -> st.SearchStrategy[Any]:
    """Values that an option accepts."""
    declared = OPTIONS[name][1]
    meta = declared.metadata
    if name == "split":
        return st.sampled_from([(0.8,), (0.7, 0.15), (1.0,), (1e-5, 0.3)])
    if name == "horizon":
        return st.sampled_from([(0,), (7,), (1, 3, 7)])
    if name == "patch":
        return st.sampled_from([(), (4,), (8, 3)])
    if name == "conv":
        return st.sampled_from([(), (3,), (5, 3)])
    if name == "embed":
        return st.sampled_from([(), ("town",), ("town=8", "region")])
    if name == "static":
        return st.sampled_from([(), ("age",), ("age", "height")])
    if name == "augment":
        return st.sampled_from([(), ("drop",), ("drop=0.2", "mixup")])
    if name == "split_by":  # other rules exclude other options
        return st.just("sequence")
    if name == "threshold":
        return st.sampled_from(["0.5", "f1", "cost:fp=1,fn=50", "precision>=0.9"])
    if name == "checkpoint":
        return st.sampled_from(["60s", "10m", "5epochs", "off"])
    if name in ("max_time", "budget"):
        return st.sampled_from([None, "90s", "10m"])
    one: st.SearchStrategy[Any]
    if meta["choices"]:
        one = st.sampled_from(tuple(meta["choices"]))
    elif meta["kind"] is bool:
        one = st.booleans()
    elif meta["kind"] is int:
        one = st.integers(min_value=int(meta["least"] or 0), max_value=2**60)
    elif meta["kind"] is float:
        below = meta["below"]
        one = st.floats(1e-300, 1e300 if below is None else below, exclude_max=below is not None)
    else:
        one = st.text(alphabet=st.characters(exclude_categories=("Cs",)), min_size=1)
    if meta["many"]:
        if meta["kind"] is str and meta["separator"]:  # of names, the space around them is dropped
            one = one.map(str.strip).filter(bool)
        return st.lists(one, min_size=1 if declared.default else 0, max_size=3).map(tuple)
    return one if declared.default is not None else st.none() | one


@settings(deadline=None)
@given(st.fixed_dictionaries({name: value_of(name) for name in OPTIONS}))
def test_toml_round_trip(tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]) -> None:
    config = Config().with_values(values, "test")
    path = write(tmp_path_factory.mktemp("toml"), config.to_toml())
    assert resolve({}, path, {}) == config


def test_every_option_has_help_and_belongs_to_one_table() -> None:
    names = [declared.name for table in Config().tables.values() for declared in fields(table)]
    assert len(names) == len(set(names)) == len(OPTIONS)
    for name, (_, declared) in OPTIONS.items():
        assert declared.metadata["help"], name
        assert set(flag_of(name)) <= set(string.ascii_lowercase + "-")
