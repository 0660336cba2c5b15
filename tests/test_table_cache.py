"""The cache of parsed tables: the same data with and without it, and nothing in it can fail a run."""

import io
import os
import threading
import time
from contextlib import nullcontext
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnfast.caching import CacheWarning
from rnnfast.data import SequenceData, read_table
from rnnfast.data.sequences import cache
from rnnfast.data.sequences import entry as entry_files
from rnnfast.data.sequences.cache import usage
from rnnfast.data.sources.texts import Texts
from rnnfast.errors import DataError

ROWS = 40
TEXT = "id,t,a,b,y\n" + "".join(f"n{i % 3},{i // 3},{i * 0.5},{-i},{i % 2}\n" for i in range(ROWS))


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """A cache of the test's own that takes the smallest tables."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "LEAST", 1)
    return tmp_path / "cache" / "tables"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    write(path, TEXT)
    return path


def write(path, text, age=60):
    """Write a file that looks as if it had been there for a while."""
    path.write_text(text)
    os.utime(path, (time.time() - age, time.time() - age))


@pytest.fixture(autouse=True)
def settled(monkeypatch):
    """Let files count as old: the time of their last change of state cannot be set."""
    monkeypatch.setattr(cache, "SETTLED", -(10**12))


def read(path, **options):
    return read_table(path, **{"target": "y", **options})


def entries(directory):
    return sorted(path for path in directory.iterdir() if path.name != "digests")


def assert_equal(data, expected):
    for field in fields(SequenceData):
        left, right = getattr(data, field.name), getattr(expected, field.name)
        if field.name == "from_cache":
            continue
        assert type(left) is type(right), field.name
        if isinstance(left, (np.ndarray, Texts)):
            assert left.dtype == right.dtype
            np.testing.assert_array_equal(left, right, err_msg=field.name)
        elif field.name == "origin":
            assert left.starts == right.starts
            assert not left.sources or left.where(0) == right.where(0)  # an entry alone does not know its sources
        else:
            assert left == right, field.name


def test_second_reading_comes_from_the_cache(table):
    first, second = read(table), read(table)
    assert (first.from_cache, second.from_cache) == (False, True)
    assert_equal(second, first)
    assert_equal(second, read(table, cache=False))
    assert not read(table, cache=False).from_cache
    schema = first.schema
    assert not read_table(table, schema=schema).from_cache
    assert_equal(read_table(table, schema=schema), read_table(table, schema=schema, cache=False))
    assert read_table(table, schema=schema).from_cache
    assert not read_table(table, schema=schema, require_target=False).from_cache


def test_arrays_may_be_changed_without_changing_the_cache(table, monkeypatch):
    monkeypatch.setattr(entry_files, "LEAST_MAPPED", 1)
    expected = read(table, cache=False)
    read(table)
    read(table).x[:] = 7
    assert_equal(read(table), expected)
    assert read(table).from_cache


def test_other_options_content_and_names_are_other_entries(table, tmp_path):
    read(table)
    assert not read(table, features="a").from_cache
    assert not read(table, window=2).from_cache
    write(table, TEXT.replace("0.5", "0.7"))
    changed = read(table)
    assert not changed.from_cache
    assert changed.x[0, 0] == 0
    assert_equal(changed, read(table, cache=False))
    (tmp_path / "copy.csv").write_text(TEXT)
    assert read(tmp_path / "copy.csv").source == (str(tmp_path / "copy.csv"),)


@pytest.mark.parametrize("folder", ["data/columns", "catalogue", "config"])
def test_other_code_that_decides_what_is_read_has_another_digest(folder, tmp_path):
    module = tmp_path / folder / "module.py"
    module.parent.mkdir(parents=True)
    module.write_text("FORM = 1")
    before = cache.digest_of_code(tmp_path)
    module.write_text("FORM = 2")
    assert cache.digest_of_code(tmp_path) != before


def test_same_size_and_time_but_other_content_is_seen(table):
    read(table)
    state = table.stat()
    time.sleep(0.02)  # for the time of the last change of state, which nobody can set back
    table.write_text(TEXT.replace("0.5", "0.7"))
    os.utime(table, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert_equal(read(table), read(table, cache=False))


def test_young_file_is_hashed_again(table, monkeypatch):
    monkeypatch.setattr(cache, "SETTLED", 2_000_000_000)
    hashed, digest_of = [], cache.digest_of
    monkeypatch.setattr(cache, "digest_of", lambda sources: hashed.append(1) or digest_of(sources))
    read(table)
    assert read(table).from_cache
    assert hashed == [1]  # its times may hide a change in the same moment
    monkeypatch.setattr(cache, "SETTLED", -(10**12))
    read(table, cache=True)
    read(table)
    assert len(hashed) == 2  # once more, and then its times are trusted


def test_touched_file_is_found_by_its_content(table):
    read(table)
    os.utime(table)
    assert read(table).from_cache


def test_several_files_and_their_borders(tmp_path):
    lines = TEXT.splitlines(keepends=True)
    for name, rows in (("1.csv", lines[1:20]), ("2.csv", lines[20:])):
        write(tmp_path / name, lines[0] + "".join(rows))
    paths = [tmp_path / "1.csv", tmp_path / "2.csv"]
    expected = read(paths, cache=False)
    read(paths)
    assert_equal(read(paths), expected)
    assert read(paths).from_cache
    assert read(str(tmp_path / "?.csv")).from_cache


def damage_x(entry):
    path = entry / "x.npy"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def cut_row(entry):
    path = entry / "row.npy"
    path.write_bytes(path.read_bytes()[:-8])


DAMAGE = {
    "changed byte": damage_x,
    "truncated array": cut_row,
    "missing array": lambda entry: (entry / "y.npy").unlink(),
    "empty array": lambda entry: (entry / "y.npy").write_bytes(b""),
    "empty index": lambda entry: (entry / entry_files.INDEX).write_text(""),
    "index of another kind": lambda entry: (entry / entry_files.INDEX).write_text('{"x": 3}'),
    "index without a schema": lambda entry: (entry / entry_files.INDEX).write_text(
        (entry / entry_files.INDEX).read_text().replace('"targets"', '"tragets"')
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_entry_is_replaced(table, own_cache, kind):
    expected = read(table)
    (entry,) = entries(own_cache)
    DAMAGE[kind](entry)
    with nullcontext() if kind == "missing array" else pytest.warns(CacheWarning, match="dropped"):
        again = read(table)
    assert not again.from_cache
    assert_equal(again, expected)
    assert read(table).from_cache
    assert entries(own_cache) == [entry]


def test_damaged_record_of_digests_is_replaced(table, own_cache):
    read(table)
    for path in (own_cache / "digests").iterdir():
        path.write_text('{"states": 3}')
    with pytest.warns(CacheWarning, match="dropped"):
        assert not read(table).from_cache
    assert read(table).from_cache


def test_small_tables_standard_input_and_frames_are_not_kept(table, own_cache, monkeypatch):
    monkeypatch.setattr(cache, "LEAST", len(TEXT) + 1)
    read(table)
    monkeypatch.setattr(cache, "LEAST", 1)
    read(pd.read_csv(table))
    read(table, cache=False)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(TEXT.encode())))
    read("-")
    assert not own_cache.exists()
    assert usage() == (0, 0)


def test_bad_table_is_bad_every_time(tmp_path):
    write(tmp_path / "bad.csv", TEXT + "n1,99,oops,1,1\n")
    for _ in range(2):
        with pytest.raises(DataError, match="oops"):
            read(tmp_path / "bad.csv")


def test_directory_that_cannot_be_written_is_no_error(table, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "file"))
    with pytest.warns(CacheWarning, match="cannot be kept"):
        assert not read(table).from_cache
    assert not read(table).from_cache  # and nothing is said


def test_full_disk_is_no_error(table, own_cache, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.warns(CacheWarning, match="No space left"):
        assert read(table).rows == ROWS
    assert entries(own_cache) == []


def test_least_recently_used_entries_make_room(table, own_cache, monkeypatch):
    for window in (2, 3):
        read(table, window=window)
        time.sleep(0.02)
    assert read(table, window=2).from_cache
    size = usage()[1]
    assert usage()[0] == 2
    monkeypatch.setattr(cache, "LARGEST", size + 100)
    time.sleep(0.02)
    read(table, window=4)
    assert usage()[0] == 2
    assert usage()[1] <= size + 100
    assert read(table, window=2).from_cache
    monkeypatch.setattr(cache, "LARGEST", 10)
    read(table, window=5)
    assert not read(table, window=5).from_cache


def test_there_are_so_many_entries_and_no_more(table, own_cache, monkeypatch):
    monkeypatch.setattr(cache, "MOST", 2)
    for window in (2, 3, 4):
        read(table, window=window)
        time.sleep(0.02)
    assert usage()[0] == 2
    assert [read(table, window=window).from_cache for window in (4, 3, 2)] == [True, True, False]


def test_file_that_changes_while_it_is_read_is_not_kept(table, own_cache, monkeypatch):
    keep = cache.Entry.keep

    def change_first(entry, data):
        write(table, TEXT + "n1,99,1,1,1\n")
        keep(entry, data)

    monkeypatch.setattr(cache.Entry, "keep", change_first)
    read(table)
    assert not own_cache.exists()


def test_a_quicker_writer_leaves_one_entry(table, own_cache, monkeypatch):
    read(table)
    entry, rename = entries(own_cache)[0], Path.rename
    other = b"of another process"

    def rename_after_another(path, target):
        renamed = rename(path, target)
        if path == entry:
            entry.mkdir()
            (entry / "x").write_bytes(other)
        return renamed

    (entry / entry_files.INDEX).unlink()  # damaged: made anew
    monkeypatch.setattr(Path, "rename", rename_after_another)
    assert not read(table).from_cache
    assert entries(own_cache) == [entry]
    assert (entry / "x").read_bytes() == other


def test_many_at_once(table, own_cache):
    expected, found, failed = read(table, cache=False), [], []

    def work():
        try:
            found.extend(read(table) for _ in range(5))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    for data in found:
        assert_equal(data, expected)
    assert len(entries(own_cache)) == 1


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
numbers = st.lists(st.floats(allow_nan=True), min_size=6, max_size=6).map(np.array)


@settings(max_examples=40)
@given(
    ids=st.lists(texts, min_size=2, max_size=2),
    times=st.one_of(
        st.none(),
        st.lists(texts, min_size=6, max_size=6),
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=6, max_size=6),
        st.lists(st.floats(allow_nan=False), min_size=6, max_size=6),
        st.lists(st.booleans(), min_size=6, max_size=6),
    ),
    weight=st.one_of(st.none(), numbers),
    naive=st.one_of(st.none(), numbers.map(lambda values: values.reshape(6, 1))),
    part=st.one_of(st.none(), st.just(np.array([0, 1, 2, 0, 1, 2], dtype=np.int8))),
    label_row=st.one_of(st.none(), st.just(np.arange(6) - 1)),
    key=st.sampled_from([None, np.arange(6) * 2**40, np.arange(6) / 3, np.arange(6, dtype=np.uint64)]),
    categories=st.dictionaries(texts, st.lists(texts).map(tuple), max_size=3),
    notes=st.lists(texts).map(tuple),
    mapped=st.booleans(),
)
def test_every_field_survives(tmp_path_factory, ids, times, mapped, **values):
    data = read_table(pd.DataFrame({"a": np.arange(6.0), "y": [0, 1] * 3}), target="y", window=3)
    objects = None
    if times is not None:
        objects = np.empty(6, dtype=object)
        objects[:] = times
    data = replace(data, ids=np.array(ids, dtype=object), time=objects, **values)
    directory = tmp_path_factory.mktemp("entry")
    entry_files.write(data, directory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entry_files, "LEAST_MAPPED", 1 if mapped else 1 << 40)
        found = entry_files.read(directory)
    assert_equal(found, data)
    if objects is not None:
        assert [type(item) for item in found.time] == [type(item) for item in times]


def test_what_has_no_plain_form_is_not_kept(tmp_path, own_cache):
    frame = pd.DataFrame({"t": pd.to_datetime(["2024-01-01", "2024-01-02"] * 9), "a": np.arange(18.0), "y": [0, 1] * 9})
    frame.insert(0, "id", np.arange(18) // 2)
    frame.to_parquet(tmp_path / "dates.parquet")
    for _ in range(2):
        data = read(tmp_path / "dates.parquet", time="t")
        assert isinstance(data.time[0], pd.Timestamp)
        assert not data.from_cache
    assert entries(own_cache) == []


def test_place_of_the_cache(monkeypatch):
    assert cache.directory() == Path(os.environ[cache.VARIABLE]) / "tables"
    monkeypatch.delenv(cache.VARIABLE)
    assert cache.directory().parts[-2:] == ("rnnfast", "tables")
