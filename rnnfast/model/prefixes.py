"""What a model of whole sequences answers before they end: how early is it right?

Each sequence is cut after some of its steps, and the answer there is scored by the label of the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rnnfast.model import Model
    from rnnfast.tasks.outcomes import Outcomes

Integers = NDArray[np.int64]

PREFIX_SHARES = (0.25, 0.5, 0.75, 1.0)


def first_steps(model: Model, outcomes: Outcomes) -> Iterator[tuple[str, Outcomes]]:
    """Yield the outcomes after 1, 2, 4, .. steps, of the sequences that have so many."""
    lengths = outcomes.data.lengths[outcomes.sequence]
    for power in range(int(lengths.max(initial=0)).bit_length()):
        steps = 1 << power
        places = np.flatnonzero(lengths >= steps)
        yield from _answered(f"{steps:,}", model, outcomes, places, np.full(len(places), steps))


def shares_of_steps(model: Model, outcomes: Outcomes, shares: Sequence[float]) -> Iterator[tuple[str, Outcomes]]:
    """Yield the outcomes after a share of the steps of each sequence, rounded up."""
    lengths = outcomes.data.lengths[outcomes.sequence]
    for share in shares:
        steps = np.maximum(np.ceil(share * lengths).astype(np.int64), 1)
        yield from _answered(f"{100 * share:g} %", model, outcomes, np.arange(len(steps)), steps)


def _answered(
    name: str, model: Model, outcomes: Outcomes, places: Integers, steps: Integers
) -> Iterator[tuple[str, Outcomes]]:
    """Yield the outcomes of some labelled sequences after so many of their steps, where the network has an answer."""
    data, sequence = outcomes.data, outcomes.sequence[places]
    beginnings = data.cut(sequence, data.offsets[sequence], steps).alone()
    raw = model.outputs(beginnings)[beginnings.offsets[1:] - 1]
    has_answer = ~np.isnan(raw).any(axis=1)
    if has_answer.any():
        yield name, outcomes.of(places[has_answer]).answered(raw[has_answer])
