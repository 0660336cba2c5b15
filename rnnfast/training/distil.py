"""One network in place of an ensemble (--distil): it learns what the ensemble answers (Hinton et al. 2015).

    two classes      bce with the mean probability as the label
    classes          ce against the mean probabilities    - sum over classes c of q[c] log p[c]
    quantities       the loss of the run, with the mean value as the label

It has the architecture and the seed of the run, and what ends its training and chooses its weights are the labels of
the validation part, as of any network.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from numpy.typing import NDArray

from rnnfast.data import SequenceData
from rnnfast.data.encoding.differences import changes
from rnnfast.errors import TrainingInterrupted
from rnnfast.model import Model
from rnnfast.model.provenance import Operating
from rnnfast.model.questions import scored_rows
from rnnfast.records import UnsetType
from rnnfast.reporter import Reporter
from rnnfast.training.ensemble import Networks
from rnnfast.training.job import Host, Job
from rnnfast.training.loop import Fit
from rnnfast.training.prepare import initial_model
from rnnfast.training.refit import CUT_SHORT, in_the_rest, refitted
from rnnfast.training.replies import Replies
from rnnfast.training.settling import settle


class Teacher:
    """An ensemble whose answers are the labels of another network."""

    def __init__(self, model: Model) -> None:
        self.model, self.committee = model, model.committee()

    def labels(self, data: SequenceData) -> NDArray[Any]:
        """Return what a loss compares outputs with, (rows, O): probabilities of classes, or scaled values.

        Each sequence is answered by itself, as it is learned.
        """
        model, data = self.model, data.alone()
        answers = model.answers(data, self.committee).values
        if model.task.facts.classes:
            return answers
        learned = changes(replace(data, y=answers), model.schema, model.encoder.rules)
        return model.task.labels(learned.y)


class Learned(NamedTuple):
    """What training came to.

    again: the model that was trained on the validation part too; None: there is none. operating: how threshold and
    temperature of the model were chosen. valid: its answers to the validation part, where there is one.
    """

    model: Model
    again: Model | None
    fit: Fit
    operating: Operating | UnsetType
    valid: Replies | None = None


def distilled(ensemble: Learned, job: Job, host: Host, valid: SequenceData | None) -> Learned:
    """Train one network on the answers of an ensemble; valid: the sample that it is watched on.

    Seconds are those of both. Returns the ensemble where it is no whole one, and where the network is not.
    """
    parts, reporter = job.parts, host.reporter
    whole, first = ensemble.model.config, ensemble.fit
    if first.diverged is not None or first.stopped in CUT_SHORT or not first.epochs:
        why = CUT_SHORT.get(first.stopped, "no epoch was run" if first.diverged is None else "a network diverged")
        reporter.notice(f"nothing is distilled (--distil): {why}; the model is the ensemble")
        return ensemble
    reporter.notice(f"training one network on the answers of the {len(ensemble.model.members)} (--distil)")
    train = replace(in_the_rest(whole.train, first), init_from=None)
    config = replace(whole, model=replace(whole.model, ensemble=1, bag=False, distil=False), train=train)
    model = initial_model(parts.train, config, ensemble.model.cell)
    watched = None if valid is None else scored_rows(valid)
    try:
        teacher = Teacher(ensemble.model)
        fit = Networks(model, parts.train, watched, Reporter(), teacher=teacher, stage="distilled").fit(host.interrupt)
    except TrainingInterrupted:
        fit = Fit(stopped="interrupted")
    if fit.diverged is not None or fit.stopped in CUT_SHORT:
        why = CUT_SHORT.get(fit.stopped, "it diverged")
        reporter.notice(f"the one network did not come to its end ({why}); the model is the ensemble")
        return ensemble
    replies, operating = settle(model, parts.train, valid, fit, reporter)
    again = None
    if ensemble.again is not None:
        again = refitted(model, fit, job, host, Teacher(ensemble.again))
    for one in (model, again):
        if one is not None:
            one.config = whole
    fit.train_seconds += first.train_seconds
    fit.compile_seconds += first.compile_seconds
    fit.eval_seconds += first.eval_seconds
    return Learned(model, again, fit, operating, replies)
