"""Categories that training hides, so that the weights of "(unseen)" learn what to do without one.

The training rows hold every category that there is an input for. In each epoch a tenth of the sequences therefore hides
a category of a column: that of a random step, wherever it occurs in the sequence, as one that nobody knew would. It
becomes "(unseen)". A step without category hides nothing. docs/tables.md has what was tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.sequences.spans import spans

HIDING_STREAM = 7  # of the random numbers
SHARE = 0.1  # of the sequences, for each column


Hidden = list[tuple[NDArray[np.int64], Any, Any]]  # rows, which inputs of each, and what they were


class Hider:
    """Hides categories in the inputs of a network.

    columns: inputs of each column of categories, the last of them "(unseen)". codes: of each embedded column the input
    that holds its code, and the code of "(unseen)". A draw is a function of seed, epoch, column and the number of the
    sequence in the training part: blocks and threads do not matter.
    """

    def __init__(self, columns: Sequence[slice], seed: int, codes: Sequence[tuple[int, int]] = ()) -> None:
        self.columns, self.seed, self.codes = columns, seed, codes

    @property
    def hides(self) -> bool:
        """Whether there is a column of categories."""
        return len(self.columns) + len(self.codes) > 0

    def hide(self, inputs: NDArray[Any], offsets: NDArray[np.int64], epoch: int, first: int = 0) -> Hidden:
        """Hide categories for an epoch. Writes: inputs (rows, F), of the sequences first, first + 1, ...

        offsets: (sequences + 1,) first row of each. Returns: what `show` undoes.
        """
        hidden: Hidden = []
        for column, place in enumerate(self.columns):
            starts, lengths, step = self._drawn(offsets, epoch, column, first)
            # An empty cell may have no category: then all inputs of the column are 0, and argmax would take the first.
            some = inputs[step, place].any(axis=1)
            rows = spans(starts[some], lengths[some])
            category = np.repeat(inputs[step[some], place].argmax(axis=1) + place.start, lengths[some])
            has = inputs[rows, category] == 1
            rows, category, unseen = rows[has], category[has], place.stop - 1
            inputs[rows, category], inputs[rows, unseen] = 0, 1
            hidden += [(rows, category, 1), (rows, unseen, 0)]
        for column, (code, unseen) in enumerate(self.codes, len(self.columns)):
            starts, lengths, step = self._drawn(offsets, epoch, column, first)
            some = inputs[step, code] > 0
            rows, before = spans(starts[some], lengths[some]), np.repeat(inputs[step[some], code], lengths[some])
            has = inputs[rows, code] == before
            inputs[rows[has], code] = unseen
            hidden.append((rows[has], code, before[has]))
        return hidden

    def _drawn(
        self, offsets: NDArray[np.int64], epoch: int, column: int, first: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return the first row of each sequence that hides a category of a column, its rows, and the one that says it.

        first: number of the first sequence in the training part.
        """
        stream = np.random.PCG64([self.seed, HIDING_STREAM, epoch, column]).advance(first)
        draw = np.random.Generator(stream).random(len(offsets) - 1)
        chosen = np.flatnonzero(draw < SHARE)
        starts, lengths = offsets[chosen], np.diff(offsets)[chosen]
        return starts, lengths, starts + (draw[chosen] / SHARE * lengths).astype(np.int64)


def show(inputs: NDArray[Any], hidden: Hidden) -> None:
    """Undo what `hide` wrote into these inputs."""
    for rows, place, before in hidden:
        inputs[rows, place] = before
