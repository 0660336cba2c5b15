"""Losses of one output p and its target y; their derivatives by p are derived.

Over the outputs of a step there is ce, in kernels/rules/losses.py: it needs all of them at once.
"""

from __future__ import annotations

from rnnfast.equations.functions import clamp, softplus
from rnnfast.equations.graph import Node


def mse(p: Node, y: Node) -> Node:
    """Squared error."""
    return (p - y) * (p - y)


def mae(p: Node, y: Node) -> Node:
    """Absolute error."""
    return abs(p - y)


def huber(p: Node, y: Node) -> Node:
    """Half the squared error, beyond 1 the absolute error less a half (Huber 1964; delta 1 as in PyTorch)."""
    near = clamp(p - y, -1.0, 1.0)
    return near * ((p - y) - 0.5 * near)


def bce(p: Node, y: Node) -> Node:
    """Binary cross entropy; p is a logit: stable for any p."""
    return softplus(p) - y * p


LOSSES = {"mse": mse, "mae": mae, "huber": huber, "bce": bce}
