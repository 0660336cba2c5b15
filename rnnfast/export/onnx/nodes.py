"""What a graph of ONNX is made of, written node by node, and a loop over the steps of sequences.

Two graphs are written by the same code. That of sequences has its steps on the first axis, (time, batch, ..); that of
one step has none, (batch, ..), and what is a loop there is its body alone here. So all operations count axes from the
last one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Names = list[str]
Body = Callable[[Names, Names], tuple[Names, Names]]  # states and inputs of a step to new states and outputs


class Nodes:
    """Nodes, constants and ends of a graph.

    real: the precision of the network. step: whether it is the graph of one step. goes_on: whether states are inputs
    and outputs, so that a call goes on where another one ended; else each begins with zeros.
    """

    def __init__(self, onnx: Any, real: str, step: bool, goes_on: bool) -> None:
        self.onnx, self.real, self.step, self.goes_on = onnx, real, step, goes_on
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.x = ""  # rows with the axes above, which tell how many steps and sequences there are
        self.count = 0

    def op(self, operator: str, *names: str, name: str = "", **attributes: Any) -> str:
        """Write a node with one output; returns its name."""
        return self.ops(operator, *names, outputs=(name or self.new(),), **attributes)[0]

    def ops(self, operator: str, *names: str, outputs: tuple[str, ...] | int, **attributes: Any) -> tuple[str, ...]:
        """Write a node with these outputs, or so many new ones; returns their names."""
        names_out = tuple(self.new() for _ in range(outputs)) if isinstance(outputs, int) else outputs
        self.nodes.append(self.onnx.helper.make_node(operator, list(names), list(names_out), **attributes))
        return names_out

    def new(self) -> str:
        """Return a name that no column, state or cell has."""
        self.count += 1
        return f"/{self.count}"

    def constant(self, value: Any, dtype: str | None = None) -> str:
        """Return the name of a constant; dtype: that of the network where none is told."""
        name = self.new()
        array = np.ascontiguousarray(value, dtype or self.real).reshape(np.shape(value))
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def axes(self, *axes: int) -> str:
        """Return the name of a constant list of axes, sizes or places."""
        return self.constant(np.array(axes, np.int64), "int64")

    def cast(self, x: str, dtype: str) -> str:
        """Write a conversion."""
        return self.op("Cast", x, to=self.kind(dtype))

    def kind(self, dtype: str) -> int:
        """Return the number of a type."""
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def dense(self, x: str, W: Array, b: Array | None) -> str:
        """Write x W + b; W: (inputs, outputs)."""
        product = self.op("MatMul", x, self.constant(W))
        return product if b is None else self.op("Add", product, self.constant(b))

    def columns(self, x: str, first: int, stop: int) -> str:
        """Write some of the columns of the last axis."""
        return self.op("Slice", x, self.axes(first), self.axes(stop), self.axes(-1))

    def state(self, name: str, width: int, first: str = "", dtype: str | None = None) -> str:
        """Return a state (batch, width); first: what it is where a sequence begins, zeros where none is told."""
        dtype = dtype or self.real
        shape = ["batch", width]
        if self.goes_on:
            self.inputs.append(self.onnx.helper.make_tensor_value_info(name, self.kind(dtype), shape))
            return self.op("Where", self.begins, first, name) if first else name
        sizes = self.op("Concat", self.batch, self.axes(width), axis=0)
        return self.op("Expand", first or self.constant(np.zeros((1, 1)), dtype), sizes)

    def hand_on(self, name: str, value: str, width: int, dtype: str | None = None) -> None:
        """Make a state after the last step an output."""
        if self.goes_on:
            self.op("Identity", value, name=f"{name}_next")
            kind = self.kind(dtype or self.real)
            self.outputs.append(self.onnx.helper.make_tensor_value_info(f"{name}_next", kind, ["batch", width]))

    @cached_property
    def begins(self) -> str:
        """Return (batch, 1), whether a sequence begins: `rows`, a state, counts those before."""
        return self.op("Equal", self.rows, self.constant(np.array(0), "int64"))

    @cached_property
    def rows(self) -> str:
        """Return (batch, 1), the rows of each sequence before these."""
        rows = self.state("rows", 1, dtype="int64")
        if self.goes_on:
            more = self.constant(np.array(1), "int64") if self.step else self.op("Unsqueeze", self.length, self.axes(1))
            self.hand_on("rows", self.op("Add", rows, more), 1, "int64")
        return rows

    @cached_property
    def lengths(self) -> str:
        """Return an input (batch,), the rows of each sequence."""
        kind = self.kind("int32")
        self.inputs.insert(1, self.onnx.helper.make_tensor_value_info("lengths", kind, ["batch"]))
        return "lengths"

    @cached_property
    def length(self) -> str:
        """Return (batch,), the steps of each sequence in whole numbers; a front that strides sets another one."""
        return self.cast(self.lengths, "int64")

    @cached_property
    def batch(self) -> str:
        """Return (1,), the number of sequences."""
        return self.op("Slice", self.op("Shape", self.x), self.axes(-2), self.axes(-1))

    @cached_property
    def runs(self) -> str:
        """Return (time, batch, 1), whether a sequence has that step."""
        shape = self.op("Shape", self.x)
        time = self.op("Squeeze", self.op("Slice", shape, self.axes(0), self.axes(1)), self.axes(0))
        places = self.op("Unsqueeze", self.range(time), self.axes(1))
        return self.op("Unsqueeze", self.op("Less", places, self.length), self.axes(2))

    def restart(self, x: str) -> None:
        """Go back to the rows of the table, x (time, batch, ..), where a front had made other steps of them."""
        if self.x != x:
            self.x = x
            for name in ("length", "runs"):
                self.__dict__.pop(name, None)

    def every(self, x: str, stride: int) -> str:
        """Write the last row of each sequence and every so many before it, (time, batch, ..); these are the steps now.

        The first of them is row (n - 1) % stride of n rows.
        """
        size, one, least = (self.constant(np.array(value), "int64") for value in (stride, 1, stride - 1))
        time = self.op("Squeeze", self.op("Slice", self.op("Shape", x), self.axes(0), self.axes(1)), self.axes(0))
        places = self.op("Mul", self.range(self.op("Div", self.op("Add", time, least), size)), size)
        first = self.op("Mod", self.op("Sub", self.length, one), size)
        places = self.op("Add", self.op("Unsqueeze", first, self.axes(1)), places)
        places = self.op("Unsqueeze", self.op("Min", places, self.op("Sub", time, one)), self.axes(2))
        rows = self.op("Transpose", x, perm=[1, 0, 2])
        self.x = self.op("Transpose", self.op("GatherND", rows, places, batch_dims=1), perm=[1, 0, 2])
        self.length = self.op("Div", self.op("Add", self.length, least), size)
        self.__dict__.pop("runs", None)
        return self.x

    def range(self, stop: str) -> str:
        """Write 0, 1, 2, .. up to a number."""
        zero, one = (self.constant(np.array(value), "int64") for value in (0, 1))
        return self.op("Range", zero, stop, one)

    def loop(
        self, body: Body, states: Names, inputs: Names, reverse: bool = False, dtype: str | None = None
    ) -> tuple[Names, Names]:
        """Write a loop over the steps; states of sequences that have ended stay.

        states: (batch, ..) before the first step, inputs: (time, batch, ..); dtype: of all of them. Returns the states
        (batch, ..) after the last step and the outputs (time, batch, ..).
        """
        if self.step:
            return body(states, inputs)
        runs, outer, helper = self.runs, self.nodes, self.onnx.helper
        before, rows, now = [self.new() for _ in states], [self.new() for _ in inputs], self.new()
        self.nodes = []
        after, outputs = body(before, rows)
        after = [self.op("Where", now, new, old) for new, old in zip(after, before, strict=True)]
        results = [self.op("Identity", one) for one in outputs]  # a result may be a state too, or an input
        kind, truth = self.kind(dtype or self.real), self.kind("bool")
        ends = [helper.make_tensor_value_info(name, kind, None) for name in (*before, *rows)]
        ends.append(helper.make_tensor_value_info(now, truth, None))
        goals = [helper.make_tensor_value_info(name, kind, None) for name in (*after, *results)]
        graph = helper.make_graph(self.nodes, "step", ends, goals)
        self.nodes = outer
        directions = [int(reverse)]
        names = self.ops(
            "Scan", *states, *inputs, runs, outputs=len(after) + len(results), body=graph,
            num_scan_inputs=len(inputs) + 1, scan_input_directions=directions * (len(inputs) + 1),
            scan_output_directions=directions * len(results),
        )  # fmt: skip
        return list(names[: len(after)]), list(names[len(after) :])
