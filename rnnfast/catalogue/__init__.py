"""Cells, heads, activations, losses, optimizers, scalings, fills, schedules, inits, metrics and tasks, and their facts.

A name stands here once. Options with their choices and help, messages, the screen, defaults and the benchmark read its
properties from here; what computes it is registered under the same name by the room that computes. An entry without its
implementation, or an implementation without its entry, is an error that says so (`implementation`, and a test).

| entries     | implementations                                                    |
|-------------|--------------------------------------------------------------------|
| CELLS       | rnnfast.kernels.rules.cells                                        |
| HEADS       | rnnfast.kernels.packed.pool                                        |
| ACTIVATIONS | rnnfast.kernels.rules.activations                                  |
| LOSSES      | rnnfast.kernels.rules.losses, and for whole tables metrics.loss    |
| OPTIMIZERS  | rnnfast.kernels.rules.optimizers                                   |
| SCALINGS    | rnnfast.data.encoding.scaling                                      |
| FILLS       | rnnfast.data.encoding                                              |
| SCHEDULES   | rnnfast.training.schedules                                         |
| INITS       | rnnfast.model.initialise                                           |
| METRICS     | rnnfast.metrics: a module for each kind of labels                  |
| TASKS       | rnnfast.tasks: a class for each                                    |
| FINDINGS    | rnnfast.findings: a rule for each                                  |

kinds.py says which properties entries have, entries.py holds them. Nothing but the standard library is imported, so
that `rnnfast --help` is quick.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from rnnfast.catalogue.entries import (
    ACTIVATIONS,
    CELLS,
    FILLS,
    HEADS,
    INITS,
    LOSSES,
    METRICS,
    OPTIMIZERS,
    SCALINGS,
    SCHEDULES,
    TASKS,
)  # fmt: skip
from rnnfast.catalogue.findings import FINDINGS, FindingKind
from rnnfast.catalogue.kinds import (
    CLASSES,
    QUANTITIES,
    TWO_CLASSES,
    Activation,
    Cell,
    Fill,
    Head,
    Init,
    Loss,
    Metric,
    Optimizer,
    Scaling,
    Schedule,
    Task,
)  # fmt: skip

__all__ = [
    "ACTIVATIONS", "CELLS", "CLASSES", "FILLS", "FINDINGS", "HEADS", "INITS", "LOSS", "LOSSES", "METRICS",
    "OPTIMIZERS", "QUANTITIES", "SCALINGS", "SCHEDULES", "TASKS", "TWO_CLASSES", "Activation", "Cell", "Fill",
    "FindingKind", "Head", "Init", "Loss", "Metric", "Optimizer", "Scaling", "Schedule", "Task", "cell", "headline",
    "implementation", "listed", "losses_of", "lower_is_better", "metrics_of",
]  # fmt: skip

Implementation = TypeVar("Implementation")


def losses_of(task: Task) -> tuple[str, ...]:
    """Return the losses that a task can be trained with, its default first."""
    fitting = [loss.name for loss in LOSSES.values() if task.labels in loss.labels]
    return tuple(sorted(fitting, key=lambda name: name != task.loss))


LOSS = "loss"  # the figure that every task has, beside its metrics


def metrics_of(labels: str, *, quick: bool = False, of_labels: bool = False, monitor: str = LOSS) -> tuple[Metric, ...]:
    """Return the metrics of a kind of labels, in the order in which they are shown.

    quick: those alone that are computed after every epoch, and the one called `monitor`. of_labels: those alone that
    need no probability.
    """
    return tuple(
        metric
        for metric in METRICS.values()
        if labels in metric.labels
        and (metric.quick or not quick or metric.name == monitor)
        and not (of_labels and metric.probability)
    )


def cell(name: str) -> Cell:
    """Return the facts of a cell; one of the user's own, which is not in CELLS, has a state and no activation."""
    return CELLS.get(name) or Cell(name)


def lower_is_better(metric: str) -> bool:
    """Whether the smaller value of a metric is the better one; "loss" is one whatever the loss."""
    return metric == LOSS or (metric in METRICS and METRICS[metric].lower_is_better)


def headline(metrics: Iterable[str]) -> str | None:
    """Return the metric that says most, to be shown beside the loss; None where none of them is known."""
    shown = [METRICS[name] for name in metrics if name in METRICS and METRICS[name].headline]
    return max(shown, key=lambda metric: metric.headline).name if shown else None


def implementation(kind: str, name: str, implementations: Mapping[str, Implementation]) -> Implementation:
    """Return what computes an entry.

    kind: what it is, for the message. Raises NotImplementedError where the entry stands in the catalogue alone.
    """
    try:
        return implementations[name]
    except KeyError:
        raise NotImplementedError(
            f"{kind} {name!r} stands in rnnfast/catalogue but is not implemented; implemented are "
            f"{', '.join(map(str, implementations))}"
        ) from None


def listed(names: Iterable[str], last: str = "and") -> str:
    """Join words for a sentence: "a", "a and b", "a, b and c"."""
    *first, end = names
    return f"{', '.join(first)} {last} {end}" if first else end
