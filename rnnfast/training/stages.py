"""The stages of a run between its table and its result: prepare, race, train, settle, score."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from rnnfast.data import SequenceData, Sequences
from rnnfast.data.encoding.substitutions import sentences
from rnnfast.data.reading.checks import check_sample
from rnnfast.engines.choice import engine_of
from rnnfast.model import Model
from rnnfast.model.explain.features import input_means
from rnnfast.model.questions import scored_rows
from rnnfast.records import UNSET
from rnnfast.records import replace as changed
from rnnfast.reporter import Reporter
from rnnfast.tasks.outcomes import Outcomes
from rnnfast.training.bags import NAME, out_of_bag
from rnnfast.training.checks import cell_for
from rnnfast.training.dead_units import dead_units
from rnnfast.training.defaults import resolved_for
from rnnfast.training.distil import Learned, distilled
from rnnfast.training.ensemble import Networks
from rnnfast.training.findings import judge
from rnnfast.training.job import Host, Job
from rnnfast.training.loop import Fit
from rnnfast.training.monitor import check_choice
from rnnfast.training.operating import check_operating
from rnnfast.training.prepare import initial_model
from rnnfast.training.presets import Chosen
from rnnfast.training.provenance import provenance_of
from rnnfast.training.refit import refitted
from rnnfast.training.replies import sample_of
from rnnfast.training.result import TrainResult
from rnnfast.training.resuming import raced
from rnnfast.training.scores import ScoredParts, ensemble_scores, evaluate_parts
from rnnfast.training.settling import settle
from rnnfast.training.stopping import Phase


class Seconds(dict[str, float]):
    """Seconds of each phase of a run."""

    @contextmanager
    def of(self, phase: str) -> Iterator[None]:
        """Add what the block takes to a phase."""
        start = time.perf_counter()
        yield
        self[phase] = self.get(phase, 0.0) + time.perf_counter() - start


def train_parts(job: Job, host: Host, load_seconds: float = 0.0) -> tuple[TrainResult, Fit]:
    """Train on the parts and score each of them.

    load_seconds: what reading took; fitting and encoding is added to it.
    """
    engine_of(job.config.train).ready()  # libraries count as start-up, not as a phase of the run
    seconds = Seconds(load=load_seconds)
    with seconds.of("load"):
        config, chosen = resolved_for(job.config, job.table, job.parts, job.own_valid, host.reporter)
        job = replace(job, config=config)
        model, valid = _prepared(job, host.reporter)
    if config.model.preset == "best":
        job, chosen = _raced(job, host, model, chosen, seconds)
        with seconds.of("load"):
            model, valid = _prepared(job, Reporter())
    with seconds.of("load"):
        watched = None if valid is None else scored_rows(valid)
        networks = Networks(model, job.parts.train, watched, host.reporter, cluster=host.cluster)
        host.reporter.start(networks.info())
    fit = networks.fit(host.interrupt)
    outside = out_of_bag(model, job.parts.train, networks.outside) if networks.outside else None
    ensemble = _settled(job, host, model, valid, fit, outside)
    learned = distilled(ensemble, job, host, valid) if job.config.model.distil else ensemble
    fit = learned.fit
    host.interrupt.phase = Phase.SCORING
    with seconds.of("eval"):
        scored = _scored(job, learned, ensemble, outside, host.reporter)
        dead = None if valid is None else dead_units(learned.model, valid)
        model = learned.model if learned.again is None else learned.again
        judgement = judge(model, fit, job.parts, scored.views, dead)
    fit.eval_seconds += seconds.pop("eval")
    means = input_means(model.encoder, job.parts.train)
    provenance = provenance_of(job, scored.evaluations, fit)
    usual = {"input_means": means.inputs, "category_shares": means.categories or UNSET}
    model.provenance = changed(provenance, operating=learned.operating, judgement=judgement, **usual)
    return _result(job, model, fit, scored, chosen, seconds), fit


def _prepared(job: Job, reporter: Reporter) -> tuple[Model, SequenceData | None]:
    """Make the initial model and the sample of the validation part; raise DataError for cells that it cannot take."""
    table, parts, config = job.table, job.parts, job.config
    model = initial_model(parts.train, config, cell_for(config, job.equations))
    valid = None if parts.valid is None else sample_of(model, parts.valid, config.train.seed)
    if parts.valid is not None and valid is not None:
        check_sample(valid, parts.valid, "the validation part")
    # Fitting has seen each cell of the training part but lags that answers alone see: of first rows of windows.
    for part in (parts.train if table.schema.lag_target else None, valid, parts.test):
        _check_encoding(model, part, table, reporter)
    check_choice(model, valid)
    check_operating(model, parts.train, valid)
    return model, valid


def _check_encoding(model: Model, part: Sequences | None, table: Sequences, reporter: Reporter) -> None:
    """Raise DataError for cells of a part that cannot be encoded, before anything is compiled.

    What is put in their place is told of tables beside the one that trains, whose reader has told it.
    """
    if part is None:
        return
    for sentence in sentences(model.substitutions(part)):
        if part.source != table.source:
            reporter.notice(f"{', '.join(part.source)}: {sentence}")


def _raced(job: Job, host: Host, model: Model, chosen: Chosen | None, seconds: Seconds) -> tuple[Job, Chosen]:
    """Let what auto chose race (--preset best), and return the job of the winner; model: as auto makes it."""
    from rnnfast.training.best import Best  # `auto` starts without it

    with seconds.of("race"):
        config, preset = raced(Best(model, job, host.reporter), chosen, host.interrupt)
    host.reporter.preset(preset)
    return replace(job, config=config), preset


def _settled(
    job: Job, host: Host, model: Model, valid: SequenceData | None, fit: Fit, outside: Outcomes | None
) -> Learned:
    """Set what the validation part decides once the weights stand, and train again on it (--refit).

    valid: its sample; outside: out-of-bag answers of an ensemble.
    """
    replies, operating = settle(model, job.parts.train, valid, fit, host.reporter, outside)
    again = refitted(model, fit, job, host) if job.config.train.refit else None
    return Learned(model, again, fit, operating, replies)


def _scored(
    job: Job,
    learned: Learned,
    ensemble: Learned,
    outside: Outcomes | None,
    reporter: Reporter,
) -> ScoredParts:
    """Score what was learned on each part, and beside it the ensemble that one network learned from."""
    named, seed = job.parts.named(), job.config.train.seed
    tests = {} if learned.again is None else {name: part for name, part in named.items() if name == "test"}
    before = {name: part for name, part in named.items() if name not in tests}
    scored = evaluate_parts(learned.model, before, seed, learned.valid, reporter)
    if outside is not None:
        first = ensemble.model.scorer.evaluate(outside.by(ensemble.model.task))
        scored.evaluations = {NAME: ensemble.fit.out_of_bag or first, **scored.evaluations}
    if learned.model is not ensemble.model:
        scored.evaluations = ensemble_scores(ensemble, named, seed) | scored.evaluations
    return scored if learned.again is None else scored | evaluate_parts(learned.again, tests, seed, None, reporter)


def _result(
    job: Job, model: Model, fit: Fit, scored: ScoredParts, chosen: Chosen | None, seconds: Seconds
) -> TrainResult:
    """Put the result of a run together."""
    named = job.parts.named()
    return TrainResult(
        model=model,
        task=job.table.schema.task,
        history=fit.history,
        epochs=fit.epochs,
        best_epoch=fit.best_epoch,
        stopped=fit.stopped,
        parameters=model.parameter_count,
        rows=sum(part.rows for part in named.values()),
        sequences={name: named[name].sequences if name in named else 0 for name in ("train", "valid", "test")},
        seconds={**seconds, "compile": fit.compile_seconds, "train": fit.train_seconds, "eval": fit.eval_seconds},
        timesteps_per_second=fit.timesteps_per_second,
        evaluations=scored.evaluations,
        scored=scored.sampled,
        members=fit.members,
        chosen=chosen,
        clipped=fit.clipped,
    )
