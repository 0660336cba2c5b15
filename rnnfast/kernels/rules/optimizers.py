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

from rnnfast.kernels.lanes.arguments import types_of
from rnnfast.kernels.lanes.compiling import PART, inlined, part
from rnnfast.kernels.lanes.linking import Link, linked
from rnnfast.kernels.lanes.vec import fma, load, sqrt, store, total, zeros

BETA1, BETA2, ADAM_EPS = 0.9, 0.999, 1e-8
RMSPROP_ALPHA, RMSPROP_EPS = 0.99, 1e-8
ADAGRAD_EPS = 1e-10


# Elements of State.updates: steps of the optimizer; batches and windows seen, which choose what drops out; steps whose
# gradient was clipped.
STEPS, SEEN, CLIPPED = range(3)
COUNTERS = 3


class Settings(NamedTuple):
    """What an optimizer is told once."""

    momentum: float
    weight_decay: float
    clip_norm: float  # 0: gradients are not clipped


class State(NamedTuple):
    """What an optimizer keeps between updates, and its settings."""

    m: np.ndarray  # (size,) first moment; (1,) where the rule has none
    v: np.ndarray  # (size,) second moment
    updates: np.ndarray  # (COUNTERS,) int64
    settings: Settings


class Step(NamedTuple):
    """One step of an optimizer on a part of the parameters."""

    first: int
    last: int  # elements first .. last - 1
    lr: float
    clip: float  # factor of the gradient


def _sgd(s, p, g, state, step):
    decay = state.settings.weight_decay
    for i in range(step.first, step.last, s.W):
        w = load(p, i, s)
        store(p, i, w - step.lr * (decay * w + load(g, i, s) * step.clip))


def _momentum(s, p, g, state, step):
    mu, decay = state.settings.momentum, state.settings.weight_decay
    for i in range(step.first, step.last, s.W):
        w = load(p, i, s)
        m = mu * load(state.m, i, s) + (decay * w + load(g, i, s) * step.clip)
        store(state.m, i, m)
        store(p, i, w - step.lr * m)


def _nesterov(s, p, g, state, step):
    mu, decay = state.settings.momentum, state.settings.weight_decay
    for i in range(step.first, step.last, s.W):
        w = load(p, i, s)
        d = decay * w + load(g, i, s) * step.clip
        m = mu * load(state.m, i, s) + d
        store(state.m, i, m)
        store(p, i, w - step.lr * (mu * m + d))


@inlined
def power(base, exponent):
    """base ** exponent of a whole number that is not negative; for `**` Numba would compile another function."""
    result = 1.0
    while exponent > 0:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


def _adam(s, p, g, state, step):
    k, decay = state.updates[STEPS], state.settings.weight_decay
    rate, correction = step.lr / (1.0 - power(BETA1, k)), 1.0 / math.sqrt(1.0 - power(BETA2, k))
    coupled = 0.0 if s.decoupled else decay
    shrink = 1.0 - step.lr * decay if s.decoupled else 1.0
    for i in range(step.first, step.last, s.W):
        w = load(p, i, s)
        d = coupled * w + load(g, i, s) * step.clip
        m = BETA1 * load(state.m, i, s) + (1.0 - BETA1) * d
        v = BETA2 * load(state.v, i, s) + (1.0 - BETA2) * d * d
        store(state.m, i, m)
        store(state.v, i, v)
        store(p, i, -rate * (m / (sqrt(v) * correction + ADAM_EPS)) + shrink * w)


def _rmsprop(s, p, g, state, step):
    decay = state.settings.weight_decay
    for i in range(step.first, step.last, s.W):
        w = load(p, i, s)
        d = decay * w + load(g, i, s) * step.clip
        v = RMSPROP_ALPHA * load(state.v, i, s) + (1.0 - RMSPROP_ALPHA) * d * d
        store(state.v, i, v)
        store(p, i, w - step.lr * (d / (sqrt(v) + RMSPROP_EPS)))


def _adagrad(s, p, g, state, step):
    decay = state.settings.weight_decay
    for i in range(step.first, step.last, s.W):
        w = load(p, i, s)
        d = decay * w + load(g, i, s) * step.clip
        v = load(state.v, i, s) + d * d
        store(state.v, i, v)
        store(p, i, w - step.lr * (d / (sqrt(v) + ADAGRAD_EPS)))


OPTIMIZERS = {
    "sgd": _sgd,
    "momentum": _momentum,
    "nesterov": _nesterov,
    "adam": _adam,
    "adamw": _adam,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
}


def rule_of(s, p, g, state, step):
    """The rule that the specialisation names."""


@overload(rule_of, jit_options=PART)
def _rule_of(s, p, g, state, step):
    return OPTIMIZERS[s.dims["optimizer"]]


@linked
def update(s, p, g, state, step):
    """Apply the optimizer that the specialisation names to some elements of p.

    Reads: g, state.updates (this step counted), state.settings. Writes: p, state.m, state.v.
    """
    rule_of(s, p, g, state, step)


def update_link(s, dtype):
    """The link to the optimizer that the specialisation names."""
    numbers = np.zeros(1, dtype)
    state = State(numbers, numbers, np.zeros(COUNTERS, np.int64), Settings(0.0, 0.0, 0.0))
    return Link(update, s, types_of(numbers, numbers, state, Step(0, 0, 0.0, 0.0)))


@part
def squared_norm(s, g, first, last):
    """Sum of the squares of the elements first .. last - 1."""
    squares = zeros(g, s)
    for i in range(first, last, s.W):
        squares = fma(load(g, i, s), load(g, i, s), squares)
    return total(squares)
