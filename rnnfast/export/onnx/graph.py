"""A model as graphs of ONNX.

    sequences   x (batch, time, F) double, lengths (batch,) int32   ─> answers (batch, time, O) double
    one step    x (batch, F) double                                 ─> answers (batch, O) double

What a model remembers are states, (batch, numbers) each: inputs of both graphs, zeros where a sequence begins, and
outputs, called .._next, that the next call takes. Models that need the rows to come, in both directions or with a front
that strides, answer whole sequences, without states. Opset and IR are those that ONNX Runtime takes.
"""

from __future__ import annotations

from typing import Any

from rnnfast.errors import UsageError
from rnnfast.export.onnx.answers import answers
from rnnfast.export.onnx.encoding import Encoding
from rnnfast.export.onnx.network import Writer
from rnnfast.export.onnx.nodes import Nodes
from rnnfast.export.tensors import network_of
from rnnfast.model.model import Model

OPSET, IR = 17, 10


def library() -> Any:
    """Return the package onnx. Raises UsageError where it is not installed."""
    try:
        import onnx
    except ImportError:
        raise UsageError("--to onnx needs the package onnx; pip install 'rnnfast[onnx]'") from None
    return onnx


def graph_of(model: Model, step: bool = False) -> bytes | None:
    """Return a file of ONNX; step: that of one step, None for a model that has no state to take from step to step."""
    onnx, net = library(), model.architecture
    goes_on = not net.bidirectional and net.stride == 1
    if step and not goes_on:
        return None
    nodes, value = Nodes(onnx, net.dtype, step, goes_on), onnx.helper.make_tensor_value_info
    double, axes = nodes.kind("float64"), ["batch"] if step else ["batch", "time"]
    nodes.inputs.append(value("x", double, [*axes, net.features]))
    nodes.x = "x" if step else nodes.op("Transpose", "x", perm=[1, 0, 2])
    result = _answers(nodes, model)
    if step and not nodes.outputs:
        return None
    if step:
        nodes.op("Identity", result, name="answers")
    else:
        nodes.op("Transpose", result, name="answers", perm=[1, 0, 2])
        axes[1] = "time" if net.stride == 1 else "steps"
    outputs = [value("answers", double, [*axes, net.outputs]), *nodes.outputs]
    graph = onnx.helper.make_graph(nodes.nodes, "rnnfast", nodes.inputs, outputs, nodes.constants)
    whole = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR)
    whole.doc_string = "\n".join(("columns of x, numbers in original units:", *model.encoder.names))
    onnx.checker.check_model(whole)
    return bytes(whole.SerializeToString())


def _answers(nodes: Nodes, model: Model) -> str:
    """Write everything from rows to answers."""
    net, rows = model.architecture, nodes.x
    encoding = Encoding(nodes, model, rows)
    inputs, outputs = encoding.inputs(), []
    for k, tensors in enumerate(model.members):
        prefix = f"n{k}_" if len(model.members) > 1 else ""
        nodes.restart(rows)
        outputs.append(Writer(nodes, net, network_of(net, tensors), prefix).write(inputs))
    nodes.restart(rows)
    linear = "" if model.linear_part is None else encoding.linear_part(inputs, model.linear_part)
    last, linear = (_at_steps(nodes, one, rows, net.stride) for one in (encoding.last, linear))
    return answers(nodes, model, outputs, last, linear)


def _at_steps(nodes: Nodes, x: str, rows: str, stride: int) -> str:
    """Write what is true of rows (.., O) at those where the steps of a front end; "" for nothing."""
    if not x or stride == 1:
        return x
    nodes.restart(rows)
    return nodes.every(x, stride)
