"""From the outputs of networks to answers as text of a module of PyTorch: ensembles, and what answers beside them.

The change since the row before and the last known target are made of the inputs of the network, in its precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import TASKS
from rnnfast.errors import UsageError
from rnnfast.model.model import Model
from rnnfast.model.places import Places

CHANGES = """
def with_changes(x):
    # The inputs, and their changes since the row before: 0 in the first row of a sequence.
    return torch.cat([x, torch.diff(x, dim=1, prepend=x[:, :1])], 2)
"""
DEVIATIONS = """
def deviations(x):
    # How far inputs lie from their exponential averages in the row before: 0 in the first row of a sequence.
    x, rates, rows = x[:, :, {inputs}], torch.tensor({rates}, dtype=x.dtype), []
    average = x[:, 0]
    for row in x.unbind(1):
        rows.append(row - average)
        average = average + rates * rows[-1]
    return torch.stack(rows, 1)
"""
PLACES = """
def places(x, weights):
    # What all rows so far add, each by the weights of its place: (n, steps, outputs).
    places = min(x.shape[1], weights.shape[1])
    x = torch.cat([x, torch.ones_like(x[:, :, :1])], 2)
    terms = torch.einsum("ntf,otf->nto", x[:, :places], weights[:, :places])
    return torch.nn.functional.pad(terms, (0, 0, 0, x.shape[1] - places)).cumsum(1)
"""
CLASS = """class Model({base}):
{parts}    def forward(self, x):
{forward}
"""
INIT = """    def __init__(self):
        super().__init__()
{lines}

"""


def refuse_difference(model: Model) -> None:
    """Raise UsageError where changes are added to a last target that no input gives back."""
    for name in _lags(model):
        if name in model.encoder.scaler.knots:
            raise UsageError(
                f"--to torch: --difference adds the last target, of which the module sees the rank alone (--scale rank "
                f"of {name}); use --to c or onnx"
            )


def functions_of(model: Model) -> str:
    """Return the functions that `class_of` calls."""
    if model.linear_part is None:
        return ""
    averages, functions = model.linear_part.averages, [CHANGES]
    if averages:
        functions.append(DEVIATIONS.format(inputs=list(averages.inputs), rates=list(averages.rates)))
    return "\n".join([*functions, PLACES] if model.linear_part.places else functions)


def class_of(model: Model) -> str:
    """Write the class Model, which answers by one Network or several."""
    members, linear = len(model.members), model.linear_part
    average, answer = _answer(model)
    parts, outputs = list[str](), "super().forward(x)"
    if members > 1:
        parts.append(f"self.members = torch.nn.ModuleList(Network() for _ in range({members}))")
        outputs = "torch.stack([network(x) for network in self.members])"
    forward = [f"z = {outputs}"]
    if linear is not None:
        seen, count = "with_changes(x)", 2 * len(model.encoder.names)
        if linear.averages:
            seen, count = f"torch.cat([{seen}, deviations(x)], 2)", count + len(linear.averages.inputs)
        parts.append(f"self.linear = torch.nn.Linear({count}, {len(linear.bias)})")
        forward.append(f"z = {linear.share!r} * z + self.linear({seen})")
        if linear.places:
            parts.append(
                f"self.places = torch.nn.Parameter(torch.zeros({_shape(linear.places, len(model.encoder.names))}))"
            )
            forward.append("z = z + places(x, self.places)")
    forward += [average] if members > 1 else []
    forward += [f"last = {_last(model)}"] if model.schema.difference else []
    return CLASS.format(
        base="Network" if members == 1 else "torch.nn.Module",
        parts=INIT.format(lines=_indented(parts)) if parts else "",
        forward=_indented([*forward, f"return {answer}"]),
    )


def tensors_of(model: Model) -> dict[str, NDArray[Any]]:
    """Return the state dict of the class, in the precision of the model."""
    tensors = {name: np.ascontiguousarray(one) for name, one in model.parameters.items()}
    if (part := model.linear_part) is not None:
        course = [part.averages.weights] if part.averages else []
        weight, dtype = np.hstack([part.level, part.change, *course]), model.architecture.dtype
        tensors |= {"linear.weight": weight.astype(dtype), "linear.bias": np.array(part.bias, dtype)}
        if part.places:
            tensors["places"] = np.ascontiguousarray(part.places.table[:, :-1], dtype)
    return tensors


def _shape(places: Places, features: int) -> tuple[int, ...]:
    """Return that of the weights: outputs, places, inputs and 1."""
    return len(places.weights), places.length, features + 1


def _answer(model: Model) -> tuple[str, str]:
    """Return how the outputs of several networks become one, and how that becomes answers."""
    schema, cooled = model.schema, "" if model.temperature == 1 else f" / {model.temperature!r}"
    if not schema.classes:
        scaler = model.target_scaler
        last = " + last" if schema.difference else ""
        return "z = z.mean(0)", f"z / {_numbers(scaler.scale)} + {_numbers(scaler.shift)}{last}"
    if not model.task.logits:
        return "z = z.clamp(0, 1).mean(0)", "z.clamp(0, 1)"
    if TASKS[schema.task].output_per_class:
        return "z = torch.softmax(z, -1).mean(0).log()", f"torch.softmax(z{cooled}, -1)"
    return "z = torch.logit(torch.sigmoid(z).mean(0))", f"torch.sigmoid(z{cooled})"


def _lags(model: Model) -> tuple[str, ...]:
    """Return the lagged targets that changes are added to."""
    return model.encoder.columns[model.schema.first_lag :] if model.schema.difference else ()


def _last(model: Model) -> str:
    """Return what gives the last known targets, (n, steps, O), by their inputs."""
    encoder, stride = model.encoder, model.architecture.stride
    lags = _lags(model) * len(model.schema.ahead)
    inputs, places = [encoder.names.index(name) for name in lags], [encoder.scaler.place_of[name] for name in lags]
    steps = ":" if stride == 1 else f"(x.shape[1] - 1) % {stride} :: {stride}"
    scale, shift = (_numbers(one[places]) for one in (encoder.scaler.scale, encoder.scaler.shift))
    return f"x[:, {steps}, {inputs}] / {scale} + {shift}"


def _numbers(values: NDArray[Any]) -> str:
    return f"torch.tensor({values.tolist()}, dtype=z.dtype)"


def _indented(lines: list[str]) -> str:
    return "\n".join(f"        {line}" for line in lines)
