"""A table to fold, options of a quick `cv`, and what it told."""

import numpy as np
import pandas as pd
from notices import Notices

from rnnfast.records import plain

TINY = {"preset": "fast", "hidden": 3, "epochs": 3, "batch_size": 4}
TIMES = ("seconds", "options")


def table(ids=20, steps=6, kind="binary", seed=0):
    """Sequences whose target follows from their inputs; group: of four ids each."""
    rng, rows = np.random.default_rng(seed), ids * steps
    number = np.repeat(np.arange(ids), steps)
    frame = pd.DataFrame({"id": [f"s{k}" for k in number], "t": np.tile(np.arange(steps), ids)})
    frame["x"] = rng.normal(size=rows)
    if kind == "binary":
        frame["y"] = (frame["x"] > 0.3).astype(int)
    elif kind == "multiclass":  # of a sequence
        frame["y"] = np.array(["low", "mid", "high"])[number % 3]
    else:
        frame["y"] = frame["x"].round(3) * 2 + 1
    frame["group"] = number // 4
    return frame


def without_times(outcome):
    """What a cross-validation says of its folds, but for the seconds."""
    report = plain(outcome.report())
    folds_alone = [{name: value for name, value in fold.items() if name != "seconds"} for fold in report["folds"]]
    return {name: value for name, value in report.items() if name not in TIMES} | {"folds": folds_alone}


class Notes(Notices):
    """Keeps what is told, and the numbers of the folds."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = []

    def fold(self, result: object) -> None:
        self.numbers.append(result.number)
