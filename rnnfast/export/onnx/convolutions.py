"""In which share of the rows so far convolutions exceed thresholds (model/convolutions.py), in doubles, for ONNX.

States are the inputs of the last rows, zeros before a sequence begins, what all rows so far add, and how many they are.
The sums of a convolution have the order of rnnfast.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from rnnfast.export.onnx.nodes import Array, Names, Nodes
from rnnfast.model.convolutions import KERNELS, TAPS, Convolutions


def convolutions_part(nodes: Nodes, x: str, convolutions: Convolutions, count: int) -> str:
    """Write what convolutions add to the outputs, (.., O), by the inputs (.., F) in doubles; count: F."""
    thresholds, reach = np.array(convolutions.thresholds), convolutions.reach
    limits, weights, one, three = (
        nodes.constant(value, "float64")
        for value in (
            thresholds.reshape(-1, thresholds.shape[-1]),
            np.transpose(convolutions.weights),
            np.array(1.0),
            np.array(3.0),
        )
    )
    widths = {"seen": reach * count, "above": len(convolutions.weights), "above_rows": 1}
    each, chosen, own = _places(convolutions, count)

    def total(seen: str, places: Array) -> str:
        taps = [nodes.op("Gather", seen, nodes.axes(*one), axis=-1) for one in places]
        return reduce(lambda sums, tap: nodes.op("Add", sums, tap), taps)

    def body(states: Names, rows: Names) -> tuple[Names, Names]:
        seen = nodes.op("Concat", states[0], rows[0], axis=-1)
        alike = nodes.op("Gather", total(seen, each), nodes.axes(*own), axis=-1)
        height = nodes.op("Sub", nodes.op("Mul", three, total(seen, chosen)), alike)
        above = nodes.op("Greater", nodes.op("Unsqueeze", height, nodes.axes(-1)), limits)
        above = nodes.op("Reshape", nodes.cast(above, "float64"), nodes.axes(-1, thresholds.size))
        sums = nodes.op("Add", states[1], nodes.op("MatMul", above, weights))
        number = nodes.op("Add", states[2], one)
        after = [nodes.columns(seen, count, (reach + 1) * count), sums, number]
        return after, [nodes.op("Div", sums, number)]

    states = [nodes.state(name, width, dtype="float64") for name, width in widths.items()]
    after, shares = nodes.loop(body, states, [x], dtype="float64")
    for (name, width), value in zip(widths.items(), after, strict=True):
        nodes.hand_on(name, value, width, "float64")
    return shares[0]


def _places(convolutions: Convolutions, count: int) -> tuple[Array, Array, Array]:
    """Return where a convolution finds what it sums, among the inputs of the rows that it sees side by side.

    Returns: (9, D F) each input of its taps; (3, D 84) those whose weight is 2, by kernel; (D 84,) the sum of all taps
    of the input of a kernel among D F of them.
    """
    dilations, inputs = np.array(convolutions.dilations), np.array(convolutions.inputs)
    back = (TAPS - 1 - np.arange(TAPS))[:, None] * dilations  # (9, D)
    first = (convolutions.reach - back) * count
    each = first[:, :, None] + np.arange(count)
    chosen = first[KERNELS.T[:, None, :], np.arange(len(dilations))[:, None]] + inputs
    own = np.arange(len(dilations))[:, None] * count + inputs
    return each.reshape(TAPS, -1), chosen.reshape(3, -1), own.ravel()
