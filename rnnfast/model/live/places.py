"""All values of a sequence for new rows: what they add goes on where the sequence of an id does."""

from __future__ import annotations

import numpy as np

from rnnfast.data.sequences.spans import ends
from rnnfast.model.live.memory import Memory
from rnnfast.model.live.windows import Pieces
from rnnfast.model.places import Doubles, Places

SUMS, PLACE = "sums", "place"  # columns of the memory: what the rows so far add, and how many these are


class LivePlaces:
    """What all values add to outputs; memory: holds the sums of each id after its last row."""

    def __init__(self, places: Places, memory: Memory) -> None:
        self.places, self.memory = places, memory
        memory.add(SUMS, (len(places.weights),), np.float64)
        memory.add(PLACE, (), np.int64)

    def added(self, pieces: Pieces) -> Doubles:
        """Return what is added to the outputs (new rows, O) of sequences. Writes: the memory.

        Of a sequence that goes on, rows before its new ones are summed already.
        """
        new, count, memory, fresh = pieces.new, pieces.counts, self.memory, pieces.fresh > 0
        offsets = ends(count)
        place = np.where(fresh, 0, memory[PLACE][pieces.slot])
        before = np.where(fresh[:, None], 0.0, memory[SUMS][pieces.slot])
        sums = np.zeros((len(new), before.shape[1]))
        sums[new] = after = self.places.sums(pieces.inputs[new], offsets, (place, before))
        memory[SUMS][pieces.slot] = after[offsets[1:] - 1]  # of several sequences of an id the last one stays
        memory[PLACE][pieces.slot] = place + count
        return np.asarray(sums[pieces.answers])
