"""`rnnfast cache`: what is kept between runs is counted and cleared."""

import os
import time
from pathlib import Path

import pytest
from commands import fails, isolate, result

from rnnfast.cli import run
from rnnfast.data.synth.generate import synth
from rnnfast.diagnose.caches import KINDS, clear, show
from rnnfast.kernels.lanes import cache as kernels


@pytest.fixture(autouse=True)
def _caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    monkeypatch.setenv("RNNFAST_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    compiled = tmp_path / "kernels" / "rnnfast-0123456789abcdef"
    compiled.mkdir(parents=True)
    (compiled / "epoch.train-1.kernel").write_bytes(b"1" * 100)
    (tmp_path / "kernels" / "other").mkdir()
    synth("creditcard", "tx.csv", sequences=1500, steps=10)


def read(*words: str) -> None:
    assert run(["inspect", "tx.csv", "-q", *words]) == 0


def test_what_is_kept_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    read()
    tables, stores, compiled = show().caches
    assert (tables.entries, stores.entries, compiled.entries) == (1, 0, 1)
    assert compiled.bytes == 100
    assert tables.bytes > 1000
    assert tables.limit == 2 << 30
    assert result(["cache", "show"], capsys)["caches"][0]["entries"] == 1
    assert run(["cache", "show"]) == 0
    assert "parsed tables" in capsys.readouterr().out


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_clearing_removes_what_it_says_and_no_more(kind: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    read()
    words = ["cache", "clear", *(["--only", kind] if kind else [])]
    cleared = result(words, capsys)
    assert {each["kind"] for each in cleared["cleared"]} == ({kind} if kind else set(KINDS))
    left = {each["what"]: each["entries"] for each in cleared["caches"]}
    assert left["parsed tables"] == (1 if kind == "kernels" else 0)
    assert left["compiled kernels"] == (1 if kind == "tables" else 0)
    assert Path("kernels/other").exists()
    assert Path("tx.csv").exists()


def test_nothing_kept_is_no_error() -> None:
    clear()
    assert all(each.entries == each.bytes == 0 for each in clear().caches)


def test_only_goes_with_clear(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--only is for clear" in fails(["cache", "show", "--only", "tables"], 2, capsys)
    assert run(["cache"]) == 2
    assert "missing argument 'show|clear'" in capsys.readouterr().err


def test_kernels_of_versions_that_nobody_uses_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    old = Path("kernels/rnnfast-0123456789abcdef")
    recent = Path("kernels/rnnfast-fedcba9876543210")
    recent.mkdir()
    os.utime(old, (time.time() - 2 * kernels.UNUSED,) * 2)
    kernels.directory.cache_clear()
    try:
        assert kernels.directory().parent.name == "kernels"
    finally:
        kernels.directory.cache_clear()
    assert not old.exists()
    assert recent.exists()
