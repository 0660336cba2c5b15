"""Checkpoints: a run that was killed, whatever the moment, goes on to the bits of one that was not."""

from pathlib import Path

import numpy as np
import pytest
from commands import isolate
from ids import cases
from killed_runs import Killed, Killer, assert_same, config_of, gone_on, killed, killer, write_table
from notices import Notices
from test_feed import limited

import rnnfast.data.reading.opening
from rnnfast.catalogue import CELLS, OPTIMIZERS, SCHEDULES
from rnnfast.checkpoint.store import checkpoints
from rnnfast.config.resolve import Config
from rnnfast.training.run import run

__all__ = ["killer"]


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)
    write_table()
    Path("twice.py").write_text("def twice(x, u, h):\n    return 0.5 * h + 0.5 * tanh(x.a + u.a)\n")
    Path("twice.py").write_text("from rnnfast.cells import tanh\n\n\n" + Path("twice.py").read_text())


# Each cell, optimizer, schedule, precision and kind of target at least once, and what else has a state or draws.
NETWORKS = {
    "one sequence in registers": {"batch_size": 1, "optimizer": "sgd", "patience": 0},
    "minibatches in registers, momentum, step": {"optimizer": "momentum", "schedule": "step", "lr_step": 2},
    "gru, adam, onecycle, two threads": {
        "cell": "gru", "hidden": 8, "optimizer": "adam", "schedule": "onecycle", "threads": 2, "target": "two",
    },
    "lstm, adamw, cosine, float64": {
        "cell": "lstm", "optimizer": "adamw", "schedule": "cosine", "dtype": "float64", "target": "several",
    },
    "mlp, rmsprop, exponential": {"cell": "mlp", "optimizer": "rmsprop", "schedule": "exponential"},
    "lru, adagrad": {"cell": "lru", "optimizer": "adagrad", "clip_norm": 0.5},
    "mingru, nesterov, plateau": {
        "cell": "mingru", "optimizer": "nesterov", "schedule": "plateau", "lr_step": 1, "lr_gamma": 0.5,
    },
    "two layers, both directions, dropout": {
        "cell": "gru", "hidden": (4, 4), "bidirectional": True, "dropout": 0.3, "optimizer": "adam",
    },
    "truncated, no shuffle": {"cell": "gru", "tbptt": 3, "shuffle": False, "optimizer": "adam"},
    "random starts": {"cell": "gru", "random_start": True, "optimizer": "adam"},
    "dropped values": {"cell": "gru", "augment": ("drop",), "optimizer": "adam"},
    "categories that are hidden": {"cell": "gru", "optimizer": "adam", "embed": ("town",), "static": ("size",)},
    "best of several epochs": {"optimizer": "adam", "average": 3, "patience": 2, "monitor": "mae"},
    "evaluated now and then": {"optimizer": "adam", "eval_every": 3, "patience": 2},
    "a cell of one's own": {"cell": "twice.py:twice", "optimizer": "adam"},
    "balanced, calibrated": {"target": "two", "class_weight": "balanced", "calibrate": "temperature"},
    "a linear part beside it": {"cell": "gru", "optimizer": "adam", "linear_part": True},
    "no validation part": {"split": 1.0, "optimizer": "adam", "patience": 0},
}  # fmt: skip


def test_all_that_has_a_state_is_tried() -> None:
    defaults = Config()
    for option, names, default in (
        ("cell", CELLS, defaults.model.cell),
        ("optimizer", OPTIMIZERS, None),
        ("schedule", SCHEDULES, defaults.train.schedule),
    ):
        assert set(names) <= {options.get(option, default) for options in NETWORKS.values()}


@pytest.mark.parametrize("options", cases(NETWORKS))
def test_a_run_goes_on_to_the_same_bits(options: dict, killer: Killer) -> None:
    whole = run(config_of("whole", options))
    calls = killer.calls
    for moment in np.random.default_rng(calls).choice(np.arange(1, calls), 2, replace=False).tolist():
        killed(killer, config_of(f"killed{moment}", options), moment)
        assert_same(whole, gone_on(f"killed{moment}"))
        assert not checkpoints(Path(f"killed{moment}"))


STAGES = {
    "networks at the same time": {"ensemble": 3, "threads": 2},
    "networks one after the other": {"ensemble": 3, "threads": 1, "patience": 1},
    "bags, trained again": {"ensemble": 2, "bag": True, "refit": True, "split": 0.8},
    "trained again": {"refit": True, "patience": 2},
    "distilled, trained again": {"ensemble": 2, "distil": True, "refit": True, "target": "two"},
}


@pytest.mark.parametrize("options", cases(STAGES))
def test_every_stage_goes_on(options: dict, killer: Killer) -> None:
    options = {"optimizer": "adam", "cell": "gru", "epochs": 4, **options}
    whole = run(config_of("whole", options))
    # Of networks at the same time the first checkpoint waits until each has given a state, or one a second time.
    for number, moment in enumerate(np.linspace(5, killer.calls - 1, 4).astype(int)):
        killed(killer, config_of(f"killed{number}", options), int(moment))
        assert_same(whole, gone_on(f"killed{number}", threads=1 + number % 2))


BLOCKS = {
    "a rate per update, from random starts": {"optimizer": "adam", "schedule": "onecycle", "random_start": True},
    "dropped values": {"optimizer": "adam", "augment": ("drop",)},
    "momentum, float64, in the order of the file": {"optimizer": "momentum", "dtype": "float64", "shuffle": False},
    "categories that are hidden, best weights": {"optimizer": "adam", "embed": ("town",), "patience": 1},
    "an ensemble that is trained again": {"optimizer": "adam", "ensemble": 2, "refit": True},
}


@pytest.mark.parametrize("options", cases(BLOCKS))
def test_a_table_on_disk_goes_on_within_an_epoch(
    options: dict, killer: Killer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rnnfast.data.reading.opening, "needs_store", lambda names, budget, options: True)
    limited(monkeypatch, block=2_000)
    options = {"cell": "gru", "memory": "900M", "epochs": 3, **options}
    whole = run(config_of("whole", options))
    calls = killer.calls
    assert calls >= 2 * options["epochs"]  # blocks
    for number, moment in enumerate(np.linspace(1, calls - 1, 4).astype(int)):
        killed(killer, config_of(f"killed{number}", options), int(moment))
        assert_same(whole, gone_on(f"killed{number}"))


def test_a_run_that_is_killed_again_and_again_comes_to_its_end(killer: Killer) -> None:
    options = {"cell": "gru", "optimizer": "adam", "patience": 2}
    whole = run(config_of("whole", options))
    killed(killer, config_of("killed", options), 1)
    for _ in range(whole.epochs - 2):
        killer.arm(1)
        with pytest.raises(Killed):
            gone_on()
    killer.arm(None)
    assert_same(whole, gone_on())


@pytest.mark.parametrize("linear", [False, True], ids=["networks alone", "a linear part beside them"])
def test_the_race_of_best_is_not_run_again(linear: bool, killer: Killer) -> None:
    options = {
        "preset": "best", "budget": "1s", "optimizer": "adam", "epochs": 3, "patience": 3, "schedule": "onecycle",
        "linear_part": linear,
    }  # fmt: skip
    whole = run(config_of("whole", options))
    trainings = killer.calls
    last = whole.epochs * whole.model.config.model.ensemble
    killed(killer, config_of("killed", options), trainings - last + 1)
    on = gone_on()
    assert killer.calls < last + 1
    assert_same(whole, on)
    assert on.chosen == whole.chosen
    assert on.model.linear_part == whole.model.linear_part
    assert (whole.model.linear_part is not None) is linear


@pytest.mark.parametrize(
    ("interval", "count"), cases({"each two": ("2epochs", 3), "never": ("off", 0), "late": ("60s", 0)})
)
def test_checkpoints_are_written_so_often_as_is_asked(
    interval: str, count: int, killer: Killer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import rnnfast.checkpoint.store

    numbers, write = [], rnnfast.checkpoint.store.write
    monkeypatch.setattr(
        rnnfast.checkpoint.store, "write", lambda path, one: numbers.append(one.number) or write(path, one)
    )
    run(config_of("run", {"checkpoint": interval, "patience": 0}))
    assert numbers == list(range(1, count + 1))


def test_it_says_from_where_it_goes_on(killer: Killer) -> None:
    killed(killer, config_of("killed", {}), 3)
    reporter = Notices()
    gone_on(reporter=reporter)
    assert "going on from killed: epoch 3 is complete" in reporter.notices
