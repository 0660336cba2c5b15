"""Initial weights.

    xavier      U(-a, a), a = sqrt(6 / (fan_in + fan_out))      (Glorot, Bengio 2010, eq. 16)
    he          N(0, 2 / fan_in)                                (He et al. 2015, eq. 10)
    orthogonal  recurrent weights orthogonal (Saxe et al. 2014), all others xavier
    uniform     U(-r, r), r = 1 / sqrt(hidden) as in PyTorch unless given; biases too

Biases start at 0 except with uniform, vectors of a cell where its equations say, and embeddings with rows of about the
same length, from N(0, ROW_LENGTH^2 / units). A new rule is one entry of RULES, and one of the catalogue.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import INITS, implementation
from rnnfast.network.records import Tensor

Array = NDArray[np.float64]

ROW_LENGTH = 0.3  # of an embedding: 1, 0.1 and 2.8 gave worse answers on credit default and Beijing (docs/training.md)


def _xavier(generator: np.random.Generator, shape: tuple[int, int], recurrent: bool) -> Array:
    limit = np.sqrt(6.0 / (shape[0] + shape[1]))
    return generator.uniform(-limit, limit, shape)


def _he(generator: np.random.Generator, shape: tuple[int, int], recurrent: bool) -> Array:
    return generator.normal(0.0, np.sqrt(2.0 / shape[1]), shape)


def _orthogonal(generator: np.random.Generator, shape: tuple[int, int], recurrent: bool) -> Array:
    if not recurrent:
        return _xavier(generator, shape, recurrent)
    columns, triangle = np.linalg.qr(generator.normal(size=shape))
    return np.asarray(columns * np.sign(np.diag(triangle)))  # the sign makes the draw uniform over rotations


RULES: dict[str, Callable[[np.random.Generator, tuple[int, int], bool], Array]] = {
    "xavier": _xavier,
    "he": _he,
    "orthogonal": _orthogonal,
}


def initial_tensors(
    tensors: Sequence[Tensor], rule: str, seed: int, limit: float | None, recurrent_bias: bool
) -> dict[str, Array]:
    """Draw the tensors of a network, each gate by itself.

    limit: r of `uniform`, or None for 1 / sqrt(hidden). recurrent_bias: False leaves bias_hh at 0.
    Uses a random stream of its own: the seed's split and order do not depend on the architecture.
    """
    generator = np.random.default_rng([seed, 2])
    shapes = {tensor.name: tensor.shape for tensor in tensors}
    drawn = {}
    for name, shape, gates, kind, start in tensors:
        units = shape[0] // gates
        if kind == "vector":
            alike = start.low == start.high
            drawn[name] = np.full(shape, start.low) if alike else generator.uniform(*start, shape)
        elif kind == "embedding":
            drawn[name] = generator.normal(0.0, ROW_LENGTH / math.sqrt(shape[1]), shape)
        elif INITS[rule].biases:
            # A linear layer is bounded by its inputs, as in PyTorch; its bias follows its weight in the mapping.
            fan = units if name.startswith("rnn.") else math.prod(shapes[name.replace("bias", "weight")][1:])
            bound = 1.0 / np.sqrt(fan) if limit is None else limit
            drawn[name] = generator.uniform(-bound, bound, shape)
        elif len(shape) == 1:
            drawn[name] = np.zeros(shape)
        else:
            draw, recurrent = implementation("init", rule, RULES), kind == "weight_hh"
            matrices = [draw(generator, (units, math.prod(shape[1:])), recurrent) for _ in range(gates)]
            drawn[name] = np.concatenate(matrices).reshape(shape)
        if kind == "bias_hh" and not recurrent_bias:
            drawn[name] = np.zeros(shape)
    return drawn
