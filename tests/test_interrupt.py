"""Ctrl-C: before the first epoch nothing is written, after it the run is saved, and Python gets a KeyboardInterrupt."""

import importlib
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import files_of, isolate, result, start

import rnnfast
from rnnfast.cli import run
from rnnfast.console.training import TrainConsole
from rnnfast.data.synth.generate import synth
from rnnfast.reporter import EpochRecord, Reporter
from rnnfast.training.feed import Feed
from rnnfast.training.stopping import Interrupt, Phase

OPTIONS = {"preset": "fast", "hidden": 3, "epochs": 50, "patience": 0}


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def table() -> pd.DataFrame:
    x = np.random.default_rng(0).normal(size=40)
    return pd.DataFrame({"name": np.repeat(np.arange(10), 4), "t": np.tile(np.arange(4), 10), "x1": x, "y1": 2 * x})


class Pressing(Reporter):
    """Presses Ctrl-C `times` times at a moment, and keeps the phases that were told."""

    def __init__(self, moment: str, times: int = 1) -> None:
        self.moment, self.times, self.phases = moment, times, []

    def _reach(self, moment: str) -> None:
        for _ in range(self.times if moment == self.moment else 0):
            press()

    def split(self, parts: object) -> None:
        self._reach("reading")

    def epoch(self, record: EpochRecord) -> None:
        self._reach(f"epoch {record.epoch}")

    def stop(self, reason: str) -> None:
        self._reach("scoring")

    def interrupted(self, phase: str) -> None:
        self.phases.append(phase)


def interrupted(reporter: Pressing) -> rnnfast.TrainingInterrupted:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as caught:
        rnnfast.train(table(), reporter=reporter, **OPTIONS)
    assert signal.getsignal(signal.SIGINT) is before
    assert isinstance(caught.value, rnnfast.TrainingInterrupted)
    return caught.value


@pytest.fixture
def compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C while kernels are compiled."""
    warm = Feed.warm

    def pressed(feed: Feed, trainer: object) -> None:
        press()
        warm(feed, trainer)

    monkeypatch.setattr(Feed, "warm", pressed)


@pytest.fixture
def xor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(monkeypatch, tmp_path)
    synth("xor", "xor.csv")
    return tmp_path


# --- in Python ---


def test_epochs_that_are_complete_are_the_result() -> None:
    reporter = Pressing("epoch 4")
    outcome = interrupted(reporter).result
    assert (outcome.stopped, outcome.epochs, reporter.phases) == ("interrupted", 4, ["training"])
    whole = rnnfast.train(table(), **{**OPTIONS, "epochs": 4})
    assert all(np.array_equal(whole.model.parameters[name], value) for name, value in outcome.model.parameters.items())
    assert outcome.metrics["valid"]["rmse"] == whole.metrics["valid"]["rmse"]


def test_scoring_is_completed() -> None:
    reporter = Pressing("scoring")
    outcome = interrupted(reporter).result
    assert (outcome.stopped, outcome.epochs, reporter.phases) == ("epochs", 50, ["scoring"])
    assert outcome.metrics["valid"]["rmse"] > 0


@pytest.mark.parametrize("moment", ["reading", "epoch 2", "scoring"])
def test_twice_or_before_compiling_leaves_at_once(moment: str) -> None:
    error = interrupted(Pressing(moment, 1 if moment == "reading" else 2))
    assert error.result is None
    assert "nothing is written" in str(error)


def test_while_kernels_compile_no_epoch_is_trained(compiling: None) -> None:
    reporter = Pressing("epoch 1")
    error = interrupted(reporter)
    assert error.result is None
    assert reporter.phases == ["compiling"]


def test_compiling_ends_before_the_next_function() -> None:
    from numba import njit

    from rnnfast.kernels.lanes.clock import compile_clock

    interrupt, begun = Interrupt(), []
    interrupt.phase = Phase.COMPILING
    second = njit(lambda x: x + 2)
    with compile_clock(lambda: begun.append(1), interrupt.check):
        njit(lambda x: x + 1)(1)
        interrupt.press(lambda phase: None)
        with pytest.raises(rnnfast.TrainingInterrupted):
            second(1)
    assert (begun, second.signatures) == ([1], [])


# --- the command ---


def epoch_pressing(times: int) -> Callable[[TrainConsole, EpochRecord], None]:
    """Return a replacement of TrainConsole.epoch that presses Ctrl-C in the third epoch."""

    def epoch(self: TrainConsole, record: EpochRecord) -> None:
        for _ in range(times if record.epoch == 3 else 0):
            press()

    return epoch


def test_the_run_is_saved_and_ends_with_130(
    xor: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TrainConsole, "epoch", epoch_pressing(1))
    outcome = result(["train", "xor.csv", "-o", "run"], capsys, code=130)
    assert (outcome["stopped"], outcome["epochs"], outcome["model"]) == ("interrupted", 3, "run/model.safetensors")
    assert result(["eval", "--model", "run", "--data", "xor.csv"], capsys)["labelled_steps"] == 200


def test_twice_leaves_at_once(xor: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TrainConsole, "epoch", epoch_pressing(2))
    assert run(["train", "xor.csv", "-o", "run"]) == 130
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Ctrl-C again leaves at once" in " ".join(captured.err.split())
    assert captured.err.endswith("rnnfast: interrupted twice; nothing is written\n")
    assert files_of(Path()) == {"xor.csv"}


def test_while_kernels_compile_the_old_model_stays(
    xor: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    assert run(["train", "xor.csv", "--epochs", "2", "-o", "run", "-q"]) == 0
    before = {path.name: path.read_bytes() for path in Path("run").iterdir()}
    capsys.readouterr()
    request.getfixturevalue("compiling")
    assert run(["train", "xor.csv", "-f", "-o", "run"]) == 130
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "after this epoch" not in captured.err
    assert captured.err.endswith("rnnfast: interrupted before the first epoch; nothing is written\n")
    assert {path.name: path.read_bytes() for path in Path("run").iterdir()} == before


def test_files_are_written_whole(xor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("rnnfast.training.run")  # the package names the function of that name
    write = module.write_run

    def pressed(*arguments: object) -> object:
        press()
        press()
        return write(*arguments)

    monkeypatch.setattr(module, "write_run", pressed)
    assert run(["train", "xor.csv", "--epochs", "2", "-o", "run", "-q"]) == 130
    assert files_of(Path("run")) == {"model.safetensors", "history.csv", "config.toml"}


def test_elsewhere_too(xor: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnfast.data.inspection.inspect_tables", lambda *arguments, **options: press())
    assert run(["inspect", "xor.csv"]) == 130
    assert capsys.readouterr().err.endswith("rnnfast: interrupted\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("kind", [EOFError, KeyboardInterrupt])
def test_only_a_signal_is_an_interrupt(
    kind: type[BaseException], xor: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*arguments: object, **options: object) -> None:
        raise kind("Ran out of input")

    monkeypatch.setattr("rnnfast.data.inspection.inspect_tables", damaged)
    assert run(["inspect", "xor.csv"]) == 1
    assert f"unexpected {kind.__name__}: Ran out of input" in capsys.readouterr().err.replace("\n", " ")


def test_in_a_process_of_its_own(xor: Path) -> None:
    synth("creditcard", "card.csv", sequences=2000)
    with start(["train", "card.csv", "--epochs", "100000", "--patience", "0", "-o", "run"]) as running:
        assert running.stderr is not None
        while not running.stderr.readline().startswith("epoch"):
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "interrupted" in out
    assert "Traceback" not in err
    assert Path("run/model.safetensors").exists()
