"""The network that a configuration asks for on a table."""

from __future__ import annotations

from rnnfast.config.resolve import Config
from rnnfast.data import Encoder, Schema
from rnnfast.equations.cell import Cell
from rnnfast.network.architecture import Architecture
from rnnfast.network.embedding import Embedding
from rnnfast.network.front import Patch


def architecture(config: Config, cell: Cell, schema: Schema, encoder: Encoder) -> Architecture:
    """The architecture that a configuration asks for on a table, with a cell."""
    return Architecture(
        cell=cell,
        features=len(encoder.names),
        hidden=config.model.hidden,
        outputs=schema.outputs,
        bidirectional=config.model.bidirectional,
        dropout=config.model.dropout,
        head=config.model.head,
        front=tuple(Patch(*layer) for layer in config.model.front),
        embeddings=tuple(Embedding(*table) for table in encoder.embeddings),
        static=encoder.static_inputs,
        dtype=config.train.dtype,
        recurrent_bias=config.model.recurrent_bias,
    )
