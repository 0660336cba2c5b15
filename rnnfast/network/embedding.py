"""Embeddings: tables whose rows stand for the categories of a column, in the place of an input for each of them.

    row of the inputs     [numbers .., code_1, code_2, ..]               code 0: no category; k + 1: row k of its table
    what the network sees [numbers .., E_1[code_1 - 1], E_2[..], ..]     zeros for no category

A table is PyTorch's Embedding.weight, (categories, units). To the kernels it is the lowest layer of the front, which
stacks one row at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

from rnnfast.network.alignment import Spans
from rnnfast.network.front import FrontLayer


class Embedding(NamedTuple):
    """The table of one column."""

    categories: int  # rows; with "(unseen)", the last one, where there is one
    units: int


class Table(NamedTuple):
    """An embedding as kernels see it: where its code and its numbers lie, and the offset of its tensor, in elements."""

    column: int  # of the code in a row of the inputs
    target: int  # first column of its numbers
    categories: int
    units: int
    E: int  # (categories, units) without padding


def width_of(features: int, embeddings: Sequence[Embedding]) -> int:
    """Return the numbers that a network sees of a row of so many inputs, the last of which are codes.

    features: without constant columns, which stand behind the codes.
    """
    return features - len(embeddings) + sum(embedding.units for embedding in embeddings)


def tables_of(features: int, embeddings: Sequence[Embedding], parameters: Spans) -> list[Table]:
    """Lay out the tables; parameters: where their tensors go."""
    numbers, tables = features - len(embeddings), list[Table]()
    target = numbers
    for k, (categories, units) in enumerate(embeddings):
        tables.append(Table(numbers + k, target, categories, units, parameters.take(categories * units)))
        target += units
    return tables


def look_up_layer(features: int, ldx: int, embeddings: Sequence[Embedding], lanes: int) -> FrontLayer:
    """Return the layer that looks the rows of the inputs up.

    features: that steps see, the codes last; ldx: width of a row, with columns behind them that are left out. lanes:
    the width of the layer is a multiple of these, so that it suits the tile of any network.
    """
    units = width_of(features, embeddings)
    width = -(-units // lanes) * lanes
    return FrontLayer(1, 1, features, ldx, units, width, ldw=0, ldt=0, W=0, b=0, WT=0)


def table_of(table: Table, span: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the table of a span of parameters, its axes reversed: (units, categories), alone in a list."""
    return [span[table.E : table.E + table.categories * table.units].reshape(table.categories, table.units).T]
