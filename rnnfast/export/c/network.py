"""One step of a network in C: its weights and its memory as structures, and a function for both.

front        the rows that a layer stacks are kept in its memory, zeros before the first one
layers       gates = bias + W' x + U' h, then the equations of the cell unit by unit
head         the state of the top layer, or its running mean, maximum or attention, times Wy
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from rnnfast.catalogue import HEADS
from rnnfast.equations.cell import PARAMETER, STATE, U, X, input_of
from rnnfast.export.c.formula import helpers_of, of_math, statements
from rnnfast.export.c.rounding import scale_of, whole
from rnnfast.export.c.writing import Field, comment
from rnnfast.export.tensors import Network
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout

PRODUCT = """\
/* out += W' x, W being (inputs, stride) with a column for each output */
static void {n}_product({n}_real *out, const {n}_real *x, const {weight} *W, int inputs, int outputs, int stride{scale})
{{
    int i, j;
    for (i = 0; i + 3 < inputs; i += 4, x += 4, W += 4 * stride) {{
        const {n}_real x0 = x[0]{times}, x1 = x[1]{times}, x2 = x[2]{times}, x3 = x[3]{times};
        const {weight} *W1 = W + stride, *W2 = W1 + stride, *W3 = W2 + stride;
        for (j = 0; j < outputs; j++) out[j] += x0 * W[j] + x1 * W1[j] + x2 * W2[j] + x3 * W3[j];
    }}
    for (; i < inputs; i++, x++, W += stride) {{
        const {n}_real x0 = x[0]{times};
        for (j = 0; j < outputs; j++) out[j] += x0 * W[j];
    }}
}}"""


def product_of(name: str, small: bool) -> str:
    """Return the definition of the product; small: of weights of 16 bits, which a scale belongs to."""
    words = {"weight": "short", "scale": f", {name}_real scale", "times": " * scale"}
    return PRODUCT.format(n=name, **(words if small else {"weight": f"{name}_real", "scale": "", "times": ""}))


@dataclass
class Step:
    """What is written of a network: members of its weights with their values, members of its memory, and the code."""

    weights: list[Field] = field(default_factory=list)
    values: list[list[np.ndarray]] = field(default_factory=list)  # of each weight, one array for each network
    memory: list[Field] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    helpers: set[str] = field(default_factory=set)
    counts: bool = False  # whether the code reads `rows`, those since the reset, this one too


class Writer:
    """Writes the step of networks of one architecture; name: begins names of the file; small: matrices of 16 bits."""

    def __init__(self, architecture: Architecture, networks: list[Network], name: str, small: bool = False) -> None:
        self.architecture, self.networks, self.name, self.small = architecture, networks, name, small
        self.dtype, self.step = architecture.dtype, Step()
        self.real, self.layout = f"{name}_real", Layout(architecture)

    def write(self) -> Step:
        """Write all of it; the code reads `x` and writes `out`, the outputs."""
        x, size = self._look_up("x", self.architecture.features - self.architecture.static)
        for k in range(len(self.architecture.front)):
            x, size = self._front(k, x, size)
        for k in range(len(self.architecture.hidden)):
            x, size = self._level(k, x, size)
        self._head(*self._pool(x, size))
        return self.step

    def _head(self, x: str, size: int) -> None:
        """Write the outputs of a step."""
        outputs, constant = self.architecture.outputs, self.architecture.static
        self._matrix("Wy", [net.head[0] for net in self.networks], f"output, ({size}, {outputs})")
        self._weight("by", [net.head[1] for net in self.networks], "")
        self._line(f"for (j = 0; j < {outputs}; j++) out[j] = w->by[j];")
        self._product("out", x, "w->Wy", (size, outputs, outputs))
        if constant:
            self._matrix("V", [np.asarray(net.V) for net in self.networks], "constant inputs")
            self._product("out", f"x + {self.architecture.features - constant}", "w->V", (constant, outputs, outputs))

    def _look_up(self, x: str, size: int) -> tuple[str, int]:
        """Write the rows of embeddings in the place of codes; 0 stands for no category, and zeros."""
        embeddings = self.architecture.embeddings
        if not embeddings:
            return x, size
        numbers = size - len(embeddings)
        width = numbers + sum(one.units for one in embeddings)
        self._line(f"{self.real} e[{width}]; /* inputs, with rows of tables in the place of codes */")
        self._line(f"for (j = 0; j < {numbers}; j++) e[j] = {x}[j];")
        place = numbers
        for k, (categories, units) in enumerate(embeddings):
            shape = f"embedding, ({categories}, {units})"
            self._matrix(f"E{k}", [net.embeddings[k] for net in self.networks], shape)
            row = f"((int){x}[{numbers + k}] - 1) * {units} + j"
            value = f"{f'w->E{k}_scale[0] * ' if self.small else ''}w->E{k}[{row}]"
            self._line(f"for (j = 0; j < {units}; j++) e[{place} + j] = {x}[{numbers + k}] > 0 ? {value} : 0;")
            place += units
        return "e", width

    def _begin(self, k: int, H: int) -> None:
        """Write how constant inputs begin the states of a direction of a layer; x: the first row."""
        static = self.layout.head.static
        self._matrix(
            f"Ws{k}", [net.begin[k][0] for net in self.networks], f"constant inputs to the states of layer {k}"
        )
        self._weight(f"bs{k}", [net.begin[k][1] for net in self.networks], "")
        self.step.helpers |= {"tanh"} & helpers_of(self.dtype).keys()
        tanh = f"{self.name}_tanh" if self.dtype == "float32" else "tanh"
        at = f"m->h{k}_{static.state}"
        self._line(f"for (j = 0; j < {H}; j++) {at}[j] = w->bs{k}[j];")
        self._product(at, f"x + {static.first}", f"w->Ws{k}", (static.columns, H, H))
        self._line(f"for (j = 0; j < {H}; j++) {at}[j] = {tanh}({at}[j]);")

    def _front(self, k: int, x: str, size: int) -> tuple[str, int]:
        """Write a layer over the last rows; returns the name and size of what the next one sees."""
        rows, _, units = self.architecture.front[k]
        self._matrix(f"F{k}", [net.front[k][0] for net in self.networks], f"front, ({rows} rows * {size}, {units})")
        self._weight(f"bF{k}", [net.front[k][1] for net in self.networks], "")
        before = (rows - 1) * size
        self._line(f"{self.real} f{k}[{units}]; /* relu of the last {rows} rows */")
        self._line(f"for (j = 0; j < {units}; j++) f{k}[j] = w->bF{k}[j];")
        if before:
            self._memory(f"rows{k}", before, f"the last {rows - 1} rows, the oldest first")
            self._product(f"f{k}", f"m->rows{k}", f"w->F{k}", (before, units, units))
        self._product(f"f{k}", x, f"w->F{k} + {before * units}", (size, units, units))
        self._line(f"for (j = 0; j < {units}; j++) if (f{k}[j] < 0) f{k}[j] = 0;")
        if before:
            self._line(f"for (j = 0; j < {before - size}; j++) m->rows{k}[j] = m->rows{k}[j + {size}];")
            self._line(f"for (j = 0; j < {size}; j++) m->rows{k}[{before - size} + j] = {x}[j];")
        return f"f{k}", units

    def _level(self, k: int, x: str, size: int) -> tuple[str, int]:
        """Write a layer of the cell."""
        H = self._declared(k)
        if self.layout.head.static.directions:
            self.step.counts = True
            self._line("if (rows == 1) {")
            self._begin(k, H)
            self._line("}")
        return self._after(k, x, size), H

    def _declared(self, k: int) -> int:
        """Declare the tensors and the states of a direction of a layer; returns its units."""
        cell, levels = self.architecture.cell, [net.levels[k] for net in self.networks]
        H = levels[0].hidden
        self._matrix(f"W{k}", [one.W for one in levels], f"inputs of layer {k}, {levels[0].W.shape}")
        self._matrix(f"U{k}", [one.U for one in levels], f"its state before, {levels[0].U.shape}")
        self._weight(f"b{k}", [np.concatenate([one.x_bias, one.u_bias]) for one in levels], "its gates")
        self._weight(f"p{k}", [one.coefficients for one in levels], "made of its vectors")
        for n, name in enumerate(cell.states if cell.recurrent else ()):
            self._memory(f"h{k}_{n}", H, f"state {name} of layer {k}")
        return H

    def _after(self, k: int, x: str, size: int) -> str:
        """Write a step of a direction of a layer; returns where its output is."""
        cell, H = self.architecture.cell, self.networks[0].levels[k].hidden
        gates, shared, apart = len(cell.x_order) * H, len(cell.shared) * H, len(cell.apart) * H
        place = f"m->h{k}_0" if cell.recurrent else f"h{k}"
        if not cell.recurrent:
            self._line(f"{self.real} h{k}[{H}];")
        self._line(f"{self.real} g{k}[{gates + apart}]; /* gates of layer {k}: {comment(', '.join(cell.x_order))} */")
        self._line(f"for (j = 0; j < {gates + apart}; j++) g{k}[j] = w->b{k}[j];")
        self._product(f"g{k}", x, f"w->W{k}", (size, gates, gates))
        if shared and cell.u_order:
            self._product(f"g{k}", place, f"w->U{k}", (H, shared, shared + apart))
        if apart:
            self._product(f"g{k} + {gates}", place, f"w->U{k} + {shared}", (H, apart, shared + apart))
        self._equations(k, H, gates, place)
        return place

    def _equations(self, k: int, H: int, gates: int, place: str) -> None:
        """Write the equations of the cell, unit by unit; the new states take the place of the old ones."""
        step = self.architecture.cell.step
        values = {node: f"g{k}[{n * H} + j]" for n, node in enumerate(step.gate_values)}
        values |= {input_of(U, gate): f"g{k}[{gates + n * H} + j]" for n, gate in enumerate(step.apart)}
        states = [place, *(f"m->h{k}_{n}" for n in range(1, len(step.states)))]
        values |= {input_of(STATE, name): f"{at}[j]" for name, at in zip(step.states, states, strict=True)}
        values |= {input_of(PARAMETER, name): f"w->p{k}[{n * H} + j]" for n, name in enumerate(step.parameters)}
        for gate in step.shared:  # of these only the sum occurs
            values.pop(input_of(X, gate), None)
        lines, results, helpers = statements(step.after, values, self.name, self.dtype)
        self.step.helpers |= helpers
        self._line(f"for (j = 0; j < {H}; j++) {{")
        named = [f"const {self.real} n{n} = {result};" for n, result in enumerate(results)]
        new = [f"{at}[j] = n{n};" for n, at in enumerate(states)]
        self.step.lines += [f"        {line}" for line in (*lines, *named, *new)]
        self._line("}")

    def _pool(self, x: str, size: int) -> tuple[str, int]:
        """Write what the head sees of the states up to now."""
        head = self.architecture.head
        if head == "last":
            return x, size
        self.step.counts = True
        if head in ("mean", "all"):
            self._memory("mean", size, "mean of the states")
            self._line(f"for (j = 0; j < {size}; j++) m->mean[j] += ({x}[j] - m->mean[j]) / ({self.real})rows;")
        if head in ("max", "all"):
            self._memory("most", size, "maximum of the states")
            self._line(f"for (j = 0; j < {size}; j++) if (rows == 1 || {x}[j] > m->most[j]) m->most[j] = {x}[j];")
        if head == "attention":
            self._attention(x, size)
        if head == "all":
            self._line(f"{self.real} pooled[{3 * size}];")
            parts = f"pooled[j] = {x}[j]; pooled[{size} + j] = m->mean[j]; pooled[{2 * size} + j] = m->most[j];"
            self._line(f"for (j = 0; j < {size}; j++) {{ {parts} }}")
            return "pooled", HEADS[head].blocks * size
        return ("m->most" if head == "max" else "m->mean"), size

    def _attention(self, x: str, size: int) -> None:
        """Write the running mean of the states by their scores, kept relative to the largest one."""
        exp = of_math("exp", self.dtype)
        self._weight("query", [np.asarray(net.query) / np.sqrt(size) for net in self.networks], "of attention")
        for name, about in (("peak", "largest score"), ("mass", "sum of e^(score - peak)")):
            self._memory(name, 1, about)
        self._memory("mean", size, "mean of the states by their scores")
        self._line(f"{self.real} score = 0, share;")
        self._line(f"for (j = 0; j < {size}; j++) score += w->query[j] * {x}[j];")
        self._line("if (rows == 1) m->peak[0] = score;")
        self._line(f"if (score > m->peak[0]) {{ m->mass[0] *= {exp}(m->peak[0] - score); m->peak[0] = score; }}")
        self._line(f"share = {exp}(score - m->peak[0]);")
        self._line("m->mass[0] += share;")
        self._line("share /= m->mass[0];")
        self._line(f"for (j = 0; j < {size}; j++) m->mean[j] += share * ({x}[j] - m->mean[j]);")

    def _product(self, out: str, x: str, W: str, sizes: tuple[int, int, int]) -> None:
        """Write out += W' x; sizes: inputs, outputs, distance of rows."""
        if sizes[0] and sizes[1]:
            scale = f", {W.split()[0]}_scale[0]" if self.small else ""
            self._line(f"{self.name}_product({out}, {x}, {W}, {sizes[0]}, {sizes[1]}, {sizes[2]}{scale});")

    def _weight(self, name: str, values: list[np.ndarray], about: str) -> None:
        """Declare a vector of all networks."""
        if values[0].size:
            self.step.weights.append(Field(self.real, name, values[0].size, about))
            self.step.values.append(values)

    def _matrix(self, name: str, values: list[np.ndarray], about: str) -> None:
        """Declare a matrix of all networks."""
        if not self.small or not values[0].size:
            self._weight(name, values, about)
            return
        self.step.weights.append(Field("short", name, values[0].size, about))
        self.step.values.append([whole(one) for one in values])
        self._weight(f"{name}_scale", [np.array([scale_of(one)]) for one in values], "")

    def _memory(self, name: str, size: int, about: str) -> None:
        self.step.memory.append(Field(self.real, name, size, about))

    def _line(self, text: str) -> None:
        self.step.lines.append(f"    {text}")
