"""Values that follow from others where they are not given: optimizer, learning rate, batch size, weight decay."""

from __future__ import annotations

from dataclasses import replace

from rnnfast.config.resolve import Config
from rnnfast.errors import UsageError

LEARNING_RATES = {"sgd": 0.05, "adagrad": 0.05, "momentum": 0.01, "nesterov": 0.01}
OTHER_LEARNING_RATE = 0.005  # adam, adamw, rmsprop
ADAMW_DECAY = 0.01
LARGEST_BATCH = 16  # of the cells other than rnn
UPDATES = 20  # per epoch at least, where there are so many sequences


def resolved(config: Config, task: str, sequences: int, weighted: bool = False) -> Config:
    """The configuration with every value that depends on others filled in.

    task: binary, multiclass or regression. sequences: of the training part.
    weighted: classes or rows weigh differently; an update of one sequence does not feel it where its steps weigh alike.
    Raises: UsageError for options that exclude each other.
    """
    model, train = config.model, config.train
    if model.bidirectional and train.tbptt:
        raise UsageError("--tbptt carries the state on from the past, --bidirectional needs the future: use one")
    if model.bidirectional and model.cell == "mlp":
        raise UsageError("--cell mlp has no state and so no direction; leave --bidirectional out")
    # Plain SGD serves a vanilla RNN best where one output says it all; with many classes it wants a much smaller rate.
    plain = model.cell == "rnn" and task != "multiclass"
    optimizer = ("sgd" if plain else "adam") if train.optimizer == "auto" else train.optimizer
    lr = LEARNING_RATES.get(optimizer, OTHER_LEARNING_RATE) if train.lr is None else train.lr
    decay = (ADAMW_DECAY if optimizer == "adamw" else 0.0) if train.weight_decay is None else train.weight_decay
    batch = train.batch_size
    if batch is None:
        one = plain and not (weighted and train.reduction == "mean")
        batch = 1 if one else max(1, min(LARGEST_BATCH, sequences // UPDATES))
    return replace(config, train=replace(train, optimizer=optimizer, lr=lr, weight_decay=decay, batch_size=batch))
