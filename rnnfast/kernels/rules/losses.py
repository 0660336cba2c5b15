"""Losses with their derivatives by the output.

Element by element a loss is a formula (equations/losses.py), whose derivative is derived. Over the outputs of a step

    ce     log sum_o e^{p_o} - p_y                         softmax(p) - onehot(y)        y is the index of the class
    soft   log sum_o e^{p_o} - sum_o y_o p_o               softmax(p) - y                y are shares, whose sum is 1

A kernel multiplies them by the weight of the step and by the scale of the batch. The mean over steps and outputs (or
the sum over steps and mean over outputs) is in that scale, so that the loss and its gradient cannot disagree.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import intrinsic, overload

from rnnfast.catalogue import LOSSES as FACTS
from rnnfast.equations.derivative import derivative
from rnnfast.equations.graph import Node
from rnnfast.equations.losses import LOSSES
from rnnfast.kernels.lanes.arguments import types_of
from rnnfast.kernels.lanes.compiling import INLINED
from rnnfast.kernels.lanes.formula import emit, vexp
from rnnfast.kernels.lanes.linking import Link, linked, no_link
from rnnfast.kernels.lanes.span import number
from rnnfast.kernels.lanes.vec import first_lanes, llvm_type, load, store, total

SOFT = "soft"  # ce against the answers of another network, which nobody chooses by its name

OUTPUT, TARGET = Node("input", "loss", "p"), Node("input", "loss", "y")


class Targets(NamedTuple):
    """What the outputs of some steps are compared with; all readable up to the next multiple of W."""

    y: Any  # (rows, C) targets, C outputs, or 1 for ce
    weight: Any  # (rows, C) weight of each in the loss


@intrinsic
def _value_and_derivative(typingctx, p, y, spec):
    """The loss that the specialisation names and its derivative by the output, lane by lane."""
    value = LOSSES[spec.dims["loss"]](OUTPUT, TARGET)
    roots = (value, derivative(value, OUTPUT))

    def codegen(context, builder, sig, args):
        vectors = emit(builder, llvm_type(p), roots, {OUTPUT: args[0], TARGET: args[1]})
        return context.make_tuple(builder, sig.return_type, vectors)

    return types.UniTuple(p, 2)(p, y, spec), codegen


def loss_and_gradient(s, out, targets, rows, O, scale, dy):
    """Weighted loss of `rows` steps of O outputs and its scaled gradient.

    Reads:  out (rows, O), readable up to the next multiple of W; targets.
    Writes: dy (rows, O) = scale * weight * derivative, and zeros up to the next multiple of W.
    Returns: sum of weight * loss, not scaled; NaN or infinite where an output is.
    """


@overload(loss_and_gradient, jit_options=INLINED)
def _loss_and_gradient(s, out, targets, rows, O, scale, dy):
    if s.dims["loss"] == SOFT:
        return _softmax_of_shares
    return _softmax if FACTS[s.dims["loss"]].per_step else _by_output


@linked
def loss_kernel(s, out, targets, rows, O, scale, dy):
    """`loss_and_gradient` by address."""
    return loss_and_gradient(s, out, targets, rows, O, scale, dy)


def loss_link(s, dtype):
    """The link to the loss that the specialisation names; without one, to nothing."""
    numbers = np.zeros(1, dtype)
    taken = types_of(numbers, Targets(numbers, numbers), 0, 0, 0.0, numbers)
    return Link(loss_kernel, s, taken, types.float64) if s.loss else no_link(taken, types.float64)


def _by_output(s, out, targets, rows, O, scale, dy):
    loss, count = 0.0, rows * O
    for i in range(0, count, s.W):
        w = load(targets.weight, i, s)
        value, slope = _value_and_derivative(load(out, i, s), load(targets.y, i, s), s)
        loss += total(first_lanes(value * w, count - i))
        store(dy, i, first_lanes(slope * w * scale, count - i))
    return loss


def _softmax(s, out, targets, rows, O, scale, dy):
    loss, scale = 0.0, number(out, scale)
    for row in range(rows):
        start, peak = row * O, out[row * O]
        for o in range(1, O):
            # NaN must get through: a comparison with it is false
            peak = out[start + o] if not out[start + o] <= peak else peak
        norm = peak - peak  # 0 of the right type, and NaN where an output is not finite
        for o in range(0, O, s.W):
            norm += total(first_lanes(vexp(load(out, start + o, s) - peak), O - o))
        label, w = int(targets.y[row]), targets.weight[row]
        loss += w * (math.log(norm) + peak - out[start + label])
        # The last vector writes zeros over the beginning of the next row, which is computed after it.
        for o in range(0, O, s.W):
            store(dy, start + o, first_lanes(vexp(load(out, start + o, s) - peak) * (scale * w / norm), O - o))
        dy[start + label] -= scale * w
    return loss


def _softmax_of_shares(s, out, targets, rows, O, scale, dy):
    # A step has O targets, by which the scale is divided, and one loss.
    loss, scale = 0.0, number(out, scale * O)
    for row in range(rows):
        start, peak = row * O, out[row * O]
        for o in range(1, O):
            peak = out[start + o] if not out[start + o] <= peak else peak
        norm, agreed, w = peak - peak, peak - peak, targets.weight[start]
        for o in range(0, O, s.W):
            z = load(out, start + o, s)
            norm += total(first_lanes(vexp(z - peak), O - o))
            agreed += total(first_lanes(load(targets.y, start + o, s) * (z - peak), O - o))
        loss += w * (math.log(norm) - agreed)
        for o in range(0, O, s.W):
            slope = vexp(load(out, start + o, s) - peak) * (1 / norm) - load(targets.y, start + o, s)
            store(dy, start + o, first_lanes(slope * (scale * w), O - o))
    return loss
