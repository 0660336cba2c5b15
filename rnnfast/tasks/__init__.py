"""What a model predicts, a class for each task of the catalogue: answers, scores, naive answers, columns of a file."""

from __future__ import annotations

from rnnfast.catalogue import implementation
from rnnfast.tasks.base import Target, Task
from rnnfast.tasks.binary import Binary
from rnnfast.tasks.multiclass import Multiclass
from rnnfast.tasks.regression import Regression

__all__ = ["Target", "Task", "task_of"]

TASKS: dict[str, type[Task]] = {"binary": Binary, "multiclass": Multiclass, "regression": Regression}


def task_of(name: str, target: Target) -> Task:
    """Return the task of a model with that target."""
    return implementation("task", name, TASKS)(name, target)
