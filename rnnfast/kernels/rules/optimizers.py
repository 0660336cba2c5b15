"""Update rules over the flat span of parameters: one entry of OPTIMIZERS each. Formulas and defaults are torch.optim's.

    g <- g + weight_decay p                                 (all but adamw, which scales p by 1 - lr weight_decay first)
    sgd       p <- p - lr g
    momentum  m <- mu m + g                  p <- p - lr m
    nesterov  m <- mu m + g                  p <- p - lr (g + mu m)
    adam      m <- b1 m + (1 - b1) g         v <- b2 v + (1 - b2) g^2      p <- p - lr / c1 m / (sqrt(v / c2) + eps)
    adamw     the same, decay decoupled      (Loshchilov, Hutter 2019)
    rmsprop   v <- a v + (1 - a) g^2         p <- p - lr g / (sqrt(v) + eps)
    adagrad   v <- v + g^2                   p <- p - lr g / (sqrt(v) + eps)

with c1 = 1 - b1^k, c2 = 1 - b2^k after k updates (Kingma, Ba 2015). Torch starts momentum with m = g: with m = 0
before, that is the same. An optimizer is one loop over whole SIMD values; padding has gradient 0 and stays 0.
"""

import math
from typing import NamedTuple

import numpy as np
from numba.extending import overload

from rnnfast.kernels.lanes.compiling import PART, inlined, part
from rnnfast.kernels.lanes.span import number
from rnnfast.kernels.lanes.vec import fma, load, splat, store, total, vdivide, vsqrt

BETA1, BETA2, ADAM_EPS = 0.9, 0.999, 1e-8
RMSPROP_ALPHA, RMSPROP_EPS = 0.99, 1e-8
ADAGRAD_EPS = 1e-10


class State(NamedTuple):
    """What an optimizer keeps between updates, and its settings."""

    m: np.ndarray  # (size,) first moment; (0,) where the rule has none
    v: np.ndarray  # (size,) second moment
    updates: np.ndarray  # (2,) int64: steps of the optimizer; batches and windows seen, which choose what drops out
    settings: np.ndarray  # (4,) float64: lr, momentum, weight decay, clip norm (0: none)


# name: (whether it keeps m, whether it keeps v)
MOMENTS = {
    "sgd": (False, False),
    "momentum": (True, False),
    "nesterov": (True, False),
    "adam": (True, True),
    "adamw": (True, True),
    "rmsprop": (False, True),
    "adagrad": (False, True),
}


def _sgd(s, first, last, p, g, state, lr, clip):
    rate, decay, limit = splat(number(p, -lr), s), splat(number(p, state.settings[2]), s), splat(number(p, clip), s)
    for i in range(first, last, s.W):
        w = load(p, i, s)
        store(p, i, fma(rate, fma(decay, w, load(g, i, s) * limit), w))


def _momentum(s, first, last, p, g, state, lr, clip):
    rate, decay, limit = splat(number(p, -lr), s), splat(number(p, state.settings[2]), s), splat(number(p, clip), s)
    mu = splat(number(p, state.settings[1]), s)
    for i in range(first, last, s.W):
        w = load(p, i, s)
        m = fma(mu, load(state.m, i, s), fma(decay, w, load(g, i, s) * limit))
        store(state.m, i, m)
        store(p, i, fma(rate, m, w))


def _nesterov(s, first, last, p, g, state, lr, clip):
    rate, decay, limit = splat(number(p, -lr), s), splat(number(p, state.settings[2]), s), splat(number(p, clip), s)
    mu = splat(number(p, state.settings[1]), s)
    for i in range(first, last, s.W):
        w = load(p, i, s)
        d = fma(decay, w, load(g, i, s) * limit)
        m = fma(mu, load(state.m, i, s), d)
        store(state.m, i, m)
        store(p, i, fma(rate, fma(mu, m, d), w))


@inlined
def _adam_loop(s, first, last, p, g, state, lr, clip, shrink, coupled):
    """The moments of adam; p is scaled by `shrink` first, `coupled` times p is added to the gradient."""
    k = state.updates[0]
    rate = splat(number(p, -lr / (1.0 - BETA1**k)), s)
    correction = splat(number(p, 1.0 / math.sqrt(1.0 - BETA2**k)), s)
    keep, limit, eps = splat(number(p, shrink), s), splat(number(p, clip), s), splat(number(p, ADAM_EPS), s)
    decay = splat(number(p, coupled), s)
    b1, a1 = splat(number(p, BETA1), s), splat(number(p, 1.0 - BETA1), s)
    b2, a2 = splat(number(p, BETA2), s), splat(number(p, 1.0 - BETA2), s)
    for i in range(first, last, s.W):
        w = load(p, i, s)
        d = fma(decay, w, load(g, i, s) * limit)
        m = fma(b1, load(state.m, i, s), a1 * d)
        v = fma(b2, load(state.v, i, s), a2 * d * d)
        store(state.m, i, m)
        store(state.v, i, v)
        store(p, i, fma(rate, vdivide(m, fma(vsqrt(v), correction, eps)), w * keep))


def _adam(s, first, last, p, g, state, lr, clip):
    _adam_loop(s, first, last, p, g, state, lr, clip, 1.0, state.settings[2])


def _adamw(s, first, last, p, g, state, lr, clip):
    _adam_loop(s, first, last, p, g, state, lr, clip, 1.0 - lr * state.settings[2], 0.0)


def _rmsprop(s, first, last, p, g, state, lr, clip):
    rate, decay, limit = splat(number(p, -lr), s), splat(number(p, state.settings[2]), s), splat(number(p, clip), s)
    alpha, rest = splat(number(p, RMSPROP_ALPHA), s), splat(number(p, 1.0 - RMSPROP_ALPHA), s)
    eps = splat(number(p, RMSPROP_EPS), s)
    for i in range(first, last, s.W):
        w = load(p, i, s)
        d = fma(decay, w, load(g, i, s) * limit)
        v = fma(alpha, load(state.v, i, s), rest * d * d)
        store(state.v, i, v)
        store(p, i, fma(rate, vdivide(d, vsqrt(v) + eps), w))


def _adagrad(s, first, last, p, g, state, lr, clip):
    rate, decay, limit = splat(number(p, -lr), s), splat(number(p, state.settings[2]), s), splat(number(p, clip), s)
    eps = splat(number(p, ADAGRAD_EPS), s)
    for i in range(first, last, s.W):
        w = load(p, i, s)
        d = fma(decay, w, load(g, i, s) * limit)
        v = fma(d, d, load(state.v, i, s))
        store(state.v, i, v)
        store(p, i, fma(rate, vdivide(d, vsqrt(v) + eps), w))


OPTIMIZERS = {
    "sgd": _sgd,
    "momentum": _momentum,
    "nesterov": _nesterov,
    "adam": _adam,
    "adamw": _adamw,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
}


def update(s, first, last, p, g, state, lr, clip):
    """Apply the optimizer that the shape names to the elements first .. last - 1, with the gradient scaled by clip.

    Reads: g, state.updates[0] (this one counted), state.settings. Writes: p, state.m, state.v.
    """


@overload(update, jit_options=PART)
def _update(s, first, last, p, g, state, lr, clip):
    return OPTIMIZERS[s.dims["optimizer"]]


@part
def squared_norm(s, first, last, g):
    """Sum of the squares of the elements first .. last - 1."""
    squares = splat(number(g, 0.0), s)
    for i in range(first, last, s.W):
        squares = fma(load(g, i, s), load(g, i, s), squares)
    return total(squares)
