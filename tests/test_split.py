"""Splits: shares, strata, seeds, and no row in two parts."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from ids import cases

from rnnfast.data import read_table, split
from rnnfast.errors import DataError, UsageError

SHARES = st.sampled_from([(0.8,), (0.5,), (0.7, 0.15), (0.34, 0.33), (0.9, 0.05), (0.6, 0.4)])


def parts_of(parts):
    return [part for part in (parts.train, parts.valid, parts.test) if part is not None]


def sequences_of(count, positive=(), length=3):
    ids = np.repeat([f"s{k}" for k in range(count)], length)
    y = np.repeat(np.isin(np.arange(count), positive).astype(int), length)
    y[::length] = 0  # the label varies, so every step counts
    return read_table(pd.DataFrame({"id": ids, "x": np.arange(len(ids)), "y": y}), target="y")


def windows_of(rows, window, stride, seed=0, **columns):
    y = (np.random.default_rng(seed).random(rows) < 0.2).astype(int)
    y[:2] = (0, 1)
    frame = pd.DataFrame({"x": np.arange(rows), "y": y, **columns})
    return read_table(frame, target="y", window=window, stride=stride)


@given(st.integers(3, 60), SHARES, st.integers(0, 5), st.data())
def test_every_sequence_is_in_one_part(count, shares, seed, draw):
    positive = draw.draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=count))
    data = sequences_of(count, list(positive))
    parts = split(data, shares, seed)
    pieces = parts_of(parts)
    assert sorted(name for part in pieces for name in part.ids) == sorted(data.ids)
    assert sorted(row for part in pieces for row in part.row) == list(range(data.rows))
    full = [*shares, 1 - sum(shares)] if sum(shares) < 1 else list(shares)
    for part, share in zip(pieces, full, strict=True):
        assert part.sequences >= 1
        assert abs(part.sequences - share * count) <= 2  # one is lent to a part that would have none
        assert (np.diff(part.row[part.offsets[:-1]]) > 0).all()  # the order of the file
        if len(positive) >= len(pieces):
            assert part.y.sum() > 0
        # so do the strata
        mine = sum(part.y[a:b].max() > 0 for a, b in zip(part.offsets[:-1], part.offsets[1:], strict=True))
        assert abs(mine - share * len(positive)) <= 2


@given(st.integers(1, 120), st.integers(2, 9), st.integers(1, 8), SHARES, st.integers(0, 3), st.booleans())
def test_overlapping_windows_share_no_row(rows, window, stride, shares, seed, shuffled):
    assume(stride < window)
    rows += 2
    when = np.random.default_rng(seed).permutation(rows) if shuffled else np.arange(rows)
    frame = pd.DataFrame({"when": when, "x": np.arange(rows), "y": np.arange(rows) / 3})
    data = read_table(frame, target="y", time="when", window=window, stride=stride)
    try:
        pieces = parts_of(split(data, shares, seed))
    except DataError:
        assert data.sequences < 3
        return
    owned = [set(part.row) for part in pieces]
    assert sum(len(rows_of) for rows_of in owned) == rows
    assert set.union(*owned) == set(range(rows))
    for part in pieces:
        assert (part.lengths >= 1).all()
        assert (part.lengths <= window).all()
        np.testing.assert_array_equal(part.x[:, 0], part.row)
        inside = np.ones(part.rows, dtype=bool)
        inside[part.offsets[:-1]] = False
        assert (np.diff(when[part.row])[inside[1:]] == 1).all()  # windows stay consecutive


@given(st.integers(3, 20), st.integers(2, 6), st.integers(1, 6), st.integers(0, 3))
def test_windows_of_one_id_stay_together(ids, window, stride, seed):
    rows = ids * 11
    data = windows_of(rows, window, stride, id=np.repeat(np.arange(ids), 11))
    pieces = parts_of(split(data, (0.6, 0.2), seed))
    owned = [set(part.ids) for part in pieces]
    assert sum(map(len, owned)) == ids
    assert all(owned)


def test_windows_of_one_single_id_can_be_split():
    for stride in (2, 5):
        data = windows_of(200, 5, stride, id=["meter"] * 200)
        train, valid = parts_of(split(data))
        assert not set(train.row) & set(valid.row)
        assert len(set(train.row)) + len(set(valid.row)) == 200


def test_overlapping_windows_follow_the_shares():
    data = windows_of(5000, 10, 2)
    parts = split(data, (0.8,))
    assert abs(len(set(parts.train.row)) / 5000 - 0.8) < 0.03
    assert parts.train.y[:, 0].mean() == pytest.approx(parts.valid.y[:, 0].mean(), abs=0.05)
    assert "overlapping windows" in parts.rule
    assert "no row is in two parts" in parts.rule


def test_rule_and_counts():
    data = sequences_of(100, range(10))
    parts = split(data)
    assert parts.rule == "80 % of 100 sequences, seed 0, stratified"
    assert (parts.train.sequences, parts.valid.sequences, parts.test) == (80, 20, None)
    assert parts.valid.y[2::3].sum() == 2
    parts = split(data, (0.7, 0.15), seed=3)
    assert parts.rule == "70 % / 15 % / 15 % of 100 sequences, seed 3, stratified"
    assert [part.sequences for part in parts_of(parts)] == [70, 15, 15]
    assert split(data, (0.8, 0.2)).test is None
    assert split(data, (0.7, 0.3)).test is None  # 0.7 + 0.3 is not exactly 1


def test_everything_trains():
    data = sequences_of(1, [0])
    parts = split(data, (1.0,))
    assert parts.train is data
    assert parts.valid is None
    assert parts.test is None
    assert parts.rule == "all of 1 sequences"


def test_seed_decides():
    data = sequences_of(50, range(10))
    first, again, other = (split(data, (0.8,), seed).valid.ids.tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_draw_is_pinned():
    # The split is part of what a seed promises: it must not change from release to release.
    data = sequences_of(10, [2, 5])
    assert split(data, (0.7,), 0).valid.ids.tolist() == split(data, (0.7,), 0).valid.ids.tolist()
    stream = np.random.default_rng([0, 1])
    rare = stream.permutation([2, 5])
    common = stream.permutation([0, 1, 3, 4, 6, 7, 8, 9])
    expected = sorted([*rare[1:], *common[6:]])
    assert split(data, (0.7,), 0).valid.ids.tolist() == [f"s{k}" for k in expected]


def test_unlabelled_sequences_are_spread():
    y = np.repeat([0, 1] * 10 + [np.nan] * 20, 2).astype(float)
    y[::2] = np.where(np.isnan(y[::2]), np.nan, 0)
    data = read_table(pd.DataFrame({"id": np.repeat(np.arange(40), 2), "x": np.arange(80), "y": y}), target="y")
    assert split(data, (0.5,)).valid.labelled.sum() == 20


@pytest.mark.parametrize(
    ("count", "shares"), cases({"one for two parts": (1, (0.8,)), "two for three parts": (2, (0.7, 0.15))})
)
def test_too_few_sequences(count, shares):
    with pytest.raises(DataError, match=rf"<DataFrame>: {count} sequences? cannot be split into .* parts; .*--window"):
        split(sequences_of(count, [0]), shares)


@pytest.mark.parametrize(
    "shares",
    [(), (0.0,), (-0.1,), (1.2,), (0.8, 0.3), (0.5, 0.2, 0.3)],
    ids=["none", "zero", "negative", "above one", "sum above one", "nothing trains"],
)
def test_wrong_shares(shares):
    with pytest.raises(UsageError, match=r"such as 0\.8"):
        split(sequences_of(5, [0]), shares)
