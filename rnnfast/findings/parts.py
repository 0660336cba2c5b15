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
    """RF06: an id has rows in the training part and in another one, and not one after the other in time.

    Tables that number their ids anew share numbers and no rows: of two tables the first row of the id has to be the
    same as well.
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
    places: dict[str, list[int]] = {}
    for k, text in enumerate(train.ids.tolist()):
        places.setdefault(text, []).append(k)
    shared: dict[str, None] = {}
    for k, text in enumerate(other.ids.tolist()):
        if any(_touches(train, own, other, k) for own in places.get(text, ())):
            shared[text] = None
    return list(shared)


def _touches(train: PartView, own: int, other: PartView, k: int) -> bool:
    """Whether a sequence of the training part and one of another part, of the same id, lie in each other."""
    if train.source != other.source:
        rows = (own, len(train.first_row)), (k, len(other.first_row))
        return all(j < size for j, size in rows) and np.array_equal(
            train.first_row[own], other.first_row[k], equal_nan=True
        )
    if train.first_time is None or train.last_time is None or other.first_time is None or other.last_time is None:
        return True
    return bool(train.first_time[own] <= other.last_time[k] and other.first_time[k] <= train.last_time[own])


def times_overlap(evidence: Evidence) -> Finding | None:
    """RF07: windows of a forecast without id are drawn at random, so that later rows train than are scored."""
    train, judged = evidence.views.get("train"), evidence.judged
    if train is None or judged is train or not judged.schema.horizon or judged.schema.id is not None:
        return None
    if evidence.split_by == TIME or train.source != judged.source:
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
