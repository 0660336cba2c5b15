"""Initial weights.

    xavier      U(-a, a), a = sqrt(6 / (fan_in + fan_out))      (Glorot, Bengio 2010, eq. 16)
    he          N(0, 2 / fan_in)                                (He et al. 2015, eq. 10)
    orthogonal  recurrent weights orthogonal (Saxe et al. 2014), all others xavier
    uniform     U(-r, r), r = 1 / sqrt(hidden) as in PyTorch unless given; biases too

Biases start at 0 except with uniform. A new rule is one entry of RULES.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


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
    shapes: Mapping[str, tuple[int, ...]], rule: str, hidden: int, seed: int, limit: float | None, recurrent_bias: bool
) -> dict[str, Array]:
    """Draw the tensors of a network.

    shapes: PyTorch's names to shapes, weights (gates * hidden, inputs); each gate's matrix is drawn by itself.
    limit: r of `uniform`, or None for 1 / sqrt(hidden). recurrent_bias: False leaves bias_hh at 0.
    Uses a random stream of its own: the seed's split and order do not depend on the architecture.
    """
    generator = np.random.default_rng([seed, 2])
    tensors = {}
    for name, shape in shapes.items():
        if rule == "uniform":
            bound = 1.0 / np.sqrt(hidden) if limit is None else limit
            tensors[name] = generator.uniform(-bound, bound, shape)
        elif len(shape) == 1:
            tensors[name] = np.zeros(shape)
        else:
            rows = hidden if name.startswith("rnn.") else shape[0]
            recurrent = "weight_hh" in name
            gates = [RULES[rule](generator, (rows, shape[1]), recurrent) for _ in range(shape[0] // rows)]
            tensors[name] = np.concatenate(gates)
        if "bias_hh" in name and not recurrent_bias:
            tensors[name] = np.zeros(shape)
    return tensors
