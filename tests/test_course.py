"""What a person sees of a training: the wait for kernels, epochs while they run, their course, what all of it took."""

import itertools
import re
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from ids import cases
from rich.cells import cell_len
from rich.text import Text
from terminals import Terminal, plain_environment

from rnnfast.console.compiling import CompileProgress
from rnnfast.console.epochs import Epoch, ending_line, epoch_line, loss_lines
from rnnfast.console.progress import Course, EpochProgress
from rnnfast.console.screen import Screen
from rnnfast.console.sparkline import blocks, means
from rnnfast.console.text import UNBROKEN, loss_text
from rnnfast.console.training import time_text
from rnnfast.diagnose.process import LONGEST_WAIT, process_start
from rnnfast.reporter import EpochRecord

__all__ = ["plain_environment"]


def use_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make stderr a terminal; called in the test, as pytest takes the stream anew between fixtures and test."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


def records(epochs: int, best: int, key: str = "f1") -> list[EpochRecord]:
    """Return epochs of a tenth of a second each that get better until `best`."""
    return [
        EpochRecord(
            epoch=epoch,
            epochs=epochs,
            train_loss=1 / epoch,
            valid={"loss": 1 / epoch if epoch <= best else 1 / best + 0.01 * (epoch - best), key: 0.5},
            best=epoch <= best,
            best_epoch=min(epoch, best),
            elapsed=0.1 * epoch,
            timesteps_per_second=12.3e6,
            eta=0.1 * (epochs - epoch),
        )
        for epoch in range(1, epochs + 1)
    ]


def plain(text: Text | str) -> str:
    """Return what the screen writes of a text."""
    return str(text).replace(UNBROKEN, " ")


def shown(record: EpochRecord, width: int = 80, **options: bool) -> str:
    return plain(epoch_line(Epoch(record, record.valid), width, **options))


def numbers(lines: list[str]) -> list[int]:
    return [int(match[1]) for line in lines if (match := re.match(r"epoch +(\d+)/", line))]


def progress_of(epochs: list[EpochRecord], reason: str, word: str = "best") -> None:
    progress = EpochProgress(Screen(), word)
    for record in epochs:
        progress.update(record)
    progress.end(reason)
    progress.end()


def last_screen(terminal: Terminal) -> list[str]:
    """Return the lines that stay on a terminal when the redrawn one is erased."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue().rpartition("\x1b[2K")[2]).split("\n")


# --- without a terminal ---


def test_about_twenty_lines_in_the_order_of_the_epochs(capsys: pytest.CaptureFixture[str]) -> None:
    progress_of(records(100, 87), "epochs")
    lines = capsys.readouterr().err.splitlines()
    assert numbers(lines) == [1, *range(5, 101, 5)]
    assert lines[-1].startswith("ended at epoch 100, best 87")


def test_a_run_that_ends_early_shows_its_last_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    progress_of(records(100, 32)[:42], "patience")
    lines = capsys.readouterr().err.splitlines()
    assert numbers(lines)[-2:] == [40, 42]
    assert lines[-1].startswith("stopped at epoch 42, best 32")


def test_the_best_epoch_is_not_called_best_where_the_last_weights_stay(capsys: pytest.CaptureFixture[str]) -> None:
    progress_of(records(20, 13), "epochs", "lowest")
    shown = capsys.readouterr().err
    assert "best" not in shown
    assert "★ lowest" in shown
    assert shown.splitlines()[-1].startswith("ended at epoch 20, lowest 13")


@pytest.mark.parametrize("reason", ["max_time", "interrupted", "diverged", "failed"])
def test_the_ending_says_where_and_why(reason: str) -> None:
    record = records(100, 30)[41]
    words = {"max_time": "out of time at", "interrupted": "interrupted at", "diverged": "diverged after"}
    text = plain(ending_line(Epoch(record, record.valid), reason))
    assert text.startswith(f"{words.get(reason, 'left after')} epoch 42, best 30")
    assert "4.20 s" in text


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "40")
    progress_of(records(10, 5), "epochs")
    assert "\x1b" not in terminal.getvalue()
    assert len(terminal.getvalue().splitlines()) == 11
    assert "ended at epoch 10, best 5, 1.00 s" in terminal.getvalue()
    assert all(cell_len(line) <= 40 for line in terminal.getvalue().splitlines())


# --- on a terminal ---


def test_one_line_is_redrawn_at_most_ten_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    seconds = itertools.count(0.0, 0.001)  # of a clock by which 1000 epochs take one
    monkeypatch.setattr("rnnfast.console.progress.time.monotonic", lambda: next(seconds))
    progress = EpochProgress(Screen())
    for record in records(1000, 870):
        progress.update(record)
    assert 9 <= terminal.getvalue().count("loss") <= 12
    assert terminal.getvalue().count("\n") == 0


def test_the_course_stays_and_the_bar_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    progress_of(records(300, 37)[:47], "patience")
    lines = last_screen(terminal)
    assert numbers(lines) == [1, 10, 20, 30, 37, 40, 47]
    assert [line.split()[0] for line in lines[-5:-1]] == ["epoch", "train", "valid", "stopped"]
    assert lines[-2].startswith("stopped at epoch 47, best 37")
    assert "━" not in "".join(lines)
    assert "ETA" not in "".join(lines)


@pytest.mark.parametrize("epochs", [1, 2, 9, 10, 11, 100, 1001, 2345])
def test_at_most_ten_epochs_stay_the_first_best_and_last_among_them(epochs: int) -> None:
    course, best = Course(), epochs * 7 // 10 or 1
    for record in records(epochs, best):
        course.add(Epoch(record, record.valid))
    chosen = [epoch.record.epoch for epoch in course.chosen(10)]
    assert len(chosen) <= 10
    assert len(chosen) >= min(epochs, 5)
    assert chosen == sorted(chosen)
    assert {1, best, epochs} <= set(chosen)


@pytest.mark.parametrize("width", [20, 40, 80])
def test_the_course_fits(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", str(width))
    progress_of(records(100, 37), "epochs")
    lines = [line for line in last_screen(terminal) if line[:5] in ("train", "valid")]
    assert all(cell_len(line) <= width for line in lines)
    assert len(lines) == (2 if width >= 40 else 0)


def test_without_a_validation_part_one_row_of_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    progress_of([replace(record, valid=None, best=False, best_epoch=0) for record in records(50, 20)], "epochs")
    lines = last_screen(terminal)
    assert [line[:5] for line in lines[-3:-1]] == ["train", "ended"]
    assert "best" not in lines[-2]


# --- the line of an epoch ---


def test_a_monitored_metric_stands_in_the_line_and_has_a_row() -> None:
    epochs = [replace(record, monitor="auroc") for record in records(9, 6, key="auroc")]
    epochs[3] = replace(epochs[3], valid={"loss": 0.3, "auroc": None})
    assert "auroc   0.500" in shown(epochs[0])
    rows = [plain(line) for line in loss_lines([Epoch(record, record.valid) for record in epochs], 80)]
    assert [row.split()[0] for row in rows] == ["train", "valid", "auroc"]
    assert len({row.index(row.split()[1]) for row in rows}) == 1


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 120, 200])
def test_the_epoch_line_keeps_what_matters(width: int) -> None:
    line = shown(records(1000, 870)[899], width, live=True)
    assert cell_len(line) <= width or width < 30
    assert "900/1000" in line
    assert ("ETA" in line) == (width >= 80)
    assert ("best 870" in line) == (width >= 60)


def test_lines_stand_in_columns_for_any_loss() -> None:
    losses = [0.0009712, 0.001122, 12.3, 0.5, 1e-7, 123456.7, 3e12, 0.0]
    lines = [shown(replace(records(100, 57)[40], train_loss=loss, eta=None)) for loss in losses]
    for word in ("loss", "valid", "f1", "best"):
        assert len({line.index(word) for line in lines}) == 1
    points = {loss_text(loss).index(".") for loss in (0.0009712, 0.001122, 12.3, 0.5)}
    assert len(points) == 1


def test_short_waits_are_not_announced() -> None:
    record = records(100, 57)[40]
    assert "ETA" not in shown(replace(record, eta=1.9), 120)
    assert "ETA 2.10 s" in shown(replace(record, eta=2.1), 120)


def test_patience_may_end_it_sooner() -> None:
    record = replace(records(100, 57)[40], eta=60.0, eta_soonest=3.0)
    assert "ETA 3.00 s to 60.0 s" in shown(record, 120)
    assert "ETA ≤ 60.0 s" in shown(record, 85)


def test_the_bar_knows_the_time_limit() -> None:
    line = shown(replace(records(10**6, 57)[40], elapsed=30.0, eta=30.0), 160, live=True)
    assert line.count("━") == 8


# --- blocks ---


def test_heights_follow_the_logarithm_of_losses() -> None:
    assert blocks([1000, 100, 10, 1]) == "█▆▃▁"
    assert blocks([1, 0.5, 0]) == "█▅▁"
    assert blocks([float("nan"), 2.0]) == " ▁"
    assert blocks([0.0, 0.0]) == "▁▁"
    assert blocks([float("nan")]) == " "


def test_a_first_epoch_far_above_the_others_does_not_flatten_them() -> None:
    row = blocks([50.0, *(2 - 0.05 * epoch for epoch in range(20))])
    assert row[:2] == "██"
    assert set(row) == set("▁▂▃▄▅▆▇█")


def test_small_differences_stay_small() -> None:
    assert blocks([1.01, 1.005, 1.0]) == "▂▂▁"
    assert blocks([2.0, *[1.0] * 20]) == "█" + "▁" * 20


def test_stretches_are_averaged() -> None:
    assert means([1, 3, 5, 7], 2) == [2, 6]
    assert means([1, 3], 5) == [1, 3]


# --- the wait for kernels, and times ---


def test_a_clock_runs_on_a_terminal_until_kernels_are_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    progress = CompileProgress(Screen())
    progress.begin()
    assert "compiling, 0.0 s so far" in terminal.getvalue()
    progress.end(4.2)
    assert "".join(last_screen(terminal)).split()[:4] == ["Kernels", "compiled", "in", "4.20"]


def test_a_pipe_gets_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    progress = CompileProgress(Screen())
    progress.begin()
    progress.end(4.2)
    assert capsys.readouterr().err.count("Kernels") == 1


def test_an_interrupted_wait_is_not_called_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = use_terminal(monkeypatch)
    progress = CompileProgress(Screen())
    progress.begin()
    progress.close()
    assert "compiled" not in terminal.getvalue()


def test_parts_of_the_time_add_up() -> None:
    result = SimpleNamespace(
        seconds={"load": 0.1, "compile": 0.2, "train": 0.3, "eval": 0.4}, timesteps_per_second=12.3e6
    )
    text = plain(time_text(result, 2.5))
    assert text.startswith("total 2.50 s: start-up 1.50 s, load 100 ms, kernels 200 ms, train 300 ms, eval 400 ms; ")


def test_the_process_began_before_this_test_and_not_long_before_its_work() -> None:
    spent = time.process_time()
    age = time.perf_counter() - process_start()
    assert spent - 0.2 <= age <= spent + LONGEST_WAIT + 1


@pytest.mark.parametrize(
    "stat", cases({"no such file": None, "another system": "1 (a b) S", "a shell for a year": f"1 (a) S {'0 ' * 50}"})
)
def test_where_the_age_of_the_process_says_nothing_its_work_counts(
    stat: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_text(path: Path, **options: str) -> str:
        if stat is None:
            raise FileNotFoundError(path)
        return stat

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr(time, "clock_gettime", lambda clock: 3e7, raising=False)
    monkeypatch.setattr(time, "process_time", lambda: 1.5)
    assert time.perf_counter() - process_start() == pytest.approx(1.5, abs=0.5)
