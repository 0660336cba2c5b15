"""Tables on disk: the same sequences as in memory, whatever their order, windows and files."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_tables import OPTIONS, assert_same, predicting, request, stored, table

import rnnfast.data.sequences.relabel
import rnnfast.data.sources.batches
from rnnfast.config.sections import DataConfig
from rnnfast.data import read_table, split
from rnnfast.data.reading.disk import make_store
from rnnfast.data.reading.request import Request
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.identities import Identities
from rnnfast.data.sequences.stored import StoredSequences
from rnnfast.data.sources.batches import open_files
from rnnfast.errors import DataError

pytestmark = pytest.mark.usefixtures("own_cache")


@settings(max_examples=25)
@given(
    ids=st.lists(st.sampled_from(["7", "007", "b c", "é", "NA"]), min_size=4, max_size=60),
    order=st.randoms(use_true_random=False),
    grouped=st.booleans(),
    fractions=st.booleans(),
)
def test_a_store_holds_the_sequences_of_the_table(ids, order, grouped, fractions, tmp_path_factory):
    directory = tmp_path_factory.mktemp("table")
    times = list(range(len(ids)))
    order.shuffle(times)
    if grouped:
        ids, times = sorted(ids), sorted(times)
    frame = table(ids, [time / 2 for time in times] if fractions else times)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rnnfast.data.sources.batches, "MOST_ROWS", 7)
        patch.setattr(rnnfast.data.sequences.relabel, "LABEL_ROWS", 11)
        store = stored(frame, directory)
    assert_same(store, read_table(directory / "table.csv", **OPTIONS))
    parts = [path.name for path in store.store.directory.iterdir()]
    assert sorted(parts) == sorted({"x", "y", "ids", "id_ends", "offsets", "store.json"} | ({"row"} & set(parts)))


@pytest.mark.usefixtures("small_batches")
def test_windows_without_id(tmp_path):
    frame = table(["a"] * 83, list(range(83)), labels=(0, 1)).drop(columns="id")
    options = {"id": None, "window": 9}
    store = stored(frame, tmp_path, **options)
    assert_same(store, read_table(tmp_path / "table.csv", **{**OPTIONS, **options}))
    frame.iloc[[3, 60]] = frame.iloc[[60, 3]].to_numpy()
    with pytest.raises(DataError, match=r"turned\.csv, line 6, column 't': '4' comes after a later time"):
        stored(frame, tmp_path, "turned.csv", **options)


@pytest.mark.parametrize("shares", [(0.8,), (0.5, 0.3), (1.0,)], ids=["two parts", "three parts", "all trains"])
@pytest.mark.parametrize("window", [None, 3], ids=["whole sequences", "windows"])
@pytest.mark.usefixtures("small_batches")
def test_a_split_draws_the_same_sequences(shares, window, tmp_path):
    frame = table([f"k{k % 13}" for k in range(100)], list(range(100)))
    store = stored(frame, tmp_path, window=window)
    parts = split(store, shares, seed=5)
    expected = split(read_table(tmp_path / "table.csv", **OPTIONS, window=window), shares, seed=5)
    assert parts.rule == expected.rule
    for name in ("train", "valid", "test"):
        mine, wanted = getattr(parts, name), getattr(expected, name)
        assert (mine is None) == (wanted is None)
        if mine is not None:
            pieces = list(mine.blocks())
            np.testing.assert_array_equal(np.concatenate([piece.x for piece in pieces]), wanted.x)
            np.testing.assert_array_equal(mine.sample(0).y, wanted.y)
            assert mine.counts.tolist() == np.bincount(wanted.y[:, 0].astype(int), minlength=3).tolist()


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("shuffled", [False, True], ids=["in order", "shuffled"])
def test_rows_of_one_time_are_as_in_memory(tmp_path, shuffled):
    frame = table([f"k{k // 8}" for k in range(80)], [k // 3 for k in range(80)])
    frame = frame.sample(frac=1, random_state=0) if shuffled else frame
    store = stored(frame, tmp_path)
    memory = read_table(tmp_path / "table.csv", **OPTIONS)
    assert_same(store, memory)
    assert predicting(store).notes == memory.notes
    assert [note for note in store.notes if "rows have the 't' of the row before" in note]
    with pytest.raises(DataError) as refused:
        read_table(tmp_path / "table.csv", **OPTIONS, ties="error")
    with pytest.raises(DataError, match="is there already") as blocks:
        stored(frame, tmp_path, ties="error")
    assert shuffled or str(blocks.value) == str(refused.value)


def test_equal_times_of_a_table_without_id_are_told(tmp_path):
    frame = pd.DataFrame({"t": [0, 0, 1, 1, 2, 2, 3, 3] * 5, "x": np.arange(40.0), "y": np.arange(40.0)})
    frame["t"] = np.sort(frame["t"])
    frame.to_csv(tmp_path / "table.csv", index=False)
    options = {"time": "t", "target": "y", "window": 5}
    note = "36 rows have the 't' of the row before: they keep the order of the file. Where they are of several series"
    read = read_table(tmp_path / "table.csv", **options)
    assert any(note in text for text in read.notes)
    again = read_table(tmp_path / "table.csv", schema=read.schema)  # whose columns mean what they meant
    assert any("of the row before" in text for text in again.notes)
    assert not any("--id" in text for text in again.notes)
    with pytest.raises(DataError, match="line 3, column 't': '0' is there already"):
        read_table(tmp_path / "table.csv", **options, ties="error")
    config = DataConfig(**{**options, "target": ("y",), "ties": "error"})
    with pytest.raises(DataError, match="'0' is there already"):
        make_store(open_files([str(tmp_path / "table.csv")]), Request(config), Budget(10**9), tmp_path / "store")


@pytest.mark.usefixtures("small_batches")
def test_several_files_are_one_table(tmp_path):
    frame = table([f"k{k % 6}" for k in range(60)], list(range(60)))
    paths = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    frame[:23].to_csv(paths[0], index=False)
    frame[23:].to_csv(paths[1], index=False)
    make_store(open_files(paths), request(), Budget(10**9), tmp_path / "store")
    assert_same(StoredSequences.open(tmp_path / "store", Budget(10**9)), read_table(paths, **OPTIONS))
    frame.loc[40, ["id", "t"]] = frame.loc[2, ["id", "t"]]
    frame[23:].to_csv(paths[1], index=False)
    with pytest.raises(
        DataError, match=r"b\.csv, line 19, column 't': '2' of id 'k2' is there already \(.*a\.csv, line 4"
    ):
        make_store(open_files(paths), request(ties="error"), Budget(10**9), tmp_path / "other")


@pytest.mark.parametrize("features", [None, ("x1",)], ids=["all features", "some features"])
def test_several_files_with_different_columns_are_refused_as_in_memory(features, tmp_path):
    frame = table([f"k{k % 6}" for k in range(60)], list(range(60)))
    paths = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    frame[:23].to_csv(paths[0], index=False)
    frame[23:].assign(x3=1).to_csv(paths[1], index=False)
    with pytest.raises(DataError, match=r"column 'x3': .*a\.csv has no such column") as memory:
        read_table(paths, features=features, **OPTIONS)
    with pytest.raises(DataError) as blocks:
        make_store(open_files(paths), request(features=features), Budget(10**9), tmp_path / "store")
    assert str(blocks.value) == str(memory.value)


def test_ids_are_numbered_as_they_appear():
    identities, random, seen = Identities(), np.random.default_rng(0), {}
    for _ in range(50):
        values = random.integers(0, 500, 40).astype(np.uint64)
        codes, new = identities.codes(values)
        before = len(seen)
        expected = [seen.setdefault(int(value), len(seen)) for value in values]
        assert codes.tolist() == expected
        assert [expected[place] for place in new] == list(range(before, len(seen)))
