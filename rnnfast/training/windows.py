"""How long the windows of a table without id are: by the course of its target over the rows that train.

    r[k] = mean over t of z[t] z[t + k] / mean of z[t]^2           z: the target minus its mean, 0 where it is unknown

The correlation r falls with the lag k. Where it rises again to a peak, the target has a season, and a window holds two;
else a window holds several times the rows after which little of it is left. A split at random draws windows, so that
their length decides which rows train: labels have no say in it then. A label some rows ahead counts where these rows
are of the same part, so that a window holds twice as many.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.folding import FoldConfig
from rnnfast.config.forms import SEQUENCE, TIME
from rnnfast.config.resolve import Config
from rnnfast.data import Sequences, split
from rnnfast.data.columns.schema import DEFAULT_WINDOW
from rnnfast.data.splitting.folds import folds
from rnnfast.display import counted
from rnnfast.training.presets import BY_SIZES

MOST_ROWS = 100_000  # that are looked at
LONGEST = 1000  # steps of a window
PARTED = 100  # windows that train, where the split draws at random
WINDOWS = 8  # of the rows that train, at least
FADED = math.exp(-1)  # correlation from which on little is left
MEMORIES = 4  # lengths of this in a window
SEASONS = 2  # in a window
REACHES = 2  # rows ahead of the labels of a forecast that a window holds, drawn at random: half of it has labels
FEWEST = 3  # windows of a table, whatever they should hold
AS_HIGH = 0.85  # share of the highest peak
PEAK, RISE = 0.3, 0.2  # correlation of a season at least, and above the least one before it

Floats = NDArray[np.float64]


class Window(NamedTuple):
    """Rows of a window, and why so many."""

    rows: int
    reason: str


def chooses(table: Sequences, config: Config) -> bool:
    """Whether nobody says how long windows are, and the preset is to do so.

    Where a column looks like an id or a time, the order of the rows says nothing about the target's course.
    """
    schema = table.schema
    side_by_side = schema.id is None and schema.window is not None and schema.stride == schema.window
    return (
        config.model.preset in BY_SIZES
        and side_by_side
        and not table.proposals
        and not config.explicit & {"window", "stride"}
    )


def window_for(table: Sequences, config: Config, own_valid: bool) -> Window:
    """Choose the length for a run; own_valid: all of the table trains."""
    data = config.data
    if own_valid:
        return window_of(labels_of(table))
    if data.split_by == SEQUENCE and data.split != (1.0,):
        return window_drawn(table, data.split[0])
    return window_of(labels_of(split(table, data.split, config.train.seed, data.split_by).train))


def window_of_folds(table: Sequences, config: Config, fold_config: FoldConfig) -> Window:
    """Choose the length by what trains in every fold: in time the rows that train in the first one, else none."""
    if fold_config.folds_by != TIME:
        return window_drawn(table, 0.5)
    every = folds(table, fold_config.folds, TIME, config.train.seed, config.data.split[0])
    return window_of(labels_of(every[0].train))


def window_drawn(table: Sequences, share: float) -> Window:
    """Choose the length where windows are drawn at random; share: of the rows that train."""
    if table.schema.time is None and not table.schema.horizon:
        return Window(DEFAULT_WINDOW, "the default where nothing says that rows follow each other in time")
    rows, ahead = int(table.rows * share), max(table.schema.ahead, default=0)
    reach, most = REACHES * ahead, table.rows // FEWEST
    if min(reach, most) > max(rows // PARTED, DEFAULT_WINDOW):
        reason = f"{REACHES} times the {counted(ahead, 'row')} from a forecast to its target"
        if reach > most:
            reason = f"as the table is to have {FEWEST} of them: {reason} would be longer"
        return Window(min(reach, most), reason)
    return _bounded(rows // PARTED, rows, f"1/{PARTED} of the rows that train, as the split draws at random,")


def window_of(labels: Floats) -> Window:
    """Choose by the target of the rows that train, in their order; (rows,), NaN where it is unknown."""
    rows = len(labels)
    r = correlation(labels, min(rows // 2, 2 * LONGEST))
    faded = np.flatnonzero(r < FADED)
    if not len(faded):
        return _bounded(LONGEST, rows, "the longest for a target that changes slowly")
    memory = int(faded[0])
    peak = _first_peak(r, memory)
    if r[peak] > PEAK and r[peak] - r[:peak].min() > RISE:
        return _bounded(SEASONS * peak, rows, f"{SEASONS} seasons of {counted(peak, 'row')} in its target")
    return _bounded(MEMORIES * memory, rows, f"{MEMORIES} times the {counted(memory, 'row')} that its target remembers")


def _first_peak(r: Floats, first: int) -> int:
    """Find the first lag from `first` on that is about as high as any: a season comes again and again."""
    begin = first + int((r[first:] >= AS_HIGH * r[first:].max()).argmax())
    return begin + int(r[begin : begin + begin // 2 + 1].argmax())


def correlation(values: Floats, lags: int) -> Floats:
    """Return (lags,) the correlation of a series with itself so many rows later; 1 everywhere for a constant one."""
    has_value = ~np.isnan(values)
    z = np.where(has_value, values - (values[has_value].mean() if has_value.any() else 0.0), 0.0)
    size = 2 * len(z)
    products = np.fft.irfft(np.abs(np.fft.rfft(z, size)) ** 2, size)[:lags]
    pairs = np.arange(len(z), len(z) - lags, -1)
    variance = products[:1] / len(z) if lags else products
    return np.asarray(products / pairs / variance) if variance.any() else np.ones(lags)


def _bounded(window: int, rows: int, reason: str) -> Window:
    """Keep a length between the default and the longest, with some windows to train on; say the bound that decides."""
    most = max(DEFAULT_WINDOW, min(LONGEST, rows // WINDOWS))
    if window < DEFAULT_WINDOW:
        return Window(DEFAULT_WINDOW, f"the shortest: {reason} would be shorter")
    if window <= most:
        return Window(window, reason.removesuffix(","))
    if most == LONGEST:
        return Window(most, f"the longest: {reason} would be longer")
    why = f"as {WINDOWS} of them are to train" if most > DEFAULT_WINDOW else f"as {counted(rows, 'row')} are few"
    return Window(most, f"{why}: {reason} would be longer")


def labels_of(part: Sequences) -> Floats:
    """Read the first target of the rows that train: (rows,), of several classes whether it is the most frequent one."""
    blocks, rows = [], 0
    for block in part.blocks(("y",)):
        blocks.append(np.asarray(block.y[:, 0], np.float64))
        rows += block.rows
        if rows >= MOST_ROWS:
            break
    labels = np.concatenate(blocks)[:MOST_ROWS]
    if len(part.schema.classes) > 2 and not np.isnan(labels).all():
        usual = np.bincount(labels[~np.isnan(labels)].astype(np.int64)).argmax()
        labels = np.where(np.isnan(labels), np.nan, labels == usual)
    return labels
