"""Rules about the parts of a table: rows of one id in two of them, times that they share, classes with few labels."""

from __future__ import annotations

import numpy as np

from rnnfast.config.forms import TIME
from rnnfast.display import counted
from rnnfast.findings.evidence import Evidence
from rnnfast.findings.finding import Finding, finding
from rnnfast.findings.text import name, names
from rnnfast.findings.view import PartView

FEW_LABELS = 10  # of a class
OVERLAP = 0.5  # share of the sequences of a part that begin before the last training row


def ids_in_two_parts(evidence: Evidence) -> Finding | None:
    """RF06: an id has rows in the training part and in another one.

    A reader keeps the rows of an id in one part, but for a split by time; tables of their own may repeat rows. Tables
    that number their ids anew share numbers and no rows.
    """
    train = evidence.views.get("train")
    if train is None or train.schema.id is None or evidence.split_by == TIME:
        return None
    for view in evidence.views.values():
        shared = [] if view is train else _shared(train, view)
        if shared:
            message = (
                f"{len(shared):,} of the ids of {view.name} are in the training part too, such as {name(shared[0])}"
            )
            return finding("RF06", message, {"ids": len(shared), "part": view.name})
    return None


def _shared(train: PartView, other: PartView) -> list[str]:
    """Return the ids whose rows are in both parts; of two tables the first row of an id has to be the same as well."""
    place = {text: k for k, text in enumerate(train.ids.tolist())}
    shared: dict[str, None] = {}
    for k, text in enumerate(other.ids.tolist()):
        own = place.get(text)
        if own is not None and (train.digest == other.digest or _same_row(train, own, other, k)):
            shared[text] = None
    return list(shared)


def _same_row(train: PartView, own: int, other: PartView, k: int) -> bool:
    """Whether two sequences, of those whose first row is at hand, begin with the same row."""
    if own >= len(train.first_row) or k >= len(other.first_row):
        return False
    return np.array_equal(train.first_row[own], other.first_row[k], equal_nan=True)


def times_overlap(evidence: Evidence) -> Finding | None:
    """RF07: windows of a forecast without id are drawn at random, so that later rows train than are scored."""
    train, judged = evidence.views.get("train"), evidence.judged
    if train is None or judged is train or not judged.schema.horizon or judged.schema.id is not None:
        return None
    if evidence.split_by == TIME or train.digest != judged.digest:
        return None
    if train.last_time is None or judged.first_time is None:
        share = 1.0  # in the order of the file, and drawn at random
    else:
        share = float(np.mean(judged.first_time < train.last_time.max()))
    if share < OVERLAP:
        return None
    message = f"{100 * share:.0f} % of the windows of {judged.name} begin before the last row that trains"
    return finding("RF07", message, {"share": share})


def few_labels(evidence: Evidence) -> Finding | None:
    """RF08: a class has under 10 labels in the part that trains; of a table that is scored, there."""
    view = evidence.views.get("train", evidence.judged)
    few = [(count, label) for label, count in zip(view.schema.classes, view.counts, strict=False) if count < FEW_LABELS]
    if view.name != "train":
        few = [(count, label) for count, label in few if count]  # a table need not have each class
    if not few:
        return None
    least, label = min(few, key=lambda pair: pair[0])
    unit = "sequence" if view.schema.predict == "last" else "step"
    which = f"{'training' if view.name == 'train' else 'scored'} {unit}"
    message = f"{counted(least, which)} {'has' if least == 1 else 'have'} class {name(label)}"
    others = [other for _, other in few if other != label]
    message += f"; {names(others)} {'is' if len(others) == 1 else 'are'} rare too" if others else ""
    return finding("RF08", message, {"class": str(label), "labels": least, "classes": len(few)})
