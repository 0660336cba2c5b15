"""The network of a model as text of a module of PyTorch: its parts by the names of the tensors, its forward pass."""

from __future__ import annotations

from itertools import pairwise

from rnnfast.catalogue import HEADS
from rnnfast.cells import built_in
from rnnfast.export.torch_cells import layers_of
from rnnfast.model.model import Model
from rnnfast.network.embedding import width_of
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
FRONT = """
def front(layer, x):
    # Steps are counted from the end of a sequence; rows before the first are zeros.
    rows, stride = layer.kernel_size[0], layer.stride[0]
    before = (-(-x.shape[1] // stride) - 1) * stride + rows - x.shape[1]
    return torch.relu(layer(torch.nn.functional.pad(x.transpose(1, 2), (before, 0)))).transpose(1, 2)
"""
EMBEDDED = """
def embedded(table, code):
    # 0 is no category, k + 1 is row k.
    return table((code.long() - 1).clamp(min=0)) * (code > 0).unsqueeze(-1)
"""

WITH_ZEROS = """
def with_zeros(h):
    # The states of an LSTM: c begins at 0.
    return h, torch.zeros_like(h)
"""


def network_of(model: Model) -> tuple[str, list[str], list[str]]:
    """Return the functions and classes that a network calls, the lines that make its parts, and its forward pass."""
    net = model.architecture
    functions = (MEAN if net.head in ("mean", "all") else "") + (ATTENTION if net.head == "attention" else "")
    functions += (EMBEDDED if net.embeddings else "") + (FRONT if net.front else "")
    functions += WITH_ZEROS if net.static and net.cell == built_in("lstm") else ""
    before, begin = _inputs(model)
    if net.cell.recurrent:
        if _module(model) is None:
            functions += layers_of(net.cell, net.directions, Layout(net).head.static.state)
        parts, forward = _recurrent(model)
    else:
        parts, forward = _mlp(model)
    *forward, result = forward
    if net.static:
        result += ' + self.static["head"](s).unsqueeze(1)'
    return functions, [*before, *parts], [*begin, *forward, result]


def _inputs(model: Model) -> tuple[list[str], list[str]]:
    """Return the parts before the first layer, and the lines that lead to what it reads, h."""
    net = model.architecture
    parts, forward, steps = list[str](), list[str](), net.features - net.static
    numbers = steps - len(net.embeddings)
    if net.static:
        forward.append(f"s = x[:, 0, {steps}:]")
        linear = [f"{name!r}: torch.nn.Linear({net.static}, {units})" for name, units in _begun(model)]
        linear.append(f'"head": torch.nn.Linear({net.static}, {net.outputs}, bias=False)')
        parts.append(f"self.static = torch.nn.ModuleDict({{{', '.join(linear)}}})")
    forward.append("h = x" if numbers == net.features else f"h = x[..., :{numbers}]")
    if net.embeddings:
        tables = ", ".join(f"torch.nn.Embedding({table.categories}, {table.units})" for table in net.embeddings)
        parts.append(f"self.embed = torch.nn.ModuleList([{tables}])")
        looked = ", ".join(f"embedded(self.embed[{k}], x[..., {numbers + k}])" for k in range(len(net.embeddings)))
        forward.append(f"h = torch.cat([h, {looked}], 2)")
    if net.front:
        inputs = (width_of(steps, net.embeddings), *(layer.units for layer in net.front))
        layers = ", ".join(
            f"torch.nn.Conv1d({below}, {layer.units}, {layer.rows}, {layer.stride})"
            for below, layer in zip(inputs, net.front, strict=False)
        )
        parts.append(f"self.front = torch.nn.ModuleList([{layers}])")
        forward += ["for layer in self.front:", "    h = front(layer, h)"]
    return parts, forward


def _begun(model: Model) -> list[tuple[str, int]]:
    """Return the names of the layers that make first states of constant columns, and their units."""
    net = model.architecture
    if not (net.static and net.cell.recurrent):
        return []
    suffixes = ("", "_reverse")[: net.directions]
    return [(f"l{layer}{suffix}", units) for layer, units in enumerate(net.hidden) for suffix in suffixes]


def _first(model: Model, layers: slice) -> str:
    """Return what a module is handed beside its input: the states that constant columns begin, of some layers."""
    names = [name for name, _ in _begun(model)][layers]
    if not names:
        return ""
    states = f"torch.stack([torch.tanh(self.static[name](s)) for name in {names!r}])"
    return f", with_zeros({states})" if model.architecture.cell == built_in("lstm") else f", {states}"


def _module(model: Model) -> str | None:
    """Return PyTorch's class of the cell; None where it has none."""
    config = model.config.model
    if config.cell == "rnn" and config.activation not in NONLINEARITIES:
        return None
    return CLASSES.get(config.cell)


def _recurrent(model: Model) -> tuple[list[str], list[str]]:
    """Return the modules of a recurrent network and its forward pass."""
    net, config = model.architecture, model.config.model
    hidden, layers, inputs, kind = net.hidden, len(net.hidden), _width(model), _module(model)
    more = ", batch_first=True"
    more += f", nonlinearity={config.activation!r}" if config.cell == "rnn" else ""
    more += ", bidirectional=True" if net.bidirectional else ""
    layer = "Layers({}, {}, {})" if kind is None else f"torch.nn.{kind}({{}}, {{}}, {{}}{more})"
    if len(set(hidden)) == 1:
        parts = [f"self.rnn = {layer.format(inputs, hidden[0], layers)}"]
        forward = [f"h = self.rnn(h{_first(model, slice(None))})[0]"]
    else:
        sizes = [inputs, *(units * net.directions for units in hidden[:-1])]
        pieces = ", ".join(layer.format(size, units, 1) for size, units in zip(sizes, hidden, strict=True))
        parts, ways = [f"self.rnn = torch.nn.ModuleList([{pieces}])"], net.directions
        first = [_first(model, slice(ways * number, ways * number + ways)) for number in range(layers)]
        forward = [f"h = self.rnn[{number}](h{begun})[0]" for number, begun in enumerate(first)]
    return [*parts, *_head(model)], [*forward, f"return self.head({POOLS[net.head]})"]


def _width(model: Model) -> int:
    """Return the numbers that the first layer reads."""
    net = model.architecture
    return net.front[-1].units if net.front else width_of(net.features - net.static, net.embeddings)


def _mlp(model: Model) -> tuple[list[str], list[str]]:
    """Return the modules of a network without recurrence and its forward pass."""
    net, activation = model.architecture, f"torch.nn.{ACTIVATIONS[model.config.model.activation]}"
    sizes = [_width(model), *net.hidden]
    parts = ["self.mlp = torch.nn.Sequential("]
    for size, units in pairwise(sizes):
        parts += [f"    torch.nn.Linear({size}, {units}),", f"    {activation},"]
    if net.remembers:
        last = ["h = self.mlp(h)", f"return self.head({POOLS[net.head]})"]
        return [*parts, ")", *_head(model)], last
    return [*parts, f"    torch.nn.Linear({sizes[-1]}, {net.outputs}),", ")"], ["return self.mlp(h)"]


def _head(model: Model) -> list[str]:
    net = model.architecture
    shape = dict(Layout(net).shapes())["head.weight"]
    lines = [f"self.head = torch.nn.Linear({shape[1]}, {shape[0]})"]
    if HEADS[net.head].query:
        lines.append(f"self.head.query = torch.nn.Parameter(torch.zeros({net.hidden[-1] * net.directions}))")
    return lines
