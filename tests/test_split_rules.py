"""Splits by time and by column, labels of other parts, and what is said and stored about a split."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from hypothesis import example, given
from hypothesis import strategies as st
from ids import cases

import rnnfast
from rnnfast.config.resolve import Config
from rnnfast.console.screen import Screen
from rnnfast.console.training import TrainConsole
from rnnfast.data import read_table, split
from rnnfast.errors import DataError, UsageError

SHARES = st.sampled_from([(0.8,), (0.5,), (0.7, 0.15), (0.34, 0.33)])
WINDOWS = st.none() | st.tuples(st.integers(1, 6), st.integers(1, 9))
TINY = {"preset": "fast", "hidden": 3, "epochs": 2, "batch_size": 4}


def table(lengths, seed=0, ids=True, steps=7, classes=0):
    """Rows of ids whose times overlap and repeat, shuffled."""
    rng = np.random.default_rng(seed)
    rows = sum(lengths)
    frame = pd.DataFrame({"id": np.repeat([f"s{k}" for k in range(len(lengths))], lengths)})
    frame["t"] = np.concatenate([np.arange(n) + rng.integers(0, steps) for n in lengths])
    if not ids:
        frame["t"] = rng.permutation(rows)
    frame["x"] = rng.normal(size=rows)
    frame["y"] = rng.integers(0, classes, rows) if classes else rng.normal(size=rows)
    frame["fold"] = np.array(["train", "Valid", "test"])[np.r_[0, 1, 2, rng.integers(0, 3, rows)][np.arange(rows)]]
    if ids:
        frame["fold"] = frame.groupby("id", sort=False)["fold"].transform("first")
    return (frame if ids else frame.drop(columns="id")).sample(frac=1, random_state=seed).reset_index(drop=True)


@example([3, 3, 3, 3], "time", False, (1, 3), 0, (0.7, 0.15), 0)  # a part without any window
@given(
    st.lists(st.integers(3, 12), min_size=4, max_size=7),
    st.sampled_from(["sequence", "time", "column:fold"]),
    st.booleans(),
    WINDOWS,
    st.integers(0, 4),
    SHARES,
    st.integers(0, 9),
)
def test_parts_share_no_row_and_no_label(lengths, by, ids, windows, horizon, shares, seed):
    frame = table(lengths, seed, ids)
    options = {"time": "t", "target": "y", "features": "x", "horizon": min(horizon, max(lengths) - 1), "split_by": by}
    options |= {"window": windows[0], "stride": windows[1]} if windows else {}

    def read(values):
        return read_table(values, **options, **({"id": "id"} if ids else {}))

    data = read(frame)
    horizon = data.schema.horizon
    try:
        parts = split(data, shares, seed, by)
    except DataError:  # too few sequences, or a part without rows
        assert data.sequences < 4 or by != "sequence"
        return
    named = parts.named()
    rows = [set(part.row) for part in named.values()]
    assert sum(map(len, rows)) == len(set.union(*rows))  # no row is in two parts
    assert set.union(*rows) == set(data.row)  # and none is lost
    owner = {row: name for name, part in named.items() for row in part.row}
    labels, kept = dict(zip(data.row, data.label_row if horizon else data.row, strict=True)), 0
    for name, part in named.items():
        assert (part.lengths > 0).all()
        when = frame["t"].to_numpy()[part.row]
        inside = np.ones(part.rows, dtype=bool)
        inside[part.offsets[:-1]] = False
        assert (np.diff(when)[inside[1:]] > 0).all()
        np.testing.assert_array_equal(part.x[:, 0], frame["x"].to_numpy()[part.row])
        source = part.label_row if horizon else part.row
        known = ~np.isnan(part.y[:, 0])
        np.testing.assert_array_equal(source >= 0, known)
        np.testing.assert_array_equal(frame["y"].to_numpy()[source[known]], part.y[known, 0])
        assert all(owner.get(row, name) == name for row in source[known])
        # A label is missing only where it was, or where it stands in another part (or beyond the point, in no window).
        for row, label in zip(part.row, source, strict=True):
            gap = labels[row] not in owner and by == "time"
            assert label == labels[row] or owner.get(labels[row], name) != name or gap
        kept += len({row for row, label in zip(part.row, source, strict=True) if label >= 0})
    if not data.schema.overlapping:
        assert kept + parts.dropped <= len({row for row, label in labels.items() if label >= 0})
    if by == "time":
        times = [frame["t"].to_numpy()[sorted(held)] for held in rows]
        assert all(before.max() < after.min() for before, after in pairwise(times))
        reach = [frame["t"].to_numpy()[part.label_row[part.label_row >= 0]] for part in named.values() if horizon]
        for labels_of_part, later in zip(reach[:-1], times[1:], strict=False):
            assert (labels_of_part < later.min()).all()
    # Targets of validation rows say nothing to training.
    other = frame.copy()
    others = sorted(set(range(len(frame))) - rows[0])
    outside = [row for row in others if row in owner]
    other.loc[outside, "y"] = other.loc[outside, "y"] + 100
    np.testing.assert_array_equal(split(read(other), shares, seed, by).train.y, parts.train.y)
    again = split(read(frame), shares, seed, by)
    assert [part.row.tolist() for part in again.named().values()] == [part.row.tolist() for part in named.values()]


def test_time_cuts_sequences_at_the_point():
    frame = pd.DataFrame({"id": list("AAAAABBBBB"), "t": [1, 2, 3, 4, 5, 3, 4, 5, 6, 7], "x": np.arange(10.0)})
    frame["y"] = np.arange(10) / 3
    data = read_table(frame, target="y", lag_target=True)
    parts = split(data, (0.5,), by="time")
    # 4 rows lie before time 4, 6 before time 5: the nearer to half of ten, the earlier of equal ones
    assert parts.points == (4,)
    assert parts.train.row.tolist() == [0, 1, 2, 5]
    assert parts.train.ids.tolist() == ["A", "B"]
    assert parts.valid.row.tolist() == [3, 4, 6, 7, 8, 9]
    assert parts.valid.offsets.tolist() == [0, 2, 6]
    assert np.isnan(parts.valid.x[[0, 2], 1]).all()  # a fresh state knows no step before
    assert parts.rule == "by time: 50 % / 50 % of 10 rows, cut before 4"
    ahead = split(read_table(frame, target="y", horizon=1), (0.5,), by="time")
    assert ahead.train.label_row.tolist() == [1, 2, -1, -1]  # one horizon before the point training ends
    assert ahead.dropped == 2
    assert "2 labels from rows of another part are left out" in ahead.rule


def test_time_without_time_column_is_the_order_of_the_input():
    frame = pd.DataFrame({"x": np.arange(25.0), "y": np.arange(25) / 3})
    parts = split(read_table(frame, target="y", window=4), (0.6, 0.2), by="time")
    assert [part.row.tolist() for part in parts.named().values()] == [
        list(range(15)), list(range(15, 20)), list(range(20, 25))
    ]  # fmt: skip
    assert parts.train.lengths.tolist() == [4, 4, 4, 3]
    assert parts.valid.lengths.tolist() == [1, 4]  # the rest of the window that crosses the point
    assert parts.points == (15, 20)
    assert "cut before row 16 and row 21" in parts.rule
    overlapping = split(read_table(frame, target="y", window=4, stride=1), (0.6,), by="time")
    assert overlapping.train.lengths.tolist() == [4] * 12
    assert overlapping.valid.lengths.tolist() == [4] * 7


def test_ids_need_a_time_to_split_by_it():
    frame = pd.DataFrame({"id": list("AABB"), "x": np.arange(4.0), "y": np.arange(4) / 3})
    with pytest.raises(UsageError, match="the rows of each 'id' have no time to compare; name its column with --time"):
        split(read_table(frame, target="y"), by="time")


def test_all_rows_of_one_time():
    frame = pd.DataFrame({"id": list("ABCD"), "t": [5] * 4, "x": np.arange(4.0), "y": np.arange(4) / 3})
    with pytest.raises(DataError, match="all 4 rows have the same time"):
        split(read_table(frame, target="y"), by="time")


@pytest.mark.parametrize(
    "word", ["valid", "validation", "VAL", " Valid "], ids=["valid", "validation", "upper case", "spaces"]
)
def test_a_column_names_the_part(word):
    frame = pd.DataFrame({"id": list("AABBCC"), "fold": ["train"] * 2 + [word] * 2 + ["Test"] * 2})
    frame["x"], frame["y"] = np.arange(6.0), np.arange(6) / 3
    data = read_table(frame, target="y", split_by="column:fold")
    assert data.schema.features == ("x",)
    assert any("parts in 'fold'" in note for note in data.notes)
    parts = split(data, by="column:fold")
    assert [part.ids.tolist() for part in parts.named().values()] == [["A"], ["B"], ["C"]]
    assert parts.rule == "by column 'fold'"
    with pytest.raises(UsageError, match="read without that column"):
        split(read_table(frame, target="y", ignore="fold"), by="column:fold")


def test_a_numeric_looking_part_column_is_no_feature_either():
    frame = pd.DataFrame({"x": np.arange(9.0), "y": np.arange(9) / 3, "part": [1.0] * 9})
    with pytest.raises(DataError, match=r"row 0, column 'part': '1\.0' is no part \(and 8 more such cells\); write"):
        read_table(frame, target="y", split_by="column:part")


def test_without_id_windows_are_cut_inside_runs_of_a_part():
    fold = ["train"] * 7 + ["valid"] * 4 + ["train"] * 5
    frame = pd.DataFrame({"x": np.arange(16.0), "y": np.arange(16) / 3, "fold": fold})
    data = read_table(frame, target="y", window=4, horizon=1, split_by="column:fold")
    assert data.lengths.tolist() == [4, 3, 4, 4, 1]
    parts = split(data, by="column:fold")
    assert parts.train.row.tolist() == [*range(7), *range(11, 16)]
    assert parts.train.label_row.tolist() == [*range(1, 7), -1, *range(12, 16), -1]
    assert parts.valid.label_row.tolist() == [8, 9, 10, -1]


BAD_PARTS = {
    "a typo": ("A,0,tain,1,1.5\n", r"t\.csv, line 6, column 'fold': 'tain' is no part; write train, valid or test"),
    "an empty cell": ("A,0,,1,1.5\n", r"t\.csv, line 6, column 'fold': '' is no part"),
    "two parts": (
        "B,9,train,1,1.5\n",
        r"line 6, column 'fold': 'train' for id 'B', which is 'valid' in t\.csv, line 4",
    ),
}


@pytest.mark.parametrize("case", BAD_PARTS)
def test_bad_parts_name_their_line(case, tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)
    line, message = BAD_PARTS[case]
    rows = "A,1,train,1,2.5\nA,2,train,2,2\nB,1,valid,3,4\nB,2,valid,4,3\n"
    (tmp_path / "t.csv").write_text(f"id,t,fold,x,y\n{rows}{line}")
    with pytest.raises(DataError, match=message):
        read_table("t.csv", target="y", split_by="column:fold")


@pytest.mark.parametrize(
    ("fold", "missing"), cases({"no validation": (["train"] * 4, "valid"), "no training": (["valid"] * 4, "train")})
)
def test_a_part_without_rows(fold, missing):
    frame = pd.DataFrame({"id": list("ABCD"), "x": np.arange(4.0), "y": np.arange(4) / 3, "fold": fold})
    with pytest.raises(
        DataError, match=rf"the {missing} part is empty .*'fold' needs rows that say train and rows that"
    ):
        split(read_table(frame, target="y", split_by="column:fold"), by="column:fold")


def test_options_that_exclude_each_other(tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    table([5] * 6).to_csv("t.csv", index=False)
    start = ["train", "--data", "t.csv", "--target", "y", "--time", "t"]
    for more, message in (
        (["--split-by", "column:fold", "--split", "0.7"], "leave --split out"),
        (["--split-by", "column:fold", "--test", "t.csv"], "leave --test out"),
        (["--split-by", "time", "--valid", "t.csv"], "all of --data trains where --valid gives a table"),
        (["--split-by", "fold"], "did you mean column:fold?"),
        (["--split-by", "column:fold", "--ignore", "fold"], "column 'fold' is given as ignore and as split-by"),
    ):
        assert message in fails([*start, *more], 2, capsys)
    assert "there is no column 'flod'; did you mean 'fold'?" in fails([*start, "--split-by", "column:flod"], 3, capsys)
    with pytest.raises(UsageError, match="--split-by time: all of --data trains"):
        rnnfast.train("t.csv", valid="t.csv", target="y", time="t", split_by="time")
    # The last five steps alone validate, and none of them has a target five steps ahead.
    late = [*start, "--ignore", "fold", "--split-by", "time", "--horizon", "4", "--split", "0.9"]
    assert "the validation part has no labelled step (its rows lack a target 4 steps ahead" in fails(late, 3, capsys)


@pytest.mark.parametrize("by", ["sequence", "time", "column:fold"])
def test_eval_cuts_the_same_parts(by, tmp_path, monkeypatch, capsys):
    isolate(monkeypatch, tmp_path)
    table([9] * 12, classes=2).to_csv("t.csv", index=False)
    options = ["--target", "y", "--time", "t", "--features", "x", "--split-by", by, "--horizon", "1"]
    options += [] if by == "column:fold" else ["--split", "0.6,0.2"]
    network = ["--hidden", "3", "--epochs", "2", "-o", "run"]
    trained = result(["train", "--data", "t.csv", *options, *network], capsys)
    assert set(trained["metrics"]) == {"train", "valid", "test"}
    for part, metrics in trained["metrics"].items():
        again = result(["eval", "--model", "run", "--data", "t.csv", "--part", part], capsys)
        assert again["metrics"] == metrics
    stored = rnnfast.load("run").provenance.split
    assert (stored.split_by, stored.seed) == (by, 0)
    assert len(stored.points) == (2 if by == "time" else 0)
    sizes = stored.parts
    assert sum(size.rows for size in sizes.values()) == 108
    for part, size in sizes.items():
        assert size.sequences == trained["sequences"][part]
        assert sum(size.classes.values()) == size.labelled_steps > 0
    # The stored configuration runs again.
    repeated = result(["train", "--config", "run/config.toml", "-o", "again"], capsys)
    assert repeated["metrics"] == trained["metrics"]


@pytest.mark.parametrize(
    ("classes", "shown"), cases({"counts of few classes": (5, "; 0: "), "many classes": (7, " valid: ")})
)
def test_the_screen_shows_the_classes_of_each_part(classes, shown, capsys):
    frame = table([40] * 5, classes=classes)
    data = read_table(frame, target="y", features="x", task="multiclass")
    TrainConsole(Screen(), Config()).split(split(data))
    said = " ".join(capsys.readouterr().err.split())
    assert "Split 80 % of 5 sequences" in said
    assert f"train: 4 sequences, 160 rows{shown}" in said
    assert "valid: 1 sequence, 40 rows" in said
    assert "labelled" not in said, "the same number again"


def test_many_lost_labels_are_told(capsys):
    frame = pd.DataFrame({"x": np.arange(300.0), "y": np.sin(np.arange(300.0))})
    options = {"target": "y", "horizon": 8, "reporter": TrainConsole(Screen(), Config()), **TINY}
    rnnfast.train(frame, **options)
    assert "--split-by time leaves out few of them" in " ".join(capsys.readouterr().err.split())
    rnnfast.train(frame, split_by="time", **options)
    assert "leaves out few" not in " ".join(capsys.readouterr().err.split())
