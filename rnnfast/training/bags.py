"""The out-of-bag score of an ensemble: each training row is answered by those networks that did not train on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rnnfast.data import SequenceData, Sequences
from rnnfast.model import Model
from rnnfast.model.questions import scored_rows
from rnnfast.tasks.outcomes import Outcomes
from rnnfast.training.replies import sample_of

NAME = "out_of_bag"  # of these scores, beside the parts


def out_of_bag(model: Model, train: Sequences, outside: Sequence[Sequences]) -> Outcomes | None:
    """Return the mean answers of those networks that have left a row out, of all rows that one of them has.

    train: the training part; outside: what each network has left out. None where no such row has a label.
    """
    whole = scored_part(model, train)
    rows = np.flatnonzero(whole.labelled)
    rows = rows[np.argsort(whole.row[rows])]
    outputs = np.zeros((len(outside), len(rows), model.schema.outputs), model.config.train.dtype)
    answered = np.zeros((len(outside), len(rows)), bool)
    for k, (network, part) in enumerate(zip(model.networks, outside, strict=True)):
        data = scored_part(model, part)
        mine, theirs = np.intersect1d(whole.row[rows], data.row[data.labelled], True, return_indices=True)[1:]
        own = network.outputs(data)[data.labelled]
        outputs[k, mine], answered[k, mine] = own[theirs], True
    # Rows that the same networks have left out are averaged together.
    sets, of_set = np.unique(answered, axis=1, return_inverse=True)
    mean = np.zeros((whole.rows, model.schema.outputs), outputs.dtype)
    y = np.full_like(whole.y, np.nan)
    for number, members in enumerate(sets.T):
        chosen = np.flatnonzero(of_set.ravel() == number)
        if members.any():
            mean[rows[chosen]] = model.task.average(outputs[np.ix_(members, chosen)])
            y[rows[chosen]] = whole.y[rows[chosen]]
    scored = replace(whole, y=y)
    return model.scorer.outcomes(scored, mean) if scored.labelled.any() else None


def scored_part(model: Model, part: Sequences) -> SequenceData:
    """Return what is scored of a part, with the rows around."""
    return scored_rows(sample_of(model, part, model.config.train.seed))
