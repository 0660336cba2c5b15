"""Update rules over the flat span of parameters: one entry of OPTIMIZERS each.

    sgd   p <- p - lr g

An optimizer is one loop over whole SIMD values; padding has gradient 0 and stays 0.
"""

from numba.extending import overload

from rnnfast.kernels.simd import fma, load, splat, store


def sgd(s, size, p, g, lr):
    """P <- p - lr g."""
    rate = splat(-lr, s)
    for i in range(0, size, s.W):
        store(p, i, fma(rate, load(g, i, s), load(p, i, s)))


OPTIMIZERS = {"sgd": sgd}


def update(s, size, p, g, lr):
    """Apply the optimizer that the shape names. Reads: g. Writes: p."""


@overload(update, jit_options={"error_model": "numpy", "forceinline": True})
def _update(s, size, p, g, lr):
    return OPTIMIZERS[s.dims["optimizer"]]
