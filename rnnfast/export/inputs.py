"""What a program has to hand to a model at each row: values in original units, in a fixed order.

    features in the order of the model, categories by their numbers
    the time, where inputs are made of it: seconds since 1970 of dates, else the number of the column
    the last known targets, where the model sees them

Derived columns (changes, time since the row before, the calendar) are made of these by the exported model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnfast.catalogue import FILLS
from rnnfast.data import Scaler
from rnnfast.model.model import Model

WIDE = 2.0  # units of a scaling by deviations or quartiles to each side that stand for its range


@dataclass(frozen=True)
class Input:
    """One value of a row.

    name: its column. low, high: the range of the training rows, as far as the scaling knows it; of
    categories the numbers that are taken. about: the same in
    words. needed: whether an empty cell is refused. categories: those of the training rows, None for a number.
    """

    name: str
    low: float
    high: float
    about: str
    needed: bool
    categories: tuple[str, ...] | None = None
    first: bool = False


def inputs_of(model: Model) -> tuple[Input, ...]:
    """Return the values that a row of the model consists of."""
    schema, encoder = model.schema, model.encoder
    features = [_input(model, name) for name in schema.features]
    clock = [Input(str(schema.time), 0.0, 0.0, _about_time(model), True)] if schema.clock else []
    lags = [_input(model, name) for name in encoder.columns[schema.first_lag :]]
    return (*features, *clock, *lags)


def span_of(scaler: Scaler, name: str) -> tuple[float, float]:
    """Return the range of a column that a scaling knows of."""
    j = scaler.place_of[name]
    if name in scaler.knots:
        values = scaler.knots[name].values
        return float(values[0]), float(values[-1])
    shift, unit = float(scaler.shift[j]), 1.0 / float(scaler.scale[j])
    if scaler.kinds[j] == "minmax":
        return shift, shift + unit
    return shift - WIDE * unit, shift + WIDE * unit


def _input(model: Model, name: str) -> Input:
    encoder = model.encoder
    rule = FILLS[encoder.rules[name]]
    # The target of the row before, which the first row of a sequence does not have.
    first = name in encoder.columns[model.schema.first_lag :] and not model.schema.horizon
    gap = f"NaN where empty ({rule.phrase})" if rule.fills else f"never empty{' but in the first row' if first else ''}"
    needed = not rule.fills
    if name in encoder.categories:
        texts = encoder.categories[name]
        codes = ", ".join(f"{k} = {text}" for k, text in enumerate(texts))
        other = ", others = (unseen)" if encoder.unseen == "bucket" else ""
        return Input(name, 0.0, len(texts) - 1.0 + bool(other), f"{codes}{other}; {gap}", needed, texts)
    low, high = span_of(encoder.scaler, name)
    kind = encoder.scaler.kinds[encoder.scaler.place_of[name]]
    words = {"minmax": "from {} to {} in training", "rank": "from {} to {} in training", "none": "not scaled"}
    about = words.get(kind, "about {} to {} in training").format(f"{low:g}", f"{high:g}")
    return Input(name, low, high, f"{about}; {gap}", needed, first=first)


def _about_time(model: Model) -> str:
    return "time in seconds since 1970; never empty" if model.schema.dates else "time; never empty"


def unit_of_answers(model: Model) -> np.ndarray:
    """Return (O,) what differences of answers are measured by: 1 of a probability, the unit of a scaled quantity."""
    if model.schema.classes:
        return np.ones(model.schema.outputs)
    return np.asarray(1.0 / model.target_scaler.scale)
