"""What a training costs, counted: the same on any machine."""

from __future__ import annotations

import math

from rnnfast.config.resolve import Config
from rnnfast.data import Encoder, Schema
from rnnfast.equations.cell import Cell
from rnnfast.model.architecture import architecture
from rnnfast.network.layout import Layout

PASSES = 3  # of the products of a step: forward, and back to inputs and weights


def multiply_adds(config: Config, cell: Cell, schema: Schema, encoder: Encoder, rows: float) -> float:
    """Count the multiply-adds of one pass over so many rows."""
    shapes = Layout(architecture(config, cell, schema, encoder)).shapes()
    products = [shape for name, shape in shapes.items() if not name.startswith("embed.")]  # which are looked up
    stride = config.model.patch[-1] if config.model.patch else 1
    return PASSES * rows / stride * sum(map(math.prod, products))
