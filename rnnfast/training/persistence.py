"""Whether a quantity is foretold better by its last known value than by its mean, over the rows that train.

    mean over t of (y[t] - l[t])^2  <  mean over t of (y[t] - mean of y)^2

l is the lagged target of a row, and t runs over the labels whose lag is known. Several targets or horizons are compared
by the mean of the ratios. Where it holds, the change since then is the easier thing to learn.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import TASKS
from rnnfast.config.resolve import Config
from rnnfast.data import Sequences
from rnnfast.data.columns.missing import missing_rules
from rnnfast.data.encoding.differences import last_known
from rnnfast.data.encoding.summary import Summary
from rnnfast.data.sequences.base import TRAINED


def persists(part: Sequences, config: Config) -> bool:
    """Tell for the part that trains; of classes, and where the last known target is no input, it is not asked."""
    schema = part.schema
    if not schema.lag_target or TASKS[schema.task].classes:
        return False
    rules = missing_rules(schema, config.data)
    pieces = part.each_shard(spread, rules)
    labels, squares = pieces[0]
    for other, more in pieces[1:]:
        labels, squares = labels.merge(other), squares + more
    varies = labels.squares > 0
    return bool(varies.any() and (squares[varies] / labels.squares[varies]).mean() < 1)


def spread(part: Sequences, rules: Mapping[str, str]) -> tuple[Summary, NDArray[np.float64]]:
    """Return a summary of the labels whose lag is known, and the sum of squares of their changes, (answers,)."""
    schema = part.schema
    answers = len(schema.answers)
    labels, squares = Summary(answers, moments=range(answers)), np.zeros(answers)
    for block in part.blocks(TRAINED):
        y = np.asarray(block.y, np.float64)
        change = y - np.tile(last_known(block, rules), len(schema.ahead))
        labels.add(np.where(np.isnan(change), np.nan, y))
        squares += np.nansum(change**2, axis=0)
    return labels, squares
