"""Activations with their derivatives: one entry of ACTIVATIONS each. Their errors are those of elementary.py."""

from numba.extending import intrinsic

from rnnfast.kernels.lanes.elementary import Term, exp, expm1, normal_distribution, sigmoid, softplus, tanh


def relu(x):
    """max(x, 0), NaN kept; the derivative at 0 is 0, as in PyTorch."""
    return x.where("<", 0.0, 0.0)


def leaky_relu(x):
    """x, below 0 a hundredth of it (PyTorch's slope)."""
    return x.where("<", 0.0, LEAK * x)


def elu(x):
    """x, below 0 exp(x) - 1 (Clevert et al. 2016)."""
    return x.where("<", 0.0, expm1(x.where(">", 0.0, 0.0)))


def swish(x):
    """X sigmoid(x) (PyTorch's SiLU)."""
    return x * sigmoid(x)


def gelu(x):
    """X Phi(x), Phi the normal distribution (Hendrycks, Gimpel 2016), exact form."""
    return x * normal_distribution(x)


def _swish_gradient(x, y):
    gate = sigmoid(x)
    return gate + y * (1.0 - gate)


def _gelu_gradient(x, y):
    return normal_distribution(x) + x * (0.3989422804014327 * exp(-0.5 * x * x))


def _one(y):
    """1, or NaN where y is."""
    return y * 0.0 + 1.0


LEAK = 0.01

# name: (y = f(x), derivative as a function of x and y). At 0 the derivatives of relu, leaky_relu and elu are PyTorch's.
ACTIVATIONS = {
    "tanh": (tanh, lambda x, y: 1.0 - y * y),
    "relu": (relu, lambda x, y: y.where(">", 0.0, 1.0)),  # at 0 and below it is y: 0, or NaN
    "leaky_relu": (leaky_relu, lambda x, y: y.choose("<=", 0.0, _one(y) * LEAK, _one(y))),
    "sigmoid": (sigmoid, lambda x, y: y * (1.0 - y)),
    "elu": (elu, lambda x, y: y.choose("<", 0.0, y + 1.0, _one(y))),
    "swish": (swish, _swish_gradient),
    "gelu": (gelu, _gelu_gradient),
    "identity": (lambda x: x, lambda x, y: _one(y)),
}

# Those whose derivative wants x: not for kernels that keep the value alone.
NEED_INPUT = ("swish", "gelu")

# Those that are not 0 at 0: what they make of the padding must be masked.
MASKED = ("sigmoid",)


def _elementwise(function, doc):
    """Make a kernel intrinsic of one vector from a function of one term."""

    def typed(typingctx, x):
        def codegen(context, builder, sig, args):
            return function(Term(builder, args[0])).value

        return x(x), codegen

    typed.__doc__ = doc
    return intrinsic(typed)


vtanh = _elementwise(tanh, "tanh, lane by lane.")
vsigmoid = _elementwise(sigmoid, "Logistic function, lane by lane.")
vexp = _elementwise(exp, "exp, lane by lane.")
vsoftplus = _elementwise(softplus, "log(1 + exp(x)), lane by lane.")


@intrinsic
def activate(typingctx, x, shape):
    """The activation that the shape names, lane by lane."""
    function, _ = ACTIVATIONS[shape.dims["activation"]]

    def codegen(context, builder, sig, args):
        return function(Term(builder, args[0])).value

    return x(x, shape), codegen


@intrinsic
def activation_gradient(typingctx, x, y, shape):
    """Its derivative, from the argument and the value."""
    _, function = ACTIVATIONS[shape.dims["activation"]]

    def codegen(context, builder, sig, args):
        return function(Term(builder, args[0]), Term(builder, args[1])).value

    return x(x, y, shape), codegen
