"""What the linear part of sequences with a class each is fitted to: shares of rows in which convolutions exceed
thresholds (model/convolutions.py).

Thresholds are quantiles of what convolutions are in sequences that train, drawn at random (Dempster, Schmidt, Webb
2021). A ridge regression foretells which class it is, 1 for its own and 0 for the others. What it would say of a
sequence that it was not fitted to,

    loo_i = y_i - (y_i - f_i) / (1 - H_ii)        H = Z (Z'Z + penalty)^-1 Z'

chooses the penalty by the squared errors, and by the log loss the scale of

    logits = scale (f - mean) + log of the shares of classes
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import SequenceData, Sequences
from rnnfast.data.sequences.base import TRAINED
from rnnfast.data.sequences.spans import ends
from rnnfast.model import Model
from rnnfast.model.convolutions import KERNELS, MOST_DILATION, TAPS, Convolutions
from rnnfast.model.linear_part import LinearPart
from rnnfast.records import replace
from rnnfast.training.classifiers import counts_of
from rnnfast.training.ridge import units

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_SEQUENCES = 2000  # that it is fitted to: more are drawn, as many of each class where there are
FEWEST_SEQUENCES = 10  # of each class, however long
MOST_NUMBERS = 1 << 25  # in all of them, which are held at once: fewer long ones of many inputs
THRESHOLDS = 12  # of a kernel, over all dilations: with 84 kernels about 1,000 shares
PENALTIES = np.logspace(-3, 5, 17)  # for each share, with a standard deviation of 1
SCALES = np.logspace(-1, 1.7, 40)
GOLDEN = (1 + 5**0.5) / 2  # its multiples, less whole numbers, fill the range of quantiles evenly
LEAST = 1e-12  # of the greatest square of Z that another one counts as: rounding leaves less
LATELY = 16  # parts that are remembered: the folds of a search, in a few scalings
MARGIN = 1e-4  # of the mean height of a convolution: what is constant is not above by rounding
GREATEST = float(np.finfo(np.float32).max)


class Shapes(NamedTuple):
    """Sequences that are learned from: inputs (rows, F), lengths, classes and weights (sequences,)."""

    inputs: Floats
    lengths: Integers
    y: Integers
    weight: Floats

    @property
    def digest(self) -> bytes:
        """Return what tells them from others."""
        digest = blake2b(repr(self.inputs.shape).encode())
        for array in self:
            digest.update(np.ascontiguousarray(array).data)
        return digest.digest()


_lately = dict[tuple[bytes, int, int, int], LinearPart]()  # the last ones that were fitted, the newest one last
_lock = Lock()


def shapes(model: Model, train: Sequences) -> LinearPart:
    """Fit a linear part that answers with the logits of the class of a sequence all by itself."""
    classes = len(model.schema.classes)
    counts = np.sum(train.each_shard(counts_of), axis=0)
    numbers = max(float(train.lengths.mean()), 1) * len(model.encoder.names)  # of a sequence
    most = np.clip(MOST_NUMBERS / numbers, min(FEWEST_SEQUENCES * classes, MOST_SEQUENCES), MOST_SEQUENCES)
    chances = np.minimum(1, most / classes / np.maximum(counts, 1))
    some = _joined(train.each_shard(drawn_shapes, model, chances))
    # In a search many networks learn from the same part, and what stands beside them is the same.
    key = (some.digest, classes, model.schema.outputs, model.config.train.seed)
    with _lock:
        part = _lately.pop(key, None)
    part = part or _part(some, *key[1:])
    with _lock:
        _lately[key] = part
        while len(_lately) > LATELY:
            _lately.pop(next(iter(_lately)))
    return part


def _part(some: Shapes, classes: int, outputs: int, seed: int) -> LinearPart:
    """Fit a linear part to some sequences."""
    nothing = ((0.0,) * some.inputs.shape[1],) * outputs
    if not some.weight.sum():
        return LinearPart(0.0, nothing, nothing, (0.0,) * outputs)
    convolutions = _convolutions(some, np.random.default_rng(seed))
    weights, bias = _logits(convolutions.shares(some.inputs, ends(some.lengths)), some, classes)
    if outputs == 1:
        weights, bias = weights[:, 1:] - weights[:, :1], bias[1:] - bias[:1]
    convolutions = replace(convolutions, weights=tuple(map(tuple, weights.T.tolist())))
    return LinearPart(0.0, nothing, nothing, tuple(bias.tolist()), convolutions=convolutions)


def drawn_shapes(part: Sequences, model: Model, chances: Floats) -> Shapes:
    """Draw sequences by the chances of their classes, which divide weights, however the table comes in blocks."""
    random = np.random.default_rng(model.config.train.seed)
    return _joined([_drawn(block, model, chances, random) for block in part.blocks(TRAINED)])


def _drawn(block: SequenceData, model: Model, chances: Floats, random: np.random.Generator) -> Shapes:
    """Draw sequences of a block."""
    lengths, last = np.diff(block.offsets), block.offsets[1:] - 1
    weight = np.asarray(model.scorer.step_weights(block.y, block.labelled, block.weight), np.float64)[last]
    learned = (lengths > 0) & (weight > 0)
    chance = np.zeros(block.sequences)
    chance[learned] = chances[block.y[last[learned], 0].astype(np.int64)]
    chosen = np.flatnonzero(random.random(block.sequences) < chance)
    inputs = np.asarray(model.encoder.transform(block.take(chosen)), np.float64)
    return Shapes(inputs, lengths[chosen], block.y[last[chosen], 0].astype(np.int64), weight[chosen] / chance[chosen])


def _joined(some: Iterable[Shapes]) -> Shapes:
    """Return several as one."""
    return Shapes(*(np.concatenate(arrays) for arrays in zip(*some, strict=True)))


def _convolutions(some: Shapes, random: np.random.Generator) -> Convolutions:
    """Choose dilations up to the median length, inputs by turns, and thresholds; without weights."""
    offsets, kernels, features = ends(some.lengths), len(KERNELS), some.inputs.shape[1]
    widest = np.clip((np.median(some.lengths) - 1) / (TAPS - 1), 1, MOST_DILATION)
    dilations = np.unique(np.floor(2 ** np.linspace(0, np.log2(widest), THRESHOLDS)).astype(int)).tolist()
    each = max(1, round(THRESHOLDS / len(dilations)))
    quantiles = (np.arange(1, len(dilations) * kernels * each + 1) * GOLDEN % 1).reshape(len(dilations), kernels, each)
    inputs = tuple(
        tuple(random.permutation(np.arange(k * kernels, (k + 1) * kernels) % features).tolist())
        for k in range(len(dilations))
    )
    convolutions = Convolutions(tuple(dilations), inputs, (), ())
    chosen = random.integers(len(some.lengths), size=(len(dilations), kernels))
    thresholds = np.empty(quantiles.shape, np.float32)  # so that exports in that precision have the same
    for sequence in np.unique(chosen):
        rows = np.arange(offsets[sequence], offsets[sequence + 1])
        for here, values in convolutions.values(some.inputs, rows, rows - rows[0]):
            own = chosen[here] == sequence
            for (k, kernel), heights in zip(np.argwhere(own), values[own], strict=True):
                place = here.start + k, kernel
                limits = np.quantile(heights, quantiles[place]) + MARGIN * np.abs(heights).mean()
                thresholds[place] = limits.clip(-GREATEST, GREATEST)
    return replace(convolutions, thresholds=tuple(tuple(map(tuple, one)) for one in thresholds.tolist()))


def _logits(shares: Floats, some: Shapes, classes: int) -> tuple[Floats, Floats]:
    """Return weights (S, classes) and biases (classes,) of the logits, for shares (n, S) of sequences."""
    weight, y = some.weight / some.weight.sum(), np.eye(classes)[some.y]
    mean, prior = weight @ shares, weight @ y
    unit = units(mean, np.sqrt(weight @ (shares - mean) ** 2))
    root = np.sqrt(weight)[:, None]
    z, label = root * (shares - mean) / unit, root * (y - prior)
    u, squares = principal(z)
    right = u.T @ label
    penalties = PENALTIES * shares.shape[1] / len(shares)

    def of_others(penalty: float) -> Floats:
        return left_out(u, squares / (squares + penalty), right, label, weight)

    best = min(penalties.tolist(), key=lambda penalty: float(np.sum((label - of_others(penalty)) ** 2)))
    solution = z.T @ (u @ (right / (squares + best)[:, None])) / unit[:, None]
    prior = np.log((prior * len(shares) + 1) / (len(shares) + classes))  # as if seen once more, so that none is 0
    scale = _scale(of_others(best) / root, prior, some.y, weight)
    return scale * solution, prior - scale * (mean @ solution)


def principal(z: Floats) -> tuple[Floats, Floats]:
    """Return the axes u (n, k) of z (n, S), with its squares (k,) along each: z z^T = u squares u^T."""
    if len(z) <= z.shape[1]:
        squares, u = np.linalg.eigh(z @ z.T)
        return u, np.maximum(squares, 0)
    squares, vectors = np.linalg.eigh(z.T @ z)
    squares = np.maximum(squares, max(squares[-1] * LEAST, np.finfo(np.float64).tiny))
    return z @ vectors / np.sqrt(squares), squares


def left_out(u: Floats, shrunk: Floats, right: Floats, y: Floats, weight: Floats) -> Floats:
    """Return what is said (n, classes) of each sequence by all others, times the root of its weight."""
    leverage = (u**2) @ shrunk + weight  # the mean is learned too
    error = (y - u @ (shrunk[:, None] * right)) / np.maximum(1 - leverage, 1e-9)[:, None]
    return np.asarray(y - error)


def _scale(answers: Floats, prior: Floats, y: Integers, weight: Floats) -> float:
    """Return the scale of the logits with the least log loss."""
    losses = []
    for scale in SCALES:
        logits = scale * answers + prior
        losses.append(weight @ (np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(y)), y]))
    return float(SCALES[int(np.argmin(losses))])
