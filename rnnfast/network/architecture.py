"""What a network is made of; all that a kernel's shape and a layout of parameters follow from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """Recurrent layers and a linear head.

    hidden: units of each layer, from the input up; a single number is one layer. bidirectional: every layer runs in
    both directions and hands on both states. activation: of rnn and mlp. dtype: "float32" or "float64".
    recurrent_bias: whether bias_hh is trained beside bias_ih, as in PyTorch; else it stays 0. dropout: share of the
    outputs between layers that is zeroed in training.
    """

    cell: str
    features: int
    hidden: tuple[int, ...] | int
    outputs: int
    activation: str
    dtype: str = "float32"
    recurrent_bias: bool = True
    bidirectional: bool = False
    dropout: float = 0.0

    def __post_init__(self):
        if isinstance(self.hidden, int):
            object.__setattr__(self, "hidden", (self.hidden,))

    @property
    def directions(self):
        """1, or 2 for a bidirectional network."""
        return 2 if self.bidirectional else 1
