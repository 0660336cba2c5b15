"""What goes wrong, through the command line: one message, the documented exit code, nothing half-written."""

import gzip
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from commands import fails, files_of, isolate, result, start
from ids import cases
from safetensors.numpy import load_file, save_file
from test_bad_tables import CASES

import rnnfast.shards.where
from rnnfast.cli import run
from rnnfast.data.synth.generate import synth


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)


@pytest.fixture
def xor() -> Path:
    synth("xor", "xor.csv")
    return Path("xor.csv")


def flags_of(options: dict[str, Any]) -> list[str]:
    words = []
    for name, value in {"target": "y", **options}.items():
        text = ",".join(value) if isinstance(value, list | tuple) else str(value)
        words += [f"--{name.replace('_', '-')}", text] if text else []
    return words


@pytest.mark.parametrize("case", CASES)
def test_bad_tables_end_with_3(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    content, options, parts = CASES[case]
    Path("bad.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    error = fails(["train", "--data", "bad.csv", *flags_of(options), "-o", "run"], 3, capsys)
    assert error.startswith("rnnfast: error: bad.csv")
    assert all(part in error for part in parts)
    assert files_of(Path()) == {"bad.csv"}


HEADER = "id,t,a,y\n"
MORE_BAD_TABLES = {
    # name: (content, arguments, what the message must hold)
    "one sequence": (HEADER + "A,0,1,0\nA,1,2,1\n", [], "cannot be split"),
    "one class trains": (HEADER + "A,0,1,1\nA,1,2,1\nB,0,1,0\nB,1,2,0\n", ["--split", "0.5"], "both classes"),
    "not a table": (b"\x89PNG\r\n\x1a\n\0\0", [], "an image"),
    "binary": (b"a,b\n1,\0\n", [], "zero byte"),
    "damaged gzip": (gzip.compress(b"id,t,a,y\nA,0,1,0\n" * 99)[:-9], [], "gzip"),
    "empty": (b"", [], "is empty"),
    "header alone": (HEADER, [], "bad.csv"),
    "Latin-1": ("id,t,a,y\nZürich,0,1,0\n".encode("latin-1"), [], "UTF-8"),
}


@pytest.mark.parametrize("case", MORE_BAD_TABLES)
def test_more_bad_tables_end_with_3(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    content, options, part = MORE_BAD_TABLES[case]
    Path("bad.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    arguments = ["train", "--data", "bad.csv", "--target", "y", "-o", "run", *options]
    assert part in fails(arguments, 3, capsys)
    assert files_of(Path()) == {"bad.csv"}


def test_missing_tables_end_with_3(xor: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean 'xor.csv'" in fails(["train", "xo.csv"], 3, capsys)
    assert "is a directory" in fails(["train", "."], 3, capsys)
    assert "cannot be read" in fails(["train", "xor.csv", "--valid", "xor.csv/x"], 3, capsys)
    assert "no column" in fails(["inspect", "xor.csv", "--target", "z"], 3, capsys)
    assert files_of(Path()) == {"xor.csv"}


@pytest.mark.parametrize(
    ("arguments", "part"),
    cases(
        {
            "misspelt command": (["trian"], "did you mean 'train'?"),
            "no table": (["train"], "nothing to train on"),
            "misspelt flag": (["train", "xor.csv", "--hiden", "3"], "--hidden"),
            "text for a number": (["train", "xor.csv", "--hidden", "x"], "--hidden: 'x' is not a whole number"),
            "misspelt choice": (["train", "xor.csv", "--activation", "tahn"], "tanh"),
            "shares above one": (["train", "xor.csv", "--split", "0.7,0.5"], "more than the whole"),
            "no duration": (["train", "xor.csv", "--max-time", "soon"], "write 90s"),
            "loss of another task": (["train", "xor.csv", "--loss", "bce", "--task", "regression"], "--loss mse"),
            "two roles": (["train", "xor.csv", "--id", "t", "--time", "t"], "one role"),
            "missing configuration": (["train", "xor.csv", "--config", "none.toml"], "no such configuration file"),
            "table as configuration": (["train", "xor.csv", "--config", "xor.csv"], "cannot be read as TOML"),
            "table as directory": (["train", "xor.csv", "-o", "xor.csv"], "error: xor.csv is no directory"),
            "directory in a table": (["train", "xor.csv", "-o", "xor.csv/run"], "xor.csv is no directory"),
            "eval without model": (["eval"], "--model"),
            "bound without value": (
                ["eval", "--model", "m", "--data", "d", "--fail-under", "auprc"],
                "is not METRIC=VALUE",
            ),
            "unknown part": (["eval", "--model", "m", "--data", "d", "--part", "some"], "--part"),
            "output in a missing directory": (
                ["predict", "--model", "m", "--data", "d", "-o", "no/out.csv"],
                "no directory",
            ),
            "JSON without output file": (["predict", "--model", "m", "--data", "d", "--json"], "-o FILE"),
            "misspelt kind": (["synth", "sor"], "xor"),
            "existing file": (["synth", "xor", "-o", "xor.csv"], "exists"),
        }
    ),
)
def test_wrong_usage_ends_with_2(
    arguments: list[str], part: str, xor: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert part in fails(arguments, 2, capsys)
    assert files_of(Path()) == {"xor.csv"}


def test_unknown_keys_and_wrong_variables_end_with_2(
    xor: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for text, part in (
        ("[train]\nepoch = 3\n", "did you mean 'epochs'"),
        ("[trian]\nepochs = 3\n", "did you mean 'train'"),
        ("[model]\nepochs = 3\n", "belongs under [train]"),
        ("[train]\nepochs = 'many'\n", "not a whole number"),
    ):
        Path("c.toml").write_text(text)
        assert part in fails(["train", "xor.csv", "--config", "c.toml"], 2, capsys)
    monkeypatch.setenv("RNNFAST_EPOCHS", "many")
    assert "RNNFAST_EPOCHS" in fails(["train", "xor.csv"], 2, capsys)
    assert not Path("runs").exists()


def test_outputs_that_cannot_be_written_end_with_1(
    xor: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "no permission" in fails(["train", "xor.csv", "-o", "run"], 1, capsys)
    assert "no permission" in fails(["predict", "--model", "m", "--data", "xor.csv", "-o", "p.csv"], 1, capsys)
    assert files_of(Path()) == {"xor.csv"}


def test_a_disk_that_fills_up_leaves_no_half_file(
    xor: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["train", "xor.csv", "--epochs", "1", "-o", "run", "-q"]) == 0

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    error = fails(["predict", "--model", "run", "--data", "xor.csv", "-o", "out.csv"], 1, capsys)
    assert error == "rnnfast: error: out.csv: cannot be written: No space left on device"
    assert [path for path in files_of(Path()) if "out" in path] == []


def test_wrong_model_files_end_with_4(xor: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "xor.csv", "--epochs", "1", "-o", "run", "-q"]) == 0
    good = Path("run/model.safetensors")
    Path("empty.safetensors").touch()
    Path("half.safetensors").write_bytes(good.read_bytes()[:1000])
    save_file(load_file(good), "other.safetensors")
    Path("folder").mkdir()
    for model, part in (
        ("none.safetensors", "no such model file"),
        ("folder", "no such model file"),
        ("xor.csv", "is no model; give"),
        ("empty.safetensors", "is not a safetensors file"),
        ("half.safetensors", "is not a safetensors file"),
        ("other.safetensors", "another program"),
    ):
        assert part in fails(["eval", "--model", model, "--data", "xor.csv"], 4, capsys)
        assert part in fails(["predict", "--model", model, "--data", "xor.csv", "-o", "p.csv"], 4, capsys)
    assert "another program" in fails(["inspect", "other.safetensors"], 4, capsys)
    assert not Path("p.csv").exists()


def test_a_model_and_a_table_that_do_not_fit(xor: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "xor.csv", "--epochs", "1", "-o", "run", "-q"]) == 0
    Path("wrong.csv").write_text("name,t,x1,X2,y1\na,0,1,1,0\n")
    for command in ("eval", "predict"):
        error = fails([command, "--model", "run", "--data", "wrong.csv"], 3, capsys)
        assert "no column 'x2'; did you mean 'X2'" in error
    Path("unlabelled.csv").write_text("name,t,x1,x2\na,0,1,1\n")
    assert "'y1'" in fails(["eval", "--model", "run", "--data", "unlabelled.csv"], 3, capsys)
    assert "had no such part" in fails(["eval", "--model", "run", "--data", "xor.csv", "--part", "test"], 2, capsys)
    synth("xor", "other.csv", sequences=100)
    assert "not the table" in fails(["eval", "--model", "run", "--data", "other.csv", "--part", "valid"], 2, capsys)
    gate = ["eval", "--model", "run", "--data", "xor.csv", "--fail-under", "auprk=1"]
    assert "did you mean 'auprc'?" in fails(gate, 2, capsys)


def test_divergence_ends_with_6_and_keeps_the_last_good_weights(capsys: pytest.CaptureFixture[str]) -> None:
    synth("temperature", "heat.csv", sequences=20, steps=20)
    error = fails(["train", "heat.csv", "--lr", "1e6", "-o", "run"], 6, capsys)
    assert "epoch 1, update" in error
    assert "run/model.safetensors" in error
    assert result(["eval", "--model", "run", "--data", "heat.csv"], capsys)["metrics"]["rmse"] > 0


def test_ctrl_c_outside_of_training_ends_with_130(xor: Path) -> None:
    assert run(["train", "xor.csv", "--epochs", "0", "-o", "run", "-q"]) == 0
    with start(["predict", "--model", "run", "--data", "-"], stdin=subprocess.PIPE) as running:
        assert running.stderr is not None
        assert running.stderr.readline().startswith("Reading")
        # More than a pipe holds: written when the process reads it, and then waits for the rest.
        assert running.stdin is not None
        running.stdin.write("name,t,x1,x2,y1\n" + "A,0,0,1,1\n" * 50_000)
        running.stdin.flush()
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert err.endswith("rnnfast: interrupted\n")
    assert "Traceback" not in err


def test_a_closed_pipe_ends_quietly(xor: Path) -> None:
    for arguments in (["train", "xor.csv", "--epochs", "3"], ["inspect", "xor.csv"]):
        read, write = os.pipe()
        os.close(read)
        with start(arguments, stdout=write) as running:
            _, err = running.communicate(timeout=60)
        os.close(write)
        assert running.returncode == 1
        assert "rror" not in err


def test_a_lack_of_memory_is_no_bug(
    xor: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def large(*arguments: object, **options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(rnnfast.shards.where, "run", large)
    assert "not enough memory; use fewer columns" in fails(["train", "xor.csv"], 1, capsys)


def test_the_traceback_of_a_bug_is_saved(
    xor: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError("an oversight")

    monkeypatch.setattr(rnnfast.shards.where, "run", broken)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    error = fails(["train", "xor.csv"], 1, capsys)
    saved = Path(error.split("its traceback is in ")[1].rstrip(")\n"))
    assert saved.parent == tmp_path / "cache" / "rnnfast" / "tracebacks"
    assert "ZeroDivisionError: an oversight" in saved.read_text()
    assert run(["train", "xor.csv", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err
