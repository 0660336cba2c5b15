"""A trained network that takes tables in original units and answers in original units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import CELLS
from rnnfast.config.resolve import Config
from rnnfast.data import Encoder, Scaler, Schema, SequenceData, Sequences
from rnnfast.equations.cell import Cell
from rnnfast.errors import ModelError
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.model.header import FORMAT_VERSION, Equations, Header, Network, Tables, write
from rnnfast.model.provenance import Provenance
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout
from rnnfast.records import UNSET, plain
from rnnfast.tasks import Target, Task, task_of
from rnnfast.tasks.scoring import Scorer

Floats = NDArray[np.floating[Any]]


@dataclass
class Model:
    """Weights, columns, encoder and scaler of the targets.

    parameters: PyTorch's tensor names to arrays. cell: its equations. encoder, target_scaler: fitted on training rows;
    target_scaler leaves the labels of classes alone. target_mean: (O,) mean of the training targets, or the share of
    each class of a multiclass task: the baseline. threshold: probability from which a binary prediction is positive.
    provenance: versions, metrics, digest and split of the training data.
    """

    parameters: dict[str, Floats]
    cell: Cell
    schema: Schema
    encoder: Encoder
    target_scaler: Scaler
    config: Config
    loss: str  # resolved: one of the catalogue
    target_mean: tuple[float, ...]
    class_weights: tuple[float, ...] = ()  # of each class in the loss; none: all alike
    threshold: float = 0.5
    provenance: Provenance = field(default_factory=Provenance)

    @property
    def architecture(self) -> Architecture:
        """What the kernels need to know of the network."""
        return architecture(self.config, self.cell, self.schema, self.encoder)

    @property
    def task(self) -> Task:
        """What the outputs of the network mean."""
        schema = self.schema
        target = Target(schema.answers, schema.classes, self.loss, self.target_scaler, self.target_mean, self.threshold)
        return task_of(schema.task, target)

    @property
    def scorer(self) -> Scorer:
        """What scores outputs of the network."""
        return Scorer(self.task, self.class_weights, summed=self.config.train.reduction == "sum")

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

    def predict(self, data: SequenceData) -> Floats:
        """Predict every step, (rows, O), in the order of data.x.

        Probability of the second class for a binary task, of each class for a multiclass one, original units for a
        regression.
        Raises DataError where data has other columns than the model.
        """
        return self.task.answers(self.outputs(data))

    def evaluate(self, data: SequenceData) -> Evaluation:
        """Score the labelled steps of data. Raises DataError where there are none."""
        return self.scorer.evaluate(data, self.outputs(data))

    def trained_on(self, data: Sequences) -> bool:
        """Whether data holds the very files that the model was trained on."""
        return bool(self.provenance.data_digest == data.digest)

    @property
    def header(self) -> Header:
        """What the model file holds beside tensors, encoder and provenance."""
        return Header(
            format_version=FORMAT_VERSION,
            architecture=Network.of(self.config, len(self.encoder.names), self.schema.outputs),
            task=self.schema.task,
            loss=self.loss,
            columns=self.schema,
            target_scaler=self.target_scaler.record(),
            target_mean=self.target_mean,
            class_weights=self.class_weights,
            threshold=self.threshold,
            equations=UNSET if self.config.model.cell in CELLS else Equations(**self.cell.to_json()),
            config=Tables(**{table: asdict(section) for table, section in vars(self.config).items()}),
        )

    def save(self, path: str | Path) -> None:
        """Write the model file; it appears under its name only when it is complete."""
        content = plain(self.provenance) | plain(self.encoder.record()) | plain(self.header)
        write(path, content, self.parameters)


def architecture(config: Config, cell: Cell, schema: Schema, encoder: Encoder) -> Architecture:
    """The architecture that a configuration asks for on a table, with a cell."""
    return Architecture(
        cell=cell,
        features=len(encoder.names),
        hidden=config.model.hidden,
        outputs=schema.outputs,
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
