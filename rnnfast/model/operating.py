"""Choosing the threshold of a saved model: the points to choose from, and writing the one that a rule chooses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rnnfast.catalogue import METRICS
from rnnfast.config.option import toml
from rnnfast.config.resolve import BYTES_OF_NAMES
from rnnfast.config.rules import rule_of
from rnnfast.config.sections import DataConfig
from rnnfast.metrics.events import EventScores, event_scores
from rnnfast.metrics.figures import Counts
from rnnfast.model.baselines import set_baseline_thresholds
from rnnfast.model.provenance import Operating
from rnnfast.model.tables import answered, check_part, open_files, scoring_request, training_note
from rnnfast.records import UNSET, Record, UnsetType, plain
from rnnfast.records import replace as changed
from rnnfast.tasks.operating import Decision, OperatingPoint, check_events, check_threshold, decide, steps_of
from rnnfast.writing import write_whole

if TYPE_CHECKING:
    from rnnfast.data import Sequences
    from rnnfast.model import Model
    from rnnfast.reporter import Reporter
    from rnnfast.tasks.outcomes import Outcomes

SHOWN_RECALLS = (0.5, 0.8, 0.95)  # points of the table beside the one that is chosen
CONFIG_NAME = "config.toml"


class ThresholdReport(Record, frozen=True, kw_only=True):
    """What `threshold --json` prints.

    met: whether a point meets the rule, else the nearest one is chosen; before: the threshold until now. points: what
    some thresholds do, by name. events: where the rule is of events. written: files, none with --dry-run.
    """

    rule: str
    threshold: float
    met: bool
    before: float
    part: str
    training_table: bool
    labelled_steps: int
    points: dict[str, OperatingPoint]
    confusion: Counts
    events: EventScores | UnsetType = UNSET
    written: tuple[str, ...]


def choose_threshold(
    model_path: str | Path,
    data_paths: Sequence[str],
    rule: str,
    part: str | None = None,
    *,
    dry_run: bool = False,
    config: DataConfig | None = None,
    reporter: Reporter | None = None,
) -> ThresholdReport:
    """Choose the threshold of a saved model by a rule, and write it into its file.

    part: train | valid | test of the table that the model was trained on, or all of any; None: the validation part
    of that table where it has one, all of any other. The rule is written into the config.toml of the run too.
    config, reporter: as in `evaluate_table`.
    Raises: UsageError for a rule that is none or does not fit the model, DataError where it cannot be chosen by.
    """
    from rnnfast.model import load
    from rnnfast.model.file import FILE_NAME

    rule_of(rule, "--choose")
    check_part(part or "all")
    model = load(model_path)
    check_threshold(model.task, f"--choose {rule}")
    if rule_of(rule).of_events:
        check_events(model.task)
    with ExitStack() as opened:
        request = scoring_request(model, part or "valid", config or DataConfig())
        data = open_files(data_paths, request, opened, reporter)
        chosen_part = part or _usual_part(model, data)
        for note in (training_note(model, data, chosen_part, "score"), *data.notes):
            if reporter is not None and note:
                reporter.notice(note)
        outcomes, trained_on = answered(model, data, chosen_part).outcomes, model.trained_on(data)
    where = "the table" if chosen_part == "all" else f"the {chosen_part} part"
    decision, before = decide(rule_of(rule), outcomes, where, "--choose"), model.threshold
    if reporter is not None:
        reporter.notice(decision.sentence(where))
    changed_model = _with(model, decision, outcomes, chosen_part if trained_on else None)
    set_baseline_thresholds(changed_model, decision.rule, outcomes, where)
    path = Path(model_path)
    path = path / FILE_NAME if path.is_dir() else path
    return ThresholdReport(
        rule=rule,
        threshold=decision.threshold,
        met=decision.choice.met,
        before=before,
        part=chosen_part,
        training_table=trained_on,
        labelled_steps=len(outcomes.y),
        points=_points(decision, before),
        confusion=_confusion(changed_model, outcomes),
        events=UNSET if decision.events is None else event_scores(steps_of(outcomes), decision.threshold),
        written=() if dry_run else _write(changed_model, rule, path),
    )


def _confusion(model: Model, outcomes: Outcomes) -> Counts:
    """Return the confusion matrix as `eval` has it."""
    say, weight = outcomes.say
    return model.task.confusion(outcomes.y[say], outcomes.answers[say], weight) or []


def _usual_part(model: Model, data: Sequences) -> str:
    """Return the part that did not train where there is one, else all."""
    split = model.provenance.split
    return "valid" if model.trained_on(data) and split is not None and split.shares != (1.0,) else "all"


def _points(decision: Decision, before: float) -> dict[str, OperatingPoint]:
    """Return what the chosen threshold does, the one until now, the highest f1, and some shares of the positives."""
    curve = decision.curve
    points = {"chosen": decision.chosen, "until now": decision.point(curve.at(before), before)}
    if before != 0.5:
        points["0.5"] = decision.point(curve.at(0.5), 0.5)
    points["highest f1"] = decision.point(int(np.argmax(curve.f1)))
    for share in SHOWN_RECALLS:
        reached = np.flatnonzero(curve.recall >= share)
        if len(reached):
            points[f"recall {share:.0%}"] = decision.point(int(reached[0]))
    return points


def _with(model: Model, decision: Decision, outcomes: Outcomes, part: str | None) -> Model:
    """Return the model with a threshold, and with no score by the one before; part: that of its own table, or None."""
    train = replace(model.config.train, threshold=decision.rule.text)
    origin = model.provenance
    before = Operating(part="", steps=0) if isinstance(origin.operating, UnsetType) else origin.operating
    operating = changed(
        before,
        part=part or "all",
        steps=len(outcomes.y),
        rule=decision.rule.text,
        met=decision.choice.met,
        threshold=decision.threshold,
    )
    by_threshold = [name for name, metric in METRICS.items() if not metric.probability]
    metrics = {
        name: {**scores, "threshold": decision.threshold, **{key: None for key in by_threshold if key in scores}}
        for name, scores in origin.metrics.items()
    }
    model = replace(model, threshold=decision.threshold, config=replace(model.config, train=train))
    if part in metrics:
        metrics[part] = plain(model.scorer.evaluate(outcomes.by(model.task)).metrics)
    model.provenance = changed(origin, operating=operating, metrics=metrics)
    return model


def _write(model: Model, rule: str, path: Path) -> tuple[str, ...]:
    """Write the model file and the rule in the configuration beside it, each whole or not at all."""
    model.save(path)
    beside = path.with_name(CONFIG_NAME)
    if not beside.is_file():
        return (str(path),)
    text, line = beside.read_text(encoding="utf-8", errors=BYTES_OF_NAMES), f"threshold = {toml(rule)}"
    if re.search(r"^threshold\s*=.*$", text, re.MULTILINE):
        text = re.sub(r"^threshold\s*=.*$", lambda _: line, text, count=1, flags=re.MULTILINE)
    else:
        text = re.sub(r"^\[train\]\s*$", lambda _: f"[train]\n{line}", text, count=1, flags=re.MULTILINE)
    write_whole(beside, text.encode(errors=BYTES_OF_NAMES))
    return str(path), str(beside)
