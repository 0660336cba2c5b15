"""What kernels see of the parameters of a network: sizes and offsets; and the tensors of the model file."""

from __future__ import annotations

from typing import NamedTuple

from rnnfast.equations.cell import Start


class Direction(NamedTuple):
    """One direction of one layer: its sizes and the offsets of its tensors, in elements.

    The offsets in memory (gates and later) are those of a chunk's workspace, see kernels/run/memory.py.
    """

    layer: int
    inner: int  # 1: its input has a gradient: it is that of the layer below, or of the front
    reverse: int  # 1: runs from the last step to the first
    inputs: int  # rows of a block of Wx
    blocks: int  # blocks of Wx: directions of the layer below
    ldx: int  # width of a row of the input
    block: int  # distance of the blocks within a row of the input
    hidden: int
    recurrent_bias: int  # 1: b_hh is trained
    width: int  # padded hidden units of a gate
    Nx: int  # width of the gates with a product W' x
    Nh: int  # width of the gates with a product U' h
    shared: int  # width of the gates whose products are summed up
    ldg: int  # distance of rows of gates and Wx: Nx, or a cache line more (see row_distance)
    ldr: int  # distance of rows of Wh: Nh, or a cache line more
    ldh: int  # width of a row of the layer's output: directions * width
    column: int  # where this direction's units begin in it
    Wx: int
    Wh: int
    b_ih: int
    b_hh: int
    vectors: int
    bias: int  # derived: (Nx,) start of the gates
    WhT: int  # derived: (Nh, width)
    WxT: int  # derived: (Nx, ldx), where its input has a gradient
    gates: int = 0  # (P, Nx)
    apart: int = 0  # (P, Nh less the shared gates): products U' h by themselves
    states: int = 0  # (R + P, width) of each state but h, `plane` elements apart
    plane: int = 0
    others: int = 0  # states but h
    extra: int = 0  # (P, width) of each value that is kept beside the gates, `extra_distance` elements apart
    extra_distance: int = 0
    h: int = 0  # (R + P, ldh) of the layer
    dh: int = 0  # (P, ldh) of the layer
    dropped: int = 0  # (P, ldh) of the layer: what the next one sees, with dropout
    C: int = 0  # coefficients of the cell
    coefficients: int = 0  # (C, width) what the cell makes of its vectors alone
    dcoefficients: int = 0  # (C, width) their gradients
    carry_plane: int = 0  # distance of the carries of the states
    carried: int = 0  # where its states begin among those of a sequence that are carried over
    Ws: int = 0  # (S, width) of constant columns to the first state
    b_s: int = 0  # (width,)


class Static(NamedTuple):
    """The columns that are constant in a sequence; the offset in memory is that of a chunk's workspace."""

    columns: int = 0  # S
    first: int = 0  # where they begin in a row of the inputs
    ldx: int = 0  # width of a row of the inputs
    directions: int = 0  # whose first state they make: all, or 0 of a cell without states
    state: int = 0  # which state of the cell that is
    outputs: int = 0
    V: int = 0  # (O, S) to the outputs, without padding
    rows: int = 0  # (R, S) of the sequences of a chunk


class Head(NamedTuple):
    """Sizes of the output layer and the offsets of its tensors.

    The offsets in memory (pooled and later) are those of a chunk's workspace, as of Direction.
    """

    inputs: int  # hidden units of a direction
    blocks: int  # directions, for each block of the states that it sees
    block: int  # padded units of a direction
    outputs: int
    width: int  # blocks * block
    Wy: int
    by: int
    query: int  # of attention
    pools: int  # 1: it sees what is pooled over time; 0: the states of the top layer
    targets: int = 1  # numbers that a step is compared with: outputs, or 1 (the index of a class)
    pooled: int = 0  # (R + P, width) what it sees
    dpooled: int = 0  # (P, width)
    shares: int = 0  # (P,) weights of the steps in a mean
    scores: int = 0  # (P,) of attention; after the way back their gradients
    peak: int = 0  # (R,) the largest score
    mass: int = 0  # (R,) what the shares are divided by
    carried: int = 0  # where pooled, peak and mass of a sequence begin among what is carried over
    static: Static = Static()


class Tensor(NamedTuple):
    """A tensor of the model file.

    gates: that lie one below the other in it, `shape[0] // gates` rows each; kind: weight_ih, weight_hh, bias_ih,
    bias_hh, vector, weight, bias or embedding; start: of the numbers of a vector.
    """

    name: str
    shape: tuple[int, ...]
    gates: int
    kind: str
    start: Start = Start(0.0, 0.0)
