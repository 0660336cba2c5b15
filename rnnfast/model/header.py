"""What a model file holds beside its tensors, and writing it.

The metadata key `rnnfast` holds one JSON object: the fields of `Header`, of the encoder's record and of the provenance,
side by side. It makes the file answer tables without anything else. Nothing is pickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as to_bytes

from rnnfast.catalogue import CELLS
from rnnfast.config.resolve import Config
from rnnfast.data import Encoder, Schema
from rnnfast.data.encoding.scaling import ScalerRecord
from rnnfast.diagnose.versions import versions
from rnnfast.errors import RnnfastError
from rnnfast.memory import shown
from rnnfast.metrics.conformal import Conformal
from rnnfast.model.linear_part import LinearPart
from rnnfast.records import UNSET, Count, Meta, Positive, Record, Share, Size, UnsetType
from rnnfast.tasks.linear import Linear

FORMAT_VERSION = 1
KEY = "rnnfast"  # of the metadata
LONGEST = 90_000_000  # bytes of it: safetensors reads headers of 100 MB, in which quotes are escaped


class Version(Record, frozen=True):
    """What decides whether the rest of a header can be read."""

    format_version: Any


class Tables(Record, frozen=True):
    """The sections of the configuration, with the options of each."""

    data: dict[str, Any]
    model: dict[str, Any]
    train: dict[str, Any]
    output: dict[str, Any]


class Network(Record, frozen=True):
    """The architecture, the cell by its name; it follows from the rest of the header and is there for other readers."""

    cell: str
    features: Count
    hidden: tuple[Size, ...]
    outputs: Size
    activation: str
    dtype: Annotated[str, Meta(pattern="^float(32|64)$")]
    recurrent_bias: bool
    bidirectional: bool
    dropout: Share
    head: str = "last"
    front: tuple[tuple[Size, Size, Size], ...] = ()  # layers before the cell: rows that are stacked, stride, units
    embeddings: tuple[tuple[Size, Size], ...] = ()  # of the last features: categories, units
    static: Count = 0  # features that are constant in a sequence, behind all others

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


class Precision(Record, frozen=True):
    """What the numbers of the tensors are."""

    architecture: Network


class Equations(Record, frozen=True):
    """The graph of a cell of the user's own, see equations/cell.py."""

    name: str
    gates: tuple[str, ...]
    states: tuple[str, ...]
    parameters: dict[str, float | tuple[float, float]]
    nodes: tuple[tuple[str | int | float, ...], ...]
    after: tuple[Count, ...]


class Header(Record, frozen=True, kw_only=True):
    """What the metadata of a model file holds beside the fields of its encoder and its provenance; see `Model`.

    members: networks of an ensemble. temperature: what logits are divided by, where they are calibrated. intervals:
    bounds of the errors of its answers. linear_part: its linear part.
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
    temperature: Positive | UnsetType = UNSET
    intervals: Conformal | UnsetType = UNSET
    config: Tables
    linear: Linear | UnsetType = UNSET
    linear_part: LinearPart | UnsetType = UNSET
    members: Size | UnsetType = UNSET
    equations: Equations | UnsetType = UNSET


def header_of(model: Any) -> Header:
    """Return the header of a Model, whose module needs this one."""
    return Header(
        format_version=FORMAT_VERSION,
        architecture=Network.of(model.config, model.encoder, model.schema.outputs),
        task=model.schema.task,
        loss=model.loss,
        columns=model.schema,
        target_scaler=model.target_scaler.record(),
        target_mean=model.target_mean,
        class_weights=model.class_weights,
        threshold=model.threshold,
        temperature=UNSET if model.temperature == 1 else model.temperature,
        intervals=model.intervals or UNSET,
        members=len(model.members) if len(model.members) > 1 else UNSET,
        equations=UNSET if model.config.model.cell in CELLS else Equations(**model.cell.to_json()),
        linear=model.linear or UNSET,
        linear_part=model.linear_part or UNSET,
        config=Tables(**{table: asdict(section) for table, section in model.config.tables.items()}),
    )


def packed(content: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the bytes of a model file.

    content: of the metadata: the fields of the header, of the encoder's record and of the provenance.
    Raises RnnfastError for more than such a file can hold.
    """
    content = {**content, "versions": versions()}
    # safetensors writes the bytes as they lie: anything but C order would be scrambled silently.
    ordered = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    header = json.dumps(content, allow_nan=False)
    if len(header) > LONGEST:
        raise RnnfastError(
            f"the header of the model takes {shown(len(header))}, and safetensors reads {shown(LONGEST)} at most; use "
            "fewer columns or categories"
        )
    return to_bytes(ordered, metadata={KEY: header})
