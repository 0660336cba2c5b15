"""From the outputs of the networks to answers, as tasks/ does it, in doubles: probabilities or quantities."""

from __future__ import annotations

import numpy as np

from rnnfast.catalogue import TASKS
from rnnfast.export.onnx.nodes import Names, Nodes
from rnnfast.model.model import Model


def answers(nodes: Nodes, model: Model, outputs: Names, last: str, linear: str) -> str:
    """Write how outputs become answers, of several networks those to their mean answer.

    last: what changes are added to, (.., targets) in original units; linear: the outputs of the linear part; "" for
    none.
    """
    schema = model.schema
    outputs = [nodes.cast(one, "float64") for one in outputs]
    if model.linear_part is not None:
        share = nodes.constant(model.linear_part.factor, "float64")
        outputs = [nodes.op("Add", nodes.op("Mul", one, share), linear) for one in outputs]
    if not schema.classes:
        unit, zero = (nodes.constant(one, "float64") for one in (model.target_scaler.scale, model.target_scaler.shift))
        scaled = _mean(nodes, outputs)
        if last:
            ahead = nodes.op("Concat", *[last] * len(schema.ahead), axis=-1)
            scaled = nodes.op("Add", scaled, nodes.op("Mul", ahead, unit))
        return nodes.op("Add", nodes.op("Div", scaled, unit), zero)
    if not model.task.logits:
        bounds = [nodes.constant(np.array(end), "float64") for end in (0.0, 1.0)]
        return _mean(nodes, [nodes.op("Clip", one, *bounds) for one in outputs])
    several = TASKS[schema.task].output_per_class
    z = outputs[0] if len(outputs) == 1 else _mean_logit(nodes, outputs, several)
    cooled = nodes.op("Div", z, nodes.constant(model.temperature, "float64"))
    return nodes.op("Softmax", cooled, axis=-1) if several else nodes.op("Sigmoid", cooled)


def _mean_logit(nodes: Nodes, outputs: Names, several: bool) -> str:
    """Write the logits of the mean probabilities of several networks."""
    if several:
        return nodes.op("Log", _mean(nodes, [nodes.op("Softmax", one, axis=-1) for one in outputs]))
    # 1 - p is the sigmoid of the opposite, which loses no digit near 1.
    yes, no = ([nodes.op("Sigmoid", nodes.op(sign, one)) for one in outputs] for sign in ("Identity", "Neg"))
    return nodes.op("Sub", nodes.op("Log", _mean(nodes, yes)), nodes.op("Log", _mean(nodes, no)))


def _mean(nodes: Nodes, names: Names) -> str:
    if len(names) == 1:
        return names[0]
    return nodes.op("Div", nodes.op("Sum", *names), nodes.constant(float(len(names)), "float64"))
