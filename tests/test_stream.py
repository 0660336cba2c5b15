"""Rows as they come: the answers of a stream are those of `predict`, whatever a model makes of a row and its past."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from ids import cases
from tolerances import ANSWERS

import rnnfast
from rnnfast.errors import DataError, UsageError

IDS, STEPS = 4, 9
MIXED = {"features": ("a", "b"), "categorical": ("kind",)}

every_model = pytest.mark.parametrize(
    "options",
    cases(
        {
            "registers": ({"target": "hot", "features": ("a",)},),
            "gru": ({"target": "y", "features": ("a",), "cell": "gru"},),
            "last": ({"target": "y", "features": ("a",), "predict": "last"},),
            "categories": ({"target": "y", **MIXED, "missing": "mean", "missing_indicator": True},),
            "carried": ({"target": "y", **MIXED, "missing": "ffill"},),
            "ranks": ({"target": "y", "features": ("a",), "scale": "rank"},),
            "derived": ({"target": "y", **MIXED, "missing": "mean", "delta": True, "time_delta": "log"},),
            "calendar": ({"target": "y", "features": ("a",), "calendar": True},),
            "lag": ({"target": "y", "features": ("a",), "lag_target": True},),
            "changes": ({"target": "y", "features": ("a",), "horizon": 2, "difference": True},),
            "windows": ({"target": "y", "features": ("a",), "window": 3, "cell": "lstm"},),
            "windows with lags": ({"target": "y", "features": ("a",), "window": 3, "lag_target": True},),
            "windows of a row": ({"target": "y", "features": ("a",), "window": 1},),
            "windows of a row with a class": ({"target": "hot", "features": ("a",), "window": 1, "predict": "last"},),
            "front": ({"target": "y", "features": ("a",), "conv": (3, 2), "cell": "gru"},),
            "front in windows": ({"target": "y", "features": ("a",), "window": 4, "conv": (3,), "cell": "gru"},),
            "no memory": ({"target": "y", "features": ("a",), "cell": "mlp", "window": 3},),
            "pooled": ({"target": "y", "features": ("a",), "head": "all", "cell": "gru"},),
            "ensemble": ({"target": "hot", "features": ("a",), "ensemble": 2},),
        }
    ),
)


def table(seed=0):
    """Rows of some ids, one after the other in time."""
    rng = np.random.default_rng(seed)
    rows = IDS * STEPS
    frame = pd.DataFrame(
        {
            "id": np.tile([f"s{n}" for n in range(IDS)], STEPS),
            "time": (pd.Timestamp("2024-01-30 20:00") + pd.to_timedelta(np.arange(rows) * 7, "min")).astype(str),
            "a": rng.normal(size=rows),
            "b": np.where(rng.random(rows) < 0.3, np.nan, rng.normal(size=rows)),
            "kind": rng.choice(["red", "green"], rows),
            "y": rng.normal(size=rows).round(3),
        }
    )
    return frame.assign(hot=np.where(frame.y > 0, "yes", "no"))


def trained(**options):
    """A model of these options; one for all tests that ask for it."""
    return _trained(tuple(options.items()))


@cache
def _trained(items):
    options = dict(items)
    settings = {"id": "id", "time": "time", "hidden": (5,), "epochs": 1, "dtype": "float64", "preset": "fast"}
    return rnnfast.train(table(), **{**settings, **options}).model


def answers_of(model, frame):
    """What `predict` says of all rows, (rows, O); of models of the last step for all rows up to each."""
    if model.schema.predict == "every":
        data = rnnfast.read_table(frame, schema=model.schema, require_target=False)
        predicted = np.empty((len(frame), model.schema.outputs))
        predicted[data.row] = model.predict(data)
        return predicted
    until = (frame[frame.id == frame.id[n]].loc[:n] for n in range(len(frame)))
    return np.array([model.predict(rnnfast.read_table(rows, schema=model.schema))[-1] for rows in until])


@every_model
def test_answers_are_those_of_predict(options):
    model, new = trained(**options), table(1)
    expected = answers_of(model, new)
    stream = model.stream()
    alone = np.array([stream.step(row["id"], row) for row in new.to_dict("records")])
    np.testing.assert_allclose(alone, expected, rtol=ANSWERS, atol=ANSWERS)


@every_model
def test_how_many_rows_come_at_a_time_changes_no_bit(options):
    model, new = trained(**options), table(1)
    alone, together = model.stream(), model.stream()
    one = np.array([alone.step(row["id"], row) for row in new.to_dict("records")])
    pieces = [new.iloc[:5], new.iloc[5:6], new.iloc[6:]]
    several = np.concatenate([together.step_many(piece["id"], piece.reset_index(drop=True)) for piece in pieces])
    np.testing.assert_array_equal(several, one)


PLAIN = {"target": "hot", "features": ("a",), "dtype": "float32"}


def plain_rows(count=12, ids=3):
    """Ids and rows of numbers for a model of one feature."""
    return [f"s{k % ids}" for k in range(count)], np.random.default_rng(3).normal(size=(count, 1))


def test_the_register_engine_has_the_bits_of_predict():
    model, new = trained(**PLAIN), table(1)
    stream = model.stream()
    steps = [stream.step(id, [value]) for id, value in zip(new.id, new.a, strict=True)]
    np.testing.assert_array_equal(steps, answers_of(model, new).astype(np.float32))


def test_one_row_of_numbers_is_the_same_as_several():
    ids, rows = plain_rows()
    alone, together = (trained(**PLAIN).stream() for _ in range(2))
    np.testing.assert_array_equal(
        [alone.step(id, row) for id, row in zip(ids, rows, strict=True)], together.step_many(ids, rows)
    )
    assert alone.stats() == together.stats()


@pytest.mark.parametrize("size", [1, 12], ids=["alone", "together"])
def test_the_least_recently_used_state_goes_first(size):
    ids, rows = list("abcabacab"), np.ones((9, 1))
    stream, free = (trained(**PLAIN).stream(max_ids=count) for count in (2, 9))
    answers = [stream.step_many(ids[k : k + size], rows[k : k + size]) for k in range(0, 9, size)]
    fresh = free.step("new", [1.0])
    begun = [bool((answer == fresh).all()) for answer in np.concatenate(answers)]
    # a b | c evicts a | a evicts b | b evicts c | a | c evicts b | a | b evicts c
    assert begun == [True, True, True, True, True, False, True, False, True]
    assert stream.stats() == {"rows": 9, "late": 0, "expired": 0, "resets": 0, "ids": 2, "evicted": 5}


def test_a_state_that_waits_too_long_is_forgotten(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("rnnfast.model.live.stream.time", lambda: now[0])
    stream = trained(**PLAIN).stream(ttl=10)
    first = stream.step("a", [1.0])
    now[0] += 9
    assert (stream.step("a", [1.0]) != first).all()
    now[0] += 11
    np.testing.assert_array_equal(stream.step("a", [1.0]), first)
    assert stream.stats()["expired"] == 1


def timed(times, **limits):
    """Answers to rows of one id at these times, and the stream."""
    stream = trained(**PLAIN).stream(**limits)
    rows = [{"time": time, "a": 1.0} for time in times]
    return np.array([stream.step("a", row) for row in rows])[:, 0], stream


def test_a_leap_in_time_begins_anew():
    answers, _ = timed([f"2024-01-01 {clock}" for clock in ("10:00", "10:01", "10:03", "10:04")], max_gap=60)
    assert (answers[2], answers[3]) == (answers[0], answers[1])
    assert answers[0] != answers[1]


def test_late_rows_change_nothing():
    answers, stream = timed([1, 5, 3, 6])
    ordered, _ = timed([1, 5, 6])
    assert np.isnan(answers[2])
    np.testing.assert_array_equal(answers[[0, 1, 3]], ordered)
    assert stream.stats()["late"] == 1


def test_late_rows_are_late_among_others_too():
    stream = trained(**PLAIN).stream()
    frame = pd.DataFrame({"time": [1, 5, 3, 6, 5], "a": 1.0})
    answers = stream.step_many(["a"] * 5, frame)[:, 0]
    assert np.isnan(answers).tolist() == [False, False, True, False, True]


def test_reset_forgets():
    stream = trained(**PLAIN).stream()
    first = stream.step("a", [1.0])
    stream.step("b", [1.0])
    stream.reset("a")
    np.testing.assert_array_equal(stream.step("a", [1.0]), first)
    stream.reset()
    assert stream.stats()["ids"] == 0


@pytest.mark.parametrize("kind", [list, np.float32, np.int64, object], ids=["list", "short", "whole", "objects"])
def test_numbers_of_a_row_may_be_of_any_kind(kind):
    row = [2] if kind is list else np.array([2], kind)
    expected = trained(**PLAIN).stream().step("a", np.array([2.0]))
    np.testing.assert_array_equal(trained(**PLAIN).stream().step("a", row), expected)


@pytest.mark.parametrize(
    ("row", "message"),
    cases(
        {
            "length": ([1.0, 2.0], "expected 1 numbers, a"),
            "text": (["x"], "expected 1 numbers, a"),
            "another array": (np.ones(2), "expected 1 numbers, a"),
            "an array of arrays": (np.ones((2, 1)), "expected 1 numbers, a"),
            "no row": (1.0, "expected 1 numbers, a"),
            "nan": ([float("nan")], "column 'a' is nan"),
            "infinite": (np.array([-np.inf]), "column 'a' is -inf"),
            "empty cell": ({"time": 3}, "column 'a': the cell is empty"),
            "no time": ({"a": 1.0}, "time"),
        }
    ),
)
def test_a_bad_row_is_refused_and_leaves_the_state(row, message):
    stream, undisturbed = (trained(**PLAIN).stream() for _ in range(2))
    stream.step("a", [1.0])
    with pytest.raises(DataError, match=message):
        stream.step("a", row)
    undisturbed.step("a", [1.0])
    np.testing.assert_array_equal(stream.step("a", [2.0]), undisturbed.step("a", [2.0]))


@pytest.mark.parametrize(
    ("options", "message"),
    cases(
        {
            "both directions": ({"cell": "gru", "bidirectional": True}, "bidirectional"),
            "patches": ({"cell": "gru", "patch": (2,)}, "--patch"),
        }
    ),
)
def test_models_that_need_later_rows_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        trained(target="y", features=("a",), **options).stream()
