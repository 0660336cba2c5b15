"""Order rows by id and time. Everything works on whole arrays; there is no loop over ids or rows."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.data.sequences.spans import ends
from rnnfast.data.sources.texts import numbered

Integers = NDArray[np.int64]

LARGEST = 2**64 - 1  # of the whole numbers that rows are sorted by
SAMPLE = 1000  # rows that tell whether equal ids are one object
SHARED = 0.999  # share of different objects in the sample, above which looking at them is no gain
DIGIT = 16  # bits that are sorted by counting
EXACT = 2.0**53  # float64 holds every whole number below


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
