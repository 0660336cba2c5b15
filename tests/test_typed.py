"""What editors and type checkers see: options as types, and a package that says it has types."""

from pathlib import Path

import pytest
import typed_options

import rnnfast
from rnnfast.config.resolve import table_of_option
from rnnfast.config.typed import ReadOptions, TrainOptions
from rnnfast.errors import UsageError


def test_the_types_of_the_options_follow_from_their_declarations():
    written = typed_options.PATH.read_text(encoding="utf-8")
    assert written == typed_options.source(), "run python tests/typed_options.py"


def test_every_option_of_a_run_has_a_type():
    assert TrainOptions.__annotations__.keys() == table_of_option().keys() - {"data", "valid", "test", "output"}
    assert ReadOptions.__annotations__.keys() < TrainOptions.__annotations__.keys()


def test_each_option_is_explained():
    text = f"{ReadOptions.__doc__}{TrainOptions.__doc__}"
    assert all(f"    {name}: " in text for name in TrainOptions.__annotations__)
    assert "--" not in text


def test_the_package_says_that_it_has_types():
    assert (Path(rnnfast.__file__).parent / "py.typed").is_file()


def test_train_refuses_to_write():
    with pytest.raises(UsageError, match=r"output: train\(\) writes nothing; .*result\.model\.save"):
        rnnfast.train("table.csv", output="runs/x")


def test_a_path_is_a_text():
    with pytest.raises(rnnfast.RnnfastError, match=r"missing\.safetensors"):
        rnnfast.train([[[0.0]], [[1.0]], [[2.0]]], [0, 1, 0], init_from=Path("missing.safetensors"))
