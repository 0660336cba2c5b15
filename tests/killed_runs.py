"""Runs that are killed and go on, in this process: what the tests of checkpoints share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnfast.config.resolve import Config
from rnnfast.reporter import Reporter
from rnnfast.training.loop import Loop
from rnnfast.training.result import TrainResult
from rnnfast.training.resuming import resumed
from rnnfast.training.run import run

EVERY_PAUSE = "0.000001s"


class Killed(SystemExit):
    """Stands for the end of the process: nothing of rnnfast answers it."""


class Killer:
    """Ends a run when networks have trained so many calls of the kernel; None: never. calls: how many there were."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls, self.after = 0, None
        advance = Loop.advance

        def counted(loop: Loop) -> bool:
            if self.after is not None and self.calls >= self.after:
                raise Killed
            self.calls += 1
            return advance(loop)

        monkeypatch.setattr(Loop, "advance", counted)

    def arm(self, after: int | None) -> None:
        self.calls, self.after = 0, after


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Killer:
    return Killer(monkeypatch)


def write_table(path: str | Path = "table.csv", sequences: int = 40) -> None:
    """Write sequences of unequal lengths with numbers, a category, a constant, labels of three kinds."""
    random = np.random.default_rng(0)
    lengths = random.integers(2, 9, sequences)
    rows = int(lengths.sum())
    frame = pd.DataFrame({"name": np.repeat(np.arange(sequences), lengths), "t": np.arange(rows)})
    frame["x1"], frame["x2"] = random.normal(size=(2, rows)).round(3)
    frame["town"] = random.choice(["a", "b", "c"], rows)
    frame["size"] = np.repeat(random.integers(1, 4, sequences), lengths)
    total = frame.groupby("name")["x1"].cumsum()
    frame["quantity"] = total + frame["x2"]
    frame["two"] = (total > 0).astype(int)
    frame["several"] = np.where(total < -0.7, "lo", np.where(total > 0.7, "hi", "mid"))
    frame.to_csv(path, index=False)


def config_of(output: str, options: Mapping[str, Any]) -> Config:
    """Return the configuration of a run on the table."""
    target = options.get("target", "quantity")
    others = [name for name in ("quantity", "two", "several") if name != target]
    base = {
        "data": "table.csv", "id": "name", "time": "t", "target": target, "ignore": others, "preset": "fast",
        "hidden": 4, "epochs": 7, "lr": 0.02, "batch_size": 4, "threads": 1, "cache": False, "output": output,
        "checkpoint": EVERY_PAUSE,
    }  # fmt: skip
    return Config().with_values({**base, **options}, "test")


def killed(killer: Killer, config: Config, after: int) -> None:
    """Run until it is killed."""
    killer.arm(after)
    with pytest.raises(Killed):
        run(config)
    killer.arm(None)


def gone_on(directory: str = "killed", reporter: Reporter | None = None, **options: Any) -> TrainResult:
    """Go on with the run of a directory."""
    before = resumed(directory, options)
    return run(before.config, reporter, before=before)


def assert_same(one: TrainResult, other: TrainResult) -> None:
    """The same weights, bit by bit, course and scores."""
    for name, tensor in one.model.parameters.items():
        np.testing.assert_array_equal(other.model.parameters[name], tensor, err_msg=name, strict=True)
    assert repr(other.history) == repr(one.history)
    assert (other.epochs, other.best_epoch, other.stopped) == (one.epochs, one.best_epoch, one.stopped)
    assert other.clipped == one.clipped
    assert repr(other.metrics) == repr(one.metrics)
