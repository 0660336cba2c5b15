"""Losses element by element, with their derivatives: one entry of LOSSES each.

    mse   (p - y)^2                        2 (p - y)
    bce   log(1 + e^p) - y p               sigmoid(p) - y        p is a logit: stable for any p

A kernel multiplies them by the weight of the step and by the scale of the batch. The mean over steps and outputs (or
the sum over steps and mean over outputs) is in that scale, so that the loss and its gradient cannot disagree.
"""

from numba.extending import intrinsic

from rnnfast.kernels.activations import Term, sigmoid, softplus
from rnnfast.kernels.compiling import inlined
from rnnfast.kernels.simd import first_lanes, load, splat, store, total

# name: (value, derivative by p), functions of the outputs p and the targets y
LOSSES = {
    "mse": (lambda p, y: (p - y) * (p - y), lambda p, y: 2.0 * (p - y)),
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


@inlined
def loss_and_gradient(s, out, y, weight, count, scale, dy):
    """Weighted loss of `count` outputs and its scaled gradient.

    Reads:  out, y and weight (count,), readable up to the next multiple of W.
    Writes: dy (count,) = scale * weight * derivative, and zeros up to the next multiple of W.
    Returns: sum of weight * loss, not scaled; NaN or infinite where an output is.
    """
    loss = 0.0
    factor = splat(scale, s)
    for i in range(0, count, s.W):
        p, target = load(out, i, s), load(y, i, s)
        w = load(weight, i, s)
        loss += total(first_lanes(loss_value(p, target, s) * w, count - i))
        store(dy, i, first_lanes(loss_derivative(p, target, s) * w * factor, count - i))
    return loss
