"""From sequences in original units to what training needs: fitted scalers, initial weights, tensors of the kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnfast.config import Config
from rnnfast.data import Scaler, SequenceData
from rnnfast.errors import DataError, UsageError
from rnnfast.model.initialise import initial_tensors
from rnnfast.model.model import Model, architecture


def resolved_loss(config: Config, task: str) -> str:
    """The loss of a run: what was asked for, or bce for binary targets and mse for all others."""
    loss = config.train.loss
    if loss == "auto":
        return "bce" if task == "binary" else "mse"
    if loss == "bce" and task != "binary":
        raise UsageError("--loss bce needs a binary target, this one is a quantity; use --loss mse")
    return loss


def initial_model(train: SequenceData, config: Config) -> Model:
    """Fit the scalers on the training part and draw the weights.

    Nothing of the other parts is looked at. Raises DataError where the training part has no label, or one class only.
    """
    from rnnfast.kernels.engine import layout_of

    labelled = train.labelled
    where = ", ".join(train.source)
    if not labelled.any():
        raise DataError(f"{where}: the training part has no labelled step; give a larger --split or another --target")
    y, schema = train.y[labelled], train.schema
    if schema.task == "binary" and np.unique(y).size < 2:
        raise DataError(
            f"{where}: all {len(y):,} labels of the training part are {schema.classes[int(y[0, 0])]!r}; "
            "a classifier needs both classes: give a larger --split, another --seed, or more data"
        )
    net = architecture(config, schema)
    model = config.model
    scale_target = config.data.scale_target and schema.task == "regression"
    layout = layout_of(net)
    tensors = initial_tensors(
        layout.shapes(), model.init, layout.gates, config.train.seed, model.init_range, model.recurrent_bias
    )
    return Model(
        parameters={name: tensor.astype(net.dtype) for name, tensor in tensors.items()},
        schema=schema,
        scaler=Scaler.fit(config.data.scale, schema.features, train.x),
        target_scaler=Scaler.fit("minmax" if scale_target else "none", schema.targets, y),
        config=config,
        loss=resolved_loss(config, schema.task),
        target_mean=tuple(float(mean) for mean in y.mean(axis=0)),
    )


def kernel_data(model: Model, data: SequenceData) -> Any:
    """Tensors of the training kernel: scaled, in the run's precision."""
    from rnnfast.kernels.engine import training_data

    target = data.y if data.schema.task == "binary" else model.target_scaler.transform(data.y)
    return training_data(model.scaler.transform(data.x), target, data.labelled, data.offsets, model.config.train.dtype)
