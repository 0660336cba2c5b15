"""What a network is made of; all that a kernel's shape and a layout of parameters follow from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """A recurrent layer and a linear head.

    dtype: "float32" or "float64". recurrent_bias: whether bias_hh is trained beside bias_ih, as in PyTorch; else it
    stays 0.
    """

    cell: str
    features: int
    hidden: int
    outputs: int
    activation: str
    dtype: str = "float32"
    recurrent_bias: bool = True
