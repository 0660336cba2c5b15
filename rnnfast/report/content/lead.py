"""What somebody who was sent a page has to know before its figures: what is answered from what, and on which rows."""

from __future__ import annotations

from rnnfast.catalogue import METRICS, TASKS
from rnnfast.data import Schema
from rnnfast.display import counted
from rnnfast.findings.verdict import Verdict
from rnnfast.model.model import Model
from rnnfast.report.content.facts import steps_ahead
from rnnfast.report.content.panel import word

WHICH = {
    "test": "of the test part, which it has never seen",
    "valid": "of the validation part, which did not train, but may have decided how long the rest did",
    "train": "that it learned from: new rows will be answered worse",
    "all": "of a table, all of it",
}
REFITTED = "of the validation part, which it learned from in the end (--refit): new rows will be answered worse"


def lead(model: Model, part: str, labelled: int, in_training: bool, worth: Verdict) -> tuple[str, ...]:
    """Say in sentences what the model answers, on which rows its figures are, and what the metrics of the verdict are.

    part: train | valid | test | all; labelled: steps of it that are scored; in_training: whether they trained.
    worth: the verdict in parts.
    """
    schema, trained = model.schema, model.provenance.training
    phrase, _ = model.display()
    texts = [f"The model ({phrase.split(',')[0]}) {_task(schema)}, from {counted(len(schema.columns), 'column')}."]
    split = model.provenance.split
    rows = split.parts["train"].rows if split is not None and "train" in split.parts else None
    learned = "" if rows is None or trained is None else f"It learned from {counted(rows, 'row')}. "
    which = {"all": WHICH["train"], "valid": REFITTED}.get(part, WHICH[part]) if in_training else WHICH[part]
    texts.append(f"{learned}Figures are of {counted(labelled, 'answer')} to rows {which}.")
    if worth.gain is not None and worth.gain.interval is not None:
        texts.append(f"In brackets: where the figure lies in 95 of 100 tables drawn again from these {worth.gain.of}.")
    named = [METRICS[name] for name in METRICS if name in worth.metrics]
    texts += [f"{one.name}: {one.phrase}; {'less' if one.lower_is_better else 'more'} is better." for one in named]
    return tuple(texts)


def _task(schema: Schema) -> str:
    """Return what is answered at which steps."""
    targets, facts = " and ".join(map(word, schema.targets)), TASKS[schema.task]
    if facts.threshold:
        what = f"tells how likely {targets} = {word(schema.classes[1])} is"
    elif schema.classes:
        what = f"tells which of {len(schema.classes)} classes {targets} is"
    else:
        what = f"estimates {targets}"
    when = f" {steps_ahead(schema)}" if schema.horizon else ""
    of = f" of one {word(schema.id)}" if schema.id is not None else ""
    return f"{what}{when}, {f'once for all rows{of}' if schema.predict == 'last' else f'at every row{of}'}"
