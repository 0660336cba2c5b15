"""The command `tune`: what is printed and written, and what Ctrl-C leaves."""

import signal
import sys
from pathlib import Path

import pytest
from commands import fails, files_of, isolate, result
from terminals import Terminal, screen_of
from test_tune import table

import rnnfast
from rnnfast.cli import run
from rnnfast.config.resolve import Config
from rnnfast.console.screen import Screen
from rnnfast.console.tune import TuneConsole
from rnnfast.training.finals import Finalist
from rnnfast.training.journal import TrialRecord


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    isolate(monkeypatch, tmp_path)
    table().to_csv("t.csv", index=False)
    return tmp_path


START = ["tune", "--data", "t.csv", "--target", "y", "--hidden", "3", "--cell", "gru", "--epochs", "2", "--trials", "2"]


def test_json_and_files(files, capsys):
    report = result(START, capsys)
    assert report["schema_version"] == 1
    assert (report["count"], report["generations"], report["stopped"]) == (2, 1, "trials")
    assert report["model"] == str(Path("runs", "t-tune", "model.safetensors"))
    assert report["train"]["metrics"].keys() == {"train", "valid"}
    assert files_of(Path("runs/t-tune")) == {"model.safetensors", "history.csv", "config.toml", "trials.jsonl"}
    assert [trial["trial"] for trial in report["trials"]] == [1, 2]


def test_findings_of_the_winner(files, capsys):
    frame = table()
    frame["z"] = 3.0 * frame["y"]  # gives the label away
    frame.to_csv("t.csv", index=False)
    report = result([*START, "-o", "a"], capsys)
    codes = [one["code"] for one in report["train"]["findings"]]
    assert codes
    assert run([*START, "-o", "b", "-q", "--fail-on-findings"]) == 5
    assert f"--fail-on-findings: {codes[0]}" in capsys.readouterr().err
    assert (files / "b" / "model.safetensors").exists()
    assert run([*START, "-o", "c", "-q", "--fail-on-findings", "--ignore", ",".join(codes)]) == 0


def test_a_line_for_each_generation_and_the_choice(files, capsys):
    assert run(START) == 0
    captured = capsys.readouterr()
    assert "generation 1: 2 trials, best error " in captured.err
    assert "Chosen" in captured.out
    assert "rnnfast tune --resume" in captured.err
    assert run([*START, "-o", "quiet", "-q"]) == 0
    assert capsys.readouterr().err == ""


def test_what_a_trial_promises_is_set_beside_rows_that_it_has_not_seen(capsys):
    changes = {"hidden": "64"}
    record = TrialRecord(
        trial=3, generation=1, options=changes, changes=changes, rungs=(0.2, 0.2), errors=(0.1,), error=0.8
    )
    best = Finalist(trial=record, error=0.8, mean=0.9, std=0.01, seeds=5, untouched=0.954)
    with TuneConsole(Screen(), Config()) as console:
        console.finalists([best])
    text = " ".join(capsys.readouterr().err.split())
    assert "on the validation part, which no trial has seen, its error is 95.4 % of the preset's" in text
    assert "the trial had said 80.0 %" in text


def test_a_terminal_shows_the_best_trials_while_others_run(monkeypatch):
    def trial(number, error):
        changes = {"hidden": str(number)}
        return TrialRecord(
            trial=number, generation=1, options=changes, changes=changes, rungs=(), errors=(error,), error=error
        )

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with TuneConsole(Screen(), Config()) as console:
        console.generation([trial(number, 1 - number / 100) for number in range(1, 8)], folds=1)
        console.trials(3, 9)
        lines = [" ".join(line.split()) for line in screen_of(sys.stderr.getvalue())]
    assert "trial best of 7 trials error" in lines
    assert [line for line in lines if "hidden" in line] == [f"{k} hidden {k} {100 - k:.1f} %" for k in range(7, 2, -1)]
    assert "generation 2: 3 of 9 trainings" in lines


def test_more_trials_of_the_same_search(files, capsys):
    first = result([*START, "-o", "run"], capsys)
    more = result(["tune", "--resume", "run", "--trials", "10"], capsys)
    assert more["count"] == 10
    assert [{**trial, "seconds": 0} for trial in more["trials"][:2]] == [
        {**trial, "seconds": 0} for trial in first["trials"]
    ]
    assert "leave --hidden out" in fails(["tune", "--resume", "run", "--hidden", "4"], 2, capsys)
    assert "no such file" in fails(["tune", "--resume", "nowhere"], 2, capsys)


def test_the_same_command_again_takes_its_trials_and_force_begins_anew(files, capsys):
    command = [*START, "-o", "run"]
    first = result(command, capsys)
    assert result(command, capsys)["best"] == first["best"]
    other = [*START, "-o", "run", "--seed", "1"]
    assert "its trials have seed by default, not 1" in fails(other, 2, capsys)
    assert result([*other, "--force"], capsys)["count"] == 2


def test_a_directory_with_another_model(files, capsys):
    assert run(["train", *START[1:-2], "-o", "run", "-q"]) == 0
    assert "run: holds a model already" in fails([*START, "-o", "run"], 2, capsys)


def test_without_optuna(files, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    message = fails(START, 1, capsys)
    assert message.endswith("install it with: python -m pip install 'rnnfast[tune]'")
    assert files_of(Path()) == {"t.csv"}


def test_the_time_ends_a_search_after_a_generation(files, capsys):
    report = result([*START[:-2], "--max-time", "1s"], capsys)
    assert (report["stopped"], report["count"] % 16) == ("max_time", 0)
    assert "max_time" not in Path("runs/t-tune/config.toml").read_text()


def test_ctrl_c_trains_the_best_so_far(files, capsys, monkeypatch):
    monkeypatch.setattr(TuneConsole, "generation", lambda self, trials, folds: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr(TuneConsole, "interrupted", lambda self, phase: None)
    report = result([*START[:-1], "20", "-o", "run"], capsys, code=130)
    assert (report["stopped"], report["count"]) == ("interrupted", 16)
    assert rnnfast.load("run").config.model.ensemble == 1
    monkeypatch.undo()
    isolate(monkeypatch, files)
    assert result(["tune", "--resume", "run"], capsys)["count"] == 20


def test_ctrl_c_before_there_is_a_trial(files, capsys, monkeypatch):
    monkeypatch.setattr(TuneConsole, "search", lambda self, *facts: signal.raise_signal(signal.SIGINT))
    assert run([*START, "-o", "run"]) == 130
    assert "nothing is written" in capsys.readouterr().err
    assert files_of(Path()) == {"t.csv"}
