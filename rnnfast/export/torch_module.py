"""A model as a module of PyTorch: a short file of Python, and its state dict beside it; neither needs rnnfast.

The module takes the inputs of the network, encoded as its comments say, and gives the answers of the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast import __version__
from rnnfast.catalogue import TASKS
from rnnfast.errors import UsageError
from rnnfast.export.torch_answers import class_of, functions_of, refuse_difference
from rnnfast.export.torch_network import network_of
from rnnfast.model.model import Model

FILE = '''\
"""{about}

Written by rnnfast {version}: PyTorch alone runs it, with the tensors of {tensors}.

    model = load()
    answers = model(x)    x: (n, T, {F}) encoded inputs, answers: (n, {steps}, {O}) {answers}

{inputs}
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
{functions}

class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
{parts}

    def forward(self, x):
{forward}


{answering}

def load():
    model = Model().to(torch.{dtype})
    model.load_state_dict(load_file(Path(__file__).with_name({tensors!r})), strict=True)
    return model.eval()
'''


def refuse(model: Model) -> None:
    """Raise UsageError for what PyTorch has no module for."""
    cell = model.config.model.cell
    if not model.architecture.cell.recurrent and cell != "mlp":
        raise UsageError(f"--to torch: the cell {cell} has no state, and is not written; --to c and --to json take it")
    refuse_difference(model)


def answers_of(text: str, tensors: Mapping[str, NDArray[Any]], encoded: NDArray[Any]) -> NDArray[np.float64] | None:
    """Run a module on one sequence of encoded inputs (T, F); None where PyTorch is not installed.

    Returns: (steps, O).
    """
    try:
        import torch
    except ImportError:
        return None
    names: dict[str, Any] = {"__name__": "exported"}
    exec(text, names)  # our own text
    module = names["Model"]().to(getattr(torch, str(encoded.dtype)))
    module.load_state_dict({name: torch.tensor(tensor) for name, tensor in tensors.items()}, strict=True)
    with torch.no_grad():
        return np.asarray(module(torch.tensor(encoded)[None])[0].numpy(), np.float64)


def module_of(model: Model, tensors: str) -> str:
    """Write the module down; tensors: the name of the file of its state dict. Raises UsageError as `refuse`."""
    refuse(model)
    architecture = model.architecture
    functions, parts, forward = network_of(model)
    functions += functions_of(model)
    return FILE.format(
        about=_text(model.display()[0]),
        version=__version__,
        tensors=tensors,
        F=architecture.features,
        O=architecture.outputs,
        steps="T" if architecture.stride == 1 else f"T / {architecture.stride} rounded up",
        answers=_text(_answers(model)),
        inputs="\n".join(f"    x[..., {j}]  {_text(line)}" for j, line in enumerate(_inputs(model))),
        functions=f"\n{functions}" if functions else "",
        parts="\n".join(f"        {line}" for line in parts),
        forward="\n".join(f"        {line}" for line in forward),
        answering=class_of(model),
        dtype=architecture.dtype,
    )


def _answers(model: Model) -> str:
    """Say what answers are."""
    schema = model.schema
    if not schema.classes:
        return f"of {', '.join(schema.answers)}"
    if TASKS[schema.task].output_per_class:
        return f"probabilities of {', '.join(map(str, schema.classes))}"
    return f"probability of {schema.classes[1]}, an alarm from {model.threshold:g} on"


def _inputs(model: Model) -> list[str]:
    """Say how each input is made."""
    encoder = model.encoder
    scaler, names = encoder.scaler, encoder.names
    lines = []
    codes = range(encoder.numeric_inputs, encoder.numeric_inputs + len(encoder.embeddings))
    for j, name in enumerate(names):
        place = scaler.place_of.get(name)
        if j in codes:
            lines.append(f"{name}: 0 for no category, 1, 2, .. for those that the header of the model lists")
        elif place is None:
            lines.append(f"{name}: 1 or 0" if "=" in name or name.endswith("(missing)") else f"{name}, of the circle")
        else:
            ranks = ", then its rank (see --to json)" if name in scaler.knots else ""
            lines.append(f"({name} - {float(scaler.shift[place])!r}) * {float(scaler.scale[place])!r}{ranks}")
    return lines


def _text(text: str) -> str:
    """Return any text as part of a docstring."""
    return text.encode("unicode_escape").decode("ascii").replace("\\", "/").replace('"', "'")
