"""Grouping, ordering and cutting rows into sequences."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ids import cases

from rnnfast.data import read_table
from rnnfast.data.sequences.order import group
from rnnfast.data.sequences.spans import ends, spans, windows

LENGTHS = st.lists(st.integers(1, 12), min_size=1, max_size=8)


def frame_of(lengths, seed=0):
    """Rows of sequences s0, s1, ... in order; x numbers the rows."""
    ids = np.repeat([f"s{k}" for k in range(len(lengths))], lengths)
    steps = np.concatenate([np.arange(n) for n in lengths])
    x = np.arange(len(ids), dtype=float)
    y = np.random.default_rng(seed).normal(size=len(ids))
    return pd.DataFrame({"id": ids, "t": steps, "x": x, "y": y})


def by_id(data):
    parts = zip(data.ids, data.offsets[:-1], data.offsets[1:], strict=True)
    return {name: (data.x[a:b].tolist(), data.y[a:b].tolist()) for name, a, b in parts}


@given(LENGTHS, st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(lengths, random):
    frame = frame_of([2, *lengths])
    shuffled = list(range(len(frame)))
    random.shuffle(shuffled)
    expected = read_table(frame, target="y", task="regression")
    data = read_table(frame.iloc[shuffled], target="y", task="regression")
    assert by_id(data) == by_id(expected)
    # sequences come in order of first appearance, and `row` leads back to the input
    assert data.ids.tolist() == list(dict.fromkeys(frame["id"].iloc[shuffled]))
    np.testing.assert_array_equal(frame["x"].to_numpy()[shuffled][data.row], data.x[:, 0])


@given(LENGTHS, st.randoms(use_true_random=False))
def test_interleaved_ids_without_time_keep_their_order(lengths, random):
    frame = frame_of([2, *lengths]).drop(columns="t")
    order = frame["id"].tolist()
    random.shuffle(order)
    rows = {name: list(group.index) for name, group in frame.groupby("id")}
    mixed = frame.loc[[rows[name].pop(0) for name in order]]
    assert by_id(read_table(mixed, target="y")) == by_id(read_table(frame, target="y"))


def test_time_orders_stably_without_id():
    frame = pd.DataFrame({"when": [3, 1, 1, 2], "x": [0.0, 1, 2, 3], "y": [1.5, 2, 3, 4]})
    data = read_table(frame, target="y", time="when")
    assert data.row.tolist() == [1, 2, 3, 0]
    assert data.time.tolist() == [1, 1, 2, 3]


@pytest.mark.parametrize(
    "times",
    cases(
        {
            "whole numbers": ["9", "10", "100"],
            "fractions": ["-1.5", "2e0", "3"],
            "days": ["2024-01-31", "2024-02-01", "2024-11-01"],
            "moments": ["2024-01-31T23:00:00", "2024-02-01 00:00:00.5", "2024-02-01 10:00"],
            "time zones": ["2024-01-31T23:00:00Z", "2024-02-01T01:00:00+01:30", "2024-02-01T00:00:00Z"],  # 23:30 UTC
            "numbers beyond float64": [
                "9007199254740992",
                "9007199254740993",
                "9007199254740994",
            ],  # beyond exact float64
        }
    ),
)
def test_times_sort_as_numbers_or_dates(tmp_path, times):
    rows = [f"A,{when},{k},{k}.5\n" for k, when in enumerate(times)]
    (tmp_path / "t.csv").write_text("id,t,x,y\n" + "".join(reversed(rows)))
    data = read_table(tmp_path / "t.csv", target="y")
    assert data.time.tolist() == times
    assert data.x[:, 0].tolist() == [0, 1, 2]


def test_same_time_in_other_sequences_is_fine():
    data = read_table(pd.DataFrame({"id": [1, 2], "t": [0, 0], "x": [1, 2], "y": [0, 1]}), target="y")
    assert data.sequences == 2


@given(LENGTHS, st.integers(1, 6), st.integers(1, 9))
def test_windows_cover_sequences(lengths, window, stride):
    offsets = ends(np.array(lengths))
    sequence, starts, sizes = windows(offsets, window, stride)
    assert (sizes >= 1).all()
    assert (sizes <= window).all()
    assert (starts >= offsets[sequence]).all()
    assert (starts + sizes <= offsets[sequence + 1]).all()
    for k in range(len(lengths)):
        mine = sequence == k
        expected = {
            row for start in range(0, lengths[k], stride) for row in range(start, min(start + window, lengths[k]))
        }
        assert set(spans(starts[mine], sizes[mine]) - offsets[k]) == expected
        inside = starts[mine] - offsets[k]
        assert (np.diff(inside) == stride).all()
        last = inside + sizes[mine]
        assert (np.diff(last) > 0).all()  # no window holds only rows of the one before


def test_windows_without_id():
    frame = pd.DataFrame({"x": np.arange(23.0), "y": np.arange(23.0) / 7})
    data = read_table(frame, target="y", window=5)
    assert data.lengths.tolist() == [5, 5, 5, 5, 3]
    np.testing.assert_array_equal(data.row, np.arange(23))
    data = read_table(frame, target="y", window=5, stride=3)
    assert data.lengths.tolist() == [5] * 7
    assert data.row[:10].tolist() == [0, 1, 2, 3, 4, 3, 4, 5, 6, 7]
    np.testing.assert_array_equal(data.x[:, 0], data.row)
    data = read_table(frame, target="y", window=2, stride=10)
    assert data.row.tolist() == [0, 1, 10, 11, 20, 21]
    assert any("rows between windows are left out" in note for note in data.notes)
    assert read_table(frame, target="y", stride=4).schema.stride == 4


def test_windows_stay_inside_ids():
    data = read_table(frame_of([7, 2, 5]), target="y", window=3)
    assert data.lengths.tolist() == [3, 3, 1, 2, 3, 2]
    assert data.ids.tolist() == ["s0", "s0", "s0", "s1", "s2", "s2"]
    assert (data.schema.window, data.schema.stride) == (3, 3)


@given(LENGTHS, st.randoms(use_true_random=False))
def test_take_copies_whole_sequences(lengths, random):
    data = read_table(frame_of([2, *lengths]), target="y", task="regression")
    chosen = [random.randrange(data.sequences) for _ in range(random.randrange(6))]
    part = data.take(chosen)
    assert part.ids.tolist() == data.ids[chosen].tolist()
    assert part.lengths.tolist() == data.lengths[chosen].tolist()
    for k, index in enumerate(chosen):
        mine, source = slice(*part.offsets[k : k + 2]), slice(*data.offsets[index : index + 2])
        for name in ("x", "y", "row", "time"):
            np.testing.assert_array_equal(getattr(part, name)[mine], getattr(data, name)[source])
    assert part.x.flags.owndata
    assert part.x.flags.c_contiguous
    assert (part.schema, part.digest, part.source) == (data.schema, data.digest, data.source)


PREDICT = {
    # ids, targets, expected rule
    "one label per sequence": ("AAABBB", "000111", "last"),
    "label varies": ("AAABBB", "001111", "every"),
    "label on the last step alone": ("AAABBB", "  0  1", "last"),
    "label on an earlier step": ("AAABBB", " 0   1", "every"),
    "some steps unlabelled, one value": ("AAABBB", " 00111", "last"),
    "one sequence without label": ("AABBCC", "0011  ", "last"),
    "single steps beside": ("AABBC", "00110", "last"),
    "single steps only": ("ABCD", "0101", "every"),
    "rare class in single steps only": ("AABBC", "00001", "every"),
    "rare class in a longer sequence": ("AAAABB", "000100", "every"),
    "quantity per sequence": ("AABBCC", "557799", "last"),
}


@pytest.mark.parametrize("case", PREDICT)
def test_predict_rule(case):
    ids, targets, expected = PREDICT[case]
    y = [np.nan if value == " " else float(value) for value in targets]
    frame = pd.DataFrame({"id": list(ids), "x": np.arange(len(ids)), "y": y})
    data = read_table(frame, target="y")
    assert data.schema.predict == expected
    if data.sequences < data.rows:
        words = "only its last step" if expected == "last" else "every step is predicted"
        assert any(words in note for note in data.notes)
    # an explicit choice wins
    assert read_table(frame, target="y", predict="last").schema.predict == "last"


def test_windows_of_a_rare_class_are_predicted_at_every_step():
    y = np.zeros(1000, dtype=int)
    for labels in (y[:], y.copy()):
        labels[500:510] = 1  # exactly one window of ten, so that every window is constant
        frame = pd.DataFrame({"x": np.arange(1000.0), "y": labels})
        assert read_table(frame, target="y").schema.predict == "every"


def test_windows_inside_ids_with_one_label_each():
    frame = pd.DataFrame({"id": list("AAAABBBB"), "x": np.arange(8), "y": [0] * 4 + [1] * 4})
    data = read_table(frame, target="y", window=2)
    assert data.schema.predict == "last"
    assert data.labelled.tolist() == [False, True] * 4


def test_last_labels_only_last_steps():
    frame = pd.DataFrame({"id": list("AABBC"), "x": np.arange(5), "y": [0, 0, 1, np.nan, 1]})
    data = read_table(frame, target="y", predict="last")
    assert data.labelled.tolist() == [False, True, False, False, True]


@given(
    ids=st.lists(st.sampled_from(["b", "a", "7", "long name"]), min_size=1, max_size=60),
    kind=st.sampled_from(["none", "i8", "i1", "u8", "f8", "half", "large", "order"]),
    seed=st.integers(0, 99),
    shared=st.booleans(),
)
def test_grouping_is_that_of_a_stable_sort(ids, kind, seed, shared):
    random = np.random.default_rng(seed)
    draws = random.integers(-5, 5, len(ids))
    keys = {
        "none": None,
        "i8": draws * 2**40,
        "i1": (draws * 25).astype(np.int8),
        "u8": (draws + 5).astype(np.uint64) << np.uint64(60),
        "f8": draws.astype(float),
        "half": draws / 2,
        "large": np.where(draws > 0, 2**63 - 1, -(2**63)),
        "order": np.arange(len(ids)),
    }[kind]
    # Texts that a parser made are one object or several for equal ones.
    texts = np.array(ids if shared else [f"{text[:1]}{text[1:]}" for text in ids], dtype=object)
    order, offsets, names = group(texts, keys, len(ids))
    distinct = list(dict.fromkeys(ids))
    codes = np.array([distinct.index(name) for name in ids])
    np.testing.assert_array_equal(order, np.lexsort((np.zeros(len(ids)) if keys is None else keys, codes)))
    np.testing.assert_array_equal(np.diff(offsets), np.bincount(codes))
    assert names.tolist() == distinct
