"""`--predict auto`: the labels that train decide which steps are predicted, those of the other parts have no say."""

import numpy as np
import pandas as pd
import pytest

import rnnfast
from rnnfast.config.sections import DataConfig
from rnnfast.data import read_table, split
from rnnfast.data.reading.request import Request
from rnnfast.data.reading.stores import stored_table
from rnnfast.data.sequences.budget import Budget, Phases
from rnnfast.data.sequences.predict import EVERY, LAST, constancy
from rnnfast.reporter import Reporter

OPTIONS = {"id": "id", "time": "t", "target": ("y",), "features": ("x",), "split_by": "column:part", "cache": False}
RUN = {"preset": "fast", "hidden": 2, "epochs": 1, "split_by": "column:part"}
CHANGING = {"train": 7, "valid": 8}  # sequences of these parts


class Listener(Reporter):
    def table(self, data):
        self.notes = data.notes


def frame(changing, labels=("no", "yes", "may")):
    """Sixty sequences of two to six steps with one label each, but for `changing`, whose label changes."""
    random = np.random.default_rng(0)
    lengths = random.integers(2, 7, 60)
    table = pd.DataFrame({"id": np.repeat(np.arange(60), lengths), "t": np.arange(lengths.sum())})
    table["x"] = random.normal(size=len(table))
    table["part"] = np.where(table["id"] % 4 == 0, "valid", "train")
    table["y"] = np.repeat(random.choice(labels, 60), lengths)
    for name in changing:
        table.loc[(table["id"] == name).to_numpy().nonzero()[0][0], "y"] = labels[0]
        table.loc[(table["id"] == name).to_numpy().nonzero()[0][-1], "y"] = labels[1]
    return table


@pytest.mark.parametrize(("part", "rule"), [("valid", "last"), ("train", "every")])
def test_the_training_part_decides(part, rule):
    listener, table = Listener(), frame([CHANGING[part]])
    result = rnnfast.train(table, reporter=listener, **{**OPTIONS, **RUN})
    assert result.model.schema.predict == rule
    assert [note for note in listener.notes if note in (LAST, EVERY)] == [LAST if rule == "last" else EVERY]
    assert read_table(table, **OPTIONS).schema.predict == "every"  # all rows are those that it knows


def test_a_table_that_is_read_already_is_decided_again():
    data = read_table(frame([CHANGING["valid"]]), **OPTIONS)
    assert EVERY in data.notes
    parts = split(data, by="column:part")
    assert {part.schema.predict for part in parts.named().values()} == {"last"}
    assert LAST in parts.train.notes
    assert EVERY not in parts.train.notes
    assert rnnfast.train(data, **RUN).model.schema.predict == "last"


def test_what_was_asked_for_stays():
    data = read_table(frame([]), **OPTIONS, predict="every")
    assert split(data, by="column:part").train.schema.predict == "every"


def test_the_draw_of_parts_does_not_depend_on_the_steps_that_are_predicted():
    auto, every = (split(read_table(frame([]), **OPTIONS, predict=rule), (0.8,)) for rule in ("auto", "every"))
    assert (auto.train.schema.predict, every.train.schema.predict) == ("last", "every")
    assert auto.train.ids.tolist() == every.train.ids.tolist()


def test_blocks_decide_as_memory_does(tmp_path):
    path = tmp_path / "table.csv"
    frame([CHANGING["valid"]]).to_csv(path, index=False)
    request = Request(DataConfig(**{**OPTIONS, "cache": False}))
    small = Budget(10**9, phases=Phases(batch=10**5, bucket=500, block=200, sample=10**6))
    with stored_table([str(path)], request, small) as table:
        assert len(table.runs().first) > 5
        assert split(table, by="column:part").train.schema.predict == "last"
        assert table.rule() == "every"


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_the_rule_does_not_depend_on_the_blocks(parts):
    data = read_table(frame([]), **OPTIONS)
    for name, changing in {"last": [], "every": [59]}.items():
        data = read_table(frame(changing), **OPTIONS)
        groups = np.array_split(np.arange(data.sequences), parts)
        assert constancy((piece.y, piece.offsets) for piece in map(data.take, groups)).rule == name
