"""From sequences in original units to what training needs: fitted encoder, initial weights, tensors of the kernels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.config import Config
from rnnfast.data import Encoder, Scaler, Schema, SequenceData
from rnnfast.data.scaling import target_kinds
from rnnfast.data.weights import check_weights
from rnnfast.errors import DataError, ModelError, UsageError
from rnnfast.metrics.loss import LOSSES_OF_TASK
from rnnfast.model.file import load
from rnnfast.model.initialise import initial_tensors
from rnnfast.model.model import Model, architecture


def resolved_loss(config: Config, task: str) -> str:
    """The loss of a run: what was asked for, or the default of the task.

    Raises UsageError for the loss of another task.
    """
    loss, fitting = config.train.loss, LOSSES_OF_TASK[task]
    if loss == "auto":
        return fitting[0]
    if loss not in fitting:
        target = "the target is a quantity (regression)" if task == "regression" else f"the task is {task}"
        raise UsageError(f"--loss {loss}: {target}; use --loss {' or '.join(fitting)}")
    return loss


def initial_model(train: SequenceData, config: Config) -> Model:
    """Fit encoder and target scaler on the training part and draw the weights.

    Nothing of the other parts is looked at. Raises DataError where the training part has no label, or one class only.
    """
    from rnnfast.kernels.engine import layout_of

    labelled = train.labelled
    where = ", ".join(train.source)
    if not labelled.any():
        raise DataError(f"{where}: the training part has no labelled step; give a larger --split or another --target")
    check_weights(train, "training")
    y, schema = train.y[labelled], train.schema
    if schema.classes and np.unique(y).size < 2:
        needed = "both" if schema.task == "binary" else "several"
        raise DataError(
            f"{where}: all {len(y):,} labels of the training part are {schema.classes[int(y[0, 0])]!r}; "
            f"a classifier needs {needed} classes: give a larger --split, another --seed, or more data"
        )
    encoder = Encoder.fit([train], config.data)
    net = architecture(config, schema, encoder)
    model = config.model
    layout = layout_of(net)
    tensors = initial_tensors(
        layout.shapes(), model.init, layout.gates, config.train.seed, model.init_range, model.recurrent_bias
    )
    if config.train.init_from is not None:
        tensors = dict(starting_tensors(config.train.init_from, layout.shapes()))
    return Model(
        parameters={name: tensor.astype(net.dtype) for name, tensor in tensors.items()},
        schema=schema,
        encoder=encoder,
        target_scaler=Scaler.fit(target_kinds(schema, config.data), schema.targets, y, where),
        config=config,
        loss=resolved_loss(config, schema.task),
        target_mean=tuple(float(mean) for mean in _answers(schema, y).mean(axis=0)),
        class_weights=class_weights(config, schema.classes, y),
    )


def _answers(schema: Schema, y: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the outputs of a network are to become, (labels, O): 1 for the class and 0 for others, or the targets."""
    if schema.task != "multiclass":
        return y
    return np.asarray(y == np.arange(schema.outputs), np.float64)


def class_weights(config: Config, classes: tuple[Any, ...], y: NDArray[np.float64]) -> tuple[float, ...]:
    """The weight of each class in the loss; () for all alike.

    y: (labels, 1) index of the class at the labelled training steps. "balanced" is scikit-learn's: labels / (classes *
    labels of the class). Raises UsageError for another number of weights than classes, and on a regression.
    """
    given = config.train.class_weight
    if given in ((), ("none",)):
        return ()
    if not classes:
        raise UsageError(f"--class-weight {','.join(given)}: the target is a quantity and has no classes")
    counts = np.bincount(y[:, 0].astype(np.int64), minlength=len(classes))
    if given == ("balanced",):
        return tuple(float(weight) for weight in len(y) / (len(classes) * np.maximum(counts, 1)))
    try:
        weights = tuple(float(weight) for weight in given)
    except ValueError:
        raise UsageError(f"--class-weight {','.join(given)}: give none, balanced, or a number per class") from None
    if len(weights) != len(classes) or not all(0 <= weight < float("inf") for weight in weights) or not any(weights):
        raise UsageError(
            f"--class-weight {','.join(given)}: give {len(classes)} numbers from 0 up, one for each of "
            f"{', '.join(str(name) for name in classes)}"
        )
    return weights


def starting_tensors(path: str, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, NDArray[Any]]:
    """The tensors of a saved model to start from. Raises ModelError where its architecture is another one."""
    tensors = load(path).parameters
    found = {name: tensor.shape for name, tensor in tensors.items()}
    if found != dict(shapes):
        raise ModelError(
            f"--init-from {path}: its tensors {found} are not those of this network, {dict(shapes)}; "
            "use the same --cell, --hidden and columns"
        )
    return tensors


def kernel_data(model: Model, data: SequenceData) -> Any:
    """Tensors of the training kernel: encoded, in the run's precision."""
    from rnnfast.kernels.engine import training_data

    target = data.y if data.schema.classes else model.target_scaler.transform(data.y)
    weight = model.step_weights(data.y, data.labelled, data.weight)
    dtype = model.config.train.dtype
    return training_data(model.encoder.transform(data, dtype), target, weight, data.offsets, dtype)
