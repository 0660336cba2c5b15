"""All steps of a sequence in C, for networks that need the rows to come: in both directions, or with a front that
strides, whose steps are counted from the end.

What each layer makes of all rows lies in the memory, a row for each step; `n` counts the steps of the layer below.
"""

from __future__ import annotations

from rnnfast.export.c.network import Step, Writer
from rnnfast.export.c.writing import Field


class WindowWriter(Writer):
    """Writes all steps of networks of one architecture, as `Writer` one of them."""

    def write(self) -> Step:
        """Write all of it; the code reads `x`, `n` rows, and writes `out`, the outputs of each step."""
        net = self.architecture
        rows, width, size = "x", max(net.features, 1), net.features - net.static
        if net.embeddings:
            rows, width = self._embedded(width, size)
            size = width
        for k in range(len(net.front)):
            rows, size = self._stacked(k, rows, (width, size))
            width = size
        for k in range(len(net.hidden)):
            rows, size = self._layer(k, rows, (width, size))
            width = size
        self._line("for (t = 0; t < n; t++) {")
        self._line(f"const {self.real} *h = {rows} + t * {width};")
        if net.head != "last":
            self._line("const unsigned long rows = (unsigned long)t + 1;")
        self._head(*self._pool("h", width))
        self._line(f"out += {net.outputs};")
        self._line("}")
        self.step.lines[:0] = [
            f"    for (j = 0; j < {one.size}; j++) m->{one.name}[j] = 0;" for one in self.step.memory if not one.rows
        ]
        return self.step

    def _embedded(self, width: int, size: int) -> tuple[str, int]:
        """Write all rows with rows of tables in the place of codes; returns where they lie, and their width."""
        self._line("for (t = 0; t < n; t++) {")
        self._line(f"const {self.real} *row = x + t * {width};")
        x, size = self._look_up("row", size)
        self._rows("e", size, "rows with those of tables")
        self._line(f"for (j = 0; j < {size}; j++) m->e[t * {size} + j] = {x}[j];")
        self._line("}")
        return "m->e", size

    def _stacked(self, k: int, x: str, sizes: tuple[int, int]) -> tuple[str, int]:
        """Write a layer over stacked rows, zeros before the first; sizes: distance of the rows below, their numbers."""
        (rows, stride, units), (width, size) = self.architecture.front[k], sizes
        self._matrix(f"F{k}", [net.front[k][0] for net in self.networks], f"front, ({rows} rows * {size}, {units})")
        self._weight(f"bF{k}", [net.front[k][1] for net in self.networks], "")
        self._rows(f"f{k}", units, f"relu of {rows} rows")
        self._line(f"for (t = 0; t * {stride} < n; t++) {{ /* the last step ends at the last row */")
        self._line(f"{self.real} *f = m->f{k} + t * {units};")
        self._line(f"int i, first = (n - 1) % {stride} + t * {stride} - {rows - 1};")
        self._line(f"for (j = 0; j < {units}; j++) f[j] = w->bF{k}[j];")
        self._line(f"for (i = first < 0 ? -first : 0; i < {rows}; i++)")
        self._product("f", f"{x} + (first + i) * {width}", f"w->F{k} + i * {size * units}", (size, units, units))
        self._line(f"for (j = 0; j < {units}; j++) if (f[j] < 0) f[j] = 0;")
        self._line("}")
        if stride > 1:
            self._line(f"n = (n + {stride - 1}) / {stride};")
        return f"m->f{k}", units

    def _layer(self, layer: int, x: str, sizes: tuple[int, int]) -> tuple[str, int]:
        """Write both directions of a layer of the cell; sizes: distance of the rows below, numbers of one."""
        (width, size), directions = sizes, self.architecture.directions
        both = directions * self.architecture.hidden[layer]
        self._rows(f"y{layer}", both, f"states of layer {layer}")
        for reverse in range(directions):
            k = layer * directions + reverse
            H = self._declared(k)
            if self.layout.head.static.directions:
                self._begin(k, H)
            self._line(f"for (t = {'n - 1; t >= 0; t--' if reverse else '0; t < n; t++'}) {{")
            self._line(f"const {self.real} *row = {x} + t * {width};")
            place = self._after(k, "row", size)
            self._line(f"for (j = 0; j < {H}; j++) m->y{layer}[t * {both} + {reverse * H} + j] = {place}[j];")
            self._line("}")
        return f"m->y{layer}", both

    def _rows(self, name: str, size: int, about: str) -> None:
        """Declare memory with a row for each step."""
        self.step.memory.append(Field(self.real, name, size, about, f"{self.name.upper()}_ROWS"))
