"""All rules, and what they say of the evidence."""

from __future__ import annotations

from collections.abc import Callable, Collection

from rnnfast.findings import course, features, parts, worth
from rnnfast.findings.evidence import Evidence, Moments
from rnnfast.findings.finding import Finding, without
from rnnfast.findings.verdict import Verdict, verdict
from rnnfast.findings.view import PartView
from rnnfast.records import Record, field

# One rule for each code of the catalogue. One that needs a training run says nothing of a table that is scored.
RULES: dict[str, Callable[[Evidence], Finding | None]] = {
    "RF01": course.overfit,
    "RF02": course.underfit,
    "RF03": worth.no_better,
    "RF04": features.alone,
    "RF05": features.copies,
    "RF06": parts.ids_in_two_parts,
    "RF07": parts.times_overlap,
    "RF08": parts.few_labels,
    "RF09": worth.constant,
    "RF10": course.still_falling,
    "RF11": course.clipped,
    "RF12": course.dead_units,
    "RF13": worth.bent_probabilities,
    "RF14": features.drift,
    "RF15": worth.uncertain,
    "RF16": course.not_the_best,
}
FOLLOWS = {"RF02": "RF09", "RF04": "RF05"}  # what another finding says better


def findings_of(evidence: Evidence, ignored: Collection[str] = ()) -> tuple[Finding, ...]:
    """Apply all rules: warnings first, then hints, each in the order of their codes. ignored: codes to leave out."""
    every = {code: one for code, rule in RULES.items() if (one := rule(evidence)) is not None}
    telling = [one for code, one in every.items() if FOLLOWS.get(code) not in every]
    return without(sorted(telling, key=lambda one: one.severity != "warning"), ignored)


class Judgement(Record, frozen=True):
    """What is told of a run, or of a table that was scored: findings, and the verdict in a sentence.

    moments: of a run, of the columns of the training part; a table that is scored later is compared with them.
    """

    findings: tuple[Finding, ...] = ()
    verdict: str = ""
    moments: dict[str, Moments] = field(default_factory=dict)


class TableJudgement(Judgement, frozen=True, kw_only=True):
    """What is told of a table that was scored; worth: the verdict in parts, of which the sentence is made."""

    worth: Verdict


def of_run(evidence: Evidence, last: PartView, ignored: Collection[str] = ()) -> Judgement:
    """Judge a run by the evidence; last: the part that the verdict is about."""
    return Judgement(findings_of(evidence, ignored), verdict(last).words, dict(evidence.moments))


def of_table(evidence: Evidence, view: PartView, ignored: Collection[str] = ()) -> TableJudgement:
    """Judge a model by a table, which is the evidence."""
    worth = verdict(view)
    return TableJudgement(findings_of(evidence, ignored), worth.words, worth=worth)


NOTHING = Judgement()
