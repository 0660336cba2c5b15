"""What a model is worth, in one sentence: what it does in plain words, then a metric beside that of a baseline."""

from __future__ import annotations

from rnnfast.catalogue import QUANTITIES, TASKS, lower_is_better
from rnnfast.display import amount, counted
from rnnfast.findings.gain import Gain
from rnnfast.findings.text import name, number, percent
from rnnfast.findings.view import PartView
from rnnfast.metrics.figures import Counts

MANY = 10_000  # negatives, of which false alarms are told per 1,000
PARTS = {"train": "the rows that train", "valid": "validation", "test": "the test part", "all": "this table"}


def verdict(view: PartView) -> str:
    """Say what a model is worth on a part; honest where it is worth nothing."""
    gain = next(iter(view.gains), None)
    plain = _in_words(view)
    if gain is None:
        return f"On {PARTS[view.name]}: {plain}."
    value, part = f"{gain.metric} {number(gain.value)}{_interval(gain)}", PARTS[view.name]
    if not gain.better or not gain.certain:
        doubt = "No better than" if not gain.better else "Not surely better than"
        return f"{doubt} {gain.baseline} on {part}: {value} beside {number(gain.baseline_value)}; {plain}."
    return f"On {part}: {plain}. {value}, {_beside(gain)}."


def _in_words(view: PartView) -> str:
    """Say what the answers are worth to somebody who knows no metric."""
    evaluation, labels = view.evaluation, TASKS[view.evaluation.task].labels
    if labels == QUANTITIES:
        error, share = evaluation.metrics.figures.get("mae"), evaluation.metrics.figures.get("r2")
        if error is None:
            return f"{counted(evaluation.labelled_steps, 'answer')}"
        explained = "" if share is None or share <= 0 else f", {percent(share)} of the variance explained"
        return f"answers are off by {number(error)} on average{explained}"
    confusion = evaluation.confusion or []
    if TASKS[evaluation.task].threshold:
        return _positives(view, confusion)
    total = sum(map(sum, confusion))
    right = sum(row[k] for k, row in enumerate(confusion))
    most = max(map(sum, confusion), default=0)
    are = "is" if right == 1 else "are"
    naive = f"{amount(most)} by always the most frequent class"
    return f"{amount(right)} of {counted(total, 'answer')} {are} right ({naive})"


def _positives(view: PartView, confusion: Counts) -> str:
    """Say how many positives are found, at which price."""
    (negatives, false), (missed, hits) = confusion
    positives = missed + hits
    if not positives:
        alarms = f"{counted(false, 'false alarm')} in {amount(false + negatives)} rows"
        return f"no label is {name(view.schema.classes[1])}; {alarms}"
    others = false + negatives
    price = f"{counted(false, 'false alarm') if false else 'no false alarm'} in {amount(others)} others"
    if others >= MANY and false:
        price = f"{number(1000 * false / others, 2)} false alarms per 1,000 others"
    what = f"{name(view.schema.targets[0])} = {name(view.schema.classes[1])}"
    share = f"{amount(hits)} of {amount(positives)} with {what}"
    return f"finds {share} (recall {percent(hits / positives)}) and raises {price}"


def _interval(gain: Gain) -> str:
    """Return the interval of a metric, in brackets."""
    if gain.interval is None:
        return ""
    low, high = gain.interval
    return f" ({number(low)} to {number(high)} by {gain.of})"


def _beside(gain: Gain) -> str:
    """Say what the baseline has, of errors by which share those of the model are lower."""
    if not lower_is_better(gain.metric) or not gain.baseline_value > 0:
        return f"{gain.baseline}: {number(gain.baseline_value)}"
    return f"{percent(1 - gain.value / gain.baseline_value)} less than {gain.baseline} ({number(gain.baseline_value)})"
