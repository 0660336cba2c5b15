"""A model as a graph of ONNX, with its states as inputs and outputs: whole sequences, or one step at a time.

    x (batch, time, F) double ── scaling ── RNN, GRU, LSTM or dense layers ── head ── answers (batch, time, O) double
    lengths (batch,) int32                  h0, .. (directions, batch, H) ─> h0_next, ..

Gates stand in ONNX's order (GRU z r h with linear_before_reset = 1, LSTM i o f c); opset and IR are those that ONNX
Runtime takes. A call with one step and the states of the call before is one step of a sequence.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import FILLS, TASKS
from rnnfast.equations.functions import LEAK
from rnnfast.errors import UsageError
from rnnfast.export.sample import Sample
from rnnfast.model.model import Model
from rnnfast.network.layout import Layout

OPSET, IR = 17, 10
OPERATORS = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}
ORDERS = {"rnn": (0,), "gru": (1, 0, 2), "lstm": (0, 3, 1, 2)}  # PyTorch's gates in ONNX's order
OF_RNN = {"tanh": "Tanh", "relu": "Relu", "sigmoid": "Sigmoid"}
OF_MLP = {
    "tanh": "Tanh",
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "elu": "Elu",
    "leaky_relu": "LeakyRelu",
    "identity": "Identity",
}
Array = NDArray[Any]


def library() -> Any:
    """Return the package onnx. Raises UsageError where it is not installed."""
    try:
        import onnx
    except ImportError:
        raise UsageError("--to onnx needs the package onnx; pip install 'rnnfast[onnx]'") from None
    return onnx


def refuse(model: Model) -> None:
    """Raise UsageError for what is not written as a graph."""
    cell, activation, net = model.config.model.cell, model.config.model.activation, model.architecture
    if cell not in (*OPERATORS, "mlp"):
        raise UsageError(f"--to onnx: ONNX has no operator for the cell {cell}; --to c and --to json take any cell")
    if activation not in {"rnn": OF_RNN, "mlp": OF_MLP}.get(cell, (activation,)):
        raise UsageError(f"--to onnx: {cell} with {activation} is not written yet; use --to c or --to json")
    carried = any(FILLS[rule].carried for rule in model.encoder.rules.values())
    reasons = {
        "--dtype float64": net.dtype == "float64",
        "--conv and --patch": bool(net.front),
        f"--head {net.head}": net.head != "last",
        "--scale rank": bool(model.encoder.scaler.knots),
        "--missing ffill": carried,
        "--difference": model.schema.difference,
        "--static": net.static > 0,
        "--embed": len(net.embeddings) > 0,
    }
    for name, present in reasons.items():
        if present:
            raise UsageError(f"--to onnx: {name} is not written yet; use --to c or --to json")


class Graph:
    """Writes the graph of a model."""

    def __init__(self, model: Model) -> None:
        self.model, self.onnx = model, library()
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def write(self) -> bytes:
        """Return the file."""
        helper, kinds, model = self.onnx.helper, self.onnx.TensorProto, self.model
        net, recurrent = model.architecture, model.architecture.cell.recurrent
        self.inputs.append(helper.make_tensor_value_info("x", kinds.DOUBLE, ["batch", "time", net.features]))
        if recurrent:
            self.inputs.append(helper.make_tensor_value_info("lengths", kinds.INT32, ["batch"]))
        x = self._scaled()
        several = len(model.members) > 1
        results = []
        for k, tensors in enumerate(model.members):
            prefix = f"n{k}_" if several else ""
            results.append(self._recurrent(x, tensors, prefix) if recurrent else self._mlp(x, tensors, prefix))
        self._answers(results)
        answers = helper.make_tensor_value_info("answers", kinds.DOUBLE, ["batch", "time", net.outputs])
        graph = helper.make_graph(self.nodes, "rnnfast", self.inputs, [answers, *self.outputs], self.constants)
        whole = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
        whole.doc_string = "\n".join(("inputs, numbers in original units:", *model.encoder.names))
        self.onnx.checker.check_model(whole)
        return bytes(whole.SerializeToString())

    def _scaled(self) -> str:
        """Write scaling in doubles and what empty cells become; time comes first then, as the operators have it."""
        encoder, model = self.model.encoder, self.model
        scaler, others = encoder.scaler, len(encoder.names) - len(encoder.scaler.names)
        fill = np.array([encoder.fills.get(name, np.nan) for name in scaler.names], dtype=np.float64)
        fill = np.append(scaler.transform(fill[None])[0], np.zeros(others))
        shift = self._constant("shift", np.append(scaler.shift, np.zeros(others)))
        scale = self._constant("scale", np.append(scaler.scale, np.ones(others)))
        x = self._node("Mul", [self._node("Sub", ["x", shift]), scale])
        x = self._node("Where", [self._node("IsNaN", [x]), self._constant("fill", fill), x])
        x = self._cast(x, model.config.train.dtype)
        return self._node("Transpose", [x], perm=[1, 0, 2]) if model.architecture.cell.recurrent else x

    def _recurrent(self, x: str, tensors: dict[str, Array], prefix: str) -> str:
        """Write the layers and the head of a network; returns its outputs (batch, time, O)."""
        helper, kinds = self.onnx.helper, self.onnx.TensorProto
        net, cell = self.model.architecture, self.model.config.model.cell
        pending = iter(tensors[name] for name in Layout(net).shapes())
        more: dict[str, Any] = {"linear_before_reset": 1} if cell == "gru" else {}
        if cell == "rnn":
            more["activations"] = [OF_RNN[self.model.config.model.activation]] * net.directions
        for k, H in enumerate(net.hidden):
            sides = [[next(pending) for _ in range(4)] for _ in range(net.directions)]
            W, R, b_ih, b_hh = (np.stack([_gates(side[j], cell) for side in sides]) for j in range(4))
            weights = [("W", W), ("R", R), ("B", np.concatenate([b_ih, b_hh], axis=1))]
            names = [self._constant(f"{prefix}{name}{k}", value) for name, value in weights]
            states = [f"{prefix}{letter}{k}" for letter in ("h", "c")[: 1 + (cell == "lstm")]]
            for state in states:
                shape = [net.directions, "batch", H]
                self.inputs.append(helper.make_tensor_value_info(state, kinds.FLOAT, shape))
                self.outputs.append(helper.make_tensor_value_info(f"{state}_next", kinds.FLOAT, shape))
            y, after = f"{prefix}y{k}", [f"{state}_next" for state in states]
            direction = "bidirectional" if net.bidirectional else "forward"
            arguments = [x, *names, "lengths", *states]
            self.nodes.append(
                helper.make_node(OPERATORS[cell], arguments, [y, *after], hidden_size=H, direction=direction, **more)
            )
            flat = self._node("Transpose", [y], perm=[0, 2, 1, 3])  # (time, batch, directions, H)
            shape_name = self._constant(f"{prefix}shape{k}", np.array([0, 0, net.directions * H], np.int64))
            x = self._node("Reshape", [flat, shape_name])
        return self._dense(self._node("Transpose", [x], perm=[1, 0, 2]), next(pending), next(pending), f"{prefix}head")

    def _mlp(self, x: str, tensors: dict[str, Array], prefix: str) -> str:
        """Write the layers of a network without recurrence."""
        net = self.model.architecture
        pending = iter(tensors[name] for name in Layout(net).shapes())
        activation = self.model.config.model.activation
        leak: dict[str, Any] = {"alpha": LEAK} if activation == "leaky_relu" else {}
        for k in range(len(net.hidden)):
            x = self._dense(x, next(pending), next(pending), f"{prefix}layer{k}")
            x = self._node(OF_MLP[activation], [x], **leak)
        return self._dense(x, next(pending), next(pending), f"{prefix}head")

    def _dense(self, x: str, weight: Array, bias: Array, name: str) -> str:
        product = self._node("MatMul", [x, self._constant(f"{name}_W", np.ascontiguousarray(weight.T))])
        return self._node("Add", [product, self._constant(f"{name}_b", bias)])

    def _answers(self, results: list[str]) -> None:
        """Write how outputs become answers; of several networks those to their mean answer, in doubles."""
        model, schema = self.model, self.model.schema
        outputs = [self._cast(one, "float64") for one in results]
        several = TASKS[schema.task].output_per_class
        if not schema.classes:
            scaled = self._mean(outputs)
            original = self._node("Div", [scaled, self._constant("unit", np.asarray(model.target_scaler.scale))])
            self._node("Add", [original, self._constant("zero", np.asarray(model.target_scaler.shift))], name="answers")
            return
        if not model.task.logits:
            bounds = [self._constant("least", np.array(0.0)), self._constant("most", np.array(1.0))]
            clipped = [self._node("Clip", [one, *bounds]) for one in outputs]
            self._node("Identity", [self._mean(clipped)], name="answers")
            return
        operator = "Softmax" if several else "Sigmoid"
        more: dict[str, Any] = {"axis": -1} if several else {}
        z = outputs[0]
        if len(outputs) > 1:
            p = self._mean([self._node(operator, [one], **more) for one in outputs])
            z = self._node("Log", [p])
            if not several:
                z = self._node(
                    "Sub", [z, self._node("Log", [self._node("Sub", [self._constant("one", np.array(1.0)), p])])]
                )
        cooled = self._node("Div", [z, self._constant("temperature", np.array(model.temperature))])
        self._node(operator, [cooled], name="answers", **more)

    def _mean(self, names: list[str]) -> str:
        if len(names) == 1:
            return names[0]
        return self._node("Div", [self._node("Sum", names), self._constant("networks", np.array(float(len(names))))])

    def _cast(self, x: str, dtype: str) -> str:
        kinds = {"float32": self.onnx.TensorProto.FLOAT, "float64": self.onnx.TensorProto.DOUBLE}
        return self._node("Cast", [x], to=kinds[dtype])

    def _node(self, operator: str, names: list[str], name: str = "", **attributes: Any) -> str:
        name = name or f"v{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operator, names, [name], **attributes))
        return name

    def _constant(self, name: str, value: Array) -> str:
        self.constants.append(self.onnx.numpy_helper.from_array(np.asarray(value), name))
        return name


def _gates(tensor: Array, cell: str) -> Array:
    """Return the rows of a tensor of PyTorch's with its gates in ONNX's order."""
    order = ORDERS[cell]
    pieces = np.split(tensor, len(order))
    return np.concatenate([pieces[k] for k in order])


def inputs_of(model: Model, sample: Sample) -> NDArray[np.float64]:
    """Return a sample as the graph takes it: numbers in original units, other inputs as they are encoded."""
    numbers = [model.encoder.place_of[name] for name in model.encoder.scaler.names]
    others = sample.encoded[:, len(numbers) :]
    return np.column_stack([sample.columns[:, numbers], others]).astype(np.float64)


def answers_of(content: bytes, model: Model, sample: Sample) -> NDArray[np.float64] | None:
    """Run a graph on all sequences of a sample at once, padded; None where ONNX Runtime is not installed."""
    try:
        import onnxruntime
    except ImportError:
        return None
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    rows, lengths = inputs_of(model, sample), np.diff(sample.offsets)
    x = np.zeros((len(lengths), int(lengths.max()), rows.shape[1]))
    for k, (first, length) in enumerate(zip(sample.offsets, lengths, strict=False)):
        x[k, :length] = rows[first : first + length]
    feed: dict[str, Array] = {"x": x}
    for one in session.get_inputs()[1:]:
        if one.name == "lengths":
            feed["lengths"] = lengths.astype(np.int32)
        else:
            feed[one.name] = np.zeros((one.shape[0], len(lengths), one.shape[2]), np.float32)
    answers = session.run(["answers"], feed)[0]
    return np.concatenate([answers[k, :length] for k, length in enumerate(lengths)])
