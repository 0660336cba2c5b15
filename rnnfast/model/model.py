"""A trained network that takes tables in original units and answers in original units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.resolve import Config
from rnnfast.data import Encoder, Scaler, Schema, SequenceData, Sequences
from rnnfast.data.columns.horizon import steps_ahead
from rnnfast.errors import DataError, ModelError
from rnnfast.metrics import (
    baseline_binary,
    baseline_multiclass,
    baseline_regression,
    baseline_repeated,
    binary,
    class_scores,
    confusion,
    multiclass,
    multiclass_confusion,
    regression,
)
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.metrics.loss import mean_loss
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout

Floats = NDArray[np.floating[Any]]

LEAST_SHARE = 1e-12  # of a class: keeps the logits of the baseline finite


@dataclass
class Model:
    """Weights, columns, encoder and scaler of the targets.

    parameters: PyTorch's tensor names to arrays. encoder, target_scaler: fitted on training rows; target_scaler leaves
    the labels of classes alone. target_mean: (O,) mean of the training targets, or the share of each class of a
    multiclass task: the baseline. threshold:
    probability from which a binary prediction is positive. metadata: versions, metrics, digest and split of the
    training data.
    """

    parameters: dict[str, Floats]
    schema: Schema
    encoder: Encoder
    target_scaler: Scaler
    config: Config
    loss: str  # resolved: mse | mae | huber | bce | ce
    target_mean: tuple[float, ...]
    class_weights: tuple[float, ...] = ()  # of each class in the loss; none: all alike
    threshold: float = 0.5
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def architecture(self) -> Architecture:
        """What the kernels need to know of the network."""
        return architecture(self.config, self.schema, self.encoder)

    @property
    def parameter_count(self) -> int:
        """Trainable numbers; bias_hh does not count where it is held at 0."""
        return sum(
            tensor.size
            for name, tensor in self.parameters.items()
            if self.config.model.recurrent_bias or "bias_hh" not in name
        )

    def outputs(self, data: SequenceData) -> Floats:
        """Raw outputs of the network, (rows, O): logits with bce and ce, else scaled targets."""
        from rnnfast.kernels.run.predictor import Predictor

        net = self.architecture
        inputs = self.encoder.transform(data, net.dtype)
        parameters = Layout(net).flatten(self.parameters, net.dtype)
        outputs: Floats = Predictor(net, parameters).outputs(inputs, data.offsets)
        return outputs

    def answers(self, outputs: Floats) -> Floats:
        """What outputs mean, (rows, O): probability of the second class or of each class, or original units."""
        if self.schema.task == "multiclass":
            likelihood = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            return np.asarray(likelihood / likelihood.sum(axis=1, keepdims=True))
        if self.schema.task != "binary":
            return self.target_scaler.inverse(outputs).astype(outputs.dtype)
        if self.loss == "bce":
            # exp of a negative number alone: no overflow, and small probabilities keep their digits
            decay = np.exp(-np.abs(outputs))
            return np.where(outputs >= 0, 1.0, decay) / (1.0 + decay)
        return np.clip(outputs, 0.0, 1.0)

    def predict(self, data: SequenceData) -> Floats:
        """Predict every step, (rows, O), in the order of data.x.

        Probability of the second class for a binary task, of each class for a multiclass one, original units for a
        regression.
        Raises DataError where data has other columns than the model.
        """
        return self.answers(self.outputs(data))

    def evaluate(self, data: SequenceData) -> Evaluation:
        """Score the labelled steps of data. Raises DataError where there are none."""
        return self.score(data, self.outputs(data))

    def score(self, data: SequenceData, outputs: Floats) -> Evaluation:
        """Score outputs (rows, O) that the network gave for data."""
        labelled = data.labelled
        if not labelled.any():
            what = ", ".join(self.schema.targets)
            when = f" {steps_ahead(self.schema.horizon)} in the same part" if self.schema.horizon else ""
            raise DataError(f"{', '.join(data.source)}: no step has a value in {what}{when}; nothing to score")
        y, raw = data.y[labelled], np.asarray(outputs[labelled], np.float64)
        answers = np.asarray(self.answers(outputs[labelled]), np.float64)
        metrics: dict[str, Any] = {"loss": self._loss(raw, y, data, labelled)}
        naive: dict[str, Any] = {"loss": self._loss(self._naive_outputs(raw.shape), y, data, labelled)}
        if data.naive is not None:
            naive["naive"] = self._repeated(data, data.naive)
        count = int(labelled.sum())
        if self.schema.task == "binary":
            metrics |= binary(y, answers, self.threshold)
            naive |= baseline_binary(self.target_mean[0], y)
            return Evaluation("binary", count, metrics, confusion(y, answers, self.threshold), naive)
        if self.schema.task == "multiclass":
            metrics |= multiclass(y, answers)
            naive |= baseline_multiclass(self.target_mean, y)
            matrix = multiclass_confusion(y, answers).tolist()
            return Evaluation("multiclass", count, metrics, matrix, naive, classes=self.schema.classes)
        metrics |= regression(y, answers)
        naive |= baseline_regression(self.target_mean, y)
        if y.shape[1] > 1:
            metrics["per_target"] = {
                name: regression(y[:, j], answers[:, j]) for j, name in enumerate(self.schema.targets)
            }
        residuals = y - answers
        return Evaluation("regression", count, metrics, None, naive, residuals[:, 0] if y.shape[1] == 1 else residuals)

    def quick_score(self, data: SequenceData, outputs: Floats) -> dict[str, Any]:
        """The loss and telling metrics, for every epoch: accuracy and f1 or macro_f1, or rmse and r2."""
        labelled = data.labelled
        y, raw = data.y[labelled], np.asarray(outputs[labelled], np.float64)
        scores: dict[str, Any] = {"loss": self._loss(raw, y, data, labelled)}
        answers = np.asarray(self.answers(outputs[labelled]), np.float64)
        if self.schema.task == "binary":
            positive = answers >= self.threshold
            hits = int(np.sum(positive & (y == 1)))
            wrong = int(np.sum(positive != (y == 1)))
            scores["accuracy"] = 1.0 - wrong / y.size
            scores["f1"] = 2 * hits / (2 * hits + wrong) if hits else 0.0
        elif self.schema.task == "multiclass":
            scores |= class_scores(multiclass_confusion(y, answers))
        else:
            metrics = regression(y, answers)
            scores |= {"rmse": metrics["rmse"], "r2": metrics["r2"]}
        return scores

    def trained_on(self, data: Sequences) -> bool:
        """Whether data holds the very files that the model was trained on."""
        return bool(self.metadata.get("data_digest") == data.digest)

    def save(self, path: str | Path) -> None:
        """Write the model file; it appears under its name only when it is complete."""
        from rnnfast.model.file import save

        save(self, path)

    def step_weights(
        self, y: Floats, labelled: NDArray[np.bool_], of_row: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Weight of each step in the loss, (rows,): 0 where unlabelled, else that of its class times that of its row.

        y: (rows, targets); labelled, of_row: (rows,), None for rows that weigh alike.
        """
        weight = labelled.astype(np.float64)
        if self.class_weights:
            weight[labelled] = np.asarray(self.class_weights)[y[labelled, 0].astype(np.int64)]
        return weight if of_row is None else weight * of_row

    def _loss(self, outputs: Floats, y: Floats, data: SequenceData, steps: NDArray[np.bool_]) -> float:
        """Loss of outputs (n, O) at n labelled steps with the targets y; steps: (rows,), which of data's they are."""
        target = y if self.schema.classes else self.target_scaler.transform(y)
        weight = None
        if self.class_weights or data.weight is not None:
            weight = self.step_weights(y, np.ones(len(y), bool), None if data.weight is None else data.weight[steps])
        loss = mean_loss(self.loss, outputs, target, weight)
        # The sum over the steps of a sequence, for the mean sequence
        mass = len(y) if weight is None else float(weight.sum())
        return loss * mass / data.sequences if self.config.train.reduction == "sum" else loss

    def _repeated(self, data: SequenceData, naive: Floats) -> dict[str, Any]:
        """Score the naive forecast (rows, targets) at the labelled steps where it is known."""
        known = data.labelled & ~np.isnan(naive).any(axis=1)
        y, repeated = data.y[known], naive[known]
        scores: dict[str, Any] = {"season": self.schema.season}
        if self.schema.task == "regression":
            outputs = self.target_scaler.transform(repeated)
            scores["loss"] = self._loss(outputs, y, data, known) if len(y) else None
        scores |= baseline_repeated(self.schema.task, y, repeated, len(self.schema.classes))
        return scores | {"labelled_steps": len(y)}

    def _naive_outputs(self, shape: tuple[int, ...]) -> Floats:
        """The outputs of a network that always answers with the training mean, or the shares of the classes."""
        mean = np.asarray(self.target_mean, np.float64)
        if self.loss == "ce":
            mean = np.log(np.maximum(mean, LEAST_SHARE))
        elif not self.schema.classes:
            mean = self.target_scaler.transform(mean[None])[0]
        elif self.loss == "bce":
            share = np.clip(mean, LEAST_SHARE, 1 - LEAST_SHARE)
            mean = np.log(share / (1 - share))
        return np.broadcast_to(mean, shape)


def architecture(config: Config, schema: Schema, encoder: Encoder) -> Architecture:
    """The architecture that a configuration asks for on a table."""
    return Architecture.named(
        cell=config.model.cell,
        features=len(encoder.names),
        hidden=config.model.hidden,
        outputs=schema.outputs,
        activation=config.model.activation,
        bidirectional=config.model.bidirectional,
        dropout=config.model.dropout,
        dtype=config.train.dtype,
        recurrent_bias=config.model.recurrent_bias,
    )


def checked_parameters(
    parameters: Mapping[str, Floats], shapes: Mapping[str, tuple[int, ...]], dtype: str, path: str
) -> None:
    """Raise ModelError where tensors are missing, too many, of another shape or type, or not finite."""
    missing, extra = sorted(shapes.keys() - parameters.keys()), sorted(parameters.keys() - shapes.keys())
    if missing or extra:
        raise ModelError(
            f"{path}: tensors do not fit the architecture: missing {missing or 'none'}, unknown {extra or 'none'}"
        )
    for name, shape in shapes.items():
        if parameters[name].shape != shape:
            raise ModelError(f"{path}: tensor {name} has the shape {parameters[name].shape}, expected {shape}")
        if parameters[name].dtype != dtype:
            raise ModelError(f"{path}: tensor {name} holds {parameters[name].dtype}, expected {dtype}")
        if not np.isfinite(parameters[name]).all():
            raise ModelError(f"{path}: tensor {name} holds NaN or infinite values; the run that wrote it diverged")
