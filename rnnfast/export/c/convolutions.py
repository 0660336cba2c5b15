"""In which share of the rows so far convolutions exceed thresholds (model/convolutions.py), in C.

What a row adds, the weights of all thresholds that are exceeded there, is summed over the rows: no share is counted.
The sums of a convolution have the order of rnnfast, in the type of values: doubles, where no other is told.
"""

from __future__ import annotations

import numpy as np

from rnnfast.export.c.writing import Encoding, Field
from rnnfast.model.convolutions import TAPS, Convolutions

CODE = """\
    {{ /* the share of the rows so far in which convolutions exceed thresholds, each with a weight */
        {n}_value now[{O}] = {{0}};
        int a, b, c, k, q = 0;
        for (i = 0; i < {F}; i++) state->seen[state->rows % {R} * {F} + i] = x[i];
        for (k = 0; k < {D}; k++) {{
            {n}_value taps[{taps}][{F}], sums[{F}] = {{0}};
            for (a = 0; a < {taps}; a++) {{
                const unsigned long back = ({last} - a) * {n}_dilations[k];
                for (i = 0; i < {F}; i++) {{
                    taps[a][i] = state->rows < back ? 0 : state->seen[(state->rows - back) % {R} * {F} + i];
                    sums[i] += taps[a][i];
                }}
            }}
            for (a = 0; a < {taps}; a++) for (b = a + 1; b < {taps}; b++) for (c = b + 1; c < {taps}; c++) {{
                const int f = {place};
                const {n}_value height = 3 * (taps[a][f] + taps[b][f] + taps[c][f]) - sums[f];
                for (i = 0; i < {B}; i++, q++)
                    if (height > {n}_thresholds[q])
                        for (j = 0; j < {O}; j++) now[j] += {n}_above[q * {O} + j];
            }}
        }}
        for (j = 0; j < {O}; j++) {{
            if (!state->rows) state->above[j] = 0;
            state->above[j] += now[j];
            linear[j] += state->above[j] / (state->rows + 1);
        }}
    }}"""


def write_convolutions(out: Encoding, name: str, convolutions: Convolutions, count: int, dtype: str) -> None:
    """Write what convolutions of `count` inputs add to `linear`; dtype: of the network, which its tables have too."""
    real, thresholds, weights = f"{name}_real", np.array(convolutions.thresholds), np.array(convolutions.weights)
    rows, (dilations, _, each) = convolutions.reach + 1, thresholds.shape
    out.constant("unsigned long", f"{name}_dilations", convolutions.dilations, "int64")
    if count > 1:
        kind = "unsigned char" if count <= 256 else "unsigned short"
        out.constant(kind, f"{name}_convolved", np.ravel(convolutions.inputs), "int64")
    out.constant(real, f"{name}_thresholds", thresholds.ravel(), dtype)
    out.constant(real, f"{name}_above", weights.T.ravel(), dtype)
    out.memory.append(Field(real, "seen", rows * count, f"inputs of the last {rows} rows"))
    out.memory.append(Field("double", "above", len(weights), "what all rows so far add"))
    place = f"{name}_convolved[q / {each}]" if count > 1 else "0"
    words = {"n": name, "O": len(weights), "F": count, "R": rows, "D": dilations, "B": each, "place": place}
    out.lines.append(CODE.format(**words, taps=TAPS, last=TAPS - 1))
