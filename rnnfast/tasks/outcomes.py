"""What a network answered at the labelled steps of a table, beside their labels: all that is ever scored."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import Encoder, SequenceData
from rnnfast.tasks.base import Floats, Task
from rnnfast.tasks.linear import Linear
from rnnfast.tasks.trees import Trees, past

Integers = NDArray[np.int64]


class Rival(NamedTuple):
    """A fitted baseline at the n labelled steps: its raw outputs (n, O), and its own threshold of two classes."""

    raw: NDArray[np.float64]
    threshold: float


@dataclass(frozen=True, eq=False, repr=False)
class Outcomes:
    """The n labelled steps of a table with what a network answered there.

    outputs: (rows, O) raw, of every row of the table; at: (rows,) bool, which rows are the n. y: (n, targets) labels,
    as of SequenceData. answers: (n, O) probabilities, or quantities in original units; raw: (n, O) their outputs.
    deviations: (rows, O) standard deviation of the answers of an ensemble's networks, at the n alone, None of a single
    network; linear, trees: what these baselines answer, None without them.
    """

    task: Task
    data: SequenceData
    outputs: Floats
    deviations: Floats | None = None
    linear: Rival | None = None
    trees: Rival | None = None
    at: NDArray[np.bool_] = field(init=False)
    y: Floats = field(init=False)
    raw: NDArray[np.float64] = field(init=False)
    answers: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        at = self.data.labelled
        own = {
            "at": at,
            "y": self.data.y[at],
            "raw": np.asarray(self.outputs[at], np.float64),
            "answers": np.asarray(self.task.answers(self.outputs[at]), np.float64),
        }
        for name, value in own.items():
            object.__setattr__(self, name, value)

    def by(self, task: Task) -> Outcomes:
        """Return the same outputs as answers of another task: with another threshold, or temperature."""
        return replace(self, task=task)

    def beside(self, linear: Linear | None, trees: Trees | None, encoder: Encoder) -> Outcomes:
        """The same with what the baselines answer that there are."""
        outcomes = self
        if linear is not None:
            x = encoder.without_codes.transform(self.data)
            outcomes = replace(outcomes, linear=Rival(linear.outputs(x[self.at]), linear.threshold))
        if trees is not None:
            x = past(encoder.transform(self.data), self.data.offsets)
            outcomes = replace(outcomes, trees=Rival(trees.outputs(x[self.at]), trees.threshold))
        return outcomes

    @cached_property
    def rows(self) -> Integers:
        """(n,) rows of the data."""
        return np.flatnonzero(self.at)

    @cached_property
    def sequence(self) -> Integers:
        """(n,) the sequence of each step, counted from 0; a window is a sequence."""
        return np.asarray(np.searchsorted(self.data.offsets, self.rows, side="right") - 1, np.int64)

    @cached_property
    def owner(self) -> Integers:
        """(n,) the id of each step, counted from 0: that of all windows of an id; the sequence where there is no id."""
        return self.data.index.owner[self.sequence] if self.data.schema.id is not None else self.sequence

    @cached_property
    def step(self) -> Integers:
        """(n,) the place of each step in its sequence, counted from 0."""
        return self.rows - self.data.offsets[self.sequence]

    @property
    def weight(self) -> NDArray[Any] | None:
        """(n,) weight of each step as the table says, None where all weigh the same."""
        return None if self.data.weight is None else self.data.weight[self.at]

    @property
    def spread(self) -> NDArray[Any] | None:
        """(n, O) standard deviation of the answers of an ensemble's networks, None of a single network."""
        return None if self.deviations is None else self.deviations[self.at]

    @cached_property
    def say(self) -> tuple[slice | NDArray[np.bool_], NDArray[np.float64] | None]:
        """Which of the n steps metrics see, and the weight of these: a step of weight 0 is none."""
        return weighty(self.weight)

    @property
    def counted(self) -> Outcomes:
        """Those of the n steps that weigh something; all where none does."""
        weight = self.weight
        return self if weight is None or not weight.any() else self.of(weight > 0)

    def of(self, steps: NDArray[Any]) -> Outcomes:
        """Those of some of the n steps; steps: their numbers, or (n,) bool. The sequences stay the same."""
        at = np.zeros_like(self.at)
        at[self.rows[steps]] = True
        part = object.__new__(Outcomes)
        own = {"at": at, **{name: getattr(self, name)[steps] for name in ("y", "raw", "answers")}}
        own |= dict.fromkeys(("linear", "trees"))
        shared = {name: getattr(self, name) for name in ("task", "data", "outputs", "deviations")}
        part.__dict__.update(shared | own)
        return part

    def answered(self, raw: Floats) -> Outcomes:
        """The same steps with other raw outputs (n, O)."""
        other = object.__new__(Outcomes)
        answers = np.asarray(self.task.answers(raw), np.float64)
        other.__dict__.update(self.__dict__ | {"raw": np.asarray(raw, np.float64), "answers": answers})
        return other


def weighty(
    weight: NDArray[np.float64] | None,
) -> tuple[slice | NDArray[np.bool_], NDArray[np.float64] | None]:
    """Return which steps weigh more than 0, and their weights; None for all alike."""
    if weight is None:
        return slice(None), None
    heavy = weight > 0
    return heavy, np.asarray(weight[heavy], np.float64)
