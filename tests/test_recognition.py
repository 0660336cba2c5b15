"""Which whole numbers of a target are classes, and which a quantity, where nobody says it."""

import numpy as np
import pandas as pd
import pytest
from ids import cases

import rnnfast
import rnnfast.data.sequences.relabel
import rnnfast.data.sources.batches
from rnnfast.config.resolve import Config
from rnnfast.data.reading.request import Request
from rnnfast.data.reading.stores import stored_table
from rnnfast.data.sequences.budget import Budget, Phases
from rnnfast.errors import DataError, UsageError

BLOCKS = Budget(10**9, phases=Phases(batch=10**5, bucket=10**4, block=10**5, sample=10**7))
RANDOM = np.random.default_rng(0)


def shares(values, *of, count=400):
    """Whole numbers that occur so often, in a mixed order."""
    numbers = np.repeat(values, np.round(np.array(of) / np.sum(of) * count).astype(int))
    return RANDOM.permutation(numbers)


def sequences(labels, steps=3):
    """A table whose sequences have one label each, or with rows (sequences, steps) one for each step."""
    labels = np.asarray(labels, dtype=float)
    labels = np.repeat(labels[:, None], steps, axis=1) if labels.ndim == 1 else labels
    count, steps = labels.shape
    return pd.DataFrame(
        {
            "id": np.repeat(np.arange(count), steps),
            "t": np.tile(np.arange(steps), count),
            "x": np.arange(count * steps) % 7 / 7,
            "y": labels.reshape(-1),
        }
    )


def schema_and_notes(table, **options):
    data = rnnfast.read_table(table, **{"target": "y", "id": "id", "time": "t", **options})
    return data.schema, " ".join(data.notes)


CLASSES = {
    "digits": shares(range(10), *[1] * 10),
    "ratings from 1 to 5": shares([1, 2, 3, 4, 5], 5, 10, 20, 40, 25),
    "codes": shares([200, 404, 500], 90, 8, 2),
    "answers from -2 to 2": shares([-2, -1, 0, 1, 2], 10, 20, 30, 25, 15),
    "months": shares(range(1, 13), *[1] * 12),
    "three rare grades": shares([0, 1, 2], 90, 8, 2),
    "sixty shapes": shares(range(1, 61), *[1] * 60, count=600),
}
QUANTITIES = {
    "a count of mean 0.5": (shares(range(5), 606, 303, 76, 13, 2, count=1000), "ever rarer"),
    "a count of mean 3": (shares(range(9), 50, 149, 224, 224, 168, 101, 50, 22, 8), "ever rarer"),
    "a count with a gap in its tail": (shares([0, 1, 2, 3, 4, 5, 8, 13], 50, 25, 12, 6, 4, 2, 1, 1), "ever rarer"),
    "years": (shares(range(2010, 2020), *[1] * 10), "begin at 2010"),
    "ages": (np.clip(RANDOM.normal(45, 12, 400).round(), 18, 80), "more than 20 and the rarest"),
    "few cases": (np.arange(12) % 4, "3 sequences on the mean"),
    "a great many": (shares(range(300), *[1] * 300, count=6000), ""),
}


@pytest.mark.parametrize("labels", cases({name: (labels,) for name, labels in CLASSES.items()}))
def test_few_even_or_unordered_numbers_are_classes(labels):
    schema, notes = schema_and_notes(sequences(labels))
    assert schema.task == "multiclass"
    assert schema.classes == tuple(np.unique(labels))
    assert {type(value) for value in schema.classes} == {int}
    assert f"has {len(schema.classes)} different whole numbers" in notes
    assert "if they are a quantity, use --task regression" in notes


@pytest.mark.parametrize(("labels", "reason"), cases(QUANTITIES))
def test_counts_years_ages_and_rare_numbers_are_quantities(labels, reason):
    schema, notes = schema_and_notes(sequences(labels))
    assert (schema.task, schema.classes) == ("regression", ())
    assert reason in notes
    assert ("if they are classes, use --task multiclass" in notes) == bool(reason)


WALK = np.clip(np.cumsum(RANDOM.choice([-1, 0, 0, 1], (40, 60)), axis=1) + 6, 0, 12)
STEPS = {
    "remaining life": (np.tile(np.arange(9, -1, -1), (30, 1)), "regression"),
    "remaining life with a limit": (np.minimum(np.tile(np.arange(29, -1, -1), (30, 1)), 9), "regression"),
    "people in a room": (WALK, "regression"),
    "activities one after the other": (np.repeat(RANDOM.integers(1, 7, (20, 5)), 6, axis=1), "multiclass"),
    "a protocol in order": (np.repeat(np.tile(np.arange(1, 7), (20, 1)), 8, axis=1), "multiclass"),
    "direction of the wind": (RANDOM.integers(0, 16, (30, 20)), "multiclass"),
}


@pytest.mark.parametrize(("labels", "task"), cases(STEPS))
def test_the_course_along_a_sequence_tells_a_count_from_a_class(labels, task):
    table = sequences(labels)
    assert schema_and_notes(table)[0].task == task
    mixed = table.sample(frac=1, random_state=0)  # the order is that of the time, not of the file
    assert schema_and_notes(mixed)[0].task == task


def test_a_forecast_is_of_a_quantity():
    table = sequences(RANDOM.integers(0, 10, (30, 12)))
    for options in ({"horizon": 2}, {"horizon": "1..3"}, {"lag_target": True}):
        schema, notes = schema_and_notes(table, **options)
        assert schema.task == "regression"
        assert f"a forecast (--{next(iter(options)).replace('_', '-')})" in notes
    assert schema_and_notes(table, horizon=2, task="multiclass")[0].task == "multiclass"


def test_the_task_can_be_turned_round():
    digits, lives = sequences(CLASSES["digits"]), sequences(np.tile(np.arange(9, -1, -1), (30, 1)))
    assert schema_and_notes(digits, task="regression")[0].task == "regression"
    assert "whole numbers" not in schema_and_notes(digits, task="regression")[1]
    assert schema_and_notes(lives, task="multiclass")[0].classes == tuple(range(10))


def test_labels_are_indices_of_the_classes():
    table = sequences(CLASSES["codes"]).assign(y=lambda frame: frame["y"].where(frame["t"] > 0))
    data = rnnfast.read_table(table, target="y", id="id", time="t")
    place = {200: 0, 404: 1, 500: 2}
    np.testing.assert_array_equal(data.y[2::3, 0], [place[code] for code in table["y"][2::3]])
    assert np.isnan(data.y[::3]).all()


def test_arrays_are_judged_as_tables():
    X, y = RANDOM.normal(size=(400, 3, 2)), CLASSES["digits"]
    assert rnnfast.read_table((X, y)).schema.classes == tuple(range(10))
    assert rnnfast.read_table((X, y.astype(np.float32))).schema.classes == tuple(range(10))
    assert rnnfast.read_table((X, y + 0.5)).schema.task == "regression"


@pytest.mark.parametrize("table", cases({"classes": (CLASSES["codes"],), "a life": (STEPS["remaining life"][0],)}))
def test_blocks_are_judged_as_memory(table, tmp_path, monkeypatch):
    monkeypatch.setenv("RNNFAST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(rnnfast.data.sources.batches, "MOST_ROWS", 70)
    monkeypatch.setattr(rnnfast.data.sequences.relabel, "LABEL_ROWS", 110)
    path = tmp_path / "table.csv"
    sequences(table).sample(frac=1, random_state=1).to_csv(path, index=False)
    options = {"target": "y", "id": "id", "time": "t"}
    memory = rnnfast.read_table(path, **options)
    request = Request(Config().with_values(options, "test").data)
    with stored_table([str(path)], request, BLOCKS) as stored:
        whole = stored.read(0, stored.sequences)
        assert (stored.schema.task, stored.schema.classes) == (memory.schema.task, memory.schema.classes)
        assert [note for note in stored.notes if "whole numbers" in note] == [
            note for note in memory.notes if "whole numbers" in note
        ]
        np.testing.assert_array_equal(np.sort(whole.y, axis=0), np.sort(memory.y, axis=0))
        np.testing.assert_array_equal(whole.y, memory.y)


def test_messages_say_how_to_turn_it_round(tmp_path):
    table = sequences(CLASSES["codes"])
    schema, _ = schema_and_notes(table)
    with pytest.raises(DataError, match=r"is not one of the classes .* --task regression"):
        rnnfast.read_table(table.assign(y=301.0), schema=schema)
    with pytest.raises(UsageError, match=r"--loss mse: .* use --loss ce, or --task regression where"):
        rnnfast.train(table, target="y", id="id", time="t", loss="mse", epochs=0)
