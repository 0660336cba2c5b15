"""Losses with their derivatives by the output.

Element by element, one entry of LOSSES each:

    mse    (p - y)^2                                       2 (p - y)
    mae    |p - y|                                         sign(p - y)
    huber  (p - y)^2 / 2, beyond 1: |p - y| - 1/2          p - y limited to [-1, 1]      (Huber 1964, delta 1 as in
    PyTorch) bce    log(1 + e^p) - y p                              sigmoid(p) - y                p is a logit: stable
    for any p

Over the outputs of a step:

    ce     log sum_o e^{p_o} - p_y                         softmax(p) - onehot(y)        y is the index of the class

A kernel multiplies them by the weight of the step and by the scale of the batch. The mean over steps and outputs (or
the sum over steps and mean over outputs) is in that scale, so that the loss and its gradient cannot disagree.
"""

import math

from numba.extending import intrinsic, overload

from rnnfast.kernels.lanes.compiling import INLINED
from rnnfast.kernels.lanes.elementary import Term, sigmoid, softplus
from rnnfast.kernels.lanes.vec import first_lanes, load, splat, store, total
from rnnfast.kernels.rules.activations import vexp

# name: (value, derivative by p), functions of the outputs p and the targets y
LOSSES = {
    "mse": (lambda p, y: (p - y) * (p - y), lambda p, y: 2.0 * (p - y)),
    "mae": (lambda p, y: abs(p - y), lambda p, y: (p - y).sign()),
    "huber": (
        lambda p, y: (p - y).clamp(-1.0, 1.0) * ((p - y) - 0.5 * (p - y).clamp(-1.0, 1.0)),
        lambda p, y: (p - y).clamp(-1.0, 1.0),
    ),
    "bce": (lambda p, y: softplus(p) - y * p, lambda p, y: sigmoid(p) - y),
}


def _chosen(part, doc):
    def typed(typingctx, p, y, shape):
        function = LOSSES[shape.dims["loss"]][part]

        def codegen(context, builder, sig, args):
            return function(Term(builder, args[0]), Term(builder, args[1])).value

        return p(p, y, shape), codegen

    typed.__doc__ = doc
    return intrinsic(typed)


loss_value = _chosen(0, "The loss that the shape names, lane by lane.")
loss_derivative = _chosen(1, "Its derivative by the output, lane by lane.")


def loss_and_gradient(s, out, y, weight, rows, O, scale, dy):
    """Weighted loss of `rows` steps of O outputs and its scaled gradient.

    Reads:  out (rows, O); y and weight (rows, C), C = O, or 1 for ce; all readable up to the next multiple of W.
    Writes: dy (rows, O) = scale * weight * derivative, and zeros up to the next multiple of W.
    Returns: sum of weight * loss, not scaled; NaN or infinite where an output is.
    """


@overload(loss_and_gradient, jit_options=INLINED)
def _loss_and_gradient(s, out, y, weight, rows, O, scale, dy):
    return _softmax if s.dims["loss"] == "ce" else _elementwise


def _elementwise(s, out, y, weight, rows, O, scale, dy):
    loss, count = 0.0, rows * O
    factor = splat(scale, s)
    for i in range(0, count, s.W):
        p, target, w = load(out, i, s), load(y, i, s), load(weight, i, s)
        loss += total(first_lanes(loss_value(p, target, s) * w, count - i))
        store(dy, i, first_lanes(loss_derivative(p, target, s) * w * factor, count - i))
    return loss


def _softmax(s, out, y, weight, rows, O, scale, dy):
    loss = 0.0
    for row in range(rows):
        start, peak = row * O, out[row * O]
        for o in range(1, O):
            # NaN must get through: a comparison with it is false
            peak = out[start + o] if not out[start + o] <= peak else peak
        norm = peak - peak
        for o in range(0, O, s.W):
            e = vexp(load(out, start + o, s) - splat(peak, s))
            norm += total(first_lanes(e, O - o))
        label, w = int(y[row]), weight[row]
        loss += w * (math.log(norm) + peak - out[start + label])
        factor = splat(scale * w / norm, s)
        # The last tile writes zeros over the beginning of the next row, which is computed after it.
        for o in range(0, O, s.W):
            e = vexp(load(out, start + o, s) - splat(peak, s))
            store(dy, start + o, first_lanes(e * factor, O - o))
        dy[start + label] -= scale * w
    return loss
