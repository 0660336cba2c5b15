"""Values that follow from others where they are not given: optimizer, learning rate, batch size, weight decay."""

from __future__ import annotations

from dataclasses import replace

from rnnfast.catalogue import OPTIMIZERS, TASKS, cell
from rnnfast.config.resolve import Config
from rnnfast.errors import UsageError

LARGEST_BATCH = 16  # of cells that start with adam
UPDATES = 20  # per epoch at least, where there are so many sequences


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
