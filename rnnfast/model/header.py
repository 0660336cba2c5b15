"""What a model file holds beside its tensors, and writing it.

The metadata key `rnnfast` holds one JSON object: the fields of `Header`, of the encoder's record and of the provenance,
side by side. It makes the file answer tables without anything else. Nothing is pickled.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import save as to_bytes

from rnnfast.catalogue import CELLS
from rnnfast.data import Schema
from rnnfast.data.encoding.scaling import ScalerRecord
from rnnfast.diagnose.versions import versions
from rnnfast.records import UNSET, Record, UnsetType, plain
from rnnfast.writing import write_whole

if TYPE_CHECKING:
    from rnnfast.model.model import Model

FORMAT_VERSION = 1
KEY = "rnnfast"  # of the metadata


class Tables(Record, frozen=True):
    """The sections of the configuration, with the options of each."""

    data: dict[str, Any]
    model: dict[str, Any]
    train: dict[str, Any]
    output: dict[str, Any]


class Network(Record, frozen=True):
    """The architecture, the cell by its name; it follows from the rest of the header and is there for other readers."""

    cell: str
    features: int
    hidden: tuple[int, ...]
    outputs: int
    activation: str
    dtype: str
    recurrent_bias: bool
    bidirectional: bool
    dropout: float

    @classmethod
    def of(cls, model: Model) -> Network:
        """Return that of a model."""
        section = model.config.model
        return cls(
            cell=section.cell,
            features=len(model.encoder.names),
            hidden=section.hidden,
            outputs=model.schema.outputs,
            activation=section.activation,
            dtype=model.config.train.dtype,
            recurrent_bias=section.recurrent_bias,
            bidirectional=section.bidirectional,
            dropout=section.dropout,
        )


class Equations(Record, frozen=True):
    """The graph of a cell of the user's own, see equations/cell.py."""

    name: str
    gates: tuple[str, ...]
    states: tuple[str, ...]
    parameters: dict[str, float]
    nodes: tuple[tuple[str | int | float, ...], ...]
    after: tuple[int, ...]


class Header(Record, frozen=True, kw_only=True):
    """What the metadata of a model file holds beside the fields of its encoder and its provenance; see `Model`."""

    format_version: int
    architecture: Network
    task: str
    loss: str
    columns: Schema
    target_scaler: ScalerRecord
    target_mean: tuple[float, ...]
    class_weights: tuple[float, ...] = ()
    threshold: float
    config: Tables
    equations: Equations | UnsetType = UNSET


def save(model: Model, path: str | Path) -> None:
    """Write a model file; it appears under its name only when it is complete."""
    header = Header(
        format_version=FORMAT_VERSION,
        architecture=Network.of(model),
        task=model.schema.task,
        loss=model.loss,
        columns=model.schema,
        target_scaler=model.target_scaler.record(),
        target_mean=model.target_mean,
        class_weights=model.class_weights,
        threshold=model.threshold,
        equations=UNSET if model.config.model.cell in CELLS else Equations(**model.cell.to_json()),
        config=Tables(**{table: asdict(section) for table, section in vars(model.config).items()}),
    )
    provenance = {"versions": versions()} | plain(model.provenance)
    content = plain(header) | plain(model.encoder.record()) | provenance
    # safetensors writes the bytes as they lie: anything but C order would be scrambled silently.
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in model.parameters.items()}
    write_whole(Path(path), to_bytes(tensors, metadata={KEY: json.dumps(content, allow_nan=False)}))
