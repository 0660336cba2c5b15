"""The weight of each class in the loss: `--class-weight`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.errors import UsageError, did_you_mean


def class_weights(option: tuple[str, ...], classes: tuple[Any, ...], counts: NDArray[np.int64]) -> tuple[float, ...]:
    """Return the weight of each class; () where all weigh alike.

    option: ("none",); ("balanced",), which is scikit-learn's labels / (classes * labels of the class); a number per
    class; or some of them by name, ("fraud=2",), all others weigh 1. counts: (classes,) labelled training steps of
    each. Raises UsageError for another number of weights than classes, for classes that are unknown or named twice, and
    where there are none.
    """
    if option in ((), ("none",)):
        return ()
    where = f"--class-weight {','.join(option)}"
    if not classes:
        raise UsageError(f"{where}: the target is a quantity and has no classes")
    if option == ("balanced",):
        return tuple(float(weight) for weight in counts.sum() / (len(classes) * np.maximum(counts, 1)))
    names = [str(name) for name in classes]
    choice = f"give none, balanced, CLASS=WEIGHT or {len(names)} numbers from 0 up; the classes are {', '.join(names)}"
    try:
        named = all("=" in item for item in option)
        weights = _by_name(option, names, where) if named else tuple(float(weight) for weight in option)
    except ValueError:
        raise UsageError(f"{where}: {choice}") from None
    if len(weights) != len(names) or not all(0 <= weight < float("inf") for weight in weights) or not any(weights):
        raise UsageError(f"{where}: {choice}")
    return weights


def _by_name(option: Sequence[str], names: Sequence[str], where: str) -> tuple[float, ...]:
    """Read NAME=WEIGHT of some classes. Raises ValueError for a weight that is no number."""
    weights: dict[str, float] = {}
    for item in option:
        name, _, weight = item.rpartition("=")
        if name in weights:
            raise UsageError(f"{where}: the class {name!r} has two weights; give one")
        if name not in names:
            raise UsageError(
                f"{where}: there is no class {name!r}{did_you_mean(name, names)}; the classes are {', '.join(names)}"
            )
        weights[name] = float(weight)
    return tuple(weights.get(name, 1.0) for name in names)
