"""Folds of a table: each row is tested once, none trains and tests, groups stay whole, time runs forward."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ids import cases

from rnnfast.config.sections import DataConfig
from rnnfast.data.reading.opening import read
from rnnfast.data.reading.request import Request
from rnnfast.data.splitting.folds import folds
from rnnfast.errors import DataError, UsageError

WINDOWS = st.none() | st.tuples(st.integers(1, 6), st.integers(1, 9))


def table(lengths, seed=0, ids=True):
    """Rows of ids in groups of three, with times that overlap; shuffled."""
    rng, rows = np.random.default_rng(seed), sum(lengths)
    number = np.repeat(np.arange(len(lengths)), lengths)
    frame = pd.DataFrame({"id": [f"s{k}" for k in number], "group": number // 3})
    frame["t"] = np.concatenate([np.arange(n) + rng.integers(0, 7) for n in lengths]) if ids else rng.permutation(rows)
    frame["x"], frame["y"] = rng.normal(size=rows), rng.normal(size=rows)
    return (frame if ids else frame.drop(columns="id")).sample(frac=1, random_state=seed).reset_index(drop=True)


def reading(frame, by="sequence", **options):
    """Sequences of a frame, read as a cross-validation does."""
    usual = {"target": ("y",), "features": ("x",), "time": "t", "id": "id" if "id" in frame else None}
    return read(frame, Request(DataConfig(**usual | options, split_by=by), with_time=True, groups=True))


@given(
    st.lists(st.integers(3, 12), min_size=9, max_size=14),
    st.sampled_from(["sequence", "time", "column:group"]),
    st.booleans(),
    WINDOWS,
    st.sampled_from([0, 0, 1, 2]),
    st.sampled_from([0.8, 0.5, 1.0]),
    st.integers(0, 9),
)
def test_each_row_is_tested_once_and_never_trained_on(lengths, by, ids, windows, horizon, share, seed):
    frame = table(lengths, seed, ids)
    window, stride = windows or (None if ids else 4, None)
    data = reading(frame, by, window=window, stride=stride, horizon=(horizon,))
    try:
        made = folds(data, 3, by, seed, share)
        every = [made[number] for number in range(3)]
    except DataError:  # too few units, or rows of one time
        return
    when, group = frame["t"].to_numpy(), frame["group"].to_numpy()
    tested = [set(parts.test.row) for parts in every]
    assert sum(map(len, tested)) == len(set.union(*tested))
    untested = set(data.row) - set.union(*tested)
    assert len(untested) == made.untested
    for parts in every:
        assert (parts.valid is None) == (share == 1)
        rows = {name: set(part.row) for name, part in parts.named().items()}
        assert sum(map(len, rows.values())) == len(set.union(*rows.values()))
        owner = {row: name for name, held in rows.items() for row in held}
        for name, part in parts.named().items():
            labels = part.label_row if horizon else part.row
            assert all(owner.get(row, name) == name for row in labels[labels >= 0]), "a label of another part"
        both = parts.merge()
        test_rows = rows.pop("test")
        assert set(both.row) >= set.union(*rows.values())
        assert not set(both.row) & test_rows
        rows["test"] = test_rows
        if by == "time":
            order = [when[sorted(held)] for held in rows.values()]
            assert all(before.max() < after.min() for before, after in pairwise(order))
        else:
            assert not untested
            assert set.union(*rows.values()) == set(data.row)
        if by == "column:group":
            groups = [set(group[sorted(held)]) for held in rows.values()]
            assert sum(map(len, groups)) == len(set.union(*groups)), "a group in two parts"
        elif ids and window is None and by == "sequence":
            assert all(set(part.lengths) <= set(lengths) for part in parts.named().values()), "a cut sequence"


@pytest.mark.parametrize("by", ["sequence", "column:group"])
def test_the_order_of_the_rows_makes_no_difference(by):
    frame = table([5] * 20)
    turned = frame.sample(frac=1, random_state=1).reset_index(drop=True)
    parts = [
        [{name: sorted(set(part.ids)) for name, part in made[k].named().items()} for k in range(4)]
        for made in (folds(reading(values, by), 4, by, seed=3) for values in (frame, turned))
    ]
    assert parts[0] == parts[1]
    other = folds(reading(frame, by), 4, by, seed=4)
    assert [sorted(set(other[k].test.ids)) for k in range(4)] != [one["test"] for one in parts[0]]


@pytest.mark.parametrize("per_step", [False, True], ids=["label of a sequence", "rare steps"])
def test_each_fold_gets_its_share_of_the_rare_class(per_step):
    frame = table([4] * 40).sort_values(["id", "t"], ignore_index=True)
    rare = frame["id"].isin([f"s{k}" for k in range(8)])
    frame["y"] = (rare & (frame.groupby("id").cumcount() == 2)) if per_step else rare
    made = folds(reading(frame), 4)
    assert "stratified" in made.rule
    positive = [len(set(made[k].test.ids) & {f"s{k}" for k in range(8)}) for k in range(4)]
    assert positive == [2] * 4
    assert all(len(set(made[k].train.ids) & {f"s{k}" for k in range(8)}) in (4, 5) for k in range(4))


def test_folds_in_time_train_on_all_that_is_before_them():
    frame = pd.DataFrame({"t": np.arange(40), "x": np.arange(40.0), "y": np.arange(40) / 3})
    made = folds(reading(frame, "time", window=5), 3, "time", share=0.8)
    assert [part.row.tolist() for part in made[1].named().values()] == [
        list(range(16)), list(range(16, 20)), list(range(20, 30))
    ]  # fmt: skip
    assert made[1].points == (16, 20)
    assert [made[k].test.row.tolist() for k in range(3)] == [list(range(10 * k, 10 * k + 10)) for k in (1, 2, 3)]
    assert made.untested == 10
    assert made.rule == (
        "3 folds in time: each tests a stretch of 1/4 of 40 rows, the first from 10 on, and trains on all that is "
        "before it"
    )
    ahead = folds(reading(frame, "time", window=5, horizon=(2,)), 3, "time")[1]
    assert ahead.train.label_row.max() == 15, "training ends where what ends it begins"
    assert ahead.test.label_row.max() == 31, "the last rows of a stretch are asked for what comes after it"


def test_labels_of_a_sequence_are_decided_once_for_all_folds():
    frame = table([4] * 12)
    frame["y"] = np.where(frame["id"] == "s0", frame["y"], frame["id"].str[1:].astype(float))
    made = folds(reading(frame), 3)
    assert {part.schema.predict for k in range(3) for part in made[k].named().values()} == {"every"}
    alone = next(k for k in range(3) if "s0" in made[k].test.ids)
    assert made[alone].train.rule() == "last", "which its training part alone would have decided"


@pytest.mark.parametrize(
    ("count", "by", "message"),
    cases(
        {
            "sequences": (
                10,
                "sequence",
                "9 sequences are too few for 10 folds, each of which needs some to train, to",
            ),
            "groups": (4, "column:group", "3 groups in 'group' are too few for 4 folds"),
            "rule": (3, "fold", "'fold' is not one of sequence, time, column:NAME"),
        }
    ),
)
def test_too_few_units(count, by, message):
    data = reading(table([3] * 9), by if by.startswith("column") else "sequence")
    with pytest.raises((DataError, UsageError), match=message):
        folds(data, count, by)


def test_an_empty_part_names_the_fold():
    frame = table([3] * 9).assign(t=1)
    frame["t"] = frame.groupby("id").cumcount() // 2
    with pytest.raises(DataError, match=r"fold 1 of 3: <DataFrame>: the valid part is empty .*; rows of one time stay"):
        folds(reading(frame, "time"), 3, "time")[0]


BAD_GROUPS = {
    "an empty cell": ([1, 1, None, None], r"row 2, column 'group': '.*' names no group \(and 1 more such cells\)"),
    "two groups of an id": ([1, 2, 3, 3], r"column 'group': '2' for id 'A', which is '1' in .*need the same 'group'"),
}


@pytest.mark.parametrize("case", BAD_GROUPS)
def test_bad_groups_name_their_row(case):
    group, message = BAD_GROUPS[case]
    frame = pd.DataFrame({"id": list("AABB"), "t": [1, 2, 1, 2], "x": 1.0, "y": np.arange(4.0)})
    frame["group"] = pd.Series(group, dtype="Int64").astype(object)
    with pytest.raises(DataError, match=message):
        reading(frame, "column:group")
