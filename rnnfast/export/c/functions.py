"""The functions that a program calls, and the state that they work on: a row at a time, or a window of rows at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rnnfast.export.c.answers import Answering
from rnnfast.export.c.network import Step
from rnnfast.export.c.templates import STEP, STEP_FUNCTIONS, WINDOW, WINDOW_FUNCTIONS
from rnnfast.export.c.writing import Encoding, Field

ROWS = 256  # of a window, where nothing else is told
ROWS_MACRO = """\
#ifndef {N}_ROWS
#define {N}_ROWS {rows} /* the most rows of a window; -D{N}_ROWS=64 takes less memory */
#endif
"""
COUNTER = Field("unsigned long", "rows", 1, "since the reset")
BYTES = {"int": 4, "unsigned char": 1, "unsigned short": 2}  # of other types than the network's; else 8


class Functions(NamedTuple):
    """What is written: macros, the declarations as a template, the structures of the state, its fields, and the code.

    fields: with how many there are of each.
    """

    macros: str
    declarations: str
    memory: str
    fields: list[tuple[Field, int]]
    text: str


def step_parts(step: Step, encoding: Encoding, answering: Answering, words: dict[str, str]) -> Functions:
    """Return a function that answers a row, and one that begins a sequence."""
    n, members = words["n"], answering.members
    parameters = [f"const {n}_weights *w", *([f"{n}_memory *m"] if step.memory else [])]
    arguments = [f"&{n}_networks[k]", *(["&state->networks[k]"] if step.memory else [])]
    if step.counts:
        parameters.append("unsigned long rows")
        arguments.append("state->rows")
    call = f"{n}_network({', '.join([*arguments, 'x', 'out'])});{answering.beside()}"
    run = _average(answering, words, call) if members > 1 else [f"    {call.replace('[k]', '[0]')}"]
    reset = list(encoding.reset)
    if step.memory:
        reset.append(f"for (k = 0; k < {members}; k++) {{")
        reset += [f"    for (j = 0; j < {one.size}; j++) state->networks[k].{one.name}[j] = 0;" for one in step.memory]
        reset.append("}")
    beside = [f"    double linear[{encoding.linear}];"] if encoding.linear else []
    counters = [name for name in ("j", "k") if any(f"({name} = 0" in line for line in reset)]
    declared = [f"int {', '.join(counters)};"] if counters else []
    text = STEP.format(
        **words,
        parameters=", ".join([*parameters, f"const {n}_real *x", f"{n}_real *out"]),
        network="\n".join(step.lines),
        reset=_lines([*declared, *reset, "state->rows = 0;"]),
        encode="\n".join([*beside, *encoding.lines]),
        run="\n".join(run),
        k="    int k;\n" if members > 1 else "",
        answer="\n".join(answering.lines(encoding.base)),
    )
    fields = [(one, 1) for one in encoding.memory] + [(one, members) for one in step.memory]
    return Functions("", STEP_FUNCTIONS, _state(step, encoding.memory, words, members), [(COUNTER, 1), *fields], text)


def window_parts(step: Step, encoding: Encoding, answering: Answering, words: dict[str, str]) -> Functions:
    """Return a function that answers all rows of a sequence at once."""
    n, N, count, linear = words["n"], words["N"], len(encoding.base), encoding.linear
    rows = [
        Field(f"{n}_real", "x", int(words["F"]), "inputs of the network", f"{N}_ROWS"),
        Field(f"{n}_real", "out", answering.members * int(words["O"]), "its outputs", f"{N}_ROWS"),
    ]
    if count:
        rows.append(Field(f"{n}_value", "base", count, "what changes are added to", f"{N}_ROWS"))
    if linear:
        rows.append(Field("double", "linear", linear, "what the part beside the network adds", f"{N}_ROWS"))
    row = f"((n - 1) % {words['stride']} + t * {words['stride']})"
    base = [f"state->base[{row} * {count} + {j}]" for j in range(count)]
    output = f"for (j = 0; j < {words['O']}; j++) out[j] = state->out[(k * {N}_ROWS + t) * {words['O']} + j];"
    output += answering.beside()
    single = output.replace("(k * ", "(0 * ")
    run = [f"        const double *linear = state->linear + {row} * {linear};"] if linear else []
    run += _average(answering, words, output) if answering.members > 1 else [f"        {single}"]
    encode = [f"{n}_state *state", f"const {n}_value *inputs", f"{n}_real *x", *([f"{n}_value *base"] if count else [])]
    encode += ["double *linear"] if linear else []
    arguments = ["state", f"inputs + t * {words['I']}", f"state->x + t * {words['F']}"]
    arguments += [f"state->base + t * {count}"] if count else []
    arguments += [f"state->linear + t * {linear}"] if linear else []
    text = WINDOW.format(
        **words,
        parameters=f"const {n}_weights *w, {n}_memory *m, const {n}_real *x, int n, {n}_real *out",
        network="\n".join(step.lines),
        encode_parameters=", ".join(encode),
        encode_arguments=", ".join(arguments),
        encode="\n".join([*encoding.lines, *(f"    base[{j}] = {one};" for j, one in enumerate(encoding.base))]),
        reset=_lines([*encoding.reset, "state->rows = 0;"]),
        run="\n".join(run),
        answer="\n".join(answering.lines(base)),
    )
    memory = [*encoding.memory, *rows]
    fields = [(one, 1) for one in (COUNTER, *memory, *step.memory)]
    macros = ROWS_MACRO.format(N=N, rows=ROWS)
    return Functions(macros, WINDOW_FUNCTIONS, _state(step, memory, words, 1), fields, text)


def bytes_of(fields: Sequence[tuple[Field, int]], real: int) -> int:
    """Return the bytes of so many of each field; real: those of a number of the network."""
    each = [
        (one.size * (ROWS if one.rows else 1) * times, real if one.kind.endswith("_real") else BYTES.get(one.kind, 8))
        for one, times in fields
    ]
    return sum(count * size for count, size in each)


def _average(answering: Answering, words: dict[str, str], each: str) -> list[str]:
    """Return how the outputs of several networks become those of their mean answer; each: writes `out` of network k."""
    sums = f"    double sums[{words['O']}] = {{0}}, others[{words['O']}] = {{0}};"
    run = [sums, f"    for (k = 0; k < {words['M']}; k++) {{", f"        {each}", answering.collect(), "    }"]
    return [*run, "    (void)others;", answering.average()]


def _state(step: Step, memory: Sequence[Field], words: dict[str, str], members: int) -> str:
    """Return the structures of the state."""
    lines = []
    if step.memory:
        lines += ["typedef struct {", *map(str, step.memory), f"}} {words['n']}_memory;", ""]
    lines += ["typedef struct {", "    unsigned long rows; /* since the reset */", *map(str, memory)]
    if step.memory:
        lines.append(f"    {words['n']}_memory networks[{members}];")
    return "\n".join([*lines, f"}} {words['n']}_state;"])


def _lines(lines: Sequence[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)
