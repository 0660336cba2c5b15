"""What a model is worth, in one sentence: what it does in plain words, then a metric beside that of a baseline."""

from __future__ import annotations

from rnnfast.catalogue import QUANTITIES, TASKS, lower_is_better
from rnnfast.display import amount, counted
from rnnfast.findings.gain import Gain
from rnnfast.findings.text import name, number, percent
from rnnfast.findings.view import PartView
from rnnfast.metrics.figures import Counts
from rnnfast.records import Record

MANY = 10_000  # negatives, of which false alarms are told per 1,000
PARTS = {"train": "the rows that train", "valid": "validation", "test": "the test part", "all": "this table"}


class Verdict(Record, frozen=True):
    """What a model is worth on a part; `words` is the sentence that people read.

    part: train | valid | test | all. plain: what the answers are worth to somebody who knows no metric; recall: where
    plain names it. gain: over the baseline that the model beats by the least, None where there is none.
    """

    part: str
    plain: str
    recall: float | None
    gain: Gain | None

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics that the sentence names, and their values."""
        own = {} if self.gain is None else {self.gain.metric: self.gain.value}
        return own if self.recall is None else {"recall": self.recall, **own}

    @property
    def words(self) -> str:
        """The verdict in one sentence; honest where the model is worth nothing."""
        gain, part = self.gain, PARTS[self.part]
        if gain is None:
            return f"On {part}: {self.plain}."
        value = f"{gain.metric} {number(gain.value)}{_interval(gain)}"
        if not gain.better or not gain.certain:
            doubt = "No better than" if not gain.better else "Not surely better than"
            return f"{doubt} {gain.baseline} on {part}: {value} beside {number(gain.baseline_value)}; {self.plain}."
        return f"On {part}: {self.plain}. {value}, {_beside(gain)}."


def verdict(view: PartView) -> Verdict:
    """Say what a model is worth on a part."""
    plain, recall = _plain(view)
    return Verdict(view.name, plain, recall, next(iter(view.gains), None))


def _plain(view: PartView) -> tuple[str, float | None]:
    """Say what the answers are worth to somebody who knows no metric, and the recall where that is named."""
    evaluation, labels = view.evaluation, TASKS[view.evaluation.task].labels
    if labels == QUANTITIES:
        error, share = evaluation.metrics.figures.get("mae"), evaluation.metrics.figures.get("r2")
        if error is None:
            return counted(evaluation.labelled_steps, "answer"), None
        explained = "" if share is None or share <= 0 else f", {percent(share)} of the variance explained"
        return f"answers are off by {number(error)} on average{explained}", None
    confusion = evaluation.confusion or []
    if TASKS[evaluation.task].threshold:
        return _positives(view, confusion)
    total = sum(map(sum, confusion))
    right = sum(row[k] for k, row in enumerate(confusion))
    most = max(map(sum, confusion), default=0)
    are = "is" if right == 1 else "are"
    naive = f"{amount(most)} by always the most frequent class"
    return f"{amount(right)} of {counted(total, 'answer')} {are} right ({naive})", None


def _positives(view: PartView, confusion: Counts) -> tuple[str, float | None]:
    """Say how many positives are found, at which price, and the recall."""
    (negatives, false), (missed, hits) = confusion
    positives = missed + hits
    if not positives:
        alarms = f"{counted(false, 'false alarm')} in {amount(false + negatives)} rows"
        return f"no label is {name(view.schema.classes[1])}; {alarms}", None
    others = false + negatives
    price = f"{counted(false, 'false alarm') if false else 'no false alarm'} in {amount(others)} others"
    if others >= MANY and false:
        price = f"{number(1000 * false / others, 2)} false alarms per 1,000 others"
    what = f"{name(view.schema.targets[0])} = {name(view.schema.classes[1])}"
    share = f"{amount(hits)} of {amount(positives)} with {what}"
    recall = hits / positives
    return f"finds {share} (recall {percent(recall)}) and raises {price}", recall


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
