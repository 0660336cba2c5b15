"""What trains a network, made of its model and of what it trains on."""

from __future__ import annotations

from typing import Any

from rnnfast.catalogue import SCHEDULES
from rnnfast.config.sections import TrainConfig
from rnnfast.diagnose.machine import cores
from rnnfast.model import Model
from rnnfast.training.feed import Feed, batch_of


def trainer_of(model: Model, feed: Feed, soft: bool = False) -> Any:
    """Return what trains the network of a model on a feed; soft: as of Policy."""
    from rnnfast.kernels.run.trainer import Policy, Trainer

    config: TrainConfig = model.config.train
    policy = Policy(
        loss=model.loss,
        optimizer=config.optimizer,
        reduction=config.reduction,
        batch=batch_of(config),
        momentum=config.momentum,
        weight_decay=config.weight_decay or 0.0,
        clip_norm=config.clip_norm,
        window=config.tbptt,
        per_update=SCHEDULES[config.schedule].per_update,
        threads=config.threads or cores(),
        seed=config.seed,
        soft=soft,
    )
    return Trainer(model.architecture, model.parameters, feed.data, policy, feed.lengths)
