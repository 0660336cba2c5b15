"""What a network is made of; the specialisation of its kernels and the layout of its parameters follow from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rnnfast.catalogue import HEADS
from rnnfast.cells import built_in
from rnnfast.equations.cell import Cell
from rnnfast.errors import UsageError
from rnnfast.network.embedding import Embedding, width_of
from rnnfast.network.front import Patch, stride_of


@dataclass(frozen=True)
class Architecture:
    """A front of layers over stacked rows, recurrent layers, and a linear head that sees the top one.

    cell: its equations; features: inputs of a step; hidden: units of each layer, from the input up; outputs: of a step;
    dtype: "float32" or "float64"; recurrent_bias: whether bias_hh is trained beside bias_ih, as in PyTorch, else it
    stays 0; bidirectional: every layer runs in both directions and hands on both states; dropout: share of the outputs
    between layers that is zeroed in training; head: one of the catalogue, what of the steps up to one its outputs see;
    front: layers that stack rows of the table into steps, from the features up; embeddings: of the last features, which
    are codes of categories. static: features that are constant in a sequence, behind all others.
    """

    cell: Cell
    features: int
    hidden: tuple[int, ...]
    outputs: int
    dtype: str = "float32"
    recurrent_bias: bool = True
    bidirectional: bool = False
    dropout: float = 0.0
    head: str = "last"
    front: tuple[Patch, ...] = ()
    embeddings: tuple[Embedding, ...] = ()
    static: int = 0

    def __post_init__(self) -> None:
        """Refuse what has no meaning."""
        if self.bidirectional and not self.cell.recurrent:
            raise UsageError(f"cell {self.cell.name} has no state and so no direction")

    @classmethod
    def named(
        cls,
        cell: str,
        features: int,
        hidden: tuple[int, ...] | int,
        outputs: int,
        activation: str = "tanh",
        dtype: str = "float32",
        **more: Any,
    ) -> Architecture:
        """An architecture of a built-in cell; a single number in place of `hidden` is one layer.

        activation: of rnn and mlp; the other cells have their own.
        """
        layers = (hidden,) if isinstance(hidden, int) else hidden
        return cls(built_in(cell, activation), features, layers, outputs, dtype, **more)

    @property
    def without_embeddings(self) -> Architecture:
        """The same network whose features are what it sees of a row, the numbers of its tables in place of codes."""
        features = width_of(self.features - self.static, self.embeddings) + self.static
        return replace(self, features=features, embeddings=())

    @property
    def directions(self) -> int:
        """1, or 2 for a bidirectional network."""
        return 2 if self.bidirectional else 1

    @property
    def remembers(self) -> bool:
        """Whether outputs depend on the steps before."""
        return self.cell.recurrent or HEADS[self.head].pools

    @property
    def stride(self) -> int:
        """Rows of the table from one step to the next."""
        return stride_of(self.front)
