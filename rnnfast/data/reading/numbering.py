"""Numbers for the ids of a table that comes batch by batch, whose texts go to a file."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.files import Appender
from rnnfast.data.sequences.identities import Identities, Shard, hashes
from rnnfast.data.sequences.stored import INDEX_BYTES
from rnnfast.data.sources.batches import Batch

Integers = NDArray[np.int64]


class Numbering:
    """Numbers 0, 1, ... in the order of first appearance.

    name: of the id column; same_types: as of `same_types`; shard: which ids are numbered, None for all.
    """

    def __init__(self, name: str, budget: Budget, same_types: bool, shard: Shard | None = None) -> None:
        self.name, self.budget, self.same_types, self.shard = name, budget, same_types, shard
        self._ids = Identities()
        self._bytes = 0  # of the texts so far
        self._last = 0

    @property
    def lengths(self) -> Integers:
        """(ids,) rows of each id."""
        return self._ids.lengths[: self._ids.count]

    def add(self, batch: Batch, out: Appender) -> tuple[Integers, bool, NDArray[np.bool_] | None]:
        """Write the texts of new ids.

        Returns: (rows,) number of each row's id; whether an earlier id comes again; (rows of the batch,) which rows the
        shard has, and the others are of: None without one.

        Only where the id changes it is looked up. Raises DataError for an empty id, UsageError for too many.
        """
        series = batch.frame[self.name]
        changed = pd.Series(series.array[1:] != series.array[:-1]).fillna(True)  # beside an empty cell it is unknown
        heads = np.concatenate(([0], np.flatnonzero(changed.to_numpy(bool)) + 1))
        values = series.iloc[heads]
        if (bad := (values.isna() | (values == "")).to_numpy(dtype=bool)).any():
            row = int(heads[bad.argmax()])
            cell = batch.cell(row, self.name)
            raise batch.error(row, self.name, f"the id is empty ({cell!r}); name the sequence of this row")
        lengths, inside = np.diff(np.append(heads, batch.rows)), None
        if self.shard is not None:
            own = self.shard.holds(values.astype(str).to_numpy(object))
            inside, values, lengths = np.repeat(own, lengths), values[own], lengths[own]
        if not len(values):
            return np.empty(0, np.int64), False, inside
        if pd.api.types.is_integer_dtype(series.dtype) and self.same_types:
            codes, new = self._ids.codes(values.to_numpy(np.int64).view(np.uint64))
            texts = [str(number) for number in values.to_numpy()[new].tolist()]
        else:
            names = values.astype(str).to_numpy(object)
            codes, new = self._ids.codes(hashes(names))
            texts = names[new].tolist()
        self._ids.add_lengths(codes, lengths)
        Budget(self.budget.total, INDEX_BYTES * self._ids.count)  # raises where they are too many
        self._write(texts, out)
        back = codes[0] < self._last or bool((codes[1:] < codes[:-1]).any())
        self._last = int(codes[-1])
        return np.repeat(codes, lengths), back, inside

    def _write(self, texts: list[str], out: Appender) -> None:
        """Append texts to the column `ids`, and where each ends to `id_ends`."""
        encoded = [text.encode() for text in texts]
        sizes = np.fromiter((len(text) for text in encoded), np.int64, len(encoded))
        if not self._bytes:
            out.append("id_ends", np.zeros(1, np.int64))
        out.append("ids", b"".join(encoded))
        out.append("id_ends", self._bytes + np.cumsum(sizes))
        self._bytes += int(sizes.sum())
