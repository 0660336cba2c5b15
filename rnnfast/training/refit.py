"""Training again on all rows that are not kept for a test, once validation has said for how many epochs."""

from __future__ import annotations

import time
from dataclasses import replace

from rnnfast.catalogue import SCHEDULES
from rnnfast.config.forms import seconds
from rnnfast.config.resolve import Config
from rnnfast.config.sections import TrainConfig
from rnnfast.display import counted
from rnnfast.errors import TrainingInterrupted, UsageError
from rnnfast.model import Model
from rnnfast.reporter import Reporter
from rnnfast.training.bags import out_of_bag
from rnnfast.training.ensemble import Networks
from rnnfast.training.job import Host, Job
from rnnfast.training.linear_part import fitted
from rnnfast.training.loop import Fit
from rnnfast.training.prepare import Labelling, initial_model
from rnnfast.training.tables import merged_part

# Endings after which validation has not said how many epochs are best.
CUT_SHORT = {"interrupted": "the run was interrupted", "max_time": "the time of --max-time is over"}
SHORTEST = 1e-3  # s of a time limit that is used up


def check_refit(config: Config, own_valid: bool) -> None:
    """Raise UsageError where --refit does not go with other options; own_valid: --valid gives a table."""
    if not config.train.refit:
        return
    if own_valid:
        raise UsageError(
            "--refit trains on the validation part too, and --valid gives a table of its own: give both tables with "
            "--data, divided by --split or --split-by column:NAME, or leave --refit out"
        )
    if config.train.average > 1:
        raise UsageError(
            f"--average {config.train.average} takes the mean weights of several epochs, and --refit trains again for "
            "as many as were best, with no validation part to choose several by; use one of them"
        )
    if SCHEDULES[config.train.schedule].watches:
        raise UsageError(
            f"--refit has no validation part that --schedule {config.train.schedule} could watch; use another one"
        )


def refitted(
    model: Model,
    fit: Fit,
    job: Job,
    host: Host,
    teacher: Labelling | None = None,
) -> Model | None:
    """Train again from the start on the training and the validation part, each network for its best number of epochs.

    The course of the learning rate is that of the first run. Returns: None where there is nothing to train on beside
    the training part, where the first run was cut short, and where this one is, or diverges; the first network is then
    the answer. The time limit is that of both runs together. teacher: as of Networks. Writes the number of
    epochs to `fit`, and the out-of-bag scores of the networks, where they have bags.
    """
    parts, reporter = job.parts, host.reporter
    if parts.valid is None or fit.diverged is not None:
        return None
    epochs = tuple(member.best_epoch for member in fit.members) or (fit.best_epoch,)
    if fit.stopped in CUT_SHORT or not all(epochs):
        reporter.notice(f"not trained again (--refit): {CUT_SHORT.get(fit.stopped, 'no epoch was run')}")
        return None
    part = merged_part(job.table, parts, model.config)
    reporter.notice(
        f"training again for {_listed(epochs)} on {counted(part.sequences, 'sequence')}, those that "
        "validated too (--refit); scores of the training and the validation part are those of the network before"
    )
    again = initial_model(part, replace(model.config, train=in_the_rest(model.config.train, fit)), model.cell)
    try:
        stage = "refit" if teacher is None else "distilled refit"
        networks = Networks(again, part, None, Reporter(), epochs, teacher, stage, host.cluster)
        second = networks.fit(host.interrupt)
    except TrainingInterrupted:
        second = None
    complete = second is not None and len(second.members) == len(fit.members) and second.stopped == "epochs"
    if second is None or second.diverged is not None or not complete:
        why = f": {CUT_SHORT['max_time']}" if second is not None and second.stopped == "max_time" else ""
        reporter.notice(f"training again did not come to its end{why}; the network before is the answer")
        return None
    again.config = model.config
    again.threshold, again.temperature = model.threshold, model.temperature  # by rows that it had not trained on
    again.intervals = model.intervals
    if model.linear_part is not None:
        start = time.perf_counter()
        again.linear_part = fitted(again, part).beside(model.linear_part.share, model.linear_part.temperature)
        fit.eval_seconds += time.perf_counter() - start
    if again.linear is not None and model.linear is not None:
        again.linear = again.linear.by(model.linear.threshold)
    if again.trees is not None and model.trees is not None:
        again.trees = again.trees.by(model.trees.threshold)
    fit.train_seconds += second.train_seconds
    fit.compile_seconds += second.compile_seconds
    fit.refitted = second.epochs
    if networks.outside and (outcomes := out_of_bag(again, part, networks.outside)) is not None:
        fit.out_of_bag = again.scorer.evaluate(outcomes)
    return again


def in_the_rest(train: TrainConfig, fit: Fit) -> TrainConfig:
    """Return options whose time limit is what the first run has left of it."""
    limit = seconds(train.max_time)
    if limit is None:
        return train
    left = max(limit - fit.train_seconds - fit.eval_seconds, SHORTEST)
    return replace(train, max_time=f"{left}s")


def _listed(epochs: tuple[int, ...]) -> str:
    """Return "37 epochs", or of several networks "31 to 40 epochs"."""
    least, most = min(epochs), max(epochs)
    return counted(most, "epoch") if least == most else f"{least:,} to {counted(most, 'epoch')}"
