"""Values of options that follow from the table and from others: the preset's, optimizer, rate, batch, weight decay."""

from __future__ import annotations

from dataclasses import replace

from rnnfast.catalogue import OPTIMIZERS, SCHEDULES, TASKS, cell
from rnnfast.config.effects import check_front
from rnnfast.config.resolve import Config
from rnnfast.data import Parts, Sequences
from rnnfast.errors import UsageError
from rnnfast.reporter import Reporter
from rnnfast.training.linear_part import check_linear_part
from rnnfast.training.persistence import persists
from rnnfast.training.presets import LARGEST_BATCH, UPDATES, Chosen, choose
from rnnfast.training.size import Size


def resolved(config: Config, task: str, sequences: int, weighted: bool = False) -> Config:
    """The configuration with every value that depends on others filled in.

    task: a name of the catalogue. sequences: of the training part.
    weighted: classes or rows weigh differently; an update of one sequence does not feel it where its steps weigh alike.
    Raises: UsageError for options that exclude each other.
    """
    model, train = config.model, config.train
    if model.bidirectional and train.tbptt:
        raise UsageError("--tbptt carries the state on from the past, --bidirectional needs the future: use one")
    # Plain SGD serves a vanilla RNN best where one output says it all; with many classes it wants a much smaller rate.
    plain = cell(model.cell).plain_sgd and not TASKS[task].output_per_class
    optimizer = OPTIMIZERS[("sgd" if plain else "adam") if train.optimizer == "auto" else train.optimizer]
    lr = optimizer.lr if train.lr is None else train.lr
    decay = optimizer.decay if train.weight_decay is None else train.weight_decay
    batch = train.batch_size
    if batch is None:
        one = plain and not (weighted and train.reduction == "mean")
        batch = 1 if one else max(1, min(LARGEST_BATCH, sequences // UPDATES))
    return replace(config, train=replace(train, optimizer=optimizer.name, lr=lr, weight_decay=decay, batch_size=batch))


def size_of(part: Sequences, config: Config, mergeable: bool, own_valid: bool) -> Size:
    """Measure the part that trains; mergeable: as of Size; own_valid: whether a table of its own validates."""
    weighted = part.weighted or config.train.class_weight not in ((), ("none",))
    asks = config.model.preset not in ("fast", "original")  # which choose nothing
    return Size.of(part, weighted, mergeable, asks and persists(part, config), mergeable or own_valid)


def resolved_for(
    config: Config, table: Sequences, parts: Parts, own_valid: bool, reporter: Reporter
) -> tuple[Config, Chosen | None]:
    """Fill in the options that follow from the table; raises UsageError for those that do not fit it.

    Returns: what the preset chose, too.
    """
    check_front(config.model, table.schema.predict, int(parts.train.lengths.max()))
    if config.train.refit and parts.valid is None:
        raise UsageError(
            "--refit trains again on the validation part too, and there is none: all of the table trains already; "
            "leave it out (--no-refit), or give a --split"
        )
    size = size_of(parts.train, config, parts.valid is not None and not own_valid, own_valid)
    config, chosen = choose(config, size)
    if chosen is not None and config.model.preset != "best":  # which goes on to choose
        reporter.preset(chosen)
    check_linear_part(config, table.schema)
    config = resolved(config, table.schema.task, parts.train.sequences, size.weighted)
    if size.weighted and config.train.batch_size == 1 and config.train.reduction == "mean":
        reporter.notice(
            "an update of one sequence takes the weighted mean over its steps: where these weigh alike, weights have "
            "no effect; use --batch-size above 1, or --reduction sum"
        )
    if SCHEDULES[config.train.schedule].watches and parts.valid is None:
        raise UsageError(
            f"--schedule {config.train.schedule} watches the validation loss: it needs a validation part (--split)"
        )
    return config, chosen
