"""What Python and a notebook show of an object by its name alone: a few lines, and no array."""

import copy
import pickle
from html.parser import HTMLParser

import pandas as pd
import pytest

import rnnfast
from rnnfast.config.sections import DataConfig
from rnnfast.data import split
from rnnfast.data.reading.request import Request
from rnnfast.data.reading.stores import stored_table
from rnnfast.data.sequences.budget import Budget

HOSTILE = "<script>alert('x')</script>&\n" + "-".join(["long"] * 100)
COUNT, STEPS = 10, 4


def visits(target="up"):
    rows = COUNT * STEPS
    columns = {"id": [row // STEPS for row in range(rows)], "pulse": [float(row % 7) for row in range(rows)]}
    return pd.DataFrame(columns | {target: [(row // 2) % 2 for row in range(rows)]})


@pytest.fixture(scope="module")
def objects():
    data = rnnfast.read_table(visits(), target="up")
    result = rnnfast.train(data, hidden=4, epochs=2, split=(0.6, 0.2))
    parts = split(data, (0.8,), 0, "sequence")
    return {
        "data": data,
        "result": result,
        "model": result.model,
        "evaluation": result.evaluations["valid"],
        "parts": parts,
    }


NAMES = ["data", "result", "model", "evaluation", "parts"]


@pytest.mark.parametrize("name", NAMES)
def test_an_object_is_shown_in_a_few_lines_without_arrays(objects, name):
    lines = repr(objects[name]).splitlines()
    assert 2 <= len(lines) <= 5
    assert all(len(line) <= 110 for line in lines)
    assert lines[0].startswith(type(objects[name]).__name__ + ": ")
    assert "array" not in repr(objects[name])


def test_lines_say_what_an_object_is(objects):
    assert repr(objects["data"]).splitlines() == [
        "SequenceData: 40 rows in 10 sequences of 4 steps",
        "  table   <DataFrame>",
        "  inputs  1 (pulse)",
        "  target  up (binary: 0, 1) at every step, 40 labels",
    ]
    assert repr(objects["model"]).startswith("Model: rnn 4, a linear part, 33 parameters, float32\n  inputs  ")


def test_a_stored_table_is_shown_as_one_in_memory(objects, tmp_path):
    visits().to_csv(tmp_path / "visits.csv", index=False)
    request = Request(DataConfig(target=("up",), cache=False))
    with stored_table([str(tmp_path / "visits.csv")], request, Budget(10**9)) as table:
        assert repr(table).splitlines()[0] == "StoredSequences: 40 rows in 10 sequences of 4 steps"
        assert repr(table).splitlines()[2:] == repr(objects["data"]).splitlines()[2:]


def test_no_sequences_are_shown_as_such(objects):
    assert repr(objects["data"].take([])).startswith("SequenceData: 0 rows in 0 sequences")


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.names, self.texts = set(), []

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_shows_the_same_lines_as_a_table(objects, name):
    tags = Tags()
    tags.feed(objects[name]._repr_html_())
    assert tags.names <= {"table", "caption", "b", "tr", "th", "td"}
    shown = repr(objects[name])
    assert all(text in shown or text.startswith(": ") for text in tags.texts)
    assert len(tags.texts) == 2 * len(shown.splitlines())


def test_names_of_columns_are_text_in_a_notebook_and_one_line_anywhere():
    data = rnnfast.read_table(visits(HOSTILE), target=[HOSTILE])
    tags = Tags()
    tags.feed(data._repr_html_())
    assert tags.names <= {"table", "caption", "b", "tr", "th", "td"}
    assert len(repr(data).splitlines()) == 4


@pytest.mark.parametrize("name", NAMES)
def test_objects_are_equal_only_to_themselves(objects, name):
    thing, other = objects[name], copy.copy(objects[name])
    assert thing == thing
    assert thing != other
    assert thing in {thing: 1}
    assert len({thing, other}) == 2


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))], ids=["copy", "deep", "pickle"]
)
def test_copies_show_the_same(objects, name, again):
    assert repr(again(objects[name])) == repr(objects[name])
