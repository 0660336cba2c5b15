"""A model as a module of PyTorch: a short file of Python, and its state dict beside it; neither needs rnnfast.

The module takes the inputs of the network, encoded as its comments say, and gives the answers of the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast import __version__
from rnnfast.catalogue import HEADS, TASKS
from rnnfast.errors import UsageError
from rnnfast.model.model import Model
from rnnfast.network.layout import Layout

CLASSES = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}
NONLINEARITIES = ("tanh", "relu")  # of torch.nn.RNN
ACTIVATIONS = {
    "tanh": "Tanh()", "relu": "ReLU()", "leaky_relu": "LeakyReLU(0.01)", "sigmoid": "Sigmoid()", "elu": "ELU()",
    "swish": "SiLU()", "gelu": "GELU()", "identity": "Identity()",
}  # fmt: skip
# What the head sees of the states h (n, T, units) of the top layer; q: the query of attention.
POOLS = {
    "last": "h",
    "mean": "mean(h)",
    "max": "h.cummax(1).values",
    "all": "torch.cat([h, mean(h), h.cummax(1).values], 2)",
    "attention": "attention(h, self.head.query)",
}
MEAN = """
def mean(h):
    return h.cumsum(1) / torch.arange(1, h.shape[1] + 1).reshape(1, -1, 1)
"""
ATTENTION = """
def attention(h, query):
    score = h @ query / query.numel() ** 0.5
    share = torch.exp(score - score.max(1, keepdim=True).values).unsqueeze(2)
    return (share * h).cumsum(1) / share.cumsum(1)
"""
FILE = '''\
"""{about}

Written by rnnfast {version}: PyTorch alone runs it, with the tensors of {tensors}.

    model = load()
    answers = model(x)    x: (n, T, {F}) encoded inputs, answers: (n, T, {O}) {answers}

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

{ensemble}
def load():
    model = Model().to(torch.{dtype})
    model.load_state_dict(load_file(Path(__file__).with_name({tensors!r})), strict=True)
    return model.eval()
'''
SINGLE = """
class Model(Network):
    def forward(self, x):
        z = super().forward(x)
        return {answer}

"""
SEVERAL = """
class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.members = torch.nn.ModuleList(Network() for _ in range({members}))

    def forward(self, x):
        z = torch.stack([network(x) for network in self.members])
        {average}
        return {answer}

"""


def refuse(model: Model) -> None:
    """Raise UsageError for what PyTorch has no module for."""
    cell, activation = model.config.model.cell, model.config.model.activation
    if cell not in (*CLASSES, "mlp"):
        raise UsageError(f"--to torch: PyTorch has no module for the cell {cell}; --to c and --to json take any cell")
    if cell == "rnn" and activation not in NONLINEARITIES:
        raise UsageError(f"--to torch: torch.nn.RNN has tanh and relu, not {activation}; use --to c or --to json")
    if model.architecture.front:
        raise UsageError("--to torch: --conv and --patch are not written yet; use --to json, or --to c for --conv")
    for name, present in {"--static": model.architecture.static, "--embed": model.architecture.embeddings}.items():
        if present:
            raise UsageError(f"--to torch: {name} is not written yet; use --to c or --to json")
    if model.schema.difference:
        raise UsageError("--to torch: --difference adds the last target, which the module does not see; use --to c")


def answers_of(text: str, tensors: Mapping[str, NDArray[Any]], encoded: NDArray[Any]) -> NDArray[np.float64] | None:
    """Run a module on one sequence of encoded inputs (T, F); None where PyTorch is not installed."""
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
    architecture, members = model.architecture, len(model.members)
    average, answer = _answer(model)
    head = architecture.head
    functions = (MEAN if head in ("mean", "all") else "") + (ATTENTION if head == "attention" else "")
    parts, forward = _mlp(model) if not architecture.cell.recurrent else _recurrent(model)
    ensemble = (
        SINGLE.format(answer=answer)
        if members == 1
        else SEVERAL.format(members=members, average=average, answer=answer)
    )
    return FILE.format(
        about=_text(model.display()[0]),
        version=__version__,
        tensors=tensors,
        F=architecture.features,
        O=architecture.outputs,
        answers=_text(_answers(model)),
        inputs="\n".join(f"    x[..., {j}]  {_text(line)}" for j, line in enumerate(_inputs(model))),
        functions=f"\n{functions}" if functions else "",
        parts="\n".join(f"        {line}" for line in parts),
        forward="\n".join(f"        {line}" for line in forward),
        ensemble=ensemble.lstrip("\n"),
        dtype=architecture.dtype,
    )


def _recurrent(model: Model) -> tuple[list[str], list[str]]:
    """Return the modules of a recurrent network and its forward pass."""
    net, config = model.architecture, model.config.model
    hidden, layers, equal = net.hidden, len(net.hidden), len(set(net.hidden)) == 1
    kind = CLASSES[config.cell]
    more = f", nonlinearity={config.activation!r}" if config.cell == "rnn" else ""
    more += ", bidirectional=True" if net.bidirectional else ""
    if equal:
        parts = [f"self.rnn = torch.nn.{kind}({net.features}, {hidden[0]}, {layers}, batch_first=True{more})"]
        forward = ["h = self.rnn(x)[0]"]
    else:
        sizes = [net.features, *(units * net.directions for units in hidden[:-1])]
        parts = ["self.rnn = torch.nn.ModuleList()"]
        for size, units in zip(sizes, hidden, strict=True):
            parts.append(f"self.rnn.append(torch.nn.{kind}({size}, {units}, batch_first=True{more}))")
        forward = ["h = x", "for layer in self.rnn:", "    h = layer(h)[0]"]
    return [*parts, *_head(model)], [*forward, f"return self.head({POOLS[net.head]})"]


def _mlp(model: Model) -> tuple[list[str], list[str]]:
    """Return the modules of a network without recurrence and its forward pass."""
    net, activation = model.architecture, f"torch.nn.{ACTIVATIONS[model.config.model.activation]}"
    sizes = [net.features, *net.hidden]
    parts = ["self.mlp = torch.nn.Sequential("]
    for size, units in pairwise(sizes):
        parts += [f"    torch.nn.Linear({size}, {units}),", f"    {activation},"]
    if net.remembers:
        last = ["h = self.mlp(x)", f"return self.head({POOLS[net.head]})"]
        return [*parts, ")", *_head(model)], last
    return [*parts, f"    torch.nn.Linear({sizes[-1]}, {net.outputs}),", ")"], ["return self.mlp(x)"]


def _head(model: Model) -> list[str]:
    net = model.architecture
    shape = dict(Layout(net).shapes())["head.weight"]
    lines = [f"self.head = torch.nn.Linear({shape[1]}, {shape[0]})"]
    if HEADS[net.head].query:
        lines.append(f"self.head.query = torch.nn.Parameter(torch.zeros({net.hidden[-1] * net.directions}))")
    return lines


def _answer(model: Model) -> tuple[str, str]:
    """Return how the outputs of several networks become one, and how that becomes answers."""
    schema, cooled = model.schema, "" if model.temperature == 1 else f" / {model.temperature!r}"
    if not schema.classes:
        scaler = model.target_scaler
        unit, zero = (f"torch.tensor({values.tolist()}, dtype=z.dtype)" for values in (scaler.scale, scaler.shift))
        return "z = z.mean(0)", f"z / {unit} + {zero}"
    if not model.task.logits:
        return "z = z.clamp(0, 1).mean(0)", "z.clamp(0, 1)"
    if TASKS[schema.task].output_per_class:
        return "z = torch.softmax(z, -1).mean(0).log()", f"torch.softmax(z{cooled}, -1)"
    return "z = torch.logit(torch.sigmoid(z).mean(0))", f"torch.sigmoid(z{cooled})"


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
    for j, name in enumerate(names):
        if j >= len(scaler.names):
            lines.append(f"{name}: 1 or 0" if "=" in name or name.endswith("(missing)") else f"{name}, of the circle")
            continue
        ranks = ", then its rank (see --to json)" if name in scaler.knots else ""
        lines.append(f"({name} - {float(scaler.shift[j])!r}) * {float(scaler.scale[j])!r}{ranks}")
    return lines


def _text(text: str) -> str:
    """Return any text as part of a docstring."""
    return text.encode("unicode_escape").decode("ascii").replace("\\", "/").replace('"', "'")
