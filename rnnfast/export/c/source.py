"""A model as one file of C99, which C++ takes too: declarations on top, then everything else.

It needs math.h alone, allocates nothing, and has no memory but the state that it is handed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnfast import __version__
from rnnfast.errors import UsageError
from rnnfast.export.c.answers import Answering
from rnnfast.export.c.encoding import Encoder, Encoding
from rnnfast.export.c.formula import helper_texts
from rnnfast.export.c.network import PRODUCT, Step, Writer
from rnnfast.export.c.templates import ALARM, ALARM_BODY, BANNER, DECLARATIONS, SELF_TEST, STEP
from rnnfast.export.c.writing import comment, identifier, initial, number, table
from rnnfast.export.inputs import inputs_of, unit_of_answers
from rnnfast.export.sample import draw
from rnnfast.export.tensors import network_of
from rnnfast.model.model import Model

TESTED = (6, 5)  # rows of the sequences of the self test
TOLERANCE = {"float32": 1e-3, "float64": 1e-7}  # of the self test, in units of the answers: libraries differ


class Source(NamedTuple):
    """A file of C. weights, state: bytes of the constants of the network, and of the state with doubles as values."""

    text: str
    weights: int
    state: int


def refuse(model: Model) -> None:
    """Raise UsageError for a model that no program can run row by row."""
    architecture = model.architecture
    if architecture.bidirectional:
        raise UsageError(
            "--to c: the model runs in both directions, and a step would need the rows after it; train it without "
            "--bidirectional"
        )
    if architecture.stride > 1:
        raise UsageError(
            "--to c: the steps of --patch are counted from the end of a sequence, which a program that is handed row "
            "by row does not know; train with --conv, or with --patch K,1"
        )


def source_of(model: Model, file: str) -> Source:
    """Write a model down; file: its name, with which the names in it begin. Raises UsageError as `refuse`."""
    refuse(model)
    name = identifier(file.removesuffix(".c"))
    architecture, dtype = model.architecture, str(model.config.train.dtype)
    networks = [network_of(architecture, tensors) for tensors in model.members]
    step = Writer(architecture, networks, name).write()
    encoding, answering = Encoder(model, name).write(), Answering(model, name)
    words = {"n": name, "N": name.upper(), "real": "float" if dtype == "float32" else "double"}
    words |= {
        "version": __version__,
        "file": comment(file),
        "M": str(len(networks)),
        "F": str(max(architecture.features, 1)),
    }
    words |= {"I": str(max(len(inputs_of(model)), 1)), "O": str(architecture.outputs)}
    parts = [
        BANNER.format(**words, about=_about(model)),
        DECLARATIONS.format(
            **words,
            inputs=_inputs(model),
            answers=_answers(model),
            memory=_memory(step, encoding, words),
            alarm="" if model.task.threshold() is None else ALARM.format(**words, threshold=number(model.threshold)),
        ),
        "#ifndef {N}_HEADER\n#include <math.h>\n".format(**words),
        _weights(step, words, dtype),
        *encoding.constants,
        *answering.constants(),
        PRODUCT.format(n=name),
        *helper_texts(step.helpers, name, dtype),
        STEP.format(
            **words, reset=_reset(step, encoding, len(networks)), **_step_words(step, encoding, answering, words)
        ),
        *([] if model.task.threshold() is None else [ALARM_BODY.format(**words)]),
        _self_test(model, words, dtype),
        "#endif /* {N}_HEADER */\n".format(**words),
    ]
    size = {"float32": 4, "float64": 8}[dtype]
    memory = sum(one.size for one in step.memory) * size * len(networks)
    own = sum(
        one.size * (size if one.kind.endswith("_real") else 4 if one.kind == "int" else 8) for one in encoding.memory
    )
    return Source("\n".join(parts), sum(one.size for one in step.weights) * size * len(networks), memory + own + 8)


def _about(model: Model) -> str:
    """Say what the model is."""
    headline, lines = model.display()
    texts = [headline, *(f"{key}: {text}" for key, text in lines.items())]
    if model.schema.window is not None:
        texts.append(
            f"It was trained on windows of {model.schema.window} rows. `rnnfast predict` answers each row with those "
            "before it; here the state runs on from row to row until it is reset."
        )
    if model.schema.predict == "last":
        texts.append("It was trained to answer at the last row of a sequence; answers of earlier rows are provisional.")
    return "\n".join(f"   {comment(text)}" for text in texts)


def _inputs(model: Model) -> str:
    lines = [f"   inputs[{j}]  {comment(one.name)}: {comment(one.about)}" for j, one in enumerate(inputs_of(model))]
    return "\n".join(lines) or "   none"


def _answers(model: Model) -> str:
    """Say what each answer is."""
    schema = model.schema
    if not schema.classes:
        names = [f"{name}, in its unit" for name in schema.answers]
    elif schema.task == "binary":
        names = [f"probability that {name} is {schema.classes[1]}" for name in schema.answers]
    else:
        names = [f"probability that {schema.targets[0]} is {label}" for label in schema.classes]
    return "\n".join(f"   answers[{j}]  {comment(text)}" for j, text in enumerate(names))


def _memory(step: Step, encoding: Encoding, words: dict[str, str]) -> str:
    """Return the structures of the state."""
    lines = []
    if step.memory:
        lines += ["typedef struct {", *map(str, step.memory), f"}} {words['n']}_memory;", ""]
    lines += ["typedef struct {", "    unsigned long rows; /* since the reset */", *map(str, encoding.memory)]
    if step.memory:
        lines.append(f"    {words['n']}_memory networks[{words['M']}];")
    return "\n".join([*lines, f"}} {words['n']}_state;"])


def _weights(step: Step, words: dict[str, str], dtype: str) -> str:
    """Return the weights of all networks."""
    lines = ["typedef struct {", *map(str, step.weights), f"}} {words['n']}_weights;", ""]
    networks = [",\n".join(initial(values[k], dtype) for values in step.values) for k in range(int(words["M"]))]
    body = ",\n".join(f"{{{network}}}" for network in networks)
    return "\n".join([*lines, f"static const {words['n']}_weights {words['n']}_networks[{words['M']}] = {{\n{body}}};"])


def _reset(step: Step, encoding: Encoding, members: int) -> str:
    """Return the code that begins a sequence."""
    lines = list(encoding.reset)
    if step.memory:
        lines.append(f"for (k = 0; k < {members}; k++) {{")
        lines += [f"    for (j = 0; j < {one.size}; j++) state->networks[k].{one.name}[j] = 0;" for one in step.memory]
        lines.append("}")
    counters = [name for name in ("j", "k") if any(f"({name} = 0" in line for line in lines)]
    declared = [f"int {', '.join(counters)};"] if counters else []
    return "\n".join(f"    {line}" for line in (*declared, *lines, "state->rows = 0;"))


def _step_words(step: Step, encoding: Encoding, answering: Answering, words: dict[str, str]) -> dict[str, str]:
    """Return what stands in the template of a step."""
    n, several = words["n"], answering.members > 1
    memory = "&state->networks[k]" if step.memory else ""
    parameters = [f"const {n}_weights *w", *([f"{n}_memory *m"] if step.memory else [])]
    arguments = [f"&{n}_networks[k]", *([memory] if memory else [])]
    if step.counts:
        parameters.append("unsigned long rows")
        arguments.append("state->rows")
    call = f"{n}_network({', '.join([*arguments, 'x', 'out'])});"
    if several:
        sums = f"    double sums[{words['O']}] = {{0}}, others[{words['O']}] = {{0}};"
        run = [sums, f"    for (k = 0; k < {words['M']}; k++) {{", f"        {call}", answering.collect(), "    }"]
        run += ["    (void)others;", answering.average()]
    else:
        run = [f"    {call.replace('[k]', '[0]')}"]
    return {
        "parameters": ", ".join([*parameters, f"const {n}_real *x", f"{n}_real *out"]),
        "network": "\n".join(step.lines),
        "encode": "\n".join(encoding.lines),
        "run": "\n".join(run),
        "k": "    int k;\n" if several else "",
        "answer": "\n".join(answering.lines(encoding.base)),
    }


def _self_test(model: Model, words: dict[str, str], dtype: str) -> str:
    """Return stored rows with their answers, and what compares them."""
    sample = draw(model, TESTED)
    unit = TOLERANCE[dtype] * np.maximum(unit_of_answers(model), np.abs(sample.answers).max(axis=0))
    rows = sample.rows if sample.rows.shape[1] else np.zeros((len(sample.rows), 1))
    value = f"{words['n']}_value"
    tables = [
        table(value, f"{words['n']}_test_rows", rows.ravel().tolist()),
        table(value, f"{words['n']}_test_answers", [float(str(answer)) for answer in sample.answers.ravel()]),
        table(value, f"{words['n']}_test_tolerance", unit.tolist()),
    ]
    return "\n".join([*tables, SELF_TEST.format(**words, rows=len(rows), first=TESTED[0])])
