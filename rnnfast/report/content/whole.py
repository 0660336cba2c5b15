"""Everything that a page says, in the order in which it says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from rnnfast.config.resolve import Config
from rnnfast.data import SequenceData
from rnnfast.findings.judge import NOTHING, TableJudgement
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.model.breakdown import LENGTH, USUAL_LEVEL, Breakdown, Broken, Parts
from rnnfast.model.explain.attribution import Explainer
from rnnfast.model.model import Model
from rnnfast.report.content.classes import confusion, each_class, reliability
from rnnfast.report.content.course import learning
from rnnfast.report.content.drift import drift
from rnnfast.report.content.events import Warnings
from rnnfast.report.content.explained import attribution, explainer_of, importances
from rnnfast.report.content.facts import again, command_of, training
from rnnfast.report.content.intervals import by_answer, level_table
from rnnfast.report.content.lead import lead
from rnnfast.report.content.panel import Content, Panel, Section, word
from rnnfast.report.content.places import Places, drawn_targets, horizons, sliced, worst
from rnnfast.report.content.residuals import residuals
from rnnfast.report.content.scores import metric_table
from rnnfast.report.content.sequences import Drawn, worst_and_typical
from rnnfast.report.content.thresholds import Operating
from rnnfast.tasks.outcomes import Outcomes

PART_WORDS = {"valid": "validation", "train": "training"}
INTERVALS = "How sure it is of each answer"
NO_FINDINGS = "There are none."


@dataclass(frozen=True, eq=False)
class Subject:
    """What a page is about: a model and its answers to the labelled steps of a part.

    part: train | valid | test | all; words: the same for people. learned: whether the model learned from these steps.
    judgement: findings and verdict on the part. train: rows that trained, None where they are not at hand. notes:
    sentences about table and scores. history: rows of history.csv. config: of the run; config_file: its path.
    explainer: ready to explain.
    """

    model: Model
    name: str
    part: str
    words: str
    learned: bool
    outcomes: Outcomes
    evaluation: Evaluation
    judgement: TableJudgement
    config: Config
    train: SequenceData | None = None
    notes: tuple[str, ...] = ()
    history: Sequence[Mapping[str, Any]] = ()
    config_file: str = "config.toml"
    explainer: Explainer | None = None

    def explained_by(self, explainer: Explainer) -> Subject:
        """Return the same with what explains its answers."""
        return replace(self, explainer=explainer)

    @cached_property
    def operating(self) -> Operating | None:
        """The operating points of two classes."""
        return Operating.of(self.outcomes)

    @cached_property
    def intervals(self) -> Parts:
        """Intervals of the metrics."""
        return Broken(self.model, self.outcomes, Breakdown(ci=USUAL_LEVEL)).parts()

    @cached_property
    def slices(self) -> Parts:
        """Scores by length and place, and of the worst ids."""
        by = () if self.model.schema.id is None else (LENGTH,)  # windows are of one length
        return Broken(self.model, self.outcomes, Breakdown(by=by, by_id=True, by_step=True)).parts()

    @property
    def classes(self) -> tuple[Any, ...]:
        """The classes of the task, () for quantities."""
        return self.outcomes.task.target.classes


def content_of(subject: Subject) -> Content:
    """Gather what a page says."""
    operating = subject.operating
    sections = (
        Section("model", "What was trained on what", tables=(training(subject.model),)),
        _notes(subject),
        _scores(subject),
        _thresholds(subject),
        _errors(subject),
        _positions(subject),
        _intervals(subject),
        _events(subject),
        Section("learning", "Learning", panels=_learning(subject)),
        Section("sequences", "Sequences", panels=tuple(_sequences(subject))),
        Section("inputs", "Inputs", panels=_inputs(subject)),
        Section("again", "Make it again", tables=again(subject.config, subject.model, command_of(subject.config_file))),
    )
    filled = tuple(section for section in sections if not section.empty)
    judgement, labelled = subject.judgement, len(subject.outcomes.y)
    return Content(
        title=word(subject.name),
        verdict=judgement.verdict,
        lead=lead(subject.model, subject.part, labelled, subject.learned, judgement.worth),
        sections=filled,
        slider=None if operating is None else operating.slider(),
    )


def _notes(subject: Subject) -> Section:
    """Return the findings of the run and of the part, each once, and the notes."""
    trained = subject.model.provenance.judgement or NOTHING
    findings = {one.code: one for one in (*trained.findings, *subject.judgement.findings)}
    texts = [f"{one.code} {one.title}: {one.message}; {one.advice}" for one in findings.values()]
    return Section(
        "notes",
        "Findings",
        texts=tuple(dict.fromkeys((*(texts or [NO_FINDINGS]), *subject.notes, *subject.intervals.notes))),
    )


def _scores(subject: Subject) -> Section:
    parts = subject.intervals
    level = USUAL_LEVEL if parts.bootstrap is None else parts.bootstrap.level
    tables = [metric_table(subject.evaluation, subject.words, parts.ci, level)]
    classes = each_class(subject.evaluation, subject.classes)
    text = []
    if parts.bootstrap is not None:
        drawing = parts.bootstrap
        text.append(f"Intervals: {drawing.resamples:,} resamples of {drawing.owners:,} {drawing.of}s.")
    if subject.evaluation.weighted:
        text.append("Each row counts by its weight in metrics, curves and counts; alarms are rows.")
    return Section("scores", "Scores", tuple(text), (*tables, *([classes] if classes else [])))


def _thresholds(subject: Subject) -> Section:
    evaluation, operating = subject.evaluation, subject.operating
    panels: list[Panel | None] = [
        operating.pr(evaluation) if operating else None,
        confusion(evaluation, subject.classes),
        reliability(evaluation, subject.classes),
        operating.roc(evaluation) if operating else None,
    ]
    title = "Thresholds and probabilities" if operating else "Classes and probabilities"
    return Section("thresholds", title, panels=tuple(panel for panel in panels if panel))


def _errors(subject: Subject) -> Section:
    return Section("errors", "Errors", panels=tuple(residuals(subject.outcomes, Places.of(subject.outcomes))))


def _positions(subject: Subject) -> Section:
    slicings = subject.slices.by
    owners = [slicing for slicing in slicings if slicing.by in ("id", "sequence")]
    table = worst(owners[0], subject.outcomes) if owners else None
    ahead = horizons(subject.outcomes, dict(subject.evaluation.metrics.per_target))
    panels = (*([ahead] if ahead else []), *sliced(tuple(slicing for slicing in slicings if slicing not in owners)))
    return Section("positions", "Where it is right and wrong", tables=(table,) if table else (), panels=panels)


def _intervals(subject: Subject) -> Section:
    """Return what intervals of answers hold, where the model has some."""
    bounds, outcomes = subject.model.intervals, subject.outcomes
    if bounds is None:
        return Section("intervals", INTERVALS)
    what = "A set of classes" if subject.classes else "An interval"
    text = f"{what} with each answer is to hold the truth in so many of 100 cases. How large that has to be was found "
    text += f"on {bounds.steps:,} labelled steps of the {PART_WORDS.get(bounds.part, bounds.part)} part."
    if subject.part == bounds.part:
        text += " These are the steps that are scored here: on others they may hold less."
    tables = (level_table(outcomes, bounds),)
    return Section("intervals", INTERVALS, (text,), tables, tuple(by_answer(outcomes, bounds)))


def _events(subject: Subject) -> Section:
    """Return what alarms are worth, of two classes at each step where rows of one id follow each other."""
    schema = subject.model.schema
    if subject.operating is None or schema.predict == "last" or len(schema.ahead) > 1:
        return Section("events", "Events")
    warnings = Warnings.of(subject.outcomes, subject.model.threshold)
    if not warnings.scores.events:
        return Section("events", "Events")
    return Section("events", "Events", tables=(warnings.table(),), panels=tuple(warnings.panels()))


def _learning(subject: Subject) -> tuple[Panel, ...]:
    ended = subject.model.provenance.training
    return learning(subject.history, 0 if ended is None else ended.best_epoch, subject.model.loss)


def _sequences(subject: Subject) -> Iterator[Panel]:
    """Yield the worst and a typical sequence, with what moved the answer that is furthest off."""
    explainer = subject.explainer or explainer_of(subject.model)
    for stretch in worst_and_typical(subject.outcomes):
        moved = attribution(explainer, subject.outcomes, stretch)
        drawn = Drawn(subject.outcomes, stretch, () if moved is None else moved.columns, subject.model.intervals)
        yield from map(drawn.answers, (0,) if subject.classes else drawn_targets(subject.outcomes))
        inputs = drawn.input_panel()
        if inputs is not None:
            yield inputs
        if moved is not None:
            yield moved.panel


def _inputs(subject: Subject) -> tuple[Panel, ...]:
    shift = None if subject.train is None else drift(subject.train, subject.outcomes.data)
    return (importances(subject.model, subject.outcomes.data), *([shift] if shift else []))
