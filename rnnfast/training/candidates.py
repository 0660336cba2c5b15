"""What --preset best tries beside the choices of auto: changes of one or two options, where they make sense.

A change stays away from options that the user gave, and from what does not fit the others. docs/defaults.md says what
each is good for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rnnfast.config.effects import refused_beside_linear_part
from rnnfast.config.resolve import Config
from rnnfast.errors import UsageError
from rnnfast.training.presets import PEAK_RATE
from rnnfast.training.size import Size

Options = dict[str, Any]

LONG, VERY_LONG = 30, 60  # steps from which on a patch of 4, and one of 8 leaves enough of them
CUT = 50  # steps from which on a sequence may begin later
SHAPE = frozenset({"cell", "hidden", "head", "patch", "bidirectional"})  # options that decide about tensors


def candidates(config: Config, size: Size, fits: Callable[[Config], None]) -> list[Options]:
    """Return the changes that are tried, those that help most tables first.

    config: what auto chose. fits: raises UsageError for a configuration whose options do not go together.
    """
    return [options for options in _listed(config, size) if allowed(config, options, fits)]


def allowed(config: Config, options: Options, fits: Callable[[Config], None]) -> bool:
    """Whether a change leaves alone what the user gave, changes anything, and goes with the other options."""
    fixed = config.explicit | (SHAPE if config.train.init_from is not None else frozenset())
    changed = config.choosing(options)
    if options.keys() & fixed or changed == config:
        return False
    try:
        fits(changed)
    except UsageError:
        return False
    return True


def _listed(config: Config, size: Size) -> list[Options]:
    """List the changes for a table of some size."""
    train, (scale, *of_columns) = config.train, config.data.scale
    other = "minmax" if scale == "zscore" else "zscore"
    two, rate, label = (32, 32), train.lr or PEAK_RATE, not size.per_step
    long, very_long = label and size.steps >= LONG, label and size.steps >= VERY_LONG
    classes, batch = label and size.classes > 0, train.batch_size or 1
    selects = size.validated and train.patience > 0 and train.schedule != "onecycle"
    listed: list[tuple[bool, Options]] = [
        (classes, {"augment": ("mixup=0.2",)}),
        (label, {"augment": ("drop=0.1",)}),
        (very_long, {"patch": (8,)}),
        (long, {"patch": (4,)}),
        (True, {"hidden": two}),
        (True, {"scale": (other, *of_columns)}),
        (label, {"head": "all"}),
        (label, {"head": "last"}),
        (train.schedule != "onecycle", {"schedule": "onecycle", "lr": PEAK_RATE, "patience": max(train.epochs, 1)}),
        (classes, {"augment": ("drop=0.1", "mixup=0.2")}),
        (long, {"patch": ()}),
        (True, {"hidden": (64,)}),
        (not label and size.steps >= CUT, {"random_start": True, "scale": ("zscore", *of_columns)}),
        (label, {"bidirectional": True}),
        (selects, {"average": 1 if train.average > 1 else 5}),
        (config.model.cell == "gru", {"cell": "lstm"}),
        (True, {"lr": rate / 2}),
        (label, {"head": "attention"}),
        (True, {"weight_decay": 0.0}),
        (True, {"weight_decay": 0.2}),
        (long, {"patch": (), "head": "last"}),
        (True, {"hidden": two, "dropout": 0.2}),
        (True, {"lr": rate * 2}),
        (True, {"scale": ("rank", *of_columns)}),
        (batch > 1, {"batch_size": batch // 2}),
        (True, {"batch_size": batch * 2}),
        (label, {"head": "mean"}),
    ]
    return [_alone(config, options, classes) for holds, options in listed if holds]


def _alone(config: Config, options: Options, of_shape: bool) -> Options:
    """Return a change without the linear part beside the network, where both do not go together.

    of_shape: whether that part sees whole sequences.
    """
    model = config.choosing(options).model
    refused = model.linear_part and refused_beside_linear_part(model, of_shape)
    return options | {"linear_part": False} if refused else options
