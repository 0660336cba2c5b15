"""Ctrl-C, SIGTERM and SIGKILL of commands, and what they go on with."""

import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import fails, files_of, isolate, result, start
from ids import cases
from killed_runs import EVERY_PAUSE, Killer, killer, write_table
from test_feed import limited

import rnnfast
import rnnfast.data.reading.opening
from rnnfast.checkpoint.store import checkpoints
from rnnfast.cli import run
from rnnfast.console.training import TrainConsole
from rnnfast.reporter import EpochRecord
from rnnfast.training.feed import Feed

__all__ = ["killer"]
KILLS = int(os.environ.get("KILLS", "3"))  # by hand: KILLS=30
RULE = [
    "--data", "table.csv", "--id", "name", "--time", "t", "--target", "quantity", "--ignore", "two,several", "--hidden",
    "4", "--cell", "gru", "--optimizer", "adam", "--patience", "0", "--batch-size", "4", "--no-cache",
]  # fmt: skip
LONG = ["train", *RULE, "--epochs"]
TRAIN = [*LONG, "6"]


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    write_table()


def weights(path: str) -> dict[str, np.ndarray]:
    return rnnfast.load(path).parameters


def assert_same_model(one: str, other: str) -> None:
    for name, tensor in weights(one).items():
        np.testing.assert_array_equal(weights(other)[name], tensor, err_msg=name)
    assert Path(one, "history.csv").read_text() == Path(other, "history.csv").read_text()


def press_in_epoch(monkeypatch: pytest.MonkeyPatch, epoch: int, number: int, times: int = 1) -> None:
    """Send a signal in an epoch."""

    def pressed(console: TrainConsole, record: EpochRecord) -> None:
        for _ in range(times if record.epoch == epoch else 0):
            signal.raise_signal(number)

    monkeypatch.setattr(TrainConsole, "epoch", pressed)


SIGNALS = {"Ctrl-C": (signal.SIGINT, 130), "SIGTERM": (signal.SIGTERM, 143)}


@pytest.mark.parametrize(("number", "code"), cases(SIGNALS))
def test_a_signal_saves_what_goes_on(
    number: int, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run([*TRAIN, "-o", "whole", "-q"]) == 0
    with monkeypatch.context() as patch:
        press_in_epoch(patch, 3, number)
        outcome = result([*TRAIN, "-o", "cut"], capsys, code=code)
    assert (outcome["stopped"], outcome["epochs"]) == ("interrupted", 3)
    assert outcome["metrics"]["valid"]["rmse"] > 0
    assert {path.name for path in Path("cut").iterdir()} == {
        "model.safetensors", "history.csv", "config.toml", "checkpoint-1.rnnfast"
    }  # fmt: skip
    outcome = result(["train", "--resume", "cut"], capsys)
    assert (outcome["stopped"], outcome["epochs"]) == ("epochs", 6)
    assert_same_model("whole", "cut")
    assert not checkpoints(Path("cut"))


def test_the_next_command_is_shown(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    press_in_epoch(monkeypatch, 3, signal.SIGINT)
    assert run([*TRAIN, "-o", "cut"]) == 130
    assert "rnnfast train --resume cut" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code"), cases(SIGNALS))
def test_twice_ends_at_once_and_names_what_goes_on(
    number: int, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    press_in_epoch(monkeypatch, 3, number, times=2)
    assert run([*TRAIN, "-o", "cut", "--checkpoint", "1epoch"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("rnnfast: interrupted twice; nothing is written; rnnfast train --resume cut goes on\n")
    assert files_of(Path("cut")) == {"checkpoint-1.rnnfast", "checkpoint-2.rnnfast"}


def test_without_checkpoints_nothing_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    press_in_epoch(monkeypatch, 3, signal.SIGINT)
    assert run([*TRAIN, "-o", "cut", "-q", "--checkpoint", "off"]) == 130
    assert files_of(Path("cut")) == {"model.safetensors", "history.csv", "config.toml"}


def test_a_program_keeps_its_own_answer_to_sigterm(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        press_in_epoch(monkeypatch, 3, signal.SIGTERM)
        assert run([*TRAIN, "-o", "run", "-q"]) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


def press_in_block(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    """Press Ctrl-C when so many blocks have trained."""
    count, train = [0], Feed._train_block

    def pressed(feed: Feed, *arguments: Any) -> Any:
        losses = train(feed, *arguments)
        count[0] += 1
        if count[0] == block:
            signal.raise_signal(signal.SIGINT)
        return losses

    monkeypatch.setattr(Feed, "_train_block", pressed)


@pytest.mark.parametrize(("moment", "epochs"), cases({"in the first epoch": (1, 0), "in the second epoch": (3, 1)}))
def test_a_table_on_disk_ends_after_its_block(
    moment: int, epochs: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rnnfast.data.reading.opening, "needs_store", lambda names, budget, options: True)
    limited(monkeypatch, block=2_000)
    command = [*TRAIN, "--memory", "900M"]
    assert run([*command, "-o", "whole", "-q"]) == 0
    with monkeypatch.context() as patch:
        press_in_block(patch, moment)
        capsys.readouterr()
        assert run([*command, "-o", "cut"]) == 130
    captured = capsys.readouterr()
    if epochs:
        assert Path("cut/history.csv").read_text().count("train") == epochs
    else:
        assert captured.err.endswith(
            "rnnfast: interrupted in the first epoch; no model is written; rnnfast train --resume cut goes on\n"
        )
        assert files_of(Path("cut")) == {"checkpoint-1.rnnfast"}
    assert run(["train", "--resume", "cut", "-q"]) == 0
    assert_same_model("whole", "cut")


def killed_at(arguments: list[str], moment: float) -> int:
    """Kill a command after some seconds; return its exit code."""
    with start(arguments) as process:
        time.sleep(moment)
        process.kill()
        process.communicate()
    return process.returncode


def test_a_process_that_is_killed_at_random_moments_comes_to_the_same_bits() -> None:
    """KILLS=30 pytest tests/test_resume.py -k random: more kills, by hand."""
    rule = [*LONG, "1500"]
    begun = time.perf_counter()
    with start([*rule, "-q", "-o", "whole", "--checkpoint", "off"]) as process:
        assert process.wait() == 0
    lasts = time.perf_counter() - begun
    draw, kills = random.Random(KILLS), 0
    while kills < KILLS:
        resumes = bool(checkpoints(Path("killed")))
        more = ["train", "--resume", "killed"] if resumes else [*rule, "-o", "killed", "--checkpoint", "0.02s"]
        kills += killed_at(more, draw.uniform(0.2, 1.0) * lasts) != 0
        if Path("killed/model.safetensors").exists() and not checkpoints(Path("killed")):
            assert_same_model("whole", "killed")
            shutil.rmtree("killed")
    more = ["--resume", "killed"] if checkpoints(Path("killed")) else [*rule[1:], "-o", "killed"]
    assert run(["train", *more, "-q"]) == 0
    assert_same_model("whole", "killed")
    assert files_of(Path("killed")) == {"model.safetensors", "history.csv", "config.toml"}


# --- other commands ---


CV = ["cv", *RULE, "--folds", "3", "--epochs", "3", "--threads", "1"]


def figures(outcome: Any) -> Any:
    """What a report holds beside times, and the paths of its files."""
    if isinstance(outcome, dict):
        others = ("seconds", "options", "output")
        return {name: figures(value) for name, value in outcome.items() if name not in others}
    return [figures(value) for value in outcome] if isinstance(outcome, list) else outcome


def test_a_cross_validation_goes_on(killer: Killer, capsys: pytest.CaptureFixture[str]) -> None:
    lines = Path("table.csv").read_text().splitlines()
    Path("table.csv").write_text("\n".join([lines[0], *(f"=id{line}" for line in lines[1:])]))  # what --raw is for
    whole = result([*CV, "-o", "whole.csv", "--raw"], capsys)
    killer.arm(5)
    assert run([*CV, "-o", "on.csv", "--raw", "--checkpoint", EVERY_PAUSE, "-q"]) == 1
    killer.arm(None)
    assert checkpoints(Path("runs/table-cv"))
    on = result(["cv", "--resume", "runs/table-cv"], capsys)
    assert killer.calls == 9 - 5
    assert figures(on) == figures(whole)
    assert Path("on.csv").read_bytes() == Path("whole.csv").read_bytes()
    assert not Path("runs/table-cv").exists()


def test_an_interrupted_cross_validation_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = result(CV, capsys)
    count, report = [0], rnnfast.training.loop.Loop._report

    def pressed(loop: Any, *arguments: Any) -> None:
        count[0] += 1
        if count[0] == 5:
            signal.raise_signal(signal.SIGTERM)
            time.sleep(0.5)  # the main thread hears it while it waits for the folds
        report(loop, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(rnnfast.training.loop.Loop, "_report", pressed)
        cut = result(CV, capsys, code=143)
    assert len(cut["folds"]) == 1
    on = result(["cv", "--resume", "runs/table-cv"], capsys)
    assert figures(on) == figures(whole)
    assert not Path("runs/table-cv").exists()


def test_the_winner_of_a_search_goes_on(killer: Killer, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [
        "tune", *RULE, "--trials", "2", "--epochs", "4", "--lr", "0.01", "--checkpoint", EVERY_PAUSE, "--threads", "1",
        "--ensemble", "2", "--no-refit", "-q",
    ]  # fmt: skip
    assert run([*command, "-o", "whole"]) == 0
    killer.arm(killer.calls - 2)
    assert run([*command, "-o", "cut"]) == 1
    killer.arm(None)
    assert checkpoints(Path("cut"))
    shutil.copytree("cut", "damaged")
    for path in checkpoints(Path("damaged")):
        path.write_bytes(path.read_bytes()[:-1])  # then the winner alone is trained anew
    for directory in ("cut", "damaged"):
        assert run(["tune", "--resume", directory, "-q"]) == 0
        assert_same_model("whole", directory)
        assert not checkpoints(Path(directory))


REFUSED = {
    "another file of options": (["--config", "x.toml"], 2),
    "force": (["--force"], 2),
    "a directory": (["-o", "other"], 2),
    "other epochs": (["--epochs", "9"], 2),
    "another command": (["--no-such"], 2),
}


@pytest.mark.parametrize(("more", "code"), cases(REFUSED))
def test_what_does_not_go_with_resume_is_refused(
    more: list[str], code: int, killer: Killer, capsys: pytest.CaptureFixture[str]
) -> None:
    killer.arm(3)
    assert run([*TRAIN, "-o", "cut", "--checkpoint", "1epoch", "-q"]) == 1
    killer.arm(None)
    fails(["train", "--resume", "cut", *more], code, capsys)
    assert checkpoints(Path("cut"))


def test_the_run_of_another_command_is_named(killer: Killer, capsys: pytest.CaptureFixture[str]) -> None:
    killer.arm(3)
    assert run([*CV, "--checkpoint", "1epoch", "-q"]) == 1
    error = fails(["train", "--resume", "runs/table-cv"], 2, capsys)
    assert "rnnfast cv --resume runs/table-cv" in error


@pytest.mark.parametrize(
    ("text", "code"),
    cases({"a word": ("often", 2), "nothing": ("0s", 2), "no epochs": ("0epochs", 2), "below zero": ("-1s", 2)}),
)
def test_an_interval_that_is_none_is_refused(text: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert "write 60s, 10m, 5epochs, or off" in fails([*TRAIN, "--checkpoint", text], code, capsys)


def test_a_run_without_a_directory_of_its_own_takes_the_next_free_one(killer: Killer) -> None:
    killer.arm(3)
    assert run([*TRAIN, "--checkpoint", "1epoch", "-q"]) == 1
    killer.arm(3)
    assert run([*TRAIN, "--checkpoint", "1epoch", "-q"]) == 1
    killer.arm(None)
    assert {path.name for path in Path("runs").iterdir()} == {"table-gru4", "table-gru4-2"}
    assert run(["train", "--resume", "runs/table-gru4-2", "-q"]) == 0
    assert Path("runs/table-gru4-2/model.safetensors").exists()


def test_python_writes_nothing() -> None:
    with pytest.raises(rnnfast.UsageError, match=r"checkpoint: train\(\) writes nothing"):
        rnnfast.train("table.csv", target="quantity", checkpoint="1epoch")
