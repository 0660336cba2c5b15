"""What a network sees of its inputs: in place of the code of a category its numbers, which a gradient is followed to.

    row of the inputs    [numbers .., code_1, .., constants ..]
    what is seen of it   [numbers .., E_1[code_1 - 1], .., constants ..]        code 0: zeros

Attributions of the numbers of a category sum to that of its column. The mean of a column of categories is the mean of
what is seen of them, which their shares tell of any network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.network.architecture import Architecture

Floats = NDArray[np.floating[Any]]


class Baseline(NamedTuple):
    """What inputs are explained beside.

    inputs: (F,), of columns of codes anything. shares: of each column of codes, of each of its categories.
    """

    inputs: Floats
    shares: tuple[Floats, ...] = ()


class Seen:
    """What one network sees; tensors: its parameters by their names."""

    def __init__(self, architecture: Architecture, tensors: Mapping[str, NDArray[Any]]) -> None:
        self.tables = [
            np.asarray(tensors[f"embed.{k}.weight"], np.float64) for k in range(len(architecture.embeddings))
        ]
        self.first = architecture.features - architecture.static - len(self.tables)  # of the codes
        units = [1] * self.first + [table.shape[1] for table in self.tables] + [1] * architecture.static
        self.begins = np.concatenate(([0], np.cumsum(units[:-1])))

    def of(self, inputs: Floats) -> Floats:
        """Return what is seen of some inputs: (rows, F) to (rows, numbers)."""
        codes = inputs[:, self.first : self.first + len(self.tables)].astype(np.int64)
        rows = [
            np.where(code[:, None] > 0, table[code - 1], 0.0) for code, table in zip(codes.T, self.tables, strict=True)
        ]
        return self._with(inputs, rows) if rows else inputs

    def of_baseline(self, baseline: Baseline) -> Floats:
        """Return what is seen of a baseline: (numbers,)."""
        rows = [(shares @ table)[None] for shares, table in zip(baseline.shares, self.tables, strict=True)]
        seen: Floats = self._with(baseline.inputs[None], rows)[0]
        return seen

    def _with(self, inputs: Floats, rows: Sequence[Floats]) -> Floats:
        """Put the rows of the tables in the place of the codes, in the precision of the inputs."""
        after = inputs[:, self.first + len(rows) :]
        return np.concatenate([inputs[:, : self.first], *rows, after], axis=1).astype(inputs.dtype, copy=False)

    def summed(self, attribution: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum the attributions of the numbers of each category: (T, numbers) to (T, F)."""
        return np.add.reduceat(attribution, self.begins, axis=1) if self.tables else attribution
