"""Parts of the command line that need no training."""

import json
from pathlib import Path

import pytest
from commands import fails, isolate, result, start

import rnnfast.kernels
from rnnfast import __version__
from rnnfast.cli import run
from rnnfast.data.synth.generate import synth
from rnnfast.kernels.lanes import cache


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--version"], ["train", "--version"]):
        assert run(arguments) == 0
        assert capsys.readouterr().out == f"rnnfast {__version__}\n"
    for arguments in (["--version", "-v"], ["-v", "--version"], ["eval", "--version", "--verbose"]):
        assert run(arguments) == 0
        names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
        assert names == ["rnnfast", "python", "numba", "llvmlite", "numpy"]


def test_common_options_may_stand_before_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--json", "synth", "xor", "-o", "a.csv"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "xor"
    assert run(["-q", "synth", "xor", "-o", "b.csv"]) == 0
    assert capsys.readouterr() == ("", "")


def test_usage_errors_say_where_to_find_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval"]) == 2
    assert "Try 'rnnfast eval -h' for help." in capsys.readouterr().err


def test_inspect_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    for kind in ("creditcard", "temperature"):
        synth(kind, f"{kind}.csv", sequences=30, steps=10)
    assert run(["inspect", "creditcard.csv"]) == 0
    assert "Amount" in capsys.readouterr().out
    described = result(["inspect", "temperature.csv", "--ignore", "x2"], capsys)
    roles = {column["name"]: column["role"] for column in described["columns"]}
    assert (roles["name"], roles["t"], roles["y1"]) == ("id", "time", "target")
    assert roles["x2"] == "unused"
    assert (described["kind"], described["sequences"]) == ("table", 30)


def test_synth(capsys: pytest.CaptureFixture[str]) -> None:
    made = result(["synth", "xor", "-o", "a.csv", "--sequences", "7", "--seed", "1"], capsys)
    assert (made["kind"], made["output"], made["sequences"], made["seed"]) == ("xor", "a.csv", 7, 1)
    assert "exists" in fails(["synth", "xor", "-o", "a.csv"], 2, capsys)
    assert run(["synth", "xor", "-o", "a.csv", "--force", "-q"]) == 0
    assert "no directory" in fails(["synth", "xor", "-o", "no/a.csv"], 2, capsys)
    assert "-o FILE" in fails(["synth", "xor", "-o", "-", "--json"], 2, capsys)
    with start(["synth", "xor", "-o", "-", "--sequences", "3"]) as running:
        out, err = running.communicate(timeout=60)
    assert out.splitlines()[0] == "name,t,x1,x2,y1"
    assert err == ""


@pytest.fixture
def _fresh_cache_directory() -> object:
    """Let the environment of the test choose the directory of the kernels."""
    cache.directory.cache_clear()
    yield
    cache.directory.cache_clear()


@pytest.mark.usefixtures("_fresh_cache_directory")
def test_doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(rnnfast.kernels, "warm_up", lambda: 0.05)
    report = result(["doctor"], capsys)
    assert report["cpu"]["simd_bits"] in (128, 256, 512)
    tiles = report["cpu"]["tiles"]
    rows, lanes = tiles["float32"]
    # Half of the registers of AVX-512 (32) hold a tile, half of those of the others (16)
    assert rows * lanes * 32 == report["cpu"]["simd_bits"] * (16 if report["cpu"]["simd_bits"] == 512 else 8)
    assert tiles["float64"] == [rows, lanes // 2]
    assert report["cache"] == {
        "directory": str(cache.path_of_version()),
        "chosen_by": "NUMBA_CACHE_DIR",
        "writable": True,
        "fault": "",
    }
    assert cache.path_of_version().parent == tmp_path
    assert {check["name"] for check in report["checks"]} == {"libraries", "vectors", "threads", "cache", "warm-up"}


@pytest.mark.usefixtures("_fresh_cache_directory")
def test_doctor_names_the_fix_of_what_is_not_well(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rnnfast.kernels, "warm_up", lambda: 0.05)
    Path("file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", "file/cache")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "4096")
    assert run(["doctor"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Not a directory: every run compiles its kernels anew" in out
    assert "set NUMBA_CACHE_DIR to a directory of yours" in out
    assert "4096 asked for" in out

    def broken() -> float:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(rnnfast.kernels, "warm_up", broken)
    monkeypatch.setattr(rnnfast.kernels.lanes.processor, "vector_bytes", broken)
    report = result(["doctor"], capsys, code=1)
    assert report["cpu"]["simd_bits"] is None
    assert report["cpu"]["tiles"] is None
    assert report["checks"][-1]["status"] == "error"


def test_bench_measures_what_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    report = result(["bench", "--workload", "rnn5-sample", "--seconds", "0.001"], capsys)
    (load,) = report["workloads"]
    assert (load["name"], load["cell"], load["hidden"], load["dtype"], load["batch"]) == (
        "rnn5-sample", "rnn", 5, "float64", 1
    )  # fmt: skip
    assert load["ms_per_epoch"] > 0
    assert load["steps_per_second"] == pytest.approx(6 * 5 * 1e3 / load["ms_per_epoch"])
    # 2 operations for each of: (3 x 5 + 5 x 5 + 5) twice, 5 x 5 + 5 once; for 30 steps
    assert load["gflops"] == pytest.approx(2 * (2 * 45 + 30) * 30 / load["ms_per_epoch"] / 1e6)
    assert 0 < load["share_of_peak"] < 1
    assert report["peak_gflops"].keys() == {"float32", "float64"}
    assert report["machine"]["cores_used"] == 1


def test_bench_shows_a_row_for_each_workload(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--workload", "rnn5-sample", "--seconds", "0.001"]) == 0
    captured = capsys.readouterr()
    assert "rnn5-sample" in captured.out
    assert "%" in captured.out
    assert "rnn5-sample: rnn 3 -> 5 -> 1 relu" in captured.err
    assert run(["bench", "--list"]) == 0
    assert {"rnn10", "gru32-100", "lstm128-10"} <= set(capsys.readouterr().out.split())
    assert "did you mean 'rnn10'?" in fails(["bench", "--workload", "rnn1"], 2, capsys)
    assert "rnn5-sample" in result(["bench", "--list"], capsys)["workloads"]
