"""What a model file holds beside its tensors, and writing it.

The metadata key `rnnfast` holds one JSON object: the fields of `Header`, of the encoder's record and of the provenance,
side by side. It makes the file answer tables without anything else. Nothing is pickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as to_bytes

from rnnfast.config.resolve import Config
from rnnfast.data import Encoder, Schema
from rnnfast.data.encoding.scaling import ScalerRecord
from rnnfast.diagnose.versions import versions
from rnnfast.metrics.conformal import Conformal
from rnnfast.records import UNSET, Record, UnsetType
from rnnfast.tasks.linear import Linear

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
    head: str = "last"
    front: tuple[tuple[int, int, int], ...] = ()  # layers before the cell: rows that are stacked, stride, units
    embeddings: tuple[tuple[int, int], ...] = ()  # of the last features: categories, units
    static: int = 0  # features that are constant in a sequence, behind all others

    @classmethod
    def of(cls, config: Config, encoder: Encoder, outputs: int) -> Network:
        """Return what a configuration describes, with the inputs that an encoder makes and so many outputs."""
        section = config.model
        return cls(
            cell=section.cell,
            features=len(encoder.names),
            hidden=section.hidden,
            outputs=outputs,
            activation=section.activation,
            dtype=config.train.dtype,
            recurrent_bias=section.recurrent_bias,
            bidirectional=section.bidirectional,
            dropout=section.dropout,
            head=section.head,
            front=section.front,
            embeddings=encoder.embeddings,
            static=encoder.static_inputs,
        )


class Equations(Record, frozen=True):
    """The graph of a cell of the user's own, see equations/cell.py."""

    name: str
    gates: tuple[str, ...]
    states: tuple[str, ...]
    parameters: dict[str, float | tuple[float, float]]
    nodes: tuple[tuple[str | int | float, ...], ...]
    after: tuple[int, ...]


class Header(Record, frozen=True, kw_only=True):
    """What the metadata of a model file holds beside the fields of its encoder and its provenance; see `Model`.

    members: networks of an ensemble. temperature: what logits are divided by, where they are calibrated. intervals:
    bounds of the errors of its answers.
    """

    format_version: int
    architecture: Network
    task: str
    loss: str
    columns: Schema
    target_scaler: ScalerRecord
    target_mean: tuple[float, ...]
    class_weights: tuple[float, ...] = ()
    threshold: float
    temperature: float | UnsetType = UNSET
    intervals: Conformal | UnsetType = UNSET
    config: Tables
    linear: Linear | UnsetType = UNSET
    members: int | UnsetType = UNSET
    equations: Equations | UnsetType = UNSET


def packed(content: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the bytes of a model file.

    content: of the metadata: the fields of the header, of the encoder's record and of the provenance.
    """
    content = {**content, "versions": versions()}
    # safetensors writes the bytes as they lie: anything but C order would be scrambled silently.
    ordered = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    return to_bytes(ordered, metadata={KEY: json.dumps(content, allow_nan=False)})
