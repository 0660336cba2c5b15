"""Temperature and threshold of a trained model, by its answers to rows that did not train, where there are some.

Those are the validation part, else the rows outside the bags of an ensemble, else the rows that train, which is said.
The temperature is fitted first, as the threshold is one of probabilities.
"""

from __future__ import annotations

import numpy as np

from rnnfast.config.rules import rule_of
from rnnfast.data import SequenceData, Sequences
from rnnfast.model import Model
from rnnfast.model.baselines import set_baseline_thresholds
from rnnfast.model.provenance import Operating
from rnnfast.model.questions import scored_rows
from rnnfast.records import UNSET, UnsetType
from rnnfast.records import replace as changed
from rnnfast.reporter import Reporter
from rnnfast.tasks.operating import (
    check_calibration,
    check_labels_of_both,
    check_threshold,
    decide,
    fitted_temperature,
)
from rnnfast.tasks.outcomes import Outcomes
from rnnfast.training.bags import NAME, scored_part
from rnnfast.training.replies import Replies

WHERE = {"valid": "the validation part", NAME: "the rows outside the bags", "train": "the rows that train"}
USUAL = 0.5


def check_operating(model: Model, train: Sequences, valid: SequenceData | None) -> None:
    """Raise UsageError or DataError for a rule or a calibration that cannot work, before anything is compiled.

    Whether labels and times allow a rule shows with the naive answer in place of the network's.
    """
    options, task = model.config.train, model.task
    if options.calibrate != "none":
        check_calibration(task, f"--calibrate {options.calibrate}")
    rule = rule_of(options.threshold)
    if not (rule.fixed and rule.goal == USUAL):
        check_threshold(task, f"--threshold {options.threshold}")
    calibrates, part = options.calibrate != "none", "train" if valid is None else "valid"
    if (valid is None and not rule.of_events) or (rule.fixed and not calibrates):
        return
    data = scored_part(model, train) if valid is None else scored_rows(valid)
    naive = np.broadcast_to(task.naive_outputs(), (data.rows, len(task.naive_outputs())))
    outcomes = model.scorer.outcomes(data, naive)
    if calibrates:
        check_labels_of_both(outcomes, f"--calibrate {options.calibrate}", WHERE[part])
    if not rule.fixed:
        decide(rule, outcomes, WHERE[part])


def set_operating(
    model: Model, train: Sequences, valid: Replies | None, outside: Outcomes | None, reporter: Reporter
) -> Operating | UnsetType:
    """Give a trained model its temperature and threshold, and tell how they were chosen; UNSET where nothing was.

    valid: its answers to the validation part; outside: answers to the rows outside the bags.
    """
    options, rule = model.config.train, rule_of(model.config.train.threshold)
    model.threshold = rule.goal if rule.fixed else model.threshold
    if rule.fixed and options.calibrate == "none":
        return UNSET
    part, outcomes = _answers(model, train, valid, outside)
    where = WHERE[part]
    if part == "train":
        reporter.notice("threshold and temperature are chosen on the rows that train, as there is no validation part")
    chosen = Operating(part=part, steps=len(outcomes.y))
    if options.calibrate != "none":
        chosen = _calibrated(model, outcomes, chosen)
        outcomes = outcomes.by(model.task)
        ece = " to ".join("undefined" if value is None else f"{value:.3g}" for value in chosen.ece or ())
        reporter.notice(f"temperature {model.temperature:.4g} on {where}: calibration error (ECE) from {ece}")
    if not rule.fixed:
        decision = decide(rule, outcomes, where)
        model.threshold = decision.threshold
        set_baseline_thresholds(model, rule, outcomes, where)
        chosen = changed(chosen, rule=rule.text, met=decision.choice.met, threshold=decision.threshold)
        reporter.notice(decision.sentence(where))
    return chosen


def _answers(model: Model, train: Sequences, valid: Replies | None, outside: Outcomes | None) -> tuple[str, Outcomes]:
    """Return the answers that decide, and the name of their part."""
    if valid is not None:
        return "valid", valid.outcomes()
    if outside is not None:
        return NAME, outside.beside(model.linear, model.trees, model.encoder)
    return "train", model.outcomes(scored_part(model, train))


def _calibrated(model: Model, outcomes: Outcomes, chosen: Operating) -> Operating:
    """Fit the temperature. Writes: model.temperature. Returns the record with it, and with what it changes."""
    model.temperature = fitted_temperature(outcomes)
    before, after = (model.scorer.evaluate(one) for one in (outcomes, outcomes.by(model.task)))
    return changed(
        chosen,
        temperature=model.temperature,
        ece=tuple(None if one.calibration is None else one.calibration.ece for one in (before, after)),
        log_loss=tuple(one.metrics.figures.get("log_loss") for one in (before, after)),
    )
