"""Training again on all rows that are not kept for a test, once validation has said for how many epochs."""

from __future__ import annotations

from rnnfast.catalogue import SCHEDULES
from rnnfast.config.resolve import Config
from rnnfast.data import Parts, Sequences
from rnnfast.display import counted
from rnnfast.errors import TrainingInterrupted, UsageError
from rnnfast.model import Model
from rnnfast.reporter import Reporter
from rnnfast.training.ensemble import Networks
from rnnfast.training.loop import Fit
from rnnfast.training.prepare import initial_model
from rnnfast.training.stopping import Interrupt
from rnnfast.training.tables import merged_part

FINISHED = ("epochs", "patience")  # endings after which validation has said how many epochs are best


def check_refit(config: Config, own_valid: bool) -> None:
    """Raise UsageError where --refit does not go with other options; own_valid: --valid gives a table."""
    if not config.train.refit:
        return
    if own_valid:
        raise UsageError(
            "--refit trains on the validation part too, and --valid gives a table of its own: give both tables with "
            "--data, divided by --split or --split-by column:NAME, or leave --refit out"
        )
    if SCHEDULES[config.train.schedule].watches:
        raise UsageError(
            f"--refit has no validation part that --schedule {config.train.schedule} could watch; use another one"
        )


def refitted(
    model: Model, fit: Fit, table: Sequences, parts: Parts, reporter: Reporter, interrupt: Interrupt
) -> Model | None:
    """Train again from the start on the training and the validation part, each network for its best number of epochs.

    The course of the learning rate is that of the first run. Returns: None where there is nothing to train on beside
    the training part, where the first run was cut short, and where this one is interrupted or diverges; the first
    network is then the answer. Writes the number of epochs to `fit`.
    """
    epochs = tuple(member.best_epoch for member in fit.members) or (fit.best_epoch,)
    if parts.valid is None or fit.diverged is not None or fit.stopped not in FINISHED or not all(epochs):
        return None
    part = merged_part(table, parts, model.config)
    reporter.notice(
        f"training again for {_listed(epochs)} on {counted(part.sequences, 'sequence')}, those that "
        "validated too (--refit); scores of the training and the validation part are those of the network before"
    )
    again = initial_model(part, model.config, model.cell)
    try:
        second = Networks(again, part, None, Reporter(), epochs).fit(interrupt)
    except TrainingInterrupted:
        second = None
    if second is None or second.diverged is not None or second.stopped != "epochs":
        reporter.notice("training again did not come to its end; the network before is the answer")
        return None
    fit.train_seconds += second.train_seconds
    fit.compile_seconds += second.compile_seconds
    fit.refitted = second.epochs
    return again


def _listed(epochs: tuple[int, ...]) -> str:
    """Return "37 epochs", or of several networks "31 to 40 epochs"."""
    least, most = min(epochs), max(epochs)
    return counted(most, "epoch") if least == most else f"{least:,} to {counted(most, 'epoch')}"
