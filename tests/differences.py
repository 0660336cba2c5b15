"""The one comparison of gradients with central differences, that of `rnnfast doctor --gradients`."""

from collections.abc import Callable, Mapping

import numpy as np
from tolerances import DIFFERENCE_MAX, DIFFERENCE_MEAN

from rnnfast.diagnose.differences import relative_errors

PROBES = 10  # entries of each tensor that are looked at


def assert_gradient_matches_finite_differences(
    loss: Callable[[Mapping[str, np.ndarray]], float],
    tensors: Mapping[str, np.ndarray],
    gradients: Mapping[str, np.ndarray],
    *,
    probes: int = PROBES,
    largest: float = DIFFERENCE_MAX,
    mean: float = DIFFERENCE_MEAN,
) -> None:
    """Compare the gradients of a loss, by name, with differences of it.

    loss: function of the tensors, float64 arrays by name. largest, mean: bounds of the errors of each tensor, relative
    to the largest entry of its gradient.
    """
    for name, gradient in gradients.items():
        assert gradient.shape == tensors[name].shape, name
    moved = {name: tensor.copy() for name, tensor in tensors.items()}
    errors = relative_errors(loss, moved, gradients, probes=probes, generator=np.random.default_rng(5), enough=mean)
    for name, each in errors.items():
        assert each.max() <= largest, f"{name}: largest error {each.max():.2e}"
        assert each.mean() <= mean, f"{name}: mean error {each.mean():.2e}"
