"""Units of the top layer whose value never changes, asked of the network itself.

Kernels give outputs, no states. With a weight of 1 from one unit and 0 from all others, and no bias, an output is that
unit's state (with --head mean, max or attention what that makes of it); so the kernels that are compiled give all
states of a few rows, at once where their number is no part of a kernel.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rnnfast.catalogue import HEADS
from rnnfast.data import SequenceData
from rnnfast.model import Model
from rnnfast.model.linear_part import Beside
from rnnfast.model.members import Committee
from rnnfast.model.questions import Questions

SEQUENCES = 32  # that are looked at
MOST_ROWS = 4096  # of them
MOST_UNITS = 512  # more would take as long as scoring
STATIC = "static.head.weight"  # of constant columns, which are no states
SAME = 1e-6  # range of the states of a unit that never changes


def dead_units(model: Model, data: SequenceData) -> tuple[int, int] | None:
    """Return how many units of the top layer have one value in some sequences of data, and how many there are.

    Of an ensemble the first network is asked. None where the sequences are too short, or the units too many.
    """
    from rnnfast.kernels.run.plan import fits_registers

    tensors, network = model.members[0], model.architecture
    name = "head" if network.remembers else f"mlp.{2 * len(network.hidden)}"
    weight, some = tensors[f"{name}.weight"], _sample(data)
    units = HEADS[network.head].blocks * (1 + network.bidirectional) * network.hidden[-1]
    if some is None or units > MOST_UNITS:
        return None
    # The kernel of a network in registers is compiled for its outputs: others answer all units at once.
    together = network.outputs if fits_registers(network) else units
    questions = Questions(Beside(model.encoder), some, model.context_of(some.schema), model.config.train.dtype)
    dead = 0
    for first in range(0, units, together):
        number = min(together, units - first)
        probe = np.zeros((together, weight.shape[1]), weight.dtype)
        probe[np.arange(number), first + np.arange(number)] = 1
        question = {**tensors, f"{name}.weight": probe, f"{name}.bias": np.zeros(together, weight.dtype)}
        if STATIC in question:
            question[STATIC] = np.zeros((together, question[STATIC].shape[1]), weight.dtype)
        committee = Committee(replace(network, outputs=together), (question,), engine=model.engine)
        states = questions.outputs(committee)[0][:, :number]
        answered = states[~np.isnan(states).any(axis=1)]  # rows at which no step of a front ends have none
        dead += int(np.count_nonzero(np.ptp(answered, axis=0) <= SAME)) if len(answered) > 1 else 0
    return dead, units


def _sample(data: SequenceData) -> SequenceData | None:
    """Return a few sequences, evenly taken, of no more rows than are looked at."""
    chosen = np.unique(np.linspace(0, data.sequences - 1, min(data.sequences, SEQUENCES)).astype(np.int64))
    chosen = chosen[np.cumsum(data.lengths[chosen]) <= MOST_ROWS]
    return data.take(chosen) if data.lengths[chosen].sum() > 1 else None
