"""Divide a training part into one to learn from and one to judge by, as the test part of its set differs from it."""

import numpy as np
import pandas as pd

INNER_SHARE = 0.75  # of a training part that trains, where a rule is chosen
BLOCKS = 24  # runs of neighbouring ids that stay together, where neighbours are alike
CUTS = 4  # random ends of each engine that an inner part scores, as the test part cuts each once


def inner_split(one, frame, split):
    """Divide a training part into one to learn from and one to judge by.

    split: number of the division; the same number gives the same one. In time, number 0 judges the last quarter, 1 and
    2 the sixths before the last and before the last but one, each learning from what is earlier alone.
    """
    if one.inner == "time":
        return _by_time(one, frame, split % 3)
    ids = frame[one.id].drop_duplicates().to_numpy()
    groups = np.arange(len(ids)) * BLOCKS // len(ids) if one.inner == "blocks" else np.arange(len(ids))
    order = np.random.default_rng(split).permutation(groups.max() + 1)
    learns = np.isin(groups, order[: round(INNER_SHARE * len(order))])
    trains = frame[one.id].isin(ids[learns])
    rest = frame[~trains]
    if one.inner == "cut":
        rest = _cut(one, rest, split)
    return frame[trains].reset_index(drop=True), rest.reset_index(drop=True)


def _by_time(one, frame, split):
    """The rows before a point in time and the stretch after it; whole sequences where there are some."""
    units = frame[one.id].drop_duplicates().to_numpy() if one.id else np.arange(len(frame))
    stretch = len(units) * (1 - INNER_SHARE) / (1 if split == 0 else 1.5)
    last = round(len(units) - split * stretch)
    first = round(last - stretch)
    if one.id is None:
        return frame.iloc[:first], frame.iloc[first:last].reset_index(drop=True)
    trains, judges = frame[one.id].isin(units[:first]), frame[one.id].isin(units[first:last])
    return frame[trains], frame[judges].reset_index(drop=True)


def _cut(one, frame, split):
    """Several copies of each sequence, each without its rows after a random one."""
    random = np.random.default_rng(split)
    parts = []
    for _, rows in frame.groupby(one.id, sort=False):
        for length in random.integers(len(rows) // 6, len(rows), CUTS):
            parts.append(rows.iloc[: max(1, length)].assign(**{one.id: len(parts)}))
    return pd.concat(parts)
