"""Tables on disk: the same sequences as in memory, bounded reading, nothing left of what was not finished."""

import json
import os
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ids import cases

import rnnfast.data.reading.disk
import rnnfast.data.reading.stores
import rnnfast.data.sequences.relabel
import rnnfast.data.sequences.stored
import rnnfast.data.sources.batches
from rnnfast.config.resolve import Config
from rnnfast.config.sections import DataConfig
from rnnfast.data import read_table, split
from rnnfast.data.reading.disk import make_store
from rnnfast.data.reading.request import Request
from rnnfast.data.reading.stores import ABANDONED, UNUSED, stored_table, stores
from rnnfast.data.sequences import cache
from rnnfast.data.sequences.budget import PROCESS, Budget, Phases, size
from rnnfast.data.sequences.files import building
from rnnfast.data.sequences.identities import Identities
from rnnfast.data.sequences.stored import StoredSequences
from rnnfast.data.sources.batches import open_files, single_precision
from rnnfast.errors import DataError, RnnfastError, UsageError

OPTIONS = {"id": "id", "time": "t", "target": ("y",)}
SMALL_BUCKETS = Budget(10**9, phases=Phases(batch=10**6, bucket=500, block=10**6, sample=10**6))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNFAST_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def small_batches(monkeypatch):
    """Many batches, buckets and blocks of a small table."""
    monkeypatch.setattr(rnnfast.data.sources.batches, "MOST_ROWS", 7)
    monkeypatch.setattr(rnnfast.data.sequences.relabel, "LABEL_ROWS", 11)


def stored(frame, directory, name="table.csv", **options):
    """Write a table and make its store."""
    path = directory / name
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
    place = directory / "stores" / name
    make_store(open_files([str(path)]), request(**options), SMALL_BUCKETS, place)
    return StoredSequences.open(place, SMALL_BUCKETS, open_files([str(path)]))


def request(**options):
    """What is asked of a table."""
    return Request(Config().with_values({**OPTIONS, **options}, "test").data)


def predicting(table):
    """The sequences once their labels decided which steps are predicted."""
    return table.predicting(table.rule()) if table.auto_predict else table


def table(ids, times, seed=0, labels=("a", "b", "c")):
    random = np.random.default_rng(seed)
    rows = len(ids)
    return pd.DataFrame(
        {
            "id": ids,
            "t": times,
            "x1": random.normal(size=rows),
            "x2": random.integers(0, 9, rows),
            "y": [labels[k] for k in np.concatenate(([0, 1], random.integers(0, len(labels), rows)))[:rows]],
        }
    )


def assert_same(store, memory, exact=True):
    store = predicting(store)
    data = store.read(0, store.sequences)
    assert store.schema == memory.schema
    assert store.digest == memory.digest
    assert store.notes == memory.notes
    np.testing.assert_array_equal(data.x, memory.x if exact else memory.x.astype(np.float32))
    np.testing.assert_array_equal(data.y, memory.y)
    np.testing.assert_array_equal(data.offsets, memory.offsets)
    np.testing.assert_array_equal(data.row, memory.row)
    assert data.ids.tolist() == memory.ids.tolist()


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


@pytest.mark.parametrize(
    "labels",
    [("a", "b"), (0, 1), (3, 8), (0.5, 2.25), (1, "b"), tuple(range(2000))],
    ids=["texts", "bits", "whole numbers", "fractions", "number and text", "thousands of numbers"],
)
@pytest.mark.usefixtures("small_batches")
def test_labels_mean_what_they_mean_in_memory(labels, tmp_path):
    frame = table([f"k{k // 4}" for k in range(80)], list(range(80)), labels=labels)
    assert_same(stored(frame, tmp_path), read_table(tmp_path / "table.csv", **OPTIONS))


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.usefixtures("small_batches")
def test_the_last_step_is_predicted_where_a_sequence_has_one_label(constant, tmp_path):
    frame = table([f"k{k // 4}" for k in range(80)], list(range(80)))
    frame["y"] = [f"c{k // 4 % 3}" for k in range(80)]
    if not constant:
        frame.loc[70, "y"] = "c9"
    store = stored(frame, tmp_path)
    assert predicting(store).schema.predict == ("last" if constant else "every")
    assert_same(store, read_table(tmp_path / "table.csv", **OPTIONS))


@pytest.mark.usefixtures("small_batches")
def test_parquet_in_single_precision_takes_half_the_room(tmp_path):
    pytest.importorskip("pyarrow")
    frame = table(np.repeat(np.arange(20), 4), list(range(80)), labels=(0, 1))
    frame = frame.astype({"x1": np.float32, "x2": np.int16, "y": np.int8})
    store = stored(frame, tmp_path, "table.parquet")
    source = open_files([str(tmp_path / "table.parquet")])[0]
    assert single_precision(source, ("x1", "x2"))
    assert not single_precision(source, ("t",))
    assert store.read(0, 1).x.dtype == np.float32
    data, memory = store.read(0, store.sequences), read_table(frame, **OPTIONS)
    np.testing.assert_array_equal(data.x, memory.x)
    np.testing.assert_array_equal(data.y, memory.y)
    assert data.ids.tolist() == memory.ids.tolist()


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


@pytest.mark.parametrize(
    ("change", "message"),
    cases(
        {
            "text": ({"x1": "abc"}, r"line 52, column 'x1': 'abc' is not a number"),
            "empty cell": ({"x1": ""}, r"line 52, column 'x1': the cell is empty"),
            "infinite": ({"x1": "inf"}, r"line 52, column 'x1': 'inf' is infinite"),
            "empty id": ({"id": ""}, r"line 52, column 'id': the id is empty"),
            "no time": ({"t": "noon"}, r"line 52, column 't': 'noon' is neither a number nor a date"),
        }
    ),
)
@pytest.mark.usefixtures("small_batches")
def test_bad_cells_are_named_as_in_memory(change, message, tmp_path):
    frame = table([f"k{k // 4}" for k in range(80)], list(range(80))).astype(object)
    for name, value in change.items():
        frame.loc[50, name] = value
    with pytest.raises(DataError, match=message):
        stored(frame, tmp_path)
    assert not (tmp_path / "stores").exists() or not list((tmp_path / "stores").iterdir())


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


COMPACT = [f"202401{1 + k:02}" for k in range(30)]  # dates that look like numbers
DATES = [f"2023-12-{1 + k:02}" for k in range(30)]


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


@pytest.mark.parametrize("times", cases({"numbers first": COMPACT + DATES, "dates first": DATES + COMPACT}))
@pytest.mark.usefixtures("small_batches")
def test_dates_that_look_like_numbers_are_dates_where_others_are(times, tmp_path):
    frame = table([f"k{k % 2}" for k in range(60)], times)
    assert_same(stored(frame, tmp_path), read_table(tmp_path / "table.csv", **OPTIONS))


@pytest.mark.parametrize(
    "times", cases({"steps, then dates": list(range(20)) + DATES, "mostly numbers": COMPACT + DATES[:20]})
)
@pytest.mark.parametrize("files", [1, 2], ids=["one file", "two files"])
@pytest.mark.usefixtures("small_batches")
def test_numbers_and_dates_in_one_column_are_refused_as_in_memory(times, files, tmp_path):
    frame = table([f"k{k % 2}" for k in range(50)], times)
    border = 50 if files == 1 else times.index(DATES[0])
    paths = [str(tmp_path / name) for name in ("a.csv", "b.csv")[:files]]
    for path, rows in zip(paths, (frame[:border], frame[border:]), strict=False):
        rows.to_csv(path, index=False)
    message = r"line \d+, column 't': '.*' is neither a number nor a date"
    with pytest.raises(DataError, match=message):
        read_table(paths, **OPTIONS)
    with pytest.raises(DataError, match=message):
        make_store(open_files(paths), request(), Budget(10**9), tmp_path / "store")


@pytest.mark.parametrize(
    ("name", "cell", "options"),
    cases(
        {
            "text": ("x1", "abc", {"features": ("x1",)}),
            "empty": ("x1", "", {"features": ("x1",)}),
            "weight": ("x2", "-1", {"features": ("x1",), "weight": "x2"}),
            "part": ("x2", "north", {"features": ("x1",), "split_by": "column:x2"}),
        }
    ),
)
@pytest.mark.usefixtures("small_batches")
def test_bad_cells_of_later_batches_are_not_counted(name, cell, options, tmp_path):
    frame = table([f"k{k // 4}" for k in range(80)], list(range(80))).assign(x2="train" if "split_by" in options else 1)
    frame = frame.astype({name: object})
    frame.loc[50:70, name] = cell
    with pytest.raises(DataError, match=rf"line 52, column '{name}': .*\(and more such cells\)"):
        stored(frame, tmp_path, **options)
    with pytest.raises(DataError, match=rf"line 52, column '{name}': .*\(and 20 more such cells\)"):
        read_table(tmp_path / "table.csv", **OPTIONS, **options)


@pytest.mark.usefixtures("small_batches")
def test_a_third_value_of_a_binary_target(tmp_path):
    frame = table([f"k{k // 4}" for k in range(80)], list(range(80)), labels=(0, 1))
    frame.loc[50, "y"] = 2
    with pytest.raises(DataError, match=r"line 52, column 'y': '2' is a third value after '0' and '1'"):
        stored(frame, tmp_path, task="binary")


def test_what_is_interrupted_leaves_nothing(tmp_path):
    def interrupted():
        with building(tmp_path / "tables" / "one") as place:
            (place / "x").write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list((tmp_path / "tables").iterdir()) == []


@pytest.mark.usefixtures("small_batches")
def test_ctrl_c_while_reading_leaves_nothing(tmp_path, monkeypatch):
    sort = rnnfast.data.reading.disk.bucket_sort

    def interrupted(*arguments):
        sort(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(rnnfast.data.reading.disk, "bucket_sort", interrupted)
    with pytest.raises(KeyboardInterrupt):
        stored(table([f"k{k % 4}" for k in range(80)], list(range(80))), tmp_path)
    assert list((tmp_path / "stores").iterdir()) == []


def test_what_a_killed_process_left_is_removed_a_day_later(tmp_path):
    for name, age in (("old.1.tmp", 90_000), ("new.1.tmp", 100)):
        (stores() / name).mkdir(parents=True)
        os.utime(stores() / name, (time.time() - age,) * 2)
    path = tmp_path / "table.csv"
    table([f"k{k // 4}" for k in range(80)], list(range(80))).to_csv(path, index=False)
    with stored_table([str(path)], request(), Budget(10**9)) as store:
        assert {path.name for path in stores().iterdir()} == {"new.1.tmp", store.store.directory.name}


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


@pytest.mark.parametrize(
    "options", cases({"every step": {}, "ahead": {"horizon": 2}, "last step": {"predict": "last"}})
)
@pytest.mark.usefixtures("small_batches")
def test_the_range_of_a_quantity_is_that_of_memory(options, tmp_path, monkeypatch):
    frame = table([f"k{k // 4}" for k in range(80)], list(range(80)), labels=(0.5, 1.25, 2.0, 7.0))
    frame.loc[::5, "y"] = np.nan
    store = stored(frame, tmp_path, task="regression", **options)
    monkeypatch.setattr(rnnfast.data.sequences.stored, "LABEL_BYTES", 160)
    store = predicting(store)
    assert len(list(store.blocks(("y",)))) > 2
    assert store.range == pytest.approx(
        read_table(tmp_path / "table.csv", task="regression", **OPTIONS, **options).range
    )


def test_classes_have_no_range(tmp_path):
    assert stored(table([f"k{k // 4}" for k in range(80)], list(range(80))), tmp_path).range is None


@pytest.mark.parametrize("change", ["categories", "dates", "texts"])
@pytest.mark.usefixtures("small_batches")
def test_types_of_parquet(change, tmp_path):
    pytest.importorskip("pyarrow")
    frame = table([f"k{k % 6}" for k in range(60)], list(range(60)))
    if change == "categories":
        frame["id"] = frame["id"].astype("category")
    elif change == "dates":
        frame["t"] = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(frame["t"].to_numpy()[::-1], unit="us")
    else:
        frame["t"] = frame["t"].map("{:05}".format)
    store, memory = stored(frame, tmp_path, "table.parquet"), read_table(frame, **OPTIONS)
    data = store.read(0, store.sequences)
    np.testing.assert_array_equal(data.x, memory.x)
    np.testing.assert_array_equal(data.row, memory.row)
    assert data.ids.tolist() == memory.ids.tolist()


def test_a_store_is_found_again_until_its_file_changes(tmp_path, monkeypatch):
    frame = table([f"k{k // 4}" for k in range(80)], list(range(80)))
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)

    def directory():
        with stored_table([str(path)], request(), Budget(10**9)) as store:
            return store.store.directory

    first = directory()
    assert first.parent == stores()
    assert first.is_dir()
    with monkeypatch.context() as patch:
        patch.setattr(rnnfast.data.reading.stores, "make_store", None)  # not made again
        assert directory() == first
    frame[:60].to_csv(path, index=False)
    second = directory()
    assert second != first
    assert first.is_dir()  # another run may be reading it
    long_ago = time.time() - UNUSED - 60
    os.utime(first, (long_ago, long_ago))
    assert directory() == second
    assert list(stores().iterdir()) == [second]


def opened(path):
    """Open the store of a file; return its directory and the names of its source."""
    with stored_table([str(path)], request(), Budget(10**9)) as store:
        return store.store.directory, store.source


@pytest.fixture
def two_tables(tmp_path, monkeypatch):
    """A table in a folder of its own, another beside that folder, which is the present directory."""
    frame = table([f"k{k // 4}" for k in range(80)], list(range(80)))
    (tmp_path / "sub").mkdir()
    for name in ("sub/big.csv", "other.csv"):
        frame.to_csv(tmp_path / name, index=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("two_tables")
def test_a_file_of_another_name_is_another_store(monkeypatch):
    assert opened("sub/big.csv")[1] == ("sub/big.csv",)
    monkeypatch.chdir("sub")
    assert opened("big.csv")[1] == ("big.csv",)


@pytest.mark.parametrize(
    ("name", "value"), cases({"pandas": ("version", lambda name: "0.0.1"), "this package": ("__version__", "0.0.1")})
)
@pytest.mark.usefixtures("two_tables")
def test_other_versions_make_another_store(name, value, monkeypatch):
    first, _ = opened("other.csv")
    monkeypatch.setattr(cache, name, value)
    assert opened("other.csv")[0] != first


@pytest.mark.usefixtures("two_tables")
def test_a_store_is_of_no_file_only_where_the_file_is_gone(monkeypatch, tmp_path):
    monkeypatch.chdir("sub")
    directory, _ = opened("big.csv")
    two_days_ago = time.time() - 2 * ABANDONED
    monkeypatch.chdir(tmp_path)
    os.utime(directory, (two_days_ago, two_days_ago))
    opened("other.csv")
    assert directory.is_dir()
    (tmp_path / "sub" / "big.csv").unlink()
    opened("other.csv")
    assert not directory.exists()


def test_without_cache_nothing_stays(tmp_path):
    path = tmp_path / "table.csv"
    table([f"k{k // 4}" for k in range(80)], list(range(80))).to_csv(path, index=False)
    with stored_table([str(path)], request(cache=False), Budget(10**9)) as store:
        assert store.sequences == 20
        directory = store.store.directory
    assert not directory.parent.exists()
    assert not stores().exists()


def test_a_damaged_store_says_so(tmp_path):
    store = stored(table([f"k{k // 4}" for k in range(80)], list(range(80))), tmp_path)
    (store.store.directory / "x").write_bytes(b"short")
    with pytest.raises(RnnfastError, match="ends too early"):
        store.read(0, store.sequences)
    with pytest.raises(RnnfastError, match="damaged store"):
        StoredSequences.open(store.store.directory, Budget(10**9))


@pytest.mark.parametrize(
    ("text", "count"),
    cases(
        {
            "megabytes": ("500M", 5e8),
            "gigabytes": ("2G", 2e9),
            "gibibytes": ("1.5GiB", 1.5 * 2**30),
            "lower case": ("2gb", 2e9),
            "two units": ("1 000k", None),
            "zero": ("0", None),
        }
    ),
)
def test_sizes(text, count):
    if count is None:
        with pytest.raises(UsageError, match="is no size; write 500M"):
            size(text)
    else:
        assert size(text) == count


def test_too_small_a_budget_names_the_least_one():
    with pytest.raises(UsageError, match="give at least 500M"):
        Budget(PROCESS)
    Budget(500_000_000)


def test_ids_are_numbered_as_they_appear():
    identities, random, seen = Identities(), np.random.default_rng(0), {}
    for _ in range(50):
        values = random.integers(0, 500, 40).astype(np.uint64)
        codes, new = identities.codes(values)
        before = len(seen)
        expected = [seen.setdefault(int(value), len(seen)) for value in values]
        assert codes.tolist() == expected
        assert [expected[place] for place in new] == list(range(before, len(seen)))


def damage_description(place, **changes):
    file = place / "store.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize(
    ("damage", "message"),
    cases(
        {
            "no JSON": (lambda place: (place / "store.json").write_text("{"), "truncated"),
            "a count of another type": (lambda place: damage_description(place, ids="7"), "ids is '7': expected int"),
            "a kind of objects": (lambda place: damage_description(place, columns={"x": ["|O8", 2]}), "matching regex"),
            "another number of ids": (lambda place: damage_description(place, ids=6), "offsets has 168 bytes"),
            "a column cut short": (lambda place: os.truncate(place / "x", 8), "x has 8 bytes"),
            "places that do not ascend": (lambda place: (place / "offsets").write_bytes(bytes(168)), "do not ascend"),
        }
    ),
)
def test_a_damaged_store_names_what_does_not_fit(damage, message, tmp_path):
    place = stored(table(np.repeat(np.arange(20), 4), list(range(80)), labels=(0, 1)), tmp_path).store.directory
    damage(place)
    with pytest.raises(RnnfastError, match=f"{place}: is a damaged store .*{message}"):
        StoredSequences.open(place, SMALL_BUCKETS)
