"""Convolutions that exceed thresholds, for new rows: what they add is a mean over the rows of an id so far."""

from __future__ import annotations

import numpy as np

from rnnfast.data.sequences.spans import ends, spans, steps
from rnnfast.model.convolutions import Convolutions, Doubles, Floats
from rnnfast.model.live.memory import Memory
from rnnfast.model.live.windows import Pieces

SEEN, ABOVE, ROWS = "convolved", "above", "rows so far"  # columns of the memory


class LiveConvolutions:
    """What convolutions add to outputs.

    memory: holds of each id the inputs of its last rows, the newest one last, zeros where there were none; the sum of
    what all rows so far add; and how many these are.
    """

    def __init__(self, convolutions: Convolutions, features: int, dtype: str, memory: Memory) -> None:
        self.convolutions, self.memory = convolutions, memory
        memory.add(SEEN, (convolutions.reach, features), dtype)
        memory.add(ABOVE, (len(convolutions.weights),), np.float64)
        memory.add(ROWS, (), np.int64)

    def added(self, pieces: Pieces) -> Doubles:
        """Return what is added to the outputs (new rows, O) of sequences. Writes: the memory.

        Of a sequence that goes on, rows before its new ones are counted already.
        """
        slot, memory, fresh = pieces.slot, self.memory, pieces.fresh > 0
        new, count, reach = pieces.new, pieces.counts, self.convolutions.reach
        together = ends(count + reach)  # of the rows of each sequence behind those that convolutions see before them
        rows, before = spans(together[:-1] + reach, count), spans(together[:-1], np.full(len(count), reach))
        inputs = np.empty((together[-1], pieces.inputs.shape[1]), pieces.inputs.dtype)
        inputs[rows] = pieces.inputs[new]
        inputs[before] = np.where(fresh[:, None, None], 0, memory[SEEN][slot]).reshape(len(before), -1)
        sums = self.convolutions.sums(inputs, rows)
        so_far = np.where(fresh, 0, memory[ROWS][slot])
        offsets, start = ends(count), np.where(fresh[:, None], 0.0, memory[ABOVE][slot])
        for first, stop, one in zip(offsets[:-1], offsets[1:], start, strict=True):
            sums[first] += one
            np.add.accumulate(sums[first:stop], out=sums[first:stop])  # in this order, however many come together
        number = steps(count) + 1 + np.repeat(so_far, count)
        # Of several sequences of an id the last one stays.
        memory[SEEN][slot] = inputs[spans(together[1:] - reach, np.full(len(count), reach))].reshape(
            len(count), reach, -1
        )
        memory[ABOVE][slot], memory[ROWS][slot] = sums[offsets[1:] - 1], so_far + count
        answers = np.zeros((len(new), sums.shape[1]))
        answers[new] = sums / number[:, None]
        return np.asarray(answers[pieces.answers])

    def step(self, slot: int, goes_on: bool, inputs: Floats) -> Doubles:
        """Return what `added` does, (O,), for one row with inputs (F,). Writes: the memory."""
        seen, above, rows = (self.memory[name] for name in (SEEN, ABOVE, ROWS))
        if not goes_on:
            seen[slot], above[slot], rows[slot] = 0, 0, 0
        both = np.concatenate([seen[slot], inputs[None]])
        seen[slot] = both[1:]
        above[slot] += self.convolutions.sums(both, np.array([len(both) - 1]))[0]
        rows[slot] += 1
        return np.asarray(above[slot] / rows[slot])
