"""Activations over their whole range against higher precision: error in ulp, special values, limits."""

import re

import numpy as np
import pytest
from numba import njit

from rnnfast.equations.functions import FUNCTIONS as FORMULAS
from rnnfast.kernels.lanes import elementary
from rnnfast.kernels.lanes.formula import elementwise
from rnnfast.kernels.lanes.span import spans
from rnnfast.kernels.lanes.specialisation import Specialisation
from rnnfast.kernels.lanes.vec import load, store

LANES = Specialisation(W=16)
WIDER = {np.float32: np.float64, np.float64: np.longdouble}
LIMIT = {np.float32: 87.0, np.float64: 708.0}  # of exp: the results are normal numbers up to it
RANDOM_PATTERNS = 1 << 20
NEIGHBOURS = 1 << 12  # adjacent numbers on each side of a point

every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])

needs_wide = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 63, reason="longdouble is no wider than float64 here: no reference to compare with"
)


def stated_errors():
    """The bounds that the module's docstring states: (dtype, name) -> ulp."""
    lines = re.findall(r"^ +(float\d\d) +(.*)$", elementary.__doc__, re.MULTILINE)
    assert [name for name, _ in lines] == ["float32", "float64"]
    return {
        (getattr(np, dtype), name): float(ulp)
        for dtype, text in lines
        for name, ulp in re.findall(r"(\w+) ([\d.]+)", text)
    }


def vectorised(function):
    """A function of vectors as one of an array of any length."""

    @njit(error_model="numpy")
    def apply(s, x, out):
        size = x.shape[0]
        x, out = spans(x), spans(out)
        for i in range(0, size, s.W):
            store(out, i, function(load(x, i, s)))

    def call(x):
        padded = np.append(x, np.zeros(-len(x) % LANES.W, x.dtype))
        out = np.empty_like(padded)
        apply(LANES, padded, out)
        return out[: len(x)]

    return call


def kernel(name):
    """The function of this name, of an array of any length."""
    return vectorised(elementwise(FORMULAS[name], name))


def in_numpy_sigmoid(x):
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


FUNCTIONS = {
    "tanh": (kernel("tanh"), np.tanh),
    "sigmoid": (kernel("sigmoid"), in_numpy_sigmoid),
    "softplus": (kernel("softplus"), lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))),
    "exp": (kernel("exp"), np.exp),
}
CIRCLE = {"sin": (kernel("sin"), np.sin), "cos": (kernel("cos"), np.cos)}
relu = kernel("relu")
relu_gradient = vectorised(elementwise(lambda y: FORMULAS["relu"].derivative(y, y), "Derivative by the value."))
every_function = pytest.mark.parametrize("name", FUNCTIONS)


def arguments(dtype):
    """Random bit patterns of all magnitudes, a dense grid, and all neighbours of the points where formulas change."""
    bits = np.uint32 if dtype == np.float32 else np.uint64
    rng = np.random.default_rng(8)
    patterns = rng.integers(0, np.iinfo(bits).max, RANDOM_PATTERNS, bits, endpoint=True).view(dtype)
    limit = LIMIT[dtype]
    grid = np.concatenate([np.linspace(-edge, edge, RANDOM_PATTERNS) for edge in (limit, 20, 1)]).astype(dtype)
    parts = [patterns[np.isfinite(patterns)], grid]
    for point in (1e-3, np.log(2) / 2, 1, 7.9, 17.9, 20, limit):
        first = int(np.array(point, dtype).view(bits)) - NEIGHBOURS
        near = np.arange(first, first + 2 * NEIGHBOURS, dtype=bits).view(dtype)
        parts += [near, -near]
    return np.concatenate(parts)


def ulps(found, expected):
    """Error in units in the last place of the result."""
    spacing = np.spacing(np.abs(expected.astype(found.dtype)))
    return np.abs(found.astype(expected.dtype) - expected) / spacing


@needs_wide
@every_dtype
@every_function
def test_errors_are_as_stated(name, dtype):
    x = arguments(dtype)
    limit = LIMIT[dtype]
    if name == "exp":
        x = x[np.abs(x) <= limit]
    elif name != "tanh":
        x = x[x >= -limit]
    function, exact = FUNCTIONS[name]
    error = ulps(function(x), exact(x.astype(WIDER[dtype])))
    worst = int(error.argmax())
    assert error[worst] <= stated_errors()[dtype, name], f"{error[worst]:.2f} ulp at {x[worst]!r}"


@needs_wide
@every_dtype
@pytest.mark.parametrize("name", CIRCLE)
def test_sine_and_cosine_err_by_a_unit_of_one_at_most(name, dtype):
    function, exact = CIRCLE[name]
    quarters = np.arange(-6300, 6301) * np.pi / 2
    x = np.concatenate([np.linspace(-edge, edge, 1 << 18) for edge in (1, 10, 10_000)] + [quarters]).astype(dtype)
    assert np.abs(function(x).astype(WIDER[dtype]) - exact(x.astype(WIDER[dtype]))).max() <= np.finfo(dtype).eps
    far = np.array([1e6, -1e9, np.finfo(dtype).max], dtype)
    assert np.abs(function(far)).max() <= 1.0  # whatever they are
    assert np.isnan(function(np.array([np.nan, np.inf, -np.inf], dtype))).all()


@every_dtype
def test_tanh_near_zero_keeps_its_relative_accuracy(dtype):
    tiny, subnormal = np.finfo(dtype).tiny, np.finfo(dtype).smallest_subnormal
    x = np.array([1e-30, 1e-10, 1e-5, tiny, tiny / 4, 3 * subnormal, subnormal], dtype)
    x = np.concatenate((x, -x))
    assert ulps(FUNCTIONS["tanh"][0](x), np.tanh(x.astype(WIDER[dtype]))).max() <= 1.0


@every_dtype
def test_tanh_is_bounded_odd_and_rising(dtype):
    x = np.sort(np.concatenate((arguments(dtype), np.array([-np.inf, np.inf], dtype))))
    y = FUNCTIONS["tanh"][0](x)
    assert np.abs(y).max() <= 1.0
    np.testing.assert_array_equal(FUNCTIONS["tanh"][0](-x), -y)
    falls = -np.diff(y) / np.spacing(np.abs(y[1:]))
    assert falls.max() <= stated_errors()[dtype, "tanh"]  # neighbours: the error of the one plus that of the other


@every_dtype
@every_function
def test_beyond_the_clamp_a_function_stays_at_its_last_value(name, dtype):
    limit = {"tanh": 20.0}.get(name, LIMIT[dtype])
    for end in (-limit, limit) if name in ("tanh", "exp") else (-limit,):
        beyond = np.array([end, 1.01 * end, 100 * end, np.copysign(np.finfo(dtype).max, end), np.inf * end], dtype)
        found = FUNCTIONS[name][0](beyond)
        np.testing.assert_array_equal(found, found[0])


@every_dtype
def test_special_values(dtype):
    x = np.array([0.0, -0.0, np.nan, np.inf, -np.inf], dtype)
    tiny = np.finfo(dtype).tiny
    found = {name: function(x) for name, (function, _) in FUNCTIONS.items()}
    assert found["tanh"][0] == found["tanh"][1] == 0.0
    assert found["sigmoid"][:2].tolist() == [0.5, 0.5]
    assert found["exp"][:2].tolist() == [1.0, 1.0]
    assert ulps(found["softplus"][:2], np.full(2, np.log(2))).max() <= stated_errors()[dtype, "softplus"]
    assert all(np.isnan(values[2]) for values in found.values())
    # infinities give the limits, 0 as the smallest normal numbers
    assert ulps(found["tanh"][3:], np.array([1.0, -1.0])).max() <= stated_errors()[dtype, "tanh"]
    assert found["sigmoid"][3] == 1.0
    assert 0.0 <= found["sigmoid"][4] < 4 * tiny
    assert found["softplus"][3] == np.inf
    assert 0.0 <= found["softplus"][4] < 4 * tiny


@every_dtype
def test_nan_stays_in_its_lane(dtype):
    for function, _ in FUNCTIONS.values():
        x = np.linspace(-3, 3, LANES.W).astype(dtype)
        clean = function(x)
        x[5] = np.nan
        found = function(x)
        assert np.isnan(found[5])
        np.testing.assert_array_equal(np.delete(found, 5), np.delete(clean, 5))


@every_dtype
def test_relu(dtype):
    x = np.array([-np.inf, -1.5, -0.0, 0.0, 1e-30, 2.5, np.inf, np.nan], dtype)
    np.testing.assert_array_equal(relu(x), np.array([0, 0, 0, 0, 1e-30, 2.5, np.inf, np.nan], dtype))
    np.testing.assert_array_equal(relu_gradient(relu(x)), np.array([0, 0, 0, 0, 1, 1, 1, np.nan], dtype))
