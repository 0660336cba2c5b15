"""What a model file holds, as a record."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import Schema
from rnnfast.data.encoding.record import EncoderRecord
from rnnfast.data.encoding.scaling import ScalerRecord
from rnnfast.findings.finding import Finding
from rnnfast.findings.judge import Judgement
from rnnfast.model.linear_part import LinearPart
from rnnfast.model.model import Model
from rnnfast.model.provenance import Figures, Operating, Training
from rnnfast.records import UNSET, Record, UnsetType, fields_of


class TensorDescription(Record, frozen=True):
    """One tensor; parameters: numbers in it; min, max: None where it has none."""

    name: str
    shape: tuple[int, ...]
    parameters: int
    min: float | None
    max: float | None


class ModelDescription(EncoderRecord, frozen=True, kw_only=True):
    """What `inspect` shows of a model, with the fields of its encoder.

    front: layers before the cell: rows that are stacked, stride, units. columns: what the columns of a table mean.
    training: the configuration; trained: how training ended, {} where that is not known. threshold: of two classes;
    temperature: of calibrated logits; operating: how both were chosen, where they were. linear_part: what answers
    beside the network, where something does.
    findings, verdict: of the training run. members: networks of an ensemble, whose parameters count together.
    """

    kind: str = "model"
    path: str
    cell: str
    hidden: tuple[int, ...]
    activation: str | None
    head: str
    front: tuple[tuple[int, int, int], ...]
    dtype: str
    parameters: int
    members: int = 1
    linear_part: LinearPart | UnsetType = UNSET
    tensors: tuple[TensorDescription, ...]
    task: str
    loss: str
    classes: tuple[Any, ...]
    threshold: float | None
    temperature: float | UnsetType = UNSET
    operating: Operating | UnsetType = UNSET
    columns: Schema
    target_scaler: ScalerRecord
    training: dict[str, dict[str, Any]]
    trained: Training | dict[str, Any]
    metrics: dict[str, Figures]
    versions: dict[str, str]
    data_digest: str | None
    findings: tuple[Finding, ...] = ()
    verdict: str = ""


def describe_model(model: Model, path: str) -> ModelDescription:
    """Describe architecture, tensors, columns, scaling, training configuration, metrics and versions of a model."""
    schema, config, provenance = model.schema, model.config, model.provenance
    judgement = provenance.judgement or Judgement()
    return ModelDescription(
        path=path,
        cell=config.model.cell,
        hidden=config.model.hidden,
        activation=config.model.chosen_activation,
        head=config.model.head,
        front=config.model.front,
        dtype=config.train.dtype,
        parameters=int(model.parameter_count),
        members=len(model.members),
        linear_part=model.linear_part or UNSET,
        tensors=tuple(_tensor(name, np.asarray(values)) for name, values in model.parameters.items()),
        task=schema.task,
        loss=model.loss,
        classes=schema.classes,
        threshold=model.task.threshold(),
        temperature=UNSET if model.temperature == 1 else model.temperature,
        operating=provenance.operating,
        columns=schema,
        **fields_of(model.encoder.record()),
        target_scaler=model.target_scaler.record(),
        training=asdict(config),
        trained=provenance.training or {},
        metrics=_metrics(model),
        versions=provenance.versions or {},
        data_digest=provenance.data_digest,
        findings=judgement.findings,
        verdict=judgement.verdict,
    )


def _metrics(model: Model) -> dict[str, Figures]:
    """Return the stored scores of each part, None for metrics that say nothing, which earlier versions did store.

    What tells so are the ends of the training labels, which a minmax scaling holds.
    """
    metrics, scaler = model.provenance.metrics, model.target_scaler
    if model.schema.difference:  # the ends are those of changes
        return metrics
    ends = scaler.inverse(np.array([[0.0], [1.0]]) + np.zeros(len(scaler.kinds)))
    meaningless = model.task.meaningless(ends[:, [kind == "minmax" for kind in scaler.kinds]])
    return {part: figures | dict.fromkeys(meaningless) for part, figures in metrics.items()}


def _tensor(name: str, values: NDArray[Any]) -> TensorDescription:
    ends = (float(values.min()), float(values.max())) if values.size else (None, None)
    return TensorDescription(name, tuple(values.shape), int(values.size), *ends)
