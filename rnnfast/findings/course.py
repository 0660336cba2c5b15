"""Rules about how training went.

The share of the loss that a network explains is 1 - its loss / that of the naive answer, on the same rows.
"""

from __future__ import annotations

from rnnfast.catalogue import lower_is_better
from rnnfast.findings.evidence import Course, Evidence
from rnnfast.findings.finding import Finding, finding
from rnnfast.findings.text import percent
from rnnfast.findings.view import PartView

OVERFIT = 0.4  # of the explained share: that of the training part less that of the judged one
UNDERFIT = 0.03  # explained share of the training part below which next to nothing was learned
STILL_FALLING = 0.95  # share of the epochs; a best epoch after it says that more of them would help
COMPLETE = 0.95  # explained share of the judged part
CLIPPED = 0.85  # share of the updates from which on a looser bound was better, see docs/findings.md
DEAD = 0.25  # share of the units of the top layer


def explained(view: PartView) -> float | None:
    """Return the explained share of the loss of a part; None where the naive answer has no loss."""
    baseline = view.evaluation.baseline
    if baseline is None or not baseline.scores.loss > 0:
        return None
    return 1 - view.evaluation.metrics.loss / baseline.scores.loss


def overfit(evidence: Evidence) -> Finding | None:
    """RF01: much more of the loss is explained on the rows that train than on those that do not."""
    train, judged = evidence.views.get("train"), evidence.judged
    if train is None or judged is train:
        return None
    own, other = explained(train), explained(judged)
    if own is None or other is None or own - other < OVERFIT:
        return None
    seen = "nothing of it" if other <= 0 else f"{percent(other)}"
    message = f"{percent(own)} of the naive loss is explained on the rows that train, {seen} on {judged.name}"
    return finding("RF01", message, {"train": own, "judged": other})


def underfit(evidence: Evidence) -> Finding | None:
    """RF02: next to nothing is explained even on the rows that train."""
    train, course = evidence.views.get("train"), evidence.course
    own = None if train is None else explained(train)
    if own is None or own >= UNDERFIT or course is None or not course.epochs or course.stopped == "interrupted":
        return None
    less = "nothing of the naive loss" if own <= 0 else f"{percent(own)} of the naive loss"
    return finding("RF02", f"{less} is explained even on the rows that train", {"train": own})


def still_falling(evidence: Evidence) -> Finding | None:
    """RF10: the best epoch is among the last ones, and nothing but their number ended the training."""
    course = evidence.course
    best = None if course is None or course.stopped != "epochs" or _complete(evidence) else _best(course)
    if course is None or best is None or best <= STILL_FALLING * course.epochs:
        return None
    watched = course.config.monitor
    message = f"the best validation {watched} came in epoch {best:,} of {course.epochs:,}"
    return finding("RF10", message, {"epoch": best, "epochs": course.epochs}, f"--epochs {2 * course.epochs}")


def _complete(evidence: Evidence) -> bool:
    """Whether there is nothing left to gain: losses of classes that are parted go on falling for ever."""
    return (explained(evidence.judged) or 0.0) > COMPLETE


def clipped(evidence: Evidence) -> Finding | None:
    """RF11: most updates were scaled down, so that --clip-norm, not --lr, says how far they went."""
    course = evidence.course
    if course is None or course.clipped is None or course.clipped < CLIPPED:
        return None
    bound = course.config.clip_norm
    message = f"{percent(course.clipped)} of the updates were scaled down to a norm of {bound:g}"
    return finding(
        "RF11", message, {"share": course.clipped, "norm": bound}, f"--clip-norm {10 * bound:g}, or a lower --lr"
    )


def not_the_best(evidence: Evidence) -> Finding | None:
    """RF16: without early stopping the last weights stay, and an earlier epoch was better."""
    course = evidence.course
    best = None if course is None or course.config.patience else _best(course)
    if course is None or best is None or STILL_FALLING * course.epochs < best:
        return None
    word = "lowest" if lower_is_better(course.config.monitor) else "highest"
    message = f"the validation {course.config.monitor} was {word} in epoch {best:,} of {course.epochs:,}"
    return finding("RF16", message, {"epoch": best, "epochs": course.epochs})


def _best(course: Course) -> int | None:
    """Return the epoch with the best validation figure; None where that says nothing.

    Each network of several has a best epoch of its own; one cycle is best at its end, however long it is.
    """
    name = course.config.monitor
    if course.several or course.refitted or course.config.schedule == "onecycle":
        return None
    sign = 1 if lower_is_better(name) else -1
    rows = (row for row in course.history if row["split"] == "valid" and row.get(name) is not None)
    return min(((sign * row[name], row["epoch"]) for row in rows), default=(0, None))[1]


def dead_units(evidence: Evidence) -> Finding | None:
    """RF12: units of the top layer have one value at all steps."""
    if evidence.course is None or evidence.course.dead is None:
        return None
    dead, units = evidence.course.dead
    if dead < DEAD * units or not dead:
        return None
    message = f"{dead:,} of {units:,} units of the top layer have the same value at each step of {evidence.judged.name}"
    return finding("RF12", message, {"dead": dead, "units": units})
