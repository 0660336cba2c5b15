"""What takes all labels of a store to decide: their classes, the steps that are predicted, how often each occurs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.disk.store import Store, read_rows
from rnnfast.data.sequences import Integers

LABEL_ROWS = 1 << 19  # rows of y that are read at a time


def rewrite_labels(path: Path, dtype: Any, values: NDArray[Any], index: NDArray[np.float64] | None) -> Any:
    """Put the index of the class in place of each value in a file of labels; return the type of its numbers then.

    values: what `Labels` kept, numbers, or texts for which the file holds their places; index: class of each; None: the
    file stays as it is.
    """
    if index is None:
        return dtype
    given = np.arange(len(values), dtype=np.float64) if values.dtype == object else values
    if np.dtype(dtype) == np.float32 and (given == index).all():
        return dtype
    order = np.argsort(given)
    given, index = given[order], index[order]
    new, rows = path.with_name("classes"), path.stat().st_size // np.dtype(dtype).itemsize
    with new.open("wb") as file:
        for first in range(0, rows, LABEL_ROWS):
            y = read_rows(path, dtype, 0, first, min(first + LABEL_ROWS, rows)).astype(np.float64)
            place = np.minimum(np.searchsorted(given, y), len(given) - 1)  # NaN sorts behind all numbers
            file.write(np.where(np.isnan(y), np.nan, index[place]).astype(np.float32).data)
    new.replace(path)
    return np.float32


def label_blocks(offsets: Integers) -> list[tuple[int, int]]:
    """Cut sequences into blocks of about LABEL_ROWS rows: first and last sequence + 1 of each."""
    marks = np.arange(0, offsets[-1], LABEL_ROWS)
    borders = np.unique(np.append(np.searchsorted(offsets, marks), len(offsets) - 1)).tolist()
    return list(pairwise(borders))


def stored_rule(path: Path, dtype: Any, targets: int, offsets: Integers) -> str:
    """Decide as `predict_rule` whether each sequence has one label ("last") or each step its own ("every")."""
    several, values = False, np.empty((0, targets))
    for first, stop in label_blocks(offsets):
        begin, end = int(offsets[first]), int(offsets[stop])
        y = read_rows(path, dtype, targets, begin, end)
        part = offsets[first : stop + 1] - begin
        lengths, last = np.diff(part), part[1:] - 1
        known = ~np.isnan(y).any(axis=1)
        labelled = np.add.reduceat(known, part[:-1], dtype=np.int64) > 0
        if (labelled & ~known[last]).any():
            return "every"
        if (known[:, None] & (y != np.repeat(y[last], lengths, axis=0))).any():
            return "every"
        long = labelled & (lengths > 1)
        if long.any():
            several = True
            values = np.unique(np.concatenate((values, y[last][long])), axis=0)[:2]  # one or several is all that counts
    return "last" if several and len(values) > 1 else "every"


def class_counts(store: Store, group: Integers | None = None, groups: int = 1) -> Integers:
    """Labelled steps of each class, or of a quantity in all, (groups, classes or 1).

    group: (sequences,) 0 .. groups - 1 of each sequence; None: all are of one.
    """
    classes = max(len(store.schema.classes), 1)
    counts = np.zeros(groups * classes, np.int64)
    for first, stop in label_blocks(store.offsets):
        data = store.read(first, stop, features=False)
        labelled = data.labelled
        place = data.y[labelled, 0].astype(np.int64) if classes > 1 else np.zeros(int(labelled.sum()), np.int64)
        if group is not None:
            place += classes * np.repeat(group[first:stop], data.lengths)[labelled]
        counts += np.bincount(place, minlength=len(counts))
    return counts.reshape(groups, classes)


def strata(store: Store, unit: Integers, count: int) -> Integers:
    """Return (units,): 0 without a labelled step, else 1 + the highest rank of the classes of its labelled steps.

    As for a table in memory: ranks are 0 and 1 for negative and positive, by falling frequency with more classes.
    """
    stratum, classes = np.zeros(count, np.int64), len(store.schema.classes)
    rank = np.arange(max(classes, 1))
    if store.schema.task == "multiclass":
        rank[np.argsort(-class_counts(store)[0], kind="stable")] = np.arange(classes)
    for first, stop in label_blocks(store.offsets):
        data = store.read(first, stop, features=False)
        labelled = data.labelled
        units = np.repeat(unit[first:stop], data.lengths)[labelled]
        place = data.y[labelled, 0].astype(np.int64) if classes else np.zeros(len(units), np.int64)
        np.maximum.at(stratum, units, 1 + rank[place])
    return stratum
