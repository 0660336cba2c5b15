"""From rows in original units to the inputs of the network, as data/encoding/encoder.py does it, in doubles.

empty cells   a number, or the last known one, which is a state (`last`)
numbers       (x - shift) * scale, and where the scaling is by ranks these: linear between knots
others        as they come: categories as 1 and 0 or codes, the calendar, indicators
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from rnnfast.catalogue import FILLS
from rnnfast.data.encoding.ranks import Knots
from rnnfast.export.onnx.convolutions import convolutions_part
from rnnfast.export.onnx.nodes import Array, Names, Nodes
from rnnfast.model.averages import Averages
from rnnfast.model.linear_part import LinearPart
from rnnfast.model.model import Model
from rnnfast.model.places import Places


class Encoding:
    """Writes the encoding of a model.

    x: rows (.., F) in original units. last: what changes of the targets are added to, (.., targets), "" for none.
    """

    def __init__(self, nodes: Nodes, model: Model, x: str) -> None:
        self.nodes, self.encoder, self.schema = nodes, model.encoder, model.schema
        self.place = {name: j for j, name in enumerate(model.encoder.names)}
        self.rows = self._filled(x)
        lags = model.encoder.columns[self.schema.first_lag :] if self.schema.difference else ()
        places = [self.place[name] for name in lags]
        self.last = nodes.op("Gather", self.rows, nodes.axes(*places), axis=-1) if places else ""

    def inputs(self) -> str:
        """Write the inputs of the network, (.., F) in its precision."""
        nodes, scaler = self.nodes, self.encoder.scaler
        shift, scale = (self._ordered(one, other) for one, other in ((scaler.shift, 0.0), (scaler.scale, 1.0)))
        x = nodes.op("Sub", self.rows, nodes.constant(shift, "float64"))
        x = nodes.op("Mul", x, nodes.constant(scale, "float64"))
        if scaler.knots:
            columns = [nodes.columns(x, j, j + 1) for j in range(len(self.place))]
            for name, knots in scaler.knots.items():
                j = self.place[name]
                columns[j] = self._ranks(columns[j], knots)
            x = nodes.op("Concat", *columns, axis=-1)
        return nodes.cast(x, nodes.real)

    def linear_part(self, inputs: str, linear_part: LinearPart) -> str:
        """Write what is added to the outputs, (.., O), by the inputs (.., F) and what they were in rows before."""
        nodes, x, parts = self.nodes, self.nodes.cast(inputs, "float64"), Names()
        if np.any([linear_part.level, linear_part.change]) or not (linear_part.places or linear_part.convolutions):
            parts.append(self._two_rows(x, linear_part))
        if linear_part.averages:
            parts.append(self._averages(x, linear_part.averages))
        if linear_part.places:
            parts.append(self._places(x, linear_part.places))
        if linear_part.convolutions:
            parts.append(convolutions_part(nodes, x, linear_part.convolutions, len(self.place)))
        return reduce(
            lambda sums, one: nodes.op("Add", sums, one), [*parts, nodes.constant(linear_part.bias, "float64")]
        )

    def _two_rows(self, x: str, linear_part: LinearPart) -> str:
        """Write what is added by the inputs (.., F) and their changes since the row before."""
        nodes, F = self.nodes, len(self.place)
        level, change = (
            nodes.constant(np.transpose(one), "float64") for one in (linear_part.level, linear_part.change)
        )
        zero = nodes.constant(np.zeros(1), "float64")
        before = nodes.state("before", F, nodes.constant(np.full((1, F), np.nan), "float64"), "float64")

        def body(states: Names, rows: Names) -> tuple[Names, Names]:
            difference = nodes.op("Sub", rows[0], states[0])
            return [rows[0]], [nodes.op("Where", nodes.op("IsNaN", difference), zero, difference)]

        after, changes = nodes.loop(body, [before], [x], dtype="float64")
        nodes.hand_on("before", after[0], F, "float64")
        return nodes.op("Add", nodes.op("MatMul", x, level), nodes.op("MatMul", changes[0], change))

    def _averages(self, x: str, averages: Averages) -> str:
        """Write what is added by deviations of inputs (.., F) from their averages."""
        nodes, M = self.nodes, len(averages.inputs)
        rates = nodes.constant(averages.rates, "float64")
        own = nodes.op("Gather", x, nodes.axes(*averages.inputs), axis=-1)
        before = nodes.state("averages", M, nodes.constant(np.full((1, M), np.nan), "float64"), "float64")

        def body(states: Names, rows: Names) -> tuple[Names, Names]:
            average = nodes.op("Where", nodes.op("IsNaN", states[0]), rows[0], states[0])
            deviation = nodes.op("Sub", rows[0], average)
            return [nodes.op("Add", average, nodes.op("Mul", rates, deviation))], [deviation]

        after, deviations = nodes.loop(body, [before], [own], dtype="float64")
        nodes.hand_on("averages", after[0], M, "float64")
        return nodes.op("MatMul", deviations[0], nodes.constant(np.transpose(averages.weights), "float64"))

    def _places(self, x: str, places: Places) -> str:
        """Write what all inputs (.., F) so far add, each by the weights of its row's number."""
        nodes, O = self.nodes, len(places.weights)
        table = nodes.constant(places.table.transpose(1, 0, 2), "float64")  # (T + 1, O, F + 1)
        one, last = (nodes.constant(np.array([value]), "float64") for value in (1.0, places.length))
        widths = {"place": 1, "sums": O}
        states = [
            nodes.state(name, width, nodes.constant(np.zeros((1, width)), "float64"), "float64")
            for name, width in widths.items()
        ]

        def body(states: Names, rows: Names) -> tuple[Names, Names]:
            at = nodes.op("Squeeze", nodes.cast(nodes.op("Min", states[0], last), "int64"), nodes.axes(-1))
            weights = nodes.op("Gather", table, at, axis=0)
            seen = nodes.op("Pad", rows[0], nodes.axes(0, 0, 0, 1), nodes.constant(np.array(1.0), "float64"))
            terms = nodes.op("Mul", weights, nodes.op("Unsqueeze", seen, nodes.axes(1)))
            sums = nodes.op("Add", states[1], nodes.op("ReduceSum", terms, nodes.axes(-1), keepdims=0))
            return [nodes.op("Add", states[0], one), sums], [sums]

        after, sums = nodes.loop(body, states, [x], dtype="float64")
        for (name, width), value in zip(widths.items(), after, strict=True):
            nodes.hand_on(name, value, width, "float64")
        return sums[0]

    def _filled(self, x: str) -> str:
        """Write what stands for empty cells."""
        nodes, encoder, numbers = self.nodes, self.encoder, self.encoder.scaler.names
        fills = self._ordered(np.array([encoder.fills.get(name, np.nan) for name in numbers], np.float64), 0.0)
        rules = [FILLS[encoder.rules[name]] for name in numbers]
        # A lagged target without a rule is unknown in the first row alone; later its last value stays.
        carried = [
            name in encoder.fills and (rule.carried or not rule.fills)
            for name, rule in zip(numbers, rules, strict=True)
        ]
        fill = nodes.constant(fills[None], "float64")
        if not any(carried):
            return nodes.op("Where", nodes.op("IsNaN", x), fill, x)
        stays = nodes.constant(self._ordered(np.array(carried), False), "bool")
        before = nodes.state("last", len(fills), fill, "float64")

        def body(states: Names, rows: Names) -> tuple[Names, Names]:
            value = nodes.op("Where", nodes.op("IsNaN", rows[0]), states[0], rows[0])
            return [nodes.op("Where", stays, value, states[0])], [value]

        after, filled = nodes.loop(body, [before], [x], dtype="float64")
        nodes.hand_on("last", after[0], len(fills), "float64")
        return filled[0]

    def _ranks(self, value: str, knots: Knots) -> str:
        """Write the ranks of a column (.., 1)."""
        nodes = self.nodes
        values, ranks = (np.asarray(one, np.float64) for one in (knots.values, knots.ranks))
        inner = nodes.op("GreaterOrEqual", value, nodes.constant(values[1:-1], "float64"))
        low = nodes.op("ReduceSum", nodes.cast(inner, "int64"), nodes.axes(-1), keepdims=1)
        high = nodes.op("Add", low, nodes.constant(np.array(1), "int64"))
        tables = nodes.constant(values, "float64"), nodes.constant(ranks, "float64")
        (v0, r0), (v1, r1) = ([nodes.op("Gather", table, place) for table in tables] for place in (low, high))
        ends = [nodes.constant(end, "float64") for end in (values[0], values[-1])]
        passed = nodes.op("Sub", nodes.op("Min", nodes.op("Max", value, ends[0]), ends[1]), v0)
        share = nodes.op("Div", passed, nodes.op("Sub", v1, v0))
        return nodes.op("Add", r0, nodes.op("Mul", nodes.op("Sub", r1, r0), share))

    def _ordered(self, values: Array, other: float) -> Array:
        """Return what is true of the numbers as what is true of all inputs, in the order of the network."""
        others = len(self.place) - len(values)
        return np.append(values, np.full(others, other, values.dtype))[self.encoder.order]
