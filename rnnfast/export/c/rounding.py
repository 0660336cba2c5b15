"""Weights as whole numbers of 16 bits (Q15): each matrix with a scale of its own, the size of its largest weight.

    w ~ scale * q,  q = round(w / scale) from -32767 to 32767,  scale = max |w| / 32767

Biases and vectors stay as they are: they are few.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.model.model import Model

MOST = 32767


def rounded(model: Model) -> Model:
    """Return the model with the weights that the whole numbers stand for."""
    dtype = model.config.train.dtype
    return replace(
        model,
        parameters={
            name: (whole(one) * scale_of(one)).astype(dtype) if one.ndim > 1 else one
            for name, one in model.parameters.items()
        },
    )


def scale_of(matrix: NDArray[Any]) -> float:
    """Return the scale of a matrix; 1 where all of it is 0."""
    return float(np.abs(matrix).max(initial=0.0)) / MOST or 1.0


def whole(matrix: NDArray[Any]) -> NDArray[np.int16]:
    """Return a matrix in whole numbers."""
    return np.rint(np.asarray(matrix, np.float64) / scale_of(matrix)).astype(np.int16)
