"""Rules about what answers are worth: against baselines, whether they differ at all, and whether they are shares."""

from __future__ import annotations

import math

import numpy as np

from rnnfast.catalogue import TASKS
from rnnfast.findings.evidence import Evidence
from rnnfast.findings.finding import Finding, finding
from rnnfast.findings.text import name, number
from rnnfast.findings.view import PartView
from rnnfast.metrics.calibration import Calibration, bent

SAME = 0.01  # deviation of the answers, of that of the labels, below which they are called constant
LEAST_ECE = 0.05  # below, probabilities are good enough whatever the noise
NOISE = 3.0  # times the ECE that chance alone would give


def no_better(evidence: Evidence) -> Finding | None:
    """RF03: a baseline is as good, by the metric that says most."""
    gain = next(iter(evidence.judged.gains), None)
    if gain is None or gain.better:
        return None
    message = (
        f"{gain.metric} is {number(gain.value)} on {_part(evidence.judged)}, and {number(gain.baseline_value)} by"
        f" {gain.baseline}"
    )
    return finding("RF03", message, {gain.metric: gain.value, "baseline": gain.baseline_value})


def uncertain(evidence: Evidence) -> Finding | None:
    """RF15: the model is better than each baseline, and for one of them chance may be why."""
    gain = next((gain for gain in evidence.judged.gains if gain.better and not gain.certain), None)
    if gain is None or gain.difference is None or not all(one.better for one in evidence.judged.gains):
        return None
    low, high = gain.difference
    message = (
        f"{gain.metric} differs by {number(gain.value - gain.baseline_value)} ({number(low)} to {number(high)}) from"
        f" {gain.baseline}, over {gain.owners:,} {gain.of}"
    )
    return finding("RF15", message, {"low": low, "high": high})


def constant(evidence: Evidence) -> Finding | None:
    """RF09: all answers are about the same, or all of one class though labels are not."""
    view = evidence.judged
    labels = view.labels
    if len(labels) < 2 or not labels.std(axis=0).any():
        return None
    deviation = float(np.sqrt(view.answers.var(axis=0).sum()))
    usual = float(np.sqrt(labels.var(axis=0).sum()))
    if deviation < SAME * usual:
        message = (
            f"answers on {_part(view)} vary by {number(deviation)}, labels by {number(usual)} (standard deviations)"
        )
        advice = None if view.schema.classes else "a higher --lr, more --epochs, or other features"
        return finding("RF09", message, {"answers": deviation, "labels": usual}, advice)
    alone = _only_class(view)
    if alone is None:
        return None
    message = f"{name(view.schema.classes[alone])!r} is answered at each of {len(labels):,} steps of {_part(view)}"
    advice = (
        "--threshold f1, or --class-weight balanced" if len(view.schema.classes) == 2 else "--class-weight balanced"
    )
    return finding("RF09", message, {"steps": len(labels)}, advice)


def _only_class(view: PartView) -> int | None:
    """Return the class that is always predicted; None where there are several, or quantities."""
    if not view.schema.classes:
        return None
    if TASKS[view.schema.task].output_per_class:
        predicted = view.answers.argmax(axis=1)
    else:
        predicted = (view.answers >= (view.evaluation.metrics.threshold or 0.5)).astype(np.int64)
    low, high = int(predicted.min()), int(predicted.max())
    return low if low == high else None


def bent_probabilities(evidence: Evidence) -> Finding | None:
    """RF13: class weights bend probabilities, or they miss the shares by more than chance would."""
    scores = evidence.judged.evaluation.calibration
    if scores is None:
        return None
    if note := bent(scores, evidence.class_weights):
        message, _, advice = note.partition("; ")
        return finding("RF13", message, {"probability": scores.probability, "share": scores.share}, advice)
    by_chance = chance_ece(scores, evidence.judged.owners, evidence.judged.evaluation.labelled_steps)
    if scores.ece < max(LEAST_ECE, NOISE * by_chance):
        return None
    message = (
        f"probabilities miss the shares by {number(scores.ece)} on average on {_part(evidence.judged)}, by chance"
        f" {number(by_chance)}"
    )
    return finding("RF13", message, {"ece": scores.ece, "chance": by_chance})


def chance_ece(scores: Calibration, owners: int, steps: int) -> float:
    """Return the ECE that right probabilities would have: the mean |error| of a share of n rows, sqrt(2 p q / (pi n)).

    Rows of an id are alike: they count as one, so that the figure is rather too high.
    """
    alike = owners / max(steps, 1)
    total = sum(one.rows for one in scores.bins)
    return sum(
        one.rows / total * math.sqrt(2 / math.pi * one.probability * (1 - one.probability) / max(one.rows * alike, 1))
        for one in scores.bins
    )


def _part(view: PartView) -> str:
    return "the table" if view.name == "all" else view.name
