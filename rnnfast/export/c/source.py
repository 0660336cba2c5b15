"""A model as one file of C99, which C++ takes too: declarations on top, then everything else.

It needs math.h alone, allocates nothing, and has no memory but the state that it is handed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnfast import __version__
from rnnfast.export.c.answers import Answering
from rnnfast.export.c.encoding import Encoder
from rnnfast.export.c.formula import helper_texts
from rnnfast.export.c.functions import bytes_of, step_parts, window_parts
from rnnfast.export.c.network import Step, Writer, product_of
from rnnfast.export.c.templates import ALARM, ALARM_BODY, BANNER, DECLARATIONS, SELF_TEST, WINDOW_SELF_TEST
from rnnfast.export.c.window import WindowWriter
from rnnfast.export.c.writing import comment, identifier, initial, number, table
from rnnfast.export.inputs import inputs_of, unit_of_answers
from rnnfast.export.sample import draw
from rnnfast.export.tensors import network_of
from rnnfast.model.model import Model

TESTED = (6, 5)  # rows of the sequences of the self test
REAL_BYTES = {"float32": 4, "float64": 8}
TOLERANCE = {"float32": 1e-3, "float64": 1e-7}  # of the self test, in units of the answers: libraries differ


class Source(NamedTuple):
    """A file of C.

    name: how names in it begin. weights, beside, state: bytes of the constants of the network, of those of a linear
    part, and of the state with doubles as values. outputs: answers of a row. whole: whether it answers whole sequences,
    as the model needs the rows to come; stride: rows from one answer of these to the next.
    """

    name: str
    text: str
    weights: int
    beside: int
    state: int
    outputs: int
    whole: bool
    stride: int


def source_of(model: Model, file: str, small: bool = False) -> Source:
    """Write a model down; file: its name, with which the names in it begin; small: its matrices with 16 bits a weight,
    of a model whose weights these hold (`rounding.rounded`).
    """
    name = identifier(file.removesuffix(".c"))
    architecture, dtype = model.architecture, str(model.config.train.dtype)
    networks = [network_of(architecture, tensors) for tensors in model.members]
    words = {"n": name, "N": name.upper(), "real": "float" if dtype == "float32" else "double"}
    words |= {"version": __version__, "file": comment(file), "M": str(len(networks))}
    words |= {"I": str(max(len(inputs_of(model)), 1)), "O": str(architecture.outputs)}
    words |= {"F": str(max(architecture.features, 1)), "stride": str(architecture.stride)}
    whole = architecture.bidirectional or architecture.stride > 1
    step = (WindowWriter if whole else Writer)(architecture, networks, name, small).write()
    encoding, answering = Encoder(model, name).write(), Answering(model, name)
    functions = (window_parts if whole else step_parts)(step, encoding, answering, words)
    described = {**words, "inputs": _inputs(model), "answers": _answers(model)}
    parts = [
        BANNER.format(**words, about=_about(model)),
        DECLARATIONS.format(
            **words,
            macros=functions.macros,
            functions=functions.declarations.format(**described, steps=_steps(architecture.stride)),
            memory=functions.memory,
            alarm="" if model.task.threshold() is None else ALARM.format(**words, threshold=number(model.threshold)),
        ),
        "#ifndef {N}_HEADER\n#include <math.h>\n".format(**words),
        _weights(step, words, dtype),
        *encoding.constants,
        *answering.constants(),
        product_of(name, small),
        *helper_texts(step.helpers, name, dtype),
        functions.text,
        *([] if model.task.threshold() is None else [ALARM_BODY.format(**words)]),
        _self_test(model, words, dtype, whole),
        "#endif /* {N}_HEADER */\n".format(**words),
    ]
    weights = sum(one.size * (2 if one.kind == "short" else REAL_BYTES[dtype]) for one in step.weights) * len(networks)
    beside, state = (
        bytes_of(fields, REAL_BYTES[dtype]) for fields in ([(one, 1) for one in encoding.beside], functions.fields)
    )
    return Source(name, "\n".join(parts), weights, beside, state, architecture.outputs, whole, architecture.stride)


def _steps(stride: int) -> str:
    """Say which rows of a window have answers."""
    if stride == 1:
        return "Each row has answers."
    return (
        f"Every row whose distance from the last one is a multiple of {stride} has answers: (n + {stride - 1}) / "
        f"{stride} of them."
    )


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


def _weights(step: Step, words: dict[str, str], dtype: str) -> str:
    """Return the weights of all networks."""
    lines = ["typedef struct {", *map(str, step.weights), f"}} {words['n']}_weights;", ""]
    types = ["int16" if values[0].dtype.kind == "i" else dtype for values in step.values]
    networks = [
        ",\n".join(initial(values[k], kind) for values, kind in zip(step.values, types, strict=True))
        for k in range(int(words["M"]))
    ]
    body = ",\n".join(f"{{{network}}}" for network in networks)
    return "\n".join([*lines, f"static const {words['n']}_weights {words['n']}_networks[{words['M']}] = {{\n{body}}};"])


def _self_test(model: Model, words: dict[str, str], dtype: str, whole: bool) -> str:
    """Return stored rows with their answers, and what compares them; whole: a window at a time."""
    sample = draw(model, TESTED)
    answers = sample.answers[~np.isnan(sample.answers).all(axis=1)]
    unit = TOLERANCE[dtype] * np.maximum(unit_of_answers(model), np.abs(answers).max(axis=0))
    rows = sample.rows if sample.rows.shape[1] else np.zeros((len(sample.rows), 1))
    value = f"{words['n']}_value"
    tables = [
        table(value, f"{words['n']}_test_rows", rows.ravel().tolist()),
        table(value, f"{words['n']}_test_answers", [float(str(answer)) for answer in answers.ravel()]),
        table(value, f"{words['n']}_test_tolerance", unit.tolist()),
    ]
    first, second = TESTED
    if whole:
        most = first * model.architecture.outputs
        test = WINDOW_SELF_TEST.format(**words, first=first, second=second, most=most)
    else:
        test = SELF_TEST.format(**words, rows=len(rows), first=first)
    return "\n".join([*tables, test])
