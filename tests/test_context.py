"""Rows are answered with a full window of rows before them, wherever the table has one, whatever part they are in."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rnnfast.cells import built_in
from rnnfast.config.resolve import Config
from rnnfast.data import read_table, split
from rnnfast.data.sequences import entry
from rnnfast.errors import DataError
from rnnfast.training.prepare import initial_model

WINDOW = 5
LENGTHS = (13, 5, 1, 8, 11)  # rows of each id
SHAPES = {
    "registers": {"cell": "rnn", "hidden": (4,)},
    "gru": {"cell": "gru", "hidden": (6,)},
    "lstm of two layers, float64": {"cell": "lstm", "hidden": (5, 3), "dtype": "float64"},
    "both directions": {"cell": "gru", "hidden": (4, 3), "bidirectional": True},
    "attention without state": {"cell": "mlp", "hidden": (4,), "head": "attention"},
    "convolutions": {"cell": "gru", "hidden": (6,), "conv": (3, 2)},
    "no state": {"cell": "mlp", "hidden": (4,)},
    "no state, convolutions": {"cell": "mlp", "hidden": (4,), "conv": (2, 2)},
    "no state, convolution of more than a window": {"cell": "mlp", "hidden": (4,), "conv": (9,)},
}
TABLES = {
    "ids": {"id": "id"},
    "no id": {"id": None, "ignore": ("id",)},
    "horizon": {"id": "id", "horizon": 2},
    "horizon and lag": {"id": None, "ignore": ("id",), "horizon": 2, "lag_target": True},
    "lag": {"id": "id", "lag_target": True},
}
STRIDES = {"end to end": None, "overlapping": 2, "rows between": 7}


def frame(lengths=LENGTHS, seed=0):
    """A table of quantities; ids beside each other."""
    random, rows = np.random.default_rng(seed), sum(lengths)
    columns = {"id": np.repeat([f"k{j}" for j in range(len(lengths))], lengths), "t": np.arange(rows)}
    return pd.DataFrame(columns | {name: random.normal(size=rows) for name in ("a", "b", "y")})


def read(table, **options):
    return read_table(table, **{"time": "t", "target": "y", "features": ("a", "b"), "window": WINDOW, **options})


def model_for(data, **shape):
    """A network with its initial weights, fitted to a table."""
    config = Config().with_values({"missing": "mean", "seed": 3, **shape}, "test")
    return initial_model(data, config, built_in(config.model.cell))


def by_hand(model, whole, bidirectional):
    """The answer of each row of a table, (rows,): that of a sequence of its own, cut out of its id.

    whole: the ids uncut, whose lags are those of the row before.
    """
    ahead = whole.schema.horizon or whole.schema.lag_target
    answers = np.empty(whole.rows)
    for row in range(whole.rows):
        begin, end = (whole.offsets[np.searchsorted(whole.offsets, row, side="right") - 1 + k] for k in (0, 1))
        first = last = row  # of its cell
        if not (bidirectional and ahead):
            first = begin + (row - begin) // WINDOW * WINDOW
            last = first + WINDOW - 1
        first, last = (
            max(begin, first - WINDOW + 1),
            min(end, last + WINDOW) if bidirectional and not ahead else row + 1,
        )
        rows = slice(first, last)
        fields = dict.fromkeys(("time", "key", "label_row", "naive", "start", "around"))
        alone = replace(
            whole, **fields, x=whole.x[rows], y=whole.y[rows], row=whole.row[rows], offsets=np.array([0, last - first])
        )
        answers[row] = model.outputs(alone)[row - first, 0]
    return answers


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if "no state" not in shape])
def test_each_row_sees_a_window_before_it(shape, table, stride):
    data = read(frame(), **{**TABLES[table], "stride": STRIDES[stride]})
    model = model_for(data, **SHAPES[shape])
    uncut = {**TABLES[table], "id": "id"} if TABLES[table]["id"] else {**TABLES[table], "window": sum(LENGTHS)}
    whole = read(frame(), **{"window": None, **uncut})
    expected = by_hand(model, whole, SHAPES[shape].get("bidirectional", False))
    np.testing.assert_allclose(model.outputs(data)[:, 0], expected[data.row], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("by", ["sequence", "time", "column:part"])
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_part_is_answered_as_its_table_is(shape, stride, by):
    table = frame((40,)).assign(part=np.repeat(["train", "valid", "train", "test"], [13, 9, 11, 7]))
    options = {"id": None, "ignore": ("id", "part"), "stride": STRIDES[stride], "split_by": by, "lag_target": True}
    data = read(table, **{**options, "ignore": ("id",)} if "column" in by else options)
    model = model_for(data, **SHAPES[shape])
    answers = dict(zip(data.row.tolist(), model.predict(data).tolist(), strict=True))
    for part in split(data, (0.6, 0.2), 1, by).named().values():
        expected = [answers[row] for row in part.row.tolist()]
        np.testing.assert_allclose(model.predict(part), expected, rtol=1e-4, atol=1e-6)


def test_the_last_row_does_not_depend_on_where_windows_are_cut():
    options = {"id": None, "ignore": ("id",), "horizon": 1, "lag_target": True}
    whole = read(frame((40,)), **options)
    model = model_for(whole, cell="gru")
    answers = model.predict(whole)
    for rows in range(3, 41):
        assert model.predict(read(frame((40,))[:rows], **options))[-1] == pytest.approx(answers[rows - 1], rel=1e-5)


def test_nothing_of_another_id_is_seen():
    table = frame()
    model = model_for(read(table, id="id"), cell="gru")
    answers = model.predict(read(table, id="id"))
    others = table["id"] != "k3"
    table.loc[others, ["a", "b"]] = 1e3
    np.testing.assert_allclose(model.predict(read(table, id="id"))[~others], answers[~others], rtol=1e-5)


@pytest.mark.parametrize("options", [{"horizon": 2}, {"lag_target": True}], ids=["horizon", "lag"])
def test_nothing_later_is_seen_by_two_directions_that_are_asked_for_it(options):
    table = frame((20,))
    model = model_for(read(table, id="id", **options), cell="gru", bidirectional=True)
    answers = model.predict(read(table, id="id", **options))
    table.loc[13:, ["a", "b", "y"]] += 1
    later = model.predict(read(table, id="id", **options))
    np.testing.assert_allclose(later[:13], answers[:13], rtol=1e-5)
    assert (np.abs(later[13:] - answers[13:]) > 1e-3).all()


def test_the_end_of_an_id_cut_in_time_is_answered_with_its_begin():
    whole = read(frame((9, 12, 7)), id="id", window=None)
    model = model_for(whole, cell="lstm")
    answers = dict(zip(whole.row.tolist(), model.predict(whole).tolist(), strict=True))
    valid = split(whole, (0.5,), 0, "time").valid
    assert set(valid.index.start) - set(whole.offsets)
    np.testing.assert_allclose(model.predict(valid), [answers[row] for row in valid.row.tolist()], rtol=1e-5)


@pytest.mark.parametrize("lag", [True, False], ids=["lag", "no lag"])
def test_a_cell_without_state_is_asked_each_row_by_itself(lag):
    data = read(frame(), id="id", stride=2, lag_target=lag)
    model = model_for(data, cell="mlp")
    whole = read(frame(), id="id", window=None, lag_target=lag)
    np.testing.assert_allclose(model.predict(data), model.predict(whole)[data.row], rtol=1e-5)


def test_rows_of_several_windows_are_scored_once():
    data = read(frame(), id="id", stride=2)
    model = model_for(data, cell="gru")
    assert data.labelled_steps > sum(LENGTHS)
    scores, end_to_end = model.evaluate(data), model.evaluate(read(frame(), id="id"))
    assert scores.labelled_steps == end_to_end.labelled_steps == sum(LENGTHS)
    assert scores.metrics == end_to_end.metrics
    answers = dict(zip(data.row.tolist(), model.predict(data).tolist(), strict=True))
    backwards = data.take(np.arange(data.sequences)[::-1])
    assert model.evaluate(backwards).metrics == scores.metrics
    np.testing.assert_array_equal(model.predict(backwards), [answers[row] for row in backwards.row.tolist()])


def test_a_last_step_is_answered_once_for_each_window_and_short_ones_are_filled_up():
    data = read(frame((12,)), id="id", predict="last")
    assert data.lengths.tolist() == [5, 5, 2]
    model = model_for(data, cell="gru")
    sliding = read(frame((12,)), id="id", predict="last", stride=1)
    last, ends = model.predict(data)[data.offsets[1:] - 1], model.predict(sliding)[sliding.offsets[1:] - 1]
    np.testing.assert_allclose(last, ends[[0, 5, 7]], rtol=1e-5)
    assert model.evaluate(data).labelled_steps == 3
    assert model.evaluate(sliding).labelled_steps == 8


@pytest.mark.parametrize("stride", [None, 2], ids=["end to end", "overlapping"])
def test_what_a_part_says_of_its_rows_counts(stride):
    data = read(frame((40,)), id="id", stride=stride)
    model = model_for(data, cell="gru")
    valid = split(data, (0.5,), 0, "time").valid
    before = model.predict(valid)
    valid.x[:] += 1
    assert (model.predict(valid) != before).all()


def test_a_sequence_from_no_table_stands_alone():
    data = read(frame((10,)), id="id")
    model = model_for(data, cell="gru")
    second = replace(data.take([1]), around=None)
    first = replace(data.take([0]), around=None)
    assert (np.abs(model.predict(second) - model.predict(data)[5:]) > 1e-6).all()
    np.testing.assert_allclose(model.predict(first), model.predict(data)[:5], rtol=1e-5)


def test_the_cache_of_tables_holds_the_rows_around(tmp_path):
    data = read(frame(), id="id", stride=2, lag_target=True)
    entry.write(data, tmp_path)
    again = entry.read(tmp_path)
    model = model_for(data, cell="gru")
    np.testing.assert_array_equal(model.predict(again), model.predict(data))


@pytest.mark.parametrize("stride", STRIDES)
def test_an_empty_cell_is_counted_once(stride):
    table = frame((40,))
    model = model_for(read(table, id="id", stride=STRIDES[stride]), cell="gru", missing="error")
    table.loc[[9, 11], "a"] = np.nan
    with pytest.raises(DataError, match="and 1 more such cell" if stride != "overlapping" else "row|line"):
        model.predict(read(table, id="id", stride=STRIDES[stride]))
