import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import fake_engine
import numpy as np
import pytest

import rnnfast.model
from rnnfast import __version__
from rnnfast.cli import run
from rnnfast.data import read_table

TRAIN_KEYS = {
    "schema_version", "model", "task", "epochs", "best_epoch", "stopped", "parameters", "rows", "sequences", "seconds",
    "timesteps_per_second", "metrics", "baseline",
}  # fmt: skip
EVAL_KEYS = {"schema_version", "task", "labelled_steps", "metrics", "confusion", "baseline"}


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in list(os.environ):
        if name.startswith("RNNFAST_"):
            monkeypatch.delenv(name)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Replace the engine by the fake one; call the fixture to choose how a run ends."""
    monkeypatch.setitem(sys.modules, "rnnfast.training", fake_engine.module())
    monkeypatch.setattr(rnnfast.model, "load", fake_engine.load, raising=False)
    return lambda ending: monkeypatch.setenv("FAKE_ENDING", ending)


@pytest.fixture
def tables(engine: object) -> None:
    for kind in ("creditcard", "temperature"):
        assert run(["synth", kind, "--sequences", "30", "--steps", "10", "-q"]) == 0


def fails(arguments: Sequence[str], code: int, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail with that code, print nothing on stdout and end with the error; return stderr."""
    assert run(arguments) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("rnnfast: error: ")
    assert "Traceback" not in captured.err
    return captured.err


def process(arguments: Sequence[str], **settings: object) -> "subprocess.Popen[str]":
    """Start the command line with the fake engine in a process of its own."""
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-c", process_code(), *arguments],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **settings,
    )


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--version"], ["train", "--version"]):
        assert run(arguments) == 0
        assert capsys.readouterr().out == f"rnnfast {__version__}\n"
    for arguments in (["--version", "-v"], ["-v", "--version"], ["eval", "--version", "--verbose"]):
        assert run(arguments) == 0
        names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
        assert names == ["rnnfast", "python", "numba", "llvmlite", "numpy"]


def test_typing_errors_are_answered_with_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean 'train'?" in fails(["trian"], 2, capsys)
    assert "--hidden" in fails(["train", "--hiden", "3"], 2, capsys)
    assert "--hidden: 'x' is not a whole number" in fails(["train", "--hidden", "x"], 2, capsys)
    assert "tanh" in fails(["train", "--activation", "tahn"], 2, capsys)
    assert "nothing to train on" in fails(["train"], 2, capsys)
    assert "Try 'rnnfast eval -h' for help." in fails(["eval"], 2, capsys)


@pytest.mark.usefixtures("tables")
def test_train_prints_results_on_stdout_and_the_rest_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--data", "creditcard.csv", "-o", "run"]) == 0
    captured = capsys.readouterr()
    assert "Confusion matrix" in captured.out
    assert "run/model.safetensors" in captured.out
    assert "epoch 100/100" in captured.err
    assert "epoch 100/100" not in captured.out
    assert "Next" in captured.err


@pytest.mark.usefixtures("tables")
def test_train_json_is_one_object_and_silence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "creditcard.csv", "--json", "--epochs", "3"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert set(result) == TRAIN_KEYS
    assert set(result["metrics"]) == {"train", "valid"}
    assert set(result["baseline"]) == {"valid"}
    assert result["epochs"] == 3
    assert captured.err == ""


@pytest.mark.usefixtures("tables")
def test_quiet_train_prints_the_final_result_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--data", "creditcard.csv", "-q"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("metric")


@pytest.mark.usefixtures("tables")
def test_flags_win_over_environment_and_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("run.toml").write_text('[data]\ndata = ["creditcard.csv"]\n[train]\nepochs = 2\nseed = 2\nlr = 0.2\n')
    monkeypatch.setenv("RNNFAST_SEED", "3")
    monkeypatch.setenv("RNNFAST_EPOCHS", "3")
    assert run(["train", "--config", "run.toml", "--epochs", "4"]) == 0
    err = " ".join(capsys.readouterr().err.split())
    for text in ("learning rate 0.2", "seed 3", "at most 4 epochs"):
        assert text in err


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(("ending", "code", "message"), [("diverged", 6, "NaN"), ("bug", 1, "ZeroDivisionError")])
def test_failures_while_training(
    ending: str, code: int, message: str, engine: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    engine(ending)
    assert message in fails(["train", "creditcard.csv", "--json"], code, capsys)
    assert run(["train", "creditcard.csv", "-q", "--debug"]) == code
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.usefixtures("tables")
def test_the_traceback_of_a_bug_is_saved(
    engine: Callable[[str], None], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    engine("bug")
    err = fails(["train", "creditcard.csv"], 1, capsys)
    saved = Path(err.split("its traceback is in ")[1].rstrip(")\n"))
    assert saved.parent == tmp_path / "cache" / "rnnfast" / "tracebacks"
    assert "ZeroDivisionError: an oversight" in saved.read_text()


@pytest.mark.usefixtures("tables")
def test_an_interrupted_run_prints_its_results_and_ends_with_130(
    engine: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    engine("interrupted")
    assert run(["train", "creditcard.csv", "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["stopped"] == "interrupted"
    engine("ctrl-c")
    assert run(["train", "creditcard.csv", "-q"]) == 130
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.strip() == "rnnfast: interrupted"


@pytest.mark.usefixtures("tables")
def test_ctrl_c_outside_the_training_loop_ends_with_130() -> None:
    arguments = ["predict", "--model", "temperature.csv", "--data", "-"]  # waits for a table on stdin
    with process(arguments, stdin=subprocess.PIPE) as running:
        assert running.stderr is not None
        assert running.stderr.readline().startswith("Reading")
        time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "Aborted" not in err
    assert "Traceback" not in err


@pytest.mark.usefixtures("tables")
def test_a_closed_pipe_ends_quietly() -> None:
    for arguments in (["train", "creditcard.csv", "--epochs", "3"], ["inspect", "creditcard.csv"]):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run(
            [sys.executable, "-c", process_code(), *arguments], stdout=write, stderr=subprocess.PIPE, text=True
        )
        os.close(write)
        assert done.returncode == 1
        assert "Error" not in done.stderr
        assert "error" not in done.stderr


def process_code() -> str:
    tests = Path(__file__).parent
    return (
        f"import sys; sys.path[:0] = [{str(tests)!r}, {str(tests.parent)!r}];"
        "import fake_engine; fake_engine.install();"
        "from rnnfast.cli import main; main()"
    )


@pytest.mark.usefixtures("tables")
def test_eval(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["eval", "--model", "creditcard.csv", "--data", "creditcard.csv"]
    assert run(arguments) == 0
    captured = capsys.readouterr()
    assert "baseline" in captured.out
    assert "was trained on" in " ".join(captured.err.split())
    assert run([*arguments, "--json"]) == 0
    everything = json.loads(capsys.readouterr().out)
    assert set(everything) >= EVAL_KEYS
    assert everything["training_table"] is True
    assert run([*arguments, "--json", "--part", "valid"]) == 0
    part = json.loads(capsys.readouterr().out)
    assert 0 < part["labelled_steps"] < everything["labelled_steps"]
    assert run([*arguments[:3], "--data", "temperature.csv"]) == 3


@pytest.mark.usefixtures("tables")
def test_quality_gates(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["eval", "--model", "creditcard.csv", "--data", "creditcard.csv", "--json"]
    for met in ("auprc=0", "loss=0.25", "brier=1", "accuracy=0.01"):
        assert run([*arguments, "--fail-under", met]) == 0
    capsys.readouterr()
    assert run([*arguments, "--fail-under", "auprc=1.5", "--fail-under", "loss=0.2", "--fail-under", "auroc=0"]) == 5
    captured = capsys.readouterr()
    assert json.loads(captured.out)["schema_version"] == 1
    assert "below the goal of 1.5" in captured.err
    assert "loss is 0.25, above the goal of 0.2" in captured.err
    assert "auroc" not in captured.err
    assert "did you mean 'auprc'?" in fails([*arguments, "--fail-under", "auprk=1"], 2, capsys)
    for wrong in ("auprc", "auprc=high", "auprc=nan"):
        assert "is not METRIC=VALUE" in fails([*arguments, "--fail-under", wrong], 2, capsys)


@pytest.mark.usefixtures("tables")
def test_predict_writes_a_row_for_each_row_of_the_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", "--model", "temperature.csv", "--data", "temperature.csv", "-o", "out.csv"]) == 0
    with Path("temperature.csv").open() as given, Path("out.csv").open() as written:
        rows, predictions = list(csv.DictReader(given)), list(csv.DictReader(written))
    assert list(predictions[0]) == ["name", "t", "y1_pred"]
    assert [(row["name"], row["t"]) for row in rows] == [(row["name"], row["t"]) for row in predictions]
    expected = np.float32([float(row["x1"]) for row in rows])
    np.testing.assert_array_equal(np.float32([float(row["y1_pred"]) for row in predictions]), expected)
    assert "exists" in fails(["predict", "--model", "temperature.csv", "--data", "x.csv", "-o", "out.csv"], 2, capsys)
    again = ["predict", "--model", "temperature.csv", "--data", "temperature.csv", "-o", "out.csv", "--force", "--json"]
    assert run(again) == 0
    assert json.loads(capsys.readouterr().out) == {"schema_version": 1, "rows": len(rows), "output": "out.csv"}
    assert [path.name for path in Path().iterdir() if path.name.startswith(".out")] == []


@pytest.mark.usefixtures("tables")
def test_predict_needs_no_target_and_writes_clean_csv_to_stdout() -> None:
    lines = [line.rsplit(",", 1)[0] for line in Path("creditcard.csv").read_text().splitlines()]
    Path("new.csv").write_text("\n".join(lines[:24]) + "\n")  # 23 rows: two windows and a rest
    arguments = ["predict", "--model", "creditcard.csv", "--data", "-"]
    with Path("new.csv").open() as table, process(arguments, stdin=table) as running:
        out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    written = list(csv.DictReader(out.splitlines()))
    assert list(written[0]) == ["Class_pred", "Class_prob"]
    assert len(written) == 23
    assert all(row["Class_pred"] == str(int(float(row["Class_prob"]) >= 0.5)) for row in written)


def test_predictions_of_the_last_step_and_of_overlapping_windows(
    engine: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{name},{t},{t + 10 * i},{i % 2}" for t in range(4) for i, name in enumerate("abc")]
    Path("t.csv").write_text("id,time,v,label\n" + "\n".join(rows) + "\n")
    options = {"id": "id", "time": "time", "target": "label"}

    def predict(**more: object) -> list[str]:
        data = read_table("t.csv", **options, **more)
        model = fake_engine.FakeModel(data, fake_engine.Config())
        monkeypatch.setattr(rnnfast.model, "load", lambda path: model)
        assert run(["predict", "--model", "m", "--data", "t.csv", "-q"]) == 0
        return capsys.readouterr().out.splitlines()

    last = predict(predict="last")
    assert [line.rsplit(",", 1)[0] for line in last] == ["id,time,label_pred", "a,3,1", "b,3,1", "c,3,1"]
    for stride in (1, 2, 3):
        every = predict(predict="every", window=2, stride=stride)
        assert [line.split(",")[:2] for line in every[1:]] == [row.split(",")[:2] for row in rows]


@pytest.mark.usefixtures("tables")
def test_inspect(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "creditcard.csv"]) == 0
    assert "Amount" in capsys.readouterr().out
    assert run(["inspect", "temperature.csv", "--ignore", "x2", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    roles = {column["name"]: column["role"] for column in described["columns"]}
    assert roles["name"] == "id"
    assert roles["t"] == "time"
    assert roles["y1"] == "target"
    assert "x2" not in roles
    assert described["sequences"] == 30
    assert "'Cass'" in fails(["inspect", "creditcard.csv", "--target", "Cass"], 3, capsys)
    assert "no such file" in fails(["inspect", "none.csv"], 3, capsys)


def test_inspect_a_model(tables: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rnnfast.model, "load", lambda path: fake_engine.load("creditcard.csv"))
    Path("run").mkdir()
    for path in ("run", "m.safetensors"):
        assert run(["inspect", path]) == 0
        assert "rnn.weight_ih_l0" in capsys.readouterr().out
    assert run(["inspect", "run", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["kind"] == "model"
    assert described["parameters"] == 11
    assert "options are for tables" in fails(["inspect", "run", "--target", "y"], 2, capsys)


def test_synth(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["synth", "xor", "-o", "a.csv", "--sequences", "7", "--seed", "1", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["kind"], made["output"], made["sequences"], made["seed"]) == ("xor", "a.csv", 7, 1)
    assert "exists" in fails(["synth", "xor", "-o", "a.csv"], 2, capsys)
    assert run(["synth", "xor", "-o", "a.csv", "--force", "-q"]) == 0
    assert "no directory" in fails(["synth", "xor", "-o", "no/a.csv"], 2, capsys)
    assert "-o FILE" in fails(["synth", "xor", "-o", "-", "--json"], 2, capsys)
    assert "xor" in fails(["synth", "sor"], 2, capsys)
    with process(["synth", "xor", "-o", "-", "--sequences", "3"]) as running:
        out, err = running.communicate(timeout=60)
    assert out.splitlines()[0] == "name,t,x1,x2,y1"
    assert err == ""


def test_doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import rnnfast.kernels

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(rnnfast.kernels, "warm_up", lambda: 0.05, raising=False)
    assert run(["doctor", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["cpu"]["simd_bits"] in (128, 256, 512)
    assert report["cache"] == {"directory": str(tmp_path), "chosen_by": "NUMBA_CACHE_DIR", "writable": True}
    assert {check["name"] for check in report["checks"]} == {"libraries", "vectors", "threads", "cache", "warm-up"}
    Path("file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", "file/cache")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "4096")
    assert run(["doctor"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "set NUMBA_CACHE_DIR to a directory of yours" in out
    assert "4096 asked for" in out

    def broken() -> float:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(rnnfast.kernels, "warm_up", broken, raising=False)
    assert run(["doctor", "-q"]) == 1


def test_bench(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    load = {"name": "rnn10", "cell": "rnn", "hidden": 10, "dtype": "float32", "batch": 1, "ms_per_epoch": 18.2,
            "steps_per_second": 15.7e6, "gflops": 25.0, "share_of_peak": 0.09}  # fmt: skip

    def measure(workloads: tuple[str, ...], seconds: float, reporter: fake_engine.Reporter) -> dict[str, object]:
        asked.append((workloads, seconds))
        reporter.notice("measuring rnn10")
        return {"machine": {"name": "a machine"}, "peak_gflops": {"float32": 270.0}, "workloads": [load]}

    import types

    module = types.ModuleType("rnnfast.benchmark")
    module.run = measure  # type: ignore[attr-defined]
    module.WORKLOADS = {"rnn10": "RNN of 10 units"}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rnnfast.benchmark", module)
    assert run(["bench", "--workload", "rnn10", "--seconds", "0.5"]) == 0
    captured = capsys.readouterr()
    assert asked == [(("rnn10",), 0.5)]
    assert "9.00 %" in captured.out
    assert "measuring rnn10" in captured.err
    assert run(["bench", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["workloads"] == [load]
    assert run(["bench", "--list"]) == 0
    assert "rnn10" in capsys.readouterr().out
