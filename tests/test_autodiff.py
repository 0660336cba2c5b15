"""The oracle of the gradients, against finite differences, operation by operation."""

import autodiff as ad
import numpy as np
import pytest
from differences import assert_gradient_matches_finite_differences

OPERATION = 1e-8  # error of central differences of one operation, of values of about 1

OPERATIONS = {
    "add": (lambda a, b: a + b, [(3, 4), (3, 4)]),
    "add, rows stretched": (lambda a, b: a + b, [(3, 4), (4,)]),
    "add, columns stretched": (lambda a, b: a + b, [(3, 4), (3, 1)]),
    "add a number": (lambda a: 2.0 + a, [(3,)]),
    "subtract": (lambda a, b: a - b, [(3, 4), (4,)]),
    "subtract from a number": (lambda a: 2.0 - a, [(3,)]),
    "multiply": (lambda a, b: a * b, [(3, 4), (4,)]),
    "multiply by itself": (lambda a: a * a, [(3,)]),
    "divide": (lambda a, b: a / (b * b + 1.0), [(3, 4), (3, 4)]),
    "divide a number": (lambda a: 1.0 / (a * a + 1.0), [(3,)]),
    "power": (lambda a: (a * a + 1.0) ** 1.5, [(3,)]),
    "negative": (lambda a: -a, [(3,)]),
    "matrix times matrix": (lambda a, b: a @ b, [(3, 4), (4, 2)]),
    "matrix times vector": (lambda a, b: a @ b, [(3, 4), (4,)]),
    "transpose": (lambda a, b: a.T @ b, [(3, 4), (3, 2)]),
    "tanh": (ad.tanh, [(3, 4)]),
    "sigmoid": (ad.sigmoid, [(3, 4)]),
    "exp": (ad.exp, [(3, 4)]),
    "log": (lambda a: ad.log(a * a + 1.0), [(3, 4)]),
    "relu": (ad.relu, [(3, 4)]),
    "maximum": (ad.maximum, [(3, 4), (3, 4)]),
    "where": (lambda a, b: ad.where(np.arange(4) % 2 == 0, a, b), [(4,), (4,)]),
    "absolute": (ad.absolute, [(3, 4)]),
    "erf": (ad.erf, [(3, 4)]),
    "sum": (lambda a: a.sum(), [(3, 4)]),
    "sum over rows": (lambda a: a.sum(axis=0), [(3, 4)]),
    "sum over columns": (lambda a: a.sum(axis=1), [(3, 4)]),
    "row": (lambda a: a[1], [(3, 4)]),
    "slice": (lambda a: a[1:, ::2], [(3, 4)]),
    "chosen elements, one twice": (lambda a: a[np.array([0, 2, 0]), np.array([1, 3, 1])], [(3, 4)]),
    "concatenate": (lambda a, b: ad.concatenate([a, b, a]), [(2, 3), (4, 3)]),
    "concatenate columns": (lambda a, b: ad.concatenate([a, b], axis=1), [(2, 3), (2, 1)]),
    "stack": (lambda a, b: ad.stack([a, b, a]), [(3,), (3,)]),
    "an unused input": (lambda a, b: a, [(3,), (2, 2)]),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients_match_finite_differences(name):
    function, shapes = OPERATIONS[name]
    rng = np.random.default_rng(3)
    values = [rng.normal(size=shape) for shape in shapes]
    weight = rng.normal(size=function(*map(ad.Node, values)).shape)

    def scalar(nodes):
        return (function(*nodes) * weight).sum()

    inputs = [ad.Node(value) for value in values]
    gradients = ad.gradients(scalar(inputs), inputs)
    named = [dict(zip("ab", arrays, strict=False)) for arrays in (values, gradients)]
    assert_gradient_matches_finite_differences(
        lambda moved: float(scalar([ad.Node(value) for value in moved.values()]).value),
        *named,
        probes=12,
        largest=OPERATION,
        mean=OPERATION,
    )


def test_values_are_those_of_numpy():
    x = ad.Node([[-800.0, -1.0], [0.0, 800.0]])
    np.testing.assert_array_equal(ad.sigmoid(x).value, [[0.0, 1 / (1 + np.e)], [0.5, 1.0]])
    np.testing.assert_array_equal(ad.relu(x).value, [[0.0, 0.0], [0.0, 800.0]])
    np.testing.assert_array_equal((np.ones(2) - x).value, 1 - x.value)


def test_long_chains_need_no_recursion():
    x = y = ad.Node(1.0)
    for _ in range(5000):
        y = y * 1.0001
    assert ad.gradients(y, [x])[0] == pytest.approx(1.0001**5000)
