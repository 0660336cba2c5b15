"""A saved model on tables: scores with a quality gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rnnfast.catalogue import lower_is_better
from rnnfast.config.sections import DataConfig
from rnnfast.data import split
from rnnfast.data.encoding.substitutions import Substitution, sentences
from rnnfast.data.reading.carried import Carried
from rnnfast.data.reading.checks import check_sample
from rnnfast.data.reading.opening import open_table
from rnnfast.data.reading.request import Request, like
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.last import only_last_labels, with_last_labels
from rnnfast.data.sequences.trailing import without_requests
from rnnfast.data.sources.opening import open_sources, reopenable
from rnnfast.errors import UsageError, did_you_mean
from rnnfast.findings.judge import NOTHING as UNJUDGED
from rnnfast.findings.judge import Judgement
from rnnfast.metrics.evaluation import Evaluation, EvaluationReport, Sample
from rnnfast.metrics.events import event_scores
from rnnfast.model.breakdown import LENGTH, NO_PARTS, NOTHING, USUAL_LEVEL, Breakdown, Broken, Parts
from rnnfast.model.intervals import bounds_of, covered, last_row_note
from rnnfast.model.judging import judged
from rnnfast.model.questions import scored_rows
from rnnfast.model.shuffled import Shuffled, shuffled_scores
from rnnfast.records import UNSET
from rnnfast.records import replace as replaced
from rnnfast.tasks.operating import check_events, steps_of

if TYPE_CHECKING:
    from rnnfast.data import Schema, SequenceData, Sequences
    from rnnfast.model import Model
    from rnnfast.reporter import Reporter
    from rnnfast.tasks.outcomes import Outcomes

PARTS = ("train", "valid", "test", "all")


@dataclass(frozen=True)
class TableEvaluation:
    """Scores of a model on a table.

    trained_on: the table is the one that the model was trained on. failures: a sentence for each goal that is not met;
    notes: about the table and how it was read. scored: sequences that were scored: less than `sequences` where these
    were too many for the memory. last: whether only the last labelled step of each counts. substitutions: cells of
    these that the model did not take as they are. parts: intervals and scores of slices;
    shuffled: scores with the steps of each sequence shuffled. judgement: findings and verdict.
    """

    evaluation: Evaluation
    schema: Schema
    part: str
    sequences: int
    trained_on: bool
    failures: tuple[str, ...]
    notes: tuple[str, ...] = ()
    scored: int | None = None
    last: bool = False
    substitutions: tuple[Substitution, ...] = ()
    parts: Parts = NO_PARTS
    shuffled: Shuffled | None = None
    judgement: Judgement = UNJUDGED

    def report(self) -> EvaluationReport:
        """Return what `eval --json` prints."""
        sampled = self.scored is not None and self.scored < self.sequences
        sample = Sample(self.scored or 0, self.sequences) if sampled else None
        report = EvaluationReport.of(self.evaluation, self.part, self.trained_on, sample, self.last, self.substitutions)
        parts = self.parts
        ci = UNSET if parts.ci is None else parts.ci
        extras: dict[str, Any] = {"bootstrap": parts.bootstrap, "by": parts.by, "shuffled": self.shuffled}
        own = {"findings": self.judgement.findings, "verdict": self.judgement.verdict}
        return replaced(report, ci=ci, **own, **{name: value or UNSET for name, value in extras.items()})


def evaluate_table(
    model_path: str | Path | Model,
    data_paths: Sequence[str],
    part: str = "all",
    fail_under: Mapping[str, float] | None = None,
    *,
    last: bool = False,
    breakdown: Breakdown = NOTHING,
    config: DataConfig | None = None,
    reporter: Reporter | None = None,
) -> TableEvaluation:
    """Score a saved model on tables, or on one part of the table that it was trained on.

    model_path: its file, the directory of its run, or what was loaded from there.
    part: train | valid | test | all.
    fail_under: metric -> goal; errors and losses must not be above it, all others not below.
    last: score only the last labelled step of each sequence; the windows of an id are one sequence.
    breakdown: what is asked for beside the scores: intervals, slices.
    config: of its options, cache says whether the parsed table may come from the user's cache and is kept there, and
    memory how much may be taken, and ignore which findings are not told; reporter: is told how far reading is.
    Raises: UsageError for a part of another table, and for a goal that the task has no metric for.
    """
    check_part(part)
    model, config = loaded(model_path), config or DataConfig()
    request, tables, cells = scoring_request(model, part, config), list[Any](data_paths), None
    with ExitStack() as opened:
        if breakdown.by:
            sources = open_sources(tables, request.files)
            columns = {name for source in sources for name in source.columns}
            names = tuple(name for name in breakdown.by if name != LENGTH or LENGTH in columns)
            cells = opened.enter_context(Carried(sources, names)) if names else None
            tables = reopenable(sources)
        data = open_files(tables, request, opened, reporter)
        return evaluate(model, data, part, fail_under, last, breakdown, cells, config.ignore)


def loaded(model: str | Path | Model) -> Model:
    """Load a model, unless it is one."""
    from rnnfast.model import load

    return load(model) if isinstance(model, str | Path) else model


def check_part(part: str) -> None:
    """Raise UsageError for a word that names no part."""
    if part not in PARTS:
        raise UsageError(f"part: {part!r} is not one of {', '.join(PARTS)}{did_you_mean(part, PARTS)}")


def scoring_request(model: Model, part: str, config: DataConfig) -> Request:
    """Return how a table is read to score a part of it."""
    how = model.provenance.split
    split_by = "sequence" if part == "all" or how is None else how.split_by
    return Request(replace(like(model.config.data, config), split_by=split_by), model.schema)


def evaluate(
    model: Model,
    data: Sequences,
    part: str = "all",
    fail_under: Mapping[str, float] | None = None,
    last: bool = False,
    breakdown: Breakdown = NOTHING,
    cells: Carried | None = None,
    ignored: Sequence[str] = (),
) -> TableEvaluation:
    """Score a model on sequences that are read by its schema; others as in `evaluate_table`.

    cells: the columns of the table that `breakdown` names. ignored: codes of findings that are not told.
    """
    if breakdown.events and last:
        raise UsageError("--events scores runs of steps, and --last one step of each sequence; leave one of them out")
    if breakdown.events:
        check_events(model.task)
    level = breakdown.interval
    bounds = None if level is None else bounds_of(model.intervals, level)
    whole, sample, outcomes = scored = answered(model, data, part, last)
    substitutions = model.substitutions(sample)
    evaluation = model.scorer.evaluate(outcomes)
    if breakdown.events:
        evaluation = replace(evaluation, events=event_scores(steps_of(outcomes), model.threshold))
    about_last = []
    if bounds is not None and level is not None:
        evaluation = replace(evaluation, interval=covered(outcomes, bounds, level))
        about_last = [last_row_note(bounds)] if last and model.schema.predict != "last" else []
    parts = Broken(model, outcomes, breakdown, cells).parts()
    shuffle = breakdown.shuffle_steps
    shuffled = shuffled_scores(model, sample, breakdown.ci or USUAL_LEVEL, breakdown.seed) if shuffle else None
    note = training_note(model, data, part, "score")
    notes = (*([note] if note else []), *data.notes, *sentences(substitutions), *parts.notes, *about_last)
    return TableEvaluation(
        evaluation=evaluation,
        schema=model.schema,
        part=part,
        sequences=whole.sequences,
        trained_on=model.trained_on(data),
        failures=tuple(_failures(evaluation.metrics, fail_under or {})),
        notes=(*notes, *scored.notes),
        scored=sample.sequences,
        last=last,
        substitutions=substitutions,
        parts=parts,
        shuffled=shuffled,
        judgement=judged(model, outcomes, evaluation, part, ignored, last),
    )


class Answered(NamedTuple):
    """What a model answers to a part of a table.

    whole: the sequences of the part that have something to score; sample: those of them that fit into memory;
    outcomes: of the labelled steps of these.
    """

    whole: Sequences
    sample: SequenceData
    outcomes: Outcomes

    @property
    def notes(self) -> tuple[str, ...]:
        """Say where a sample was scored."""
        if self.sample.sequences == self.whole.sequences:
            return ()
        of = f"{self.sample.sequences:,} of {self.whole.sequences:,} sequences"
        return (f"scored on {of}, drawn at random, to keep within --memory",)


def answered(model: Model, data: Sequences, part: str, last: bool = False, seed: int | None = None) -> Answered:
    """Answer the labelled steps of a part; last: of each sequence the last one.

    seed: of drawing a sample; None: that of the model.
    """
    whole = without_requests(data if part == "all" else part_of(model, data, part), data, model.config.data)
    if last and whole.labelled_steps:  # else scoring says what is missing
        whole = with_last_labels(whole)
    sample = whole.in_context(model.context_of(whole.schema)).sample(model.config.train.seed if seed is None else seed)
    check_sample(sample, whole, "the table" if part == "all" else f"the {part} part")
    sample = only_last_labels(sample) if last else sample
    return Answered(whole, sample, model.outcomes(scored_rows(sample)))


def training_note(model: Model, data: Sequences, part: str, verb: str) -> str | None:
    """Say that a table is the one that the model was trained on; None for others. verb: "score" or "predict"."""
    if not model.trained_on(data):
        return None
    note = "this is the table that the model was trained on"
    how_trained = model.provenance.training
    if how_trained is not None and how_trained.refitted and part in ("valid", "all"):
        return f"{note}, in the end on its validation part too (--refit): these rows tell nothing about new ones"
    if part != "all":
        return f"{note}; {verb.removesuffix('e')}ed is its {part} part"
    how = model.provenance.split
    held_out = how is None or how.shares != (1.0,)
    return f"{note}; --part valid {verb}s what it has not seen" if held_out else note


def part_of(model: Model, data: Sequences, part: str) -> Sequences:
    """The train, valid or test part that the training run cut from a table.

    Raises UsageError where data is another table, or was not split into that part.

    Example:
        >>> import numpy as np, rnnfast
        >>> data = rnnfast.read_table(np.arange(80.0).reshape(20, 4, 1), [0, 1] * 10)
        >>> model = rnnfast.train(data, split=0.8, hidden=4, epochs=1).model
        >>> rnnfast.part_of(model, data, "valid").sequences
        4
    """
    how = model.provenance.split
    if how is None or not model.trained_on(data):
        raise UsageError(
            f"--part {part}: {', '.join(data.source)} is not the table that the model was trained on "
            "(the contents differ); leave --part out to take all of it"
        )
    # The labels that trained decided which steps are predicted: before the split, each label counted.
    undecided = data.predicting("every") if how.auto_predict else data
    parts = split(undecided, how.shares, how.seed, how.split_by, shards=model.config.data.shards or 1)
    sequences = parts.named().get(part)
    if sequences is None:
        raise UsageError(f"--part {part}: the training run had no such part of this table ({parts.rule})")
    return sequences.predicting(model.schema.predict)


def open_files(paths: Sequence[Any], request: Request, opened: ExitStack, reporter: Reporter | None) -> Sequences:
    """Read tables as far as --memory allows; opened: keeps those on disk."""
    memory = request.config.memory
    return open_table(list(paths), request, None if memory is None else Budget.of(memory), opened, reporter)


def _failures(metrics: Mapping[str, Any], goals: Mapping[str, float]) -> Iterator[str]:
    """Yield a sentence for each goal that is not met."""
    for name, goal in goals.items():
        if name not in metrics or name in ("threshold", "per_target"):
            names = [metric for metric in metrics if metric not in ("threshold", "per_target")]
            raise UsageError(
                f"--fail-under: no metric {name!r} for this model{did_you_mean(name, names)}; it has {', '.join(names)}"
            )
        value = metrics[name]
        if value is None:
            yield f"{name} is undefined on this table, the goal is {goal:g}"
        elif lower_is_better(name) and not value <= goal:
            yield f"{name} is {value:.6g}, above the goal of {goal:g}"
        elif not lower_is_better(name) and not value >= goal:
            yield f"{name} is {value:.6g}, below the goal of {goal:g}"
