"""What is shown while tables are read, and that it ends with them."""

import gzip
import io
import sys
import threading

import pytest
from terminals import Terminal

from rnnfast.console.reading import ReadingProgress
from rnnfast.console.screen import Screen
from rnnfast.data import read_table
from rnnfast.data.reading import memory
from rnnfast.data.sequences import cache
from rnnfast.data.sources import watch
from rnnfast.errors import DataError
from rnnfast.reporter import Reporter

TEXT = "a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(20_000))


class Listener(Reporter):
    def __init__(self):
        self.calls, self.hits, self.heard = [], 0, threading.Semaphore(0)

    def parsing(self, read, total, seconds, finished):
        assert 0 <= read <= total
        self.calls.append((read, finished))
        self.heard.release()

    def cached(self):
        self.hits += 1


@pytest.fixture
def slow(monkeypatch):
    """A listener; a table is read for so long that it has heard of it a few times."""
    monkeypatch.setattr(watch, "PATIENCE", 0.0)
    monkeypatch.setattr(watch, "INTERVAL", 0.0)
    load, listener = memory.load, Listener()

    def slowly(*arguments, **options):
        table = load(*arguments, **options)
        while listener.heard.acquire(blocking=False):  # what was heard before all of it was parsed
            pass
        for _ in range(3):
            assert listener.heard.acquire(timeout=300)
        return table

    monkeypatch.setattr(memory, "load", slowly)
    return listener


def test_progress_is_told_and_ends(tmp_path, slow):
    path, listener = tmp_path / "t.csv.gz", slow
    path.write_bytes(gzip.compress(TEXT.encode()))
    read_table(path, target="y", reporter=listener)
    assert len(listener.calls) > 2
    size = path.stat().st_size
    assert listener.calls[-1] == (size, True)
    assert listener.calls[-2] == (size, False)
    assert [finished for _, finished in listener.calls].count(True) == 1


def test_quick_tables_have_none(tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "PATIENCE", 3600.0)
    (tmp_path / "t.csv").write_text(TEXT)
    listener = Listener()
    read_table(tmp_path / "t.csv", target="y", reporter=listener)
    assert listener.calls == []


def test_it_ends_with_an_error_too(tmp_path, slow):
    (tmp_path / "t.csv").write_text(TEXT + "oops,1\n")
    listener = slow
    with pytest.raises(DataError, match="oops"):
        read_table(tmp_path / "t.csv", target="y", reporter=listener)
    assert listener.calls[-1][1]


def test_a_table_from_the_cache_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "LEAST", 1)
    (tmp_path / "t.csv").write_text(TEXT)
    listener = Listener()
    for _ in range(2):
        read_table(tmp_path / "t.csv", target="y", reporter=listener)
    assert listener.hits == 1


def drawn(monkeypatch, stream, **options):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)
    progress = ReadingProgress(Screen(**options))
    progress.parsing(0, 100, 1.0, False)
    progress.parsing(45, 100, 2.0, False)
    progress.parsing(100, 100, 3.0, True)
    return stream.getvalue()


def test_terminal_shows_a_bar_and_removes_it(monkeypatch):
    text = drawn(monkeypatch, Terminal())
    assert "reading" in text
    assert "45" in text
    assert text.rstrip().endswith("\x1b[2K")


@pytest.mark.parametrize("options", [{"quiet": True}, {"json": True}], ids=["quiet", "json"])
def test_quiet_and_json_show_nothing(monkeypatch, options):
    assert drawn(monkeypatch, Terminal(), **options) == ""


def test_files_show_nothing(monkeypatch):
    assert drawn(monkeypatch, io.StringIO()) == ""


@pytest.mark.parametrize(("verbose", "said"), [(0, False), (1, True)], ids=["silent", "verbose"])
def test_cache_is_named_with_v(monkeypatch, verbose, said):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    ReadingProgress(Screen(verbose=verbose)).cached()
    assert ("parsed by an earlier run" in stream.getvalue()) is said
