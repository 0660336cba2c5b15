"""Stores in the cache: damaged ones are made anew, and where none can be kept nothing fails."""

import shutil
from pathlib import Path

import pytest
from ids import cases

from rnnfast.caching import CacheWarning
from rnnfast.config.resolve import Config
from rnnfast.data.reading.request import Request
from rnnfast.data.reading.stores import stored_table
from rnnfast.data.sequences.budget import Budget


@pytest.fixture(autouse=True)
def _table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNFAST_CACHE_DIR", str(tmp_path / "cache"))
    rows = (f"k{k // 4},{-k},{k},{k}" for k in range(80))
    Path("table.csv").write_text("\n".join(["id,t,a,y", *rows]))


def opened():
    """Open the store of the table; return its directory."""
    request = Request(Config().with_values({"id": "id", "time": "t", "target": ("y",)}, "test").data)
    with stored_table(["table.csv"], request, Budget(10**9)) as store:
        assert store.read(0, store.sequences).sequences == 20
        return store.store.directory


def one_byte(directory):
    content = bytearray((directory / "x").read_bytes())
    content[-1] ^= 1
    (directory / "x").write_bytes(content)


def foreign(directory):
    shutil.rmtree(directory)
    directory.write_text("a file")


@pytest.mark.parametrize(
    "damage",
    cases(
        {
            "file cut short": lambda directory: (directory / "x").write_bytes(b"short"),
            "byte changed": one_byte,
            "file missing": lambda directory: (directory / "row").unlink(missing_ok=True) or (directory / "y").unlink(),
            "description empty": lambda directory: (directory / "store.json").write_text(""),
            "description of something else": lambda directory: (directory / "store.json").write_text("[]"),
            "file in its place": foreign,
        }
    ),
)
def test_a_damaged_store_in_the_cache_is_made_anew(damage):
    directory = opened()
    whole = {path.name: path.read_bytes() for path in directory.iterdir()}
    damage(directory)
    with pytest.warns(CacheWarning, match="dropped"):
        assert opened() == directory
    again = {path.name: path.read_bytes() for path in directory.iterdir()}
    del whole["store.json"], again["store.json"]  # which holds times
    assert again == whole
    assert opened() == directory  # and nothing is said


def test_where_no_store_can_be_kept_it_is_temporary(monkeypatch):
    Path("file").touch()
    monkeypatch.setenv("RNNFAST_CACHE_DIR", "file")
    with pytest.warns(CacheWarning, match="temporary directory"):
        directory = opened()
    assert not directory.exists()
