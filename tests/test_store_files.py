"""Files of a store: found again, made anew where anything changed, nothing left of what was not finished."""

import json
import os
import time

import numpy as np
import pytest
from ids import cases
from stored_tables import SMALL_BUCKETS, request, stored, table

import rnnfast.data.reading.disk
import rnnfast.data.reading.stores
from rnnfast.data.reading.stores import ABANDONED, UNUSED, stored_table, stores
from rnnfast.data.sequences import cache
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.files import building
from rnnfast.data.sequences.stored import StoredSequences
from rnnfast.data.sources.batches import open_files
from rnnfast.errors import RnnfastError

pytestmark = pytest.mark.usefixtures("own_cache")


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


def test_a_change_that_times_do_not_show_is_seen(tmp_path, monkeypatch):
    """One of the same size within the grain of the clock: the store was made of a file that had just been written."""
    path, frame = tmp_path / "table.csv", table([f"k{k // 4}" for k in range(80)], list(range(80)))
    frame.to_csv(path, index=False)
    states = cache.states(open_files([str(path)]))
    monkeypatch.setattr(cache, "states", lambda sources: states)  # whatever becomes of the file
    directory, _ = opened(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"k19,79,", b"k18,79,"))
    with stored_table([str(path)], request(), Budget(10**9)) as store:
        assert store.store.directory == directory
        assert store.lengths.tolist()[-2:] == [5, 3]
    monkeypatch.setattr(cache, "SETTLED", -1)
    monkeypatch.setattr(rnnfast.data.reading.stores, "make_store", None)  # not made again
    assert opened(path)[0] == directory
    monkeypatch.setattr(rnnfast.data.reading.stores, "digest_of", None)  # from now on its times are enough
    assert opened(path)[0] == directory


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
