"""Different values and quantiles, beside NumPy's own."""

import numpy as np
import pytest

from rnnfast.ranked import distinct, quantiles

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(np.array([]), id="none"),
        pytest.param(np.array([2]), id="one"),
        pytest.param(np.array([3, 1, 3, -2, 1]), id="whole"),
        pytest.param(np.array([[0.5, -0.0], [0.0, 0.5]]), id="two-axes"),
        pytest.param(np.array([True, False, True]), id="booleans"),
    ],
)
def test_distinct_values_are_those_of_numpy(values):
    np.testing.assert_array_equal(distinct(values), np.unique(values))


@pytest.mark.parametrize("count", [1, 2, 3, 40, 999])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6], ids=["small", "usual", "large"])
def test_quantiles_have_the_bits_of_numpy(count, scale):
    values, shares = RANDOM.normal(size=count) * scale, [0.0, 0.025, 0.3, 0.5, 0.95, 0.975, 1.0]
    np.testing.assert_array_equal(quantiles(values, shares), np.quantile(values, shares))
