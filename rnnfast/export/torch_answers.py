"""From the outputs of networks to answers as text of a module of PyTorch: ensembles, and what answers beside them.

The change since the row before and the last known target are made of the inputs of the network, in its precision.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import TASKS
from rnnfast.errors import UsageError
from rnnfast.model.linear_part import LinearPart
from rnnfast.model.model import Model

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
SHARES = """
def shares(x, columns, thresholds, weights):
    # In which share of the rows so far convolutions exceed thresholds, each with a weight: (n, steps, outputs).
    steps = x.shape[1]
    first, second, third = torch.combinations(torch.arange(9), 3).T
    rows, sums = torch.nn.functional.pad(x.double(), (0, 0, {reach}, 0)), 0
    for dilation, column, limits, weight in zip({dilations}, columns, thresholds, weights):
        taps = [rows[:, {reach} - back * dilation :][:, :steps] for back in range(8, -1, -1)]
        alike, taps = sum(taps[1:], taps[0]), torch.stack(taps, 2)
        height = 3 * (taps[:, :, first, column] + taps[:, :, second, column] + taps[:, :, third, column])
        above = (height - alike[:, :, column])[..., None] > limits
        sums = sums + torch.einsum("ntkb,okb->nto", above.double(), weight.double())
    return (sums.cumsum(1) / torch.arange(1, steps + 1)[:, None]).to(x.dtype)
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
    part, functions = model.linear_part, [CHANGES]
    if part.averages:
        functions.append(DEVIATIONS.format(inputs=list(part.averages.inputs), rates=list(part.averages.rates)))
    if part.places:
        functions.append(PLACES)
    if part.convolutions:
        functions.append(SHARES.format(reach=part.convolutions.reach, dilations=list(part.convolutions.dilations)))
    return "\n".join(functions)


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
        for name, one in _more(linear, model.architecture.dtype).items():
            parts.append(f'self.register_buffer("{name}", torch.zeros({one.shape}, dtype=torch.{one.dtype}))')
        added = [f"self.linear({seen})"]
        added += ["places(x, self.places)"] if linear.places else []
        added += ["shares(x, self.columns, self.thresholds, self.above)"] if linear.convolutions else []
        forward.append(f"linear = {' + '.join(added)}")
        forward.append(f"z = {linear.factor!r} * z + linear{_steps(model)}")
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
        tensors |= _more(part, dtype)
    return tensors


def _more(linear_part: LinearPart, dtype: str) -> dict[str, NDArray[Any]]:
    """Return the tensors of what sees more of a sequence than two rows and averages; numbers in a precision."""
    tensors = {}
    if linear_part.places:
        tensors["places"] = np.ascontiguousarray(linear_part.places.table[:, :-1], dtype)
    if convolutions := linear_part.convolutions:
        thresholds = np.array(convolutions.thresholds, dtype)
        above = np.reshape(convolutions.weights, (-1, *thresholds.shape)).swapaxes(0, 1)
        tensors |= {"columns": np.array(convolutions.inputs, np.int64), "thresholds": thresholds}
        tensors["above"] = np.ascontiguousarray(above, dtype)
    return tensors


def _steps(model: Model) -> str:
    """Return what picks the rows (n, T, ..) at which the steps of a front that strides end."""
    stride = model.architecture.stride
    return "" if stride == 1 else f"[:, (x.shape[1] - 1) % {stride} :: {stride}]"


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
    encoder = model.encoder
    lags = _lags(model) * len(model.schema.ahead)
    inputs, places = [encoder.names.index(name) for name in lags], [encoder.scaler.place_of[name] for name in lags]
    scale, shift = (_numbers(one[places]) for one in (encoder.scaler.scale, encoder.scaler.shift))
    return f"x{_steps(model)}[:, :, {inputs}] / {scale} + {shift}"


def _numbers(values: NDArray[Any]) -> str:
    return f"torch.tensor({values.tolist()}, dtype=z.dtype)"


def _indented(lines: list[str]) -> str:
    return "\n".join(f"        {line}" for line in lines)
