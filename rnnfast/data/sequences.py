"""Sequences of unequal length, end to end in one array: grouping rows by id, ordering by time, cutting windows.

Everything here works on whole arrays; there is no loop over ids or rows.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from rnnfast.data.schema import Schema
from rnnfast.data.sources.origin import Origin
from rnnfast.data.sources.texts import Texts, numbered

Integers = NDArray[np.int64]

LARGEST = 2**64 - 1  # of the whole numbers that rows are sorted by
SAMPLE = 1000  # rows that tell whether equal ids are one object
SHARED = 0.999  # share of different objects in the sample, above which looking at them is no gain
DIGIT = 16  # bits that are sorted by counting
EXACT = 2.0**53  # float64 holds every whole number below
PER_ROW = ("x", "y", "row", "time", "key", "weight", "label_row", "naive", "part")  # fields with a value for each row


class _Digest:
    """A text that may still be computed in the background; reading it waits for the result."""

    def __get__(self, data: SequenceData | None, owner: type) -> str:
        if data is None:
            raise AttributeError  # tells dataclass that there is no default
        value: str | Future[str] = data.__dict__["digest"]
        if not isinstance(value, str):
            value = data.__dict__["digest"] = value.result()
        return value

    def __set__(self, data: SequenceData, value: str | Future[str]) -> None:
        data.__dict__["digest"] = value


@dataclass
class SequenceData:
    """All sequences of one or several tables, end to end, without padding.

    x: (rows, F) float64, C-contiguous, in the order of schema.columns: numbers in original units, NaN where a cell is
    empty; a categorical column holds the index in its `categories`.
    y: (rows, targets) float64; index of the class for a binary or multiclass task, NaN at unlabelled steps; (rows, 0)
    without target columns.
    offsets: (sequences + 1,) int64, first row of each sequence, then the number of rows.
    ids: (sequences,) object, the id of each sequence as text exactly as in the file; "" for windows without id.
    row: (rows,) int64, input row of each row of x, counted from 0 over all files; repeats where windows overlap.
    time: (rows,) object or texts made when they are looked at, the time column as in the file, or None.
    key: (rows,) numbers that sort like the time, or None without time column.
    weight: (rows,) float64, weight of a row in the loss, or None where all weigh the same.
    label_row: (rows,) int64, input row whose target y holds, -1 for none; None with a horizon of 0, where it is `row`.
    naive: (rows, targets) float64, the target of one season before the predicted one, NaN where unknown; None with a
    horizon of 0.
    part: (rows,) int8, 0 train, 1 valid, 2 test, as a column of the table says; else None.
    categories: of each categorical column, the texts that its indices in x stand for.
    origin: finds file and line of a row, for messages; None where the rows come from no table.
    schema: meaning of the columns; source: names of the inputs; digest: sha256 of their contents.
    notes: sentences for the user about what was recognised, left out or chosen.
    from_cache: whether it was parsed by an earlier run.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    offsets: Integers
    ids: NDArray[Any]
    row: Integers
    time: NDArray[Any] | Texts | None
    schema: Schema
    source: tuple[str, ...]
    digest: _Digest = _Digest()
    notes: tuple[str, ...] = ()
    key: NDArray[Any] | None = None
    weight: NDArray[np.float64] | None = None
    label_row: Integers | None = None
    naive: NDArray[np.float64] | None = None
    part: NDArray[np.int8] | None = None
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    origin: Origin | None = field(default=None, repr=False, compare=False)
    from_cache: bool = False

    def __getstate__(self) -> dict[str, Any]:
        """Return the state to pickle or copy, with the digest computed."""
        return {**self.__dict__, "digest": self.digest}

    @property
    def rows(self) -> int:
        """Number of rows of x."""
        return len(self.x)

    @property
    def sequences(self) -> int:
        """Number of sequences."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Integers:
        """(sequences,) int64, steps of each sequence."""
        return np.diff(self.offsets)

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """(rows,) bool, the steps that count for loss and metrics.

        Those with a value in every target; with `predict` "last" only the last step of each sequence.
        """
        if not self.y.shape[1]:
            return np.zeros(self.rows, dtype=bool)
        known: NDArray[np.bool_] = np.logical_not(np.isnan(self.y).any(axis=1))
        if self.schema.predict == "last":
            last = np.zeros(self.rows, dtype=bool)
            last[self.offsets[1:] - 1] = True
            known &= last
        return known

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(rows,) bool, the steps up to and including the last labelled one of each sequence.

        Training on these sequences learns from nothing else: later steps, and sequences without any label, have no say.
        """
        rows = np.arange(self.rows)
        last = np.maximum.reduceat(np.where(self.labelled, rows, -1), self.offsets[:-1])
        return np.asarray(rows <= np.repeat(last, self.lengths))

    @property
    def labelled_steps(self) -> int:
        """Number of steps that count for loss and metrics."""
        return int(np.count_nonzero(self.labelled))

    def take(self, indices: ArrayLike) -> SequenceData:
        """Copy whole sequences, in the order given."""
        chosen = np.asarray(indices, dtype=np.int64)
        return self.cut(chosen, self.offsets[chosen], self.lengths[chosen])

    def cut(self, chosen: Integers, starts: Integers, lengths: Integers) -> SequenceData:
        """Copy sequences made of the rows starts[k] .. starts[k] + lengths[k] - 1, with the ids of `chosen`."""
        rows = spans(starts, lengths)
        values = {name: getattr(self, name) for name in PER_ROW}
        taken: dict[str, Any] = {
            name: None if value is None else value.take(rows, axis=0) for name, value in values.items()
        }
        return replace(self, offsets=ends(lengths), ids=self.ids[chosen], **taken)


def ends(lengths: Integers) -> Integers:
    """Return (n + 1,) offsets of sequences with these lengths."""
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)))


def spans(starts: Integers, lengths: Integers) -> Integers:
    """Return the indices starts[k] .. starts[k] + lengths[k] - 1 for all k, end to end."""
    offsets = ends(lengths)
    return np.arange(offsets[-1], dtype=np.int64) + np.repeat(starts - offsets[:-1], lengths)


def group(ids: Any, keys: NDArray[Any] | None, rows: int) -> tuple[Integers, Integers, NDArray[Any]]:
    """Order rows by id, in order of first appearance, and stably by time inside each id.

    ids: (rows,) texts, Arrow's or objects; None, when all rows are one sequence.
    keys: (rows,) numbers that sort like the time, or None.
    Returns: order (rows,), offsets (sequences + 1,) into it, ids of the sequences (sequences,) object.
    """
    if ids is None:
        codes, names = np.zeros(rows, dtype=np.int64), np.array([""], dtype=object)
    else:
        codes, names = _factorized(ids)
    lengths = np.bincount(codes, minlength=len(names))
    return _order(codes, keys), ends(lengths), np.asarray(names, dtype=object)


def _factorized(ids: Any) -> tuple[Integers, Any]:
    """Number ids in order of first appearance; as of `group`. Returns: number of each row, the ids (sequences,).

    Parsers share one Python object among equal texts. Numbering the addresses of objects first, which lie side by side
    in memory, and then the few objects spares following every one of them.
    """
    if not isinstance(ids, np.ndarray):
        return numbered(ids)
    ids = np.ascontiguousarray(ids)
    sample = ids[:: max(len(ids) // SAMPLE, 1)]
    if len({id(item) for item in sample}) > SHARED * len(sample):
        return pd.factorize(ids)
    addresses = np.ctypeslib.as_array((ctypes.c_ssize_t * len(ids)).from_address(ids.ctypes.data))
    codes, distinct = pd.factorize(addresses)
    first = np.empty(len(distinct), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(ids) - 1, -1, -1)  # the last assignment to a place stays
    names_of, names = pd.factorize(ids[first])
    return (codes if len(names) == len(distinct) else names_of.take(codes)), names


def _order(codes: Integers, keys: NDArray[Any] | None) -> Integers:
    """Return the rows in the order of codes, keys and place; codes (rows,) from 0, keys (rows,) numbers or None."""
    count = int(codes.max(initial=0)) + 1
    by_code = _sorted(codes, count)
    if keys is None or _ascending(codes, keys, by_code):
        return by_code
    ranks, span = _ranks(keys)
    if count * span << len(codes).bit_length() <= LARGEST:
        return _sorted(codes * span + ranks, count * span)
    by_key = _sorted(ranks, span)
    return by_key[_sorted(codes[by_key], count)]


def _ascending(codes: Integers, keys: NDArray[Any], by_code: Integers) -> bool:
    """Whether the rows of each code stand in the order of their keys already; by_code: (rows,) rows by code."""
    if (keys[1:] >= keys[:-1]).all():
        return True
    in_code = keys.take(by_code)
    falls = np.flatnonzero(in_code[1:] < in_code[:-1])
    return bool((codes[by_code[falls]] != codes[by_code[falls + 1]]).all())


def _sorted(values: NDArray[Any], span: int) -> Integers:
    """Return the rows in the order of whole numbers below span (rows,), equal ones as they stand.

    Below 2^32 by 16 bits at a time, each pass stable. Else value and row are packed into one number wherever they fit:
    sorting numbers themselves, by vector instructions, is several times quicker than a stable sort of places.
    """
    place = np.arange(len(values), dtype=np.int64)
    if (values[1:] >= values[:-1]).all():
        return place
    if span <= 2**DIGIT:
        return _by_digit(values)
    if span <= 2 ** (2 * DIGIT):
        low = _by_digit(values & (2**DIGIT - 1))
        return low.take(_by_digit(values.take(low) >> DIGIT))
    bits = len(values).bit_length()
    if span << bits > LARGEST:
        return np.argsort(values, kind="stable").astype(np.int64, copy=False)
    packed = values.astype(np.uint64) << np.uint64(bits)
    packed |= place.view(np.uint64)
    packed.sort()
    packed &= np.uint64((1 << bits) - 1)
    return packed.view(np.int64)


def _by_digit(values: NDArray[Any]) -> Integers:
    """Return the stable order of numbers below 2^16: NumPy counts them."""
    return np.argsort(values.astype(np.uint16), kind="stable").astype(np.int64, copy=False)


def _ranks(keys: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Return numbers that sort like the keys, and what whole ones among them are below."""
    if keys.dtype.kind == "f" and np.abs(keys).max() < EXACT and (keys == np.floor(keys)).all():
        keys = keys.astype(np.int64)
    if keys.dtype.kind in "iu" and (span := int(keys.max()) - int(keys.min()) + 1) < 2**63:
        wide = keys.astype(f"{keys.dtype.kind}8")
        return (wide - wide.min()).astype(np.int64), span
    return keys, LARGEST


def windows(offsets: Integers, window: int, stride: int) -> tuple[Integers, Integers, Integers]:
    """Cut each sequence into windows that start every `stride` rows; a rest becomes a shorter last window.

    A window that would hold only rows of the one before is left out. A stride above the window leaves rows between out.
    Returns: sequence (windows,), start row (windows,) and length (windows,) of each window.
    """
    lengths = np.diff(offsets)
    count = np.minimum(-(-np.maximum(lengths - window, 0) // stride) + 1, -(-lengths // stride))
    sequence = np.repeat(np.arange(len(lengths), dtype=np.int64), count)
    inside = (np.arange(len(sequence), dtype=np.int64) - np.repeat(ends(count)[:-1], count)) * stride
    return sequence, offsets[sequence] + inside, np.minimum(window, lengths[sequence] - inside)


def predict_rule(y: NDArray[np.float64], offsets: Integers) -> str:
    """Decide whether each sequence has one label ("last") or each step its own ("every").

    y: (rows, O) grouped by offsets (sequences + 1,), NaN where unlabelled.
    "last" needs evidence: sequences of several steps, whose last step is labelled wherever any step is, each with one
    target value, and not the same value in all of them (a rare class that happens to be absent proves nothing).
    """
    lengths = np.diff(offsets)
    known: NDArray[np.bool_] = np.logical_not(np.isnan(y).any(axis=1))
    labelled = np.add.reduceat(known, offsets[:-1], dtype=np.int64) > 0
    several = labelled & (lengths > 1)
    last = known[offsets[1:] - 1]
    if not several.any() or (labelled & ~last).any():
        return "every"
    values = y[offsets[1:] - 1]
    changes = (known[:, None] & (y != np.repeat(values, lengths, axis=0))).any()
    if changes or (values[several] == values[several][0]).all():
        return "every"
    return "last"
