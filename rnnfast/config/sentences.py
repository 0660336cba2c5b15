"""Parts of the help that follow from the catalogue, so that they stay true of what is added to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rnnfast.catalogue import CELLS, LOSSES, OPTIMIZERS, SCHEDULES, TASKS, TWO_CLASSES, listed


def cells(**properties: bool) -> str:
    """List the cells that have these properties: "rnn and mlp"."""
    return listed(_names(CELLS.values(), properties))


def optimizers(**properties: bool) -> str:
    """List the optimizers that have these properties."""
    return listed(_names(OPTIMIZERS.values(), properties))


def losses() -> str:
    """Say which loss auto chooses, and which ones fit a target of two classes without being made for it."""
    chosen = sorted({task.loss for task in TASKS.values()})
    raw = [loss.name for loss in LOSSES.values() if TWO_CLASSES in loss.labels and not loss.logits]
    return f"auto: {listed(chosen, 'or')} by task; {listed(raw)} on a binary target score the raw output."


def learning_rates() -> str:
    """Say which optimizers start at which rate, that of the most of them last: "0.05 for sgd, 0.005 else"."""
    names: dict[float, list[str]] = {}
    for optimizer in OPTIMIZERS.values():
        names.setdefault(optimizer.lr, []).append(optimizer.name)
    *others, usual = sorted(names, key=lambda lr: len(names[lr]))
    return ", ".join([*(f"{lr:g} for {listed(names[lr])}" for lr in others), f"{usual:g} else"])


def decays() -> str:
    """Say which optimizers have a weight decay of their own: "0.01 for adamw, else 0"."""
    own = [f"{optimizer.decay:g} for {optimizer.name}" for optimizer in OPTIMIZERS.values() if optimizer.decay]
    return ", ".join([*own, "else 0"])


def gammas() -> str:
    """Say by which factor schedules drop: "0.1, with exponential 0.95 per epoch"."""
    usual = SCHEDULES["step"].gamma
    own = [f"with {schedule.name} {schedule.gamma:g} per epoch" for schedule in SCHEDULES.values()
           if schedule.gamma != usual]  # fmt: skip
    return ", ".join([f"{usual:g}", *own])


def _names(entries: Iterable[Any], properties: dict[str, bool]) -> list[str]:
    return [entry.name for entry in entries if all(getattr(entry, name) == of for name, of in properties.items())]
