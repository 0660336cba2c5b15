"""The commands as a user calls them, with the real engine on small tables."""

import csv
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import BINARY_METRICS, REGRESSION_METRICS, fails, isolate, result, start
from safetensors.numpy import load_file

import rnnfast
from rnnfast.cli import run
from rnnfast.data.synth.generate import synth

TRAIN_KEYS = {
    "schema_version", "model", "task", "epochs", "best_epoch", "stopped", "parameters", "rows", "sequences", "seconds",
    "timesteps_per_second", "metrics", "baseline", "findings", "verdict",
}  # fmt: skip
EVAL_KEYS = {
    "schema_version", "task", "labelled_steps", "metrics", "confusion", "baseline", "part", "training_table", "findings",
    "verdict",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with tables and a model of each: card.csv and card/, heat.csv and heat/."""
    directory = tmp_path_factory.mktemp("models")
    synth("creditcard", directory / "card.csv", sequences=100)
    synth("temperature", directory / "heat.csv", sequences=100, steps=50)
    for name in ("card", "heat"):
        data, out = str(directory / f"{name}.csv"), str(directory / name)
        options = ["--preset", "fast", "--epochs", "200", "--patience", "0", "--split", "0.8,0.1", "-q"]
        assert run(["train", "--data", data, "-o", out, *options]) == 0
    return directory


def rows_of(path: str | Path) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def weights(directory: str | Path) -> dict[str, bytes]:
    return {name: tensor.tobytes() for name, tensor in load_file(Path(directory) / "model.safetensors").items()}


def test_train_writes_a_run_and_prints_where(capsys: pytest.CaptureFixture[str]) -> None:
    synth("xor", "xor.csv")
    assert run(["train", "--data", "xor.csv", "--hidden", "4", "--epochs", "20"]) == 0
    captured = capsys.readouterr()
    for text in ("baseline", "Confusion matrix", "runs/xor-rnn4/model.safetensors", "history.csv", "config.toml"):
        assert text in captured.out
    for text in (
        "Reading",
        "train: 160 sequences",
        "valid: 40 sequences",
        "epoch 20/20",
        "rnnfast predict --model runs/xor-rnn4",
    ):
        assert text in captured.err
    assert {path.name for path in Path("runs/xor-rnn4").iterdir()} == {
        "model.safetensors", "history.csv", "config.toml",
    }  # fmt: skip
    history = rows_of("runs/xor-rnn4/history.csv")
    assert [row["split"] for row in history] == ["train", "valid"] * 20
    assert [int(row["epoch"]) for row in history[::2]] == list(range(1, 21))
    assert float(history[-1]["loss"]) < float(history[1]["loss"])


def test_train_json_has_the_documented_keys(capsys: pytest.CaptureFixture[str]) -> None:
    synth("creditcard", "card.csv", sequences=60)
    made = result(["train", "card.csv", "--epochs", "3", "--split", "0.6,0.2"], capsys)
    assert set(made) == TRAIN_KEYS
    assert made["model"] == "runs/card-rnn10/model.safetensors"
    assert (made["schema_version"], made["task"], made["stopped"], made["epochs"]) == (1, "binary", "epochs", 3)
    assert made["parameters"] == 29 * 10 + 10 * 10 + 2 * 10 + 11
    assert (made["rows"], made["sequences"]) == (600, {"train": 36, "valid": 12, "test": 12})
    assert set(made["seconds"]) == {"load", "compile", "train", "eval"}
    assert set(made["metrics"]) == {"train", "valid", "test"}
    assert set(made["baseline"]) == {"valid", "test"}
    assert all(set(scores) == BINARY_METRICS for scores in made["metrics"].values())
    assert 1 <= made["best_epoch"] <= 3


def test_quiet_prints_the_result_alone(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(models / "heat.csv")
    assert run(["train", "--data", data, "--epochs", "2", "-q"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("metric")
    assert run(["eval", "--model", str(models / "heat"), "--data", data, "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_runs_get_the_next_free_name_and_keep_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    synth("xor", "xor.csv")
    arguments = ["train", "xor.csv", "--epochs", "1"]
    assert [result(arguments, capsys)["model"].split("/")[1] for _ in range(2)] == ["xor-rnn10", "xor-rnn10-2"]
    before = Path("runs/xor-rnn10/model.safetensors").read_bytes()
    assert "--force" in fails([*arguments, "-o", "runs/xor-rnn10"], 2, capsys)
    assert Path("runs/xor-rnn10/model.safetensors").read_bytes() == before
    assert run([*arguments, "-o", "runs/xor-rnn10", "--seed", "1", "--force", "-q"]) == 0
    assert Path("runs/xor-rnn10/model.safetensors").read_bytes() != before


def test_the_configuration_of_a_run_reruns_it_to_the_bit() -> None:
    synth("temperature", "heat.csv", sequences=20, steps=20)
    options = ["--epochs", "7", "--seed", "3", "--lr", "0.1", "--split", "0.7,0.2", "--patience", "0"]
    assert run(["train", "heat.csv", *options, "-o", "a", "-q"]) == 0
    assert run(["train", "--config", "a/config.toml", "-o", "b", "-q"]) == 0
    assert weights("a") == weights("b")
    assert Path("a/history.csv").read_bytes() == Path("b/history.csv").read_bytes()
    assert run(["train", "--config", "a/config.toml", "-o", "c", "--seed", "4", "-q"]) == 0
    assert weights("a") != weights("c")


def test_flags_win_over_environment_and_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    synth("xor", "xor.csv")
    Path("run.toml").write_text('[data]\ndata = ["xor.csv"]\n[train]\nepochs = 2\nseed = 2\nlr = 0.2\n')
    monkeypatch.setenv("RNNFAST_SEED", "3")
    monkeypatch.setenv("RNNFAST_EPOCHS", "3")
    assert run(["train", "--config", "run.toml", "--epochs", "4"]) == 0
    err = " ".join(capsys.readouterr().err.split())
    for text in ("learning rate 0.2", "seed 3", "at most 4 epochs"):
        assert text in err


def test_no_epochs_write_the_initial_model_and_patience_0_keeps_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    synth("xor", "xor.csv")
    initial = result(["train", "xor.csv", "--epochs", "0", "-o", "initial"], capsys)
    assert (initial["epochs"], initial["best_epoch"], initial["stopped"]) == (0, 0, "epochs")
    assert rows_of("initial/history.csv") == []
    last = result(["train", "xor.csv", "--epochs", "5", "--patience", "0", "-o", "last"], capsys)
    assert last["best_epoch"] == 5
    assert weights("initial") != weights("last")
    limited = result(["train", "xor.csv", "--epochs", "1000000", "--patience", "0", "--max-time", "1s"], capsys)
    assert limited["stopped"] == "max_time"
    stopped = result(["train", "xor.csv", "--lr", "30", "--patience", "2", "--epochs", "1000"], capsys)
    assert (stopped["stopped"], stopped["epochs"]) == ("patience", stopped["best_epoch"] + 2)


def test_tables_beside_the_training_table(capsys: pytest.CaptureFixture[str]) -> None:
    for seed, name in enumerate(("train", "valid", "test")):
        synth("parity", f"{name}.csv", sequences=20 + seed, steps=5, seed=seed)
    options = ["--valid", "valid.csv", "--test", "test.csv", "--epochs", "2"]
    made = result(["train", "train.csv", *options], capsys)
    assert made["sequences"] == {"train": 20, "valid": 21, "test": 22}
    assert "--test gives" in fails(["train", "train.csv", "--test", "test.csv", "--split", "0.5,0.2"], 2, capsys)
    assert result(["train", "train.csv", "--split", "1", "--epochs", "2"], capsys)["sequences"]["valid"] == 0


def test_several_files_are_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    synth("parity", "all.csv", sequences=20, steps=5)
    header, *lines = Path("all.csv").read_text().splitlines(keepends=True)
    Path("1.csv").write_text(header + "".join(lines[:40]))
    Path("2.csv").write_text(header + "".join(lines[40:]))
    whole = result(["train", "--data", "all.csv", "--epochs", "3"], capsys)
    for files in (["--data", "1.csv", "--data", "2.csv"], ["--data", "1.csv", "2.csv"]):
        parts = result(["train", *files, "--epochs", "3"], capsys)
        assert (parts["metrics"], parts["rows"]) == (whole["metrics"], whole["rows"])


def test_eval_of_parts_and_of_the_whole_table(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["eval", "--model", str(models / "card"), "--data", str(models / "card.csv")]
    everything = result(arguments, capsys)
    assert set(everything) == EVAL_KEYS | {"calibration"}
    assert set(everything["metrics"]) == set(everything["baseline"]) == BINARY_METRICS
    (tn, fp), (fn, tp) = everything["confusion"]
    assert tn + fp + fn + tp == everything["labelled_steps"] == 1000
    assert everything["metrics"]["accuracy"] == pytest.approx((tn + tp) / 1000)
    assert everything["training_table"] is True
    parts = {part: result([*arguments, "--part", part], capsys) for part in ("train", "valid", "test")}
    assert [parts[part]["labelled_steps"] for part in parts] == [800, 100, 100]
    saved = result(["inspect", str(models / "card")], capsys)["metrics"]
    for part, scores in parts.items():
        assert scores["metrics"] == pytest.approx(saved[part], rel=1e-6)
    assert run(arguments) == 0
    captured = capsys.readouterr()
    assert "baseline" in captured.out
    assert "was trained on" in " ".join(captured.err.split())


def test_eval_of_a_regression(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = result(["eval", "--model", str(models / "heat"), "--data", str(models / "heat.csv")], capsys)
    assert set(scores) == EVAL_KEYS
    assert set(scores["metrics"]) == REGRESSION_METRICS
    assert scores["confusion"] is None
    assert scores["metrics"]["rmse"] < 0.5 * scores["baseline"]["rmse"]


def test_quality_gates(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["eval", "--model", str(models / "card"), "--data", str(models / "card.csv")]
    met = result([*arguments, "--fail-under", "auroc=0.5", "--fail-under", "loss=5"], capsys)
    goals = ["--fail-under", "auprc=1.5", "--fail-under", "loss=0", "--fail-under", "auroc=0"]
    assert result([*arguments, *goals], capsys, code=5)["metrics"] == met["metrics"]
    assert run([*arguments, *goals]) == 5
    error = capsys.readouterr().err.splitlines()[-1]
    assert "below the goal of 1.5" in error
    assert "above the goal of 0" in error
    assert "auroc" not in error


def test_predict_to_a_file_to_stdout_and_without_the_target(models: Path) -> None:
    model, table = str(models / "heat"), models / "heat.csv"
    assert run(["predict", "--model", model, "--data", str(table), "-o", "out.csv", "-q"]) == 0
    given, written = rows_of(table), rows_of("out.csv")
    assert list(written[0]) == ["name", "t", "y1_pred"]
    assert [(row["name"], row["t"]) for row in written] == [(row["name"], row["t"]) for row in given]
    actual, predicted = ([float(row[key]) for row in rows] for rows, key in ((given, "y1"), (written, "y1_pred")))
    assert np.corrcoef(actual, predicted)[0, 1] > 0.8
    lines = [line.rsplit(",", 1)[0] for line in table.read_text().splitlines()]
    with start(["predict", "--model", model, "--data", "-"], stdin=subprocess.PIPE) as running:
        out, err = running.communicate("\n".join(lines) + "\n", timeout=60)
    assert running.returncode == 0, err
    assert out == Path("out.csv").read_text()


def test_predictions_of_a_binary_model(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, data = str(models / "card"), str(models / "card.csv")
    assert result(["predict", "--model", model, "--data", data, "-o", "out.csv"], capsys) == {
        "schema_version": 1, "rows": 1000, "output": "out.csv",
    }  # fmt: skip
    written = rows_of("out.csv")
    assert list(written[0]) == ["row", "Class_pred", "Class_prob"]
    assert [row["row"] for row in written] == [str(row) for row in range(1000)]
    assert all(row["Class_pred"] == str(int(float(row["Class_prob"]) >= 0.5)) for row in written)
    assert "exists" in fails(["predict", "--model", model, "--data", data, "-o", "out.csv"], 2, capsys)
    assert run(["predict", "--model", model, "--data", data, "-o", "out.csv", "--force", "-q"]) == 0


def interleaved(kind: str) -> list[dict[str, Any]]:
    """Rows of five ids that take turns; labels per step or per sequence."""
    rows = [{"id": i, "t": t, "v": (7 * i + 3 * t) % 5, "y": (i + t) % 2} for t in range(4) for i in range(5)]
    return [row | {"y": row["id"] % 2} for row in rows] if kind == "last" else rows


@pytest.mark.parametrize("kind", ["every", "last"])
def test_predictions_of_interleaved_ids_are_in_the_order_of_the_input(kind: str) -> None:
    rows = interleaved(kind)
    for name, ordered in (("mixed", rows), ("sorted", sorted(rows, key=lambda row: (row["id"], row["t"])))):
        lines = [",".join(str(value) for value in row.values()) for row in ordered]
        Path(f"{name}.csv").write_text("\n".join(["id,t,v,y", *lines]) + "\n")
    assert run(["train", "mixed.csv", "--target", "y", "--epochs", "3", "-o", "run", "-q"]) == 0
    for name in ("mixed", "sorted"):
        assert run(["predict", "--model", "run", "--data", f"{name}.csv", "-o", f"{name}.out", "-q"]) == 0
    mixed, tidy = rows_of("mixed.out"), rows_of("sorted.out")
    wanted = rows if kind == "every" else rows[-5:]
    assert [(row["id"], row["t"]) for row in mixed] == [(str(row["id"]), str(row["t"])) for row in wanted]
    assert sorted(map(str, mixed)) == sorted(map(str, tidy))


def test_inspect_a_model(models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    described = result(["inspect", str(models / "card")], capsys)
    assert (described["kind"], described["cell"], described["parameters"]) == ("model", "rnn", 421)
    assert described["columns"]["targets"] == ["Class"]
    assert described["trained"]["source"] == [str(models / "card.csv")]
    for path in (models / "card", models / "card" / "model.safetensors"):
        assert run(["inspect", str(path)]) == 0
        out = capsys.readouterr().out
        assert "rnn.weight_ih_l0" in out
        assert "bce loss" in out
    assert "options are for tables" in fails(["inspect", str(models / "card"), "--target", "y"], 2, capsys)


def test_a_whole_session_in_processes_of_its_own() -> None:
    """synth | train, eval and predict through pipes."""
    with start(["synth", "parity", "-o", "-", "--sequences", "40", "--steps", "6"]) as made:
        with start(["train", "--data", "-", "-o", "run", "--epochs", "5", "--json"], stdin=made.stdout) as trained:
            out, err = trained.communicate(timeout=120)
        table = Path("parity.csv")
        assert run(["synth", "parity", "-o", str(table), "--sequences", "40", "--steps", "6", "-q"]) == 0
    assert trained.returncode == 0, err
    assert json.loads(out)["sequences"] == {"train": 32, "valid": 8, "test": 0}
    with start(["eval", "--model", "run", "--data", str(table), "--part", "valid", "--json"]) as scored:
        out, err = scored.communicate(timeout=60)
    assert scored.returncode == 0, err
    assert json.loads(out)["labelled_steps"] == 48


def test_the_python_interface(tmp_path: Path) -> None:
    synth("temperature", "heat.csv", sequences=20, steps=20)
    data = rnnfast.read_table("heat.csv", target="y1")
    trained = rnnfast.train(data, cell="rnn", hidden=8, epochs=20, seed=1)
    assert isinstance(trained, rnnfast.TrainResult)
    assert set(trained.metrics) == {"train", "valid"}
    trained.model.save(tmp_path / "m.safetensors")
    model = rnnfast.load(tmp_path / "m.safetensors")
    predicted = model.predict(data)
    assert predicted.shape == (data.rows, 1)
    np.testing.assert_array_equal(predicted, trained.model.predict(data))
    scores = model.evaluate(data)
    error = np.asarray(predicted, np.float64) - data.y
    assert scores.metrics["rmse"] == pytest.approx(float(np.sqrt(np.mean(error**2))))
    with pytest.raises(rnnfast.UsageError, match="did you mean 'hidden'"):
        rnnfast.train(data, hiden=3)
    with pytest.raises(rnnfast.DivergedError) as caught:
        rnnfast.train(data, lr=1e6)
    assert caught.value.result.model.predict(data).shape == (data.rows, 1)
