"""What listens to a run beside the console: --log-file and --tensorboard."""

import json
from unittest.mock import Mock

import pytest
from notices import Notices
from tensorboardX.proto.event_pb2 import Event

import rnnfast
from rnnfast.cli import run
from rnnfast.errors import UsageError
from rnnfast.reporter import Reporter

QUICK = {"cell": "rnn", "hidden": 10, "preset": "fast", "epochs": 3, "target": "y", "id": "id"}


@pytest.fixture
def table(tmp_path):
    lines = [f"{number},{step},{step % 3},{(number + step) % 2}" for number in range(12) for step in range(6)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["id,t,x,y", *lines]) + "\n")
    return path


def events(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def of(path, event):
    return [line for line in events(path) if line["event"] == event]


def test_log_file_holds_the_run_from_its_table_to_its_scores(table, tmp_path):
    log = tmp_path / "log.jsonl"
    result = rnnfast.train(table, log_file=str(log), **QUICK)
    assert [line["event"] for line in events(log)][:2] == ["table", "split"]
    assert [line["epoch"] for line in of(log, "epoch")] == [1, 2, 3]
    assert of(log, "epoch")[-1]["train_loss"] == result.history[-2]["loss"]
    assert of(log, "finished")[0]["metrics"]["valid"]["loss"] == result.metrics["valid"].loss
    assert all(line["time"].endswith("Z") for line in events(log))


def test_log_file_gets_the_lines_of_the_next_run_behind_those_of_the_last(table, tmp_path):
    log = tmp_path / "log.jsonl"
    for _ in range(2):
        rnnfast.train(table, log_file=str(log), **QUICK)
    assert len(of(log, "finished")) == 2


def test_log_file_tells_the_folds_of_a_cross_validation(table, tmp_path):
    log = tmp_path / "log.jsonl"
    rnnfast.cv(table, folds=2, log_file=str(log), **QUICK)
    assert [line["fold"] for line in of(log, "fold")] == [1, 2]
    assert {line["fold"] for line in of(log, "epoch")} == {1, 2}


def test_log_file_does_not_hinder_the_reporter(table, tmp_path):
    class Epochs(Reporter):
        number = 0

        def epoch(self, record):
            self.number += 1

    reporter = Epochs()
    rnnfast.train(table, reporter=reporter, log_file=str(tmp_path / "log.jsonl"), **QUICK)
    assert reporter.number == 3


@pytest.mark.parametrize("option", ["log_file", "tensorboard"])
def test_place_that_cannot_be_written_ends_the_run_before_the_table_is_read(option, tmp_path):
    (tmp_path / "plain").write_text("")
    with pytest.raises(UsageError, match="cannot be"):
        rnnfast.train(tmp_path / "absent.csv", **{option: str(tmp_path / "plain" / "below")}, **QUICK)


def test_log_that_cannot_go_on_is_told_once_and_does_not_end_the_run(table):
    reporter = Notices()
    result = rnnfast.train(table, reporter=reporter, log_file="/dev/full", **QUICK)
    assert result.epochs == 3
    assert len([text for text in reporter.notices if "the log ends here" in text]) == 1


def test_figures_that_cannot_go_on_are_told_once_and_do_not_end_the_run(table, tmp_path, monkeypatch):
    """tensorboardX's own thread would end, and the run wait for it."""

    full = Mock(side_effect=[None, OSError(28, "No space left on device"), None])
    monkeypatch.setattr("tensorboardX.event_file_writer.EventsWriter.flush", full)
    reporter = Notices()
    result = rnnfast.train(table, reporter=reporter, tensorboard=str(tmp_path / "tb"), **QUICK)
    assert result.epochs == 3
    assert len([text for text in reporter.notices if "figures end here: No space left" in text]) == 1


def test_tensorboard_has_the_losses_and_metrics_of_each_epoch(table, tmp_path):
    figures = scalars(rnnfast.train(table, tensorboard=str(tmp_path / "tb"), **QUICK), tmp_path / "tb")
    assert [step for step, _ in figures["loss/train"]] == [1, 2, 3]
    assert {"loss/valid", "f1/valid"} <= figures.keys()


def test_tensorboard_has_a_run_for_each_network_of_an_ensemble(table, tmp_path):
    rnnfast.train(table, tensorboard=str(tmp_path / "tb"), ensemble=2, **QUICK)
    assert {path.parent.name for path in (tmp_path / "tb").rglob("*tfevents*")} == {"network1", "network2"}


def scalars(result, directory):
    """Read the figures back: tag -> (step, value) of each."""
    figures = {}
    (path,) = directory.rglob("*tfevents*")
    content = path.read_bytes()
    while content:
        size = int.from_bytes(content[:8], "little")  # length, its checksum, the event, its checksum
        event = Event.FromString(content[12 : 12 + size])
        content = content[16 + size :]
        for value in event.summary.value:
            figures.setdefault(value.tag, []).append((event.step, value.simple_value))
    loss = dict(figures["loss/train"])
    rows = {row["epoch"]: row["loss"] for row in result.history if row["split"] == "train"}
    assert loss == pytest.approx(rows)
    return figures


def test_the_command_takes_both(table, tmp_path):
    options = ["--preset", "fast", "--epochs", "2", "--target", "y", "-o", str(tmp_path / "run")]
    watched = ["--log-file", str(tmp_path / "l"), "--tensorboard", str(tmp_path / "tb")]
    assert run(["train", "--data", str(table), *options, *watched, "-q"]) == 0
    assert list((tmp_path / "tb").glob("*tfevents*"))
    assert len(of(tmp_path / "l", "epoch")) == 2
