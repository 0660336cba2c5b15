"""A table whose target is known to depend on some columns, and quick models of it to explain."""

import numpy as np
import pandas as pd

import rnnfast
from rnnfast.model.answers import every_row_once

QUICK = {"cell": "gru", "hidden": 5, "epochs": 3, "seed": 1, "patience": 0, "cache": False}


def table(ids: int = 40) -> pd.DataFrame:
    """Series of 3 to 12 rows, of two numbers and a category, with labels that the numbers decide, in each row."""
    random = np.random.default_rng(0)
    lengths = random.integers(3, 13, ids)
    frame = pd.DataFrame({"id": np.repeat(np.arange(ids), lengths), "t": np.concatenate([*map(np.arange, lengths)])})
    frame["x1"], frame["x2"] = random.normal(size=len(frame)), random.normal(size=len(frame))
    frame["colour"] = random.choice(["red", "green", "blue"], len(frame))
    before = frame.groupby("id")["x1"].shift(1).fillna(0.0)
    frame["sum"] = frame["x1"] + before
    frame["up"] = np.where(frame["sum"] > 0, "yes", "no")
    frame["kind"] = np.select([frame["sum"] > 0.7, frame["sum"] > -0.7], ["high", "middle"], "low")
    return frame


def with_age(frame: pd.DataFrame) -> pd.DataFrame:
    """Add a column that is constant in an id."""
    return frame.assign(age=frame["id"] % 7)


def trained(target: str = "sum", frame: pd.DataFrame | None = None, **options: object) -> rnnfast.Model:
    frame = table() if frame is None else frame
    others = [name for name in ("sum", "up", "kind") if name != target]
    columns = {"id": "id", "time": "t"} if "id" in frame else {}
    data = rnnfast.read_table(
        frame.drop(columns=others), target=target, categorical="colour", **columns, **of_data(options)
    )
    return rnnfast.train(data, **(QUICK | {name: value for name, value in options.items() if name not in DATA})).model


DATA = ("lag_target", "window", "stride", "predict", "delta", "calendar", "horizon")


def of_data(options: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if name in (*DATA, "missing", "difference")}


def read(model: rnnfast.Model, frame: pd.DataFrame) -> rnnfast.SequenceData:
    return rnnfast.read_table(frame, schema=every_row_once(model.schema), require_target=False, cache=False)
