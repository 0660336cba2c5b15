"""The linear part that answers beside a network (model/linear_part.py), in C."""

from __future__ import annotations

import numpy as np

from rnnfast.export.c.convolutions import write_convolutions
from rnnfast.export.c.writing import Encoding, Field
from rnnfast.model.averages import Averages
from rnnfast.model.linear_part import LinearPart
from rnnfast.model.places import Places


def write_linear_part(out: Encoding, name: str, linear_part: LinearPart, count: int, dtype: str) -> None:
    """Write what is added to the outputs: `linear`, by the inputs, `count` of them; dtype: of the network."""
    out.linear, encoded = len(linear_part.bias), len(out.tables)
    out.constant("double", f"{name}_bias", linear_part.bias)
    out.line("{ /* the part beside the network */")
    out.line("    int i;")
    out.line(f"    for (j = 0; j < {out.linear}; j++) linear[j] = {name}_bias[j];")
    if np.any([linear_part.level, linear_part.change]):
        _write_two_rows(out, name, linear_part, count)
    if linear_part.averages:
        _write_averages(out, name, linear_part.averages)
    if linear_part.places:
        _write_places(out, name, linear_part.places, count)
    if linear_part.convolutions:
        write_convolutions(out, name, linear_part.convolutions, count, dtype)
    out.line("}")
    out.beside = out.tables[encoded:]


def _write_two_rows(out: Encoding, name: str, linear_part: LinearPart, count: int) -> None:
    """Write what is added by the inputs and their changes since the row before."""
    for tensor, values in (("level", linear_part.level), ("change", linear_part.change)):
        out.constant("double", f"{name}_{tensor}", np.ravel(values))
    out.memory.append(Field(f"{name}_real", "before", count, "inputs of the row before"))
    out.line(f"    for (j = 0; j < {out.linear}; j++)")
    out.line(f"        for (i = 0; i < {count}; i++) {{")
    out.line(f"            linear[j] += {name}_level[j * {count} + i] * x[i];")
    out.line("            if (state->rows)")
    change = f"{name}_change[j * {count} + i]"
    out.line(f"                linear[j] += {change} * ((double)x[i] - (double)state->before[i]);")
    out.line("        }")
    out.line(f"    for (i = 0; i < {count}; i++) state->before[i] = x[i];")


def _write_averages(out: Encoding, name: str, averages: Averages) -> None:
    """Write what is added by deviations of inputs from their averages, which are then moved on."""
    count, outputs = len(averages.inputs), len(averages.weights)
    out.constant("unsigned short", f"{name}_averaged", np.array(averages.inputs), "int64")
    out.constant("double", f"{name}_rates", averages.rates)
    out.constant("double", f"{name}_course", np.ravel(averages.weights))
    out.memory.append(Field("double", "averages", count, "of inputs, exponential"))
    out.line(f"    for (i = 0; i < {count}; i++) {{")
    out.line(f"        const double now = (double)x[{name}_averaged[i]];")
    out.line("        double deviation;")
    out.line("        if (!state->rows) state->averages[i] = now;")
    out.line("        deviation = now - state->averages[i];")
    course = f"{name}_course[j * {count} + i]"
    out.line(f"        for (j = 0; j < {outputs}; j++) linear[j] += {course} * deviation;")
    out.line(f"        state->averages[i] += {name}_rates[i] * deviation;")
    out.line("    }")


def _write_places(out: Encoding, name: str, places: Places, count: int) -> None:
    """Write what all values so far add, each by the weights of its row's number; `places` has their sums."""
    outputs, width = len(places.weights), count + 1
    out.constant("double", f"{name}_places", np.ravel(places.weights))
    out.memory.append(Field("double", "places", outputs, "what all rows so far add"))
    out.line(f"    for (j = 0; j < {outputs}; j++) {{")
    out.line("        if (!state->rows) state->places[j] = 0;")
    out.line(f"        if (state->rows < {places.length}) {{")
    out.line(f"            const double *w = {name}_places + (j * {places.length} + state->rows) * {width};")
    out.line(f"            state->places[j] += w[{count}];")
    out.line(f"            for (i = 0; i < {count}; i++) state->places[j] += w[i] * x[i];")
    out.line("        }")
    out.line("        linear[j] += state->places[j];")
    out.line("    }")
