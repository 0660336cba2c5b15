"""Settings of all tests. Compiled kernels stay where users have them, so that a second run of the tests is quick."""

import os
import signal

import pytest
from hypothesis import settings
from ids import fault

# A shared machine stalls now and then; how long one example took says nothing about the code.
settings.register_profile("rnnfast", deadline=None)
settings.load_profile("rnnfast")


# A shell may start what runs in the background with Ctrl-C ignored, and commands that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _own_tables(tmp_path_factory):
    """Keep parsed tables of tests out of the user's cache."""
    before = os.environ.get("RNNFAST_CACHE_DIR")
    os.environ["RNNFAST_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["RNNFAST_CACHE_DIR"]
    else:
        os.environ["RNNFAST_CACHE_DIR"] = before


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache of tables for one test alone."""
    monkeypatch.setenv("RNNFAST_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def small_batches(monkeypatch):
    """Many batches, buckets and blocks of a small table."""
    monkeypatch.setattr("rnnfast.data.sources.batches.MOST_ROWS", 7)
    monkeypatch.setattr("rnnfast.data.sequences.relabel.LABEL_ROWS", 11)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse ids that hold data: processes that share the tests would collect different ones (see ids.py)."""
    for item in items:
        call = getattr(item, "callspec", None)
        wrong = call and fault(call.id, call.params)
        if wrong:
            raise pytest.UsageError(f"{item.nodeid}: the id {wrong}; name the case by words (tests/ids.py)")


def pytest_collection_finish() -> None:
    """Hide where real tables are, which the modules of tests have read: commands know no such variable."""
    os.environ.pop("RNNFAST_DATASETS", None)
