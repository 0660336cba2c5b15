"""Deviations from exponential averages for new rows: the averages of an id go on where its sequence does."""

from __future__ import annotations

import numpy as np

from rnnfast.data.sequences.spans import ends
from rnnfast.model.averages import Averages, Doubles
from rnnfast.model.live.memory import Memory
from rnnfast.model.live.windows import Pieces

AVERAGES = "averages"  # column of the memory


class LiveAverages:
    """What deviations add to outputs; memory: holds the averages of each id after its last row."""

    def __init__(self, averages: Averages, memory: Memory) -> None:
        self.averages, self.memory = averages, memory
        memory.add(AVERAGES, (len(averages.inputs),), np.float64)

    def added(self, pieces: Pieces) -> Doubles:
        """Return what is added to the outputs (new rows, O) of sequences. Writes: the memory.

        Of a sequence that goes on, rows before its new ones are averaged already.
        """
        new, offsets, memory = pieces.new, ends(pieces.counts), self.memory[AVERAGES]
        before = np.where(pieces.fresh[:, None] > 0, np.nan, memory[pieces.slot])
        deviations = np.zeros((len(new), memory.shape[1]))
        deviations[new], after = self.averages.deviations(pieces.inputs[new], offsets, before)
        memory[pieces.slot] = after[offsets[1:] - 1]  # of several sequences of an id the last one stays
        return np.asarray(self.averages.added(deviations)[pieces.answers])
