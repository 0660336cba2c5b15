"""The same network in PyTorch, with the same names: what a state dict of ours is loaded into."""

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from forward import activation_of, last_rows

from rnnfast.catalogue import HEADS
from rnnfast.network.embedding import width_of

WITHOUT_PRODUCTS = {"lru": (3, ("nu_log", "theta_log")), "mingru": (2, ("bias_z",))}  # gates and vectors
MODULES = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}
FUNCTIONS = {"swish": "silu", "elu": "elu", "gelu": "gelu", "leaky_relu": "leaky_relu", "sigmoid": "sigmoid"}
LOSSES = {
    "mse": "mse_loss",
    "mae": "l1_loss",
    "huber": "huber_loss",
    "bce": "binary_cross_entropy_with_logits",
    "ce": "cross_entropy",
}


def import_torch():
    """PyTorch, or the test is skipped."""
    return pytest.importorskip("torch", reason="PyTorch is the oracle of this test; install the extra 'oracle'")


def function(torch, name):
    if name == "identity":
        return lambda x: x
    return getattr(torch, name, None) or getattr(torch.nn.functional, FUNCTIONS[name])


def loss_function(torch, name):
    """Function of outputs (rows, O) and targets (rows, C)."""
    chosen = getattr(torch.nn.functional, LOSSES[name])
    return (lambda p, y: chosen(p, y[:, 0].long())) if name == "ce" else chosen


def _without_products(torch, net, inputs, hidden, layers, **settings):
    """A module of layers of lru or mingru, which PyTorch has not, with parameters by our names."""
    gates, vectors = WITHOUT_PRODUCTS[net.cell.name]
    module = torch.nn.Module()
    module.num_layers, module.hidden_size = layers, hidden
    for number in range(layers):
        for suffix in ("", "_reverse")[: net.directions]:
            columns = inputs if number == 0 else net.directions * hidden
            shapes = {"weight_ih": (gates * hidden, columns), "bias_ih": (gates * hidden,)}
            for name, shape in (shapes | dict.fromkeys(vectors, (hidden,))).items():
                setattr(module, f"{name}_l{number}{suffix}", torch.nn.Parameter(torch.empty(shape)))
    return module


def _lru(torch, products, vectors, state):
    """One step, in complex numbers."""
    nu_log, theta_log = vectors
    re, im, d = products.chunk(3)
    factor = torch.exp(torch.complex(-torch.exp(nu_log), torch.exp(theta_log)))
    state = factor * state + torch.sqrt(1 - factor.abs() ** 2) * torch.complex(re, im)
    return torch.nn.functional.gelu(state.real + d), state


def _mingru(torch, products, vectors, state):
    """One step, by Feng et al."""
    z, n = products.chunk(2)
    z = torch.sigmoid(z + vectors[0])
    state = (1 - z) * state + z * n
    return state, state


def _by_steps(torch, net, layers, x, begun):
    """States of the top layer of lru or mingru; begun: what they begin with, as of `_begun`, which of lru is real."""
    first = iter([] if begun is None else [row[0] for part in begun for row in part])
    step = {"lru": _lru, "mingru": _mingru}[net.cell.name]
    for part in [layers] if not isinstance(layers, torch.nn.ModuleList) else layers:
        for number in range(part.num_layers):
            directions = []
            for suffix in ("", "_reverse")[: net.directions]:
                place = f"_l{number}{suffix}"
                W, b = (getattr(part, name + place) for name in ("weight_ih", "bias_ih"))
                vectors = [getattr(part, name + place) for name in WITHOUT_PRODUCTS[net.cell.name][1]]
                state, rows = next(first, torch.zeros(part.hidden_size, dtype=torch.float64)), []
                for row in x.flip(0) if suffix else x:
                    output, state = step(torch, W @ row + b, vectors, state)
                    rows.append(output)
                directions.append(torch.stack(rows[::-1] if suffix else rows))
            x = torch.cat(directions, 1)
    return x


def _layers(torch, net):
    """One module of several layers, or a list of modules of one layer where widths differ."""
    directions = net.directions
    if net.cell.name in WITHOUT_PRODUCTS:
        kind = partial(_without_products, torch, net)
    else:
        kind = getattr(torch.nn, MODULES[net.cell.name])
    settings = {"bidirectional": net.bidirectional, "batch_first": True, "dtype": torch.float64}
    if net.cell.name == "rnn" and activation_of(net) == "relu":
        settings["nonlinearity"] = "relu"
    widths = net.hidden
    features = net.front[-1].units if net.front else width_of(net.features - net.static, net.embeddings)
    if len(set(widths)) == 1:
        return kind(features, widths[0], len(widths), **settings)
    inputs = (features, *(directions * width for width in widths[:-1]))
    return torch.nn.ModuleList(kind(i, width, 1, **settings) for i, width in zip(inputs, widths, strict=True))


def build(net, tensors):
    """A module that holds the tensors (strictly all of them)."""
    torch = import_torch()
    linear = torch.nn.Linear
    inputs = (width_of(net.features - net.static, net.embeddings), *(layer.units for layer in net.front))
    front = [
        torch.nn.Conv1d(i, layer.units, layer.rows, layer.stride) for i, layer in zip(inputs, net.front, strict=False)
    ]
    width = net.directions * net.hidden[-1]
    head = linear(HEADS[net.head].blocks * width, net.outputs)
    if HEADS[net.head].query:
        head.query = torch.nn.Parameter(torch.empty(width))
    if net.cell.name == "mlp":
        parts = [part for i, o in pairwise((inputs[-1], *net.hidden)) for part in (linear(i, o), torch.nn.Identity())]
        parts, others = (parts, {"head": head}) if net.remembers else ([*parts, head], {})
        module = torch.nn.ModuleDict({"mlp": torch.nn.Sequential(*parts), **others})
    else:
        module = torch.nn.ModuleDict({"rnn": _layers(torch, net), "head": head})
    if front:
        module["front"] = torch.nn.ModuleList(front)
    if net.embeddings:
        module["embed"] = torch.nn.ModuleList(torch.nn.Embedding(*embedding) for embedding in net.embeddings)
    if net.static:
        module["static"] = torch.nn.ModuleDict({
            **{name: linear(net.static, units) for name, units in _beginnings(net)},
            "head": linear(net.static, net.outputs, bias=False),
        })  # fmt: skip
    module = module.double()
    module.load_state_dict({name: torch.tensor(array) for name, array in tensors.items()}, strict=True)
    return module


def _beginnings(net):
    """Names of the layers that make first states of constant columns, and their units, in PyTorch's order of states."""
    suffixes = ("", "_reverse")[: net.directions] if net.cell.recurrent else ()
    return [(f"l{number}{suffix}", units) for number, units in enumerate(net.hidden) for suffix in suffixes]


def _begun(torch, net, module, static):
    """What the states begin with, as the modules take it; None without constant columns."""
    if not net.static or not net.cell.recurrent:
        return None
    first = [torch.tanh(module["static"][name](static))[None, None] for name, _ in _beginnings(net)]
    n = net.directions
    alone = len(set(net.hidden)) > 1
    pieces = [torch.cat(first[i : i + n]) for i in range(0, len(first), n)] if alone else [torch.cat(first)]
    return [(h, torch.zeros_like(h)) if net.cell.name == "lstm" else h for h in pieces]


def _by_hand(torch, net, layers, x):
    """A vanilla RNN with an activation that torch.nn.RNN does not know."""
    assert not net.static
    f = function(torch, activation_of(net))
    parts = [layers] if isinstance(layers, torch.nn.RNN) else list(layers)
    for part in parts:
        for number in range(part.num_layers):
            found = []
            for suffix in ("", "_reverse")[: net.directions]:
                names = ("weight_ih", "bias_ih", "weight_hh", "bias_hh")
                Wi, bi, Wh, bh = (getattr(part, f"{name}_l{number}{suffix}") for name in names)
                h, states = torch.zeros(part.hidden_size, dtype=torch.float64), []
                for row in x.flip(0) if suffix else x:
                    h = f(Wi @ row + bi + Wh @ h + bh)
                    states.append(h)
                states = torch.stack(states)
                found.append(states.flip(0) if suffix else states)
            x = torch.cat(found, 1)
    return x


def _pool(torch, net, query, h, state):
    """What the head sees at each step, step by step, and the state of the pool after it: steps, scores, mean, maximum.

    scores: the logarithm of the sum of their exponentials.
    """
    nothing = torch.full((), -torch.inf, dtype=torch.float64)
    count, scores, mean, maximum = state or (0, nothing, torch.zeros_like(h[0]), nothing)
    rows = []
    for row in h:
        count += 1
        share = 1 / count
        if net.head == "attention":
            score = row @ query / len(row) ** 0.5
            scores = torch.logaddexp(scores, score)
            share = torch.exp(score - scores)
        mean, maximum = mean + share * (row - mean), torch.maximum(maximum, row)
        rows.append({"max": maximum, "all": torch.cat((row, mean, maximum))}.get(net.head, mean))
    return torch.stack(rows), (count, scores, mean, maximum)


def steps(net, module, x):
    """What the cell sees of a sequence x (T, F): its rows, or the outputs of the front."""
    torch = import_torch()
    numbers = net.features - net.static - len(net.embeddings)
    x = torch.as_tensor(x)[:, : net.features - net.static]
    parts = [x[:, :numbers]]
    for number in range(len(net.embeddings)):
        codes = x[:, numbers + number].long()
        parts.append(module["embed"][number](torch.clamp(codes - 1, min=0)) * (codes > 0)[:, None])
    x = torch.cat(parts, 1)
    for number, layer in enumerate(net.front):
        used = (-(-len(x) // layer.stride) - 1) * layer.stride
        padded = torch.nn.functional.pad(x.T, (used + layer.rows - len(x), 0))
        x = torch.relu(module["front"][number](padded)).T
    return x


def outputs(net, module, x):
    """Outputs (T, O) of one sequence x (T, F), and the states of all layers after it, to go on from."""
    torch = import_torch()
    static = torch.as_tensor(x[0, net.features - net.static :])
    layers = _begun(torch, net, module, static)
    out, after = outputs_of_steps(net, module, steps(net, module, x), (layers, None))
    return (out + module["static"]["head"](static) if net.static else out), after


def outputs_of_steps(net, module, x, states=None):
    """The same of what the cell sees, from states on."""
    torch = import_torch()
    layers, pool = states or (None, None)
    x, layers = _states(torch, net, module, x, layers)
    if not net.remembers:
        return x, None
    if net.head != "last":
        x, pool = _pool(torch, net, getattr(module["head"], "query", None), x, pool)
    return module["head"](x), (layers, pool)


def _states(torch, net, module, x, states):
    """States of the top layer; outputs of an MLP whose last layer they are."""
    if net.cell.name == "mlp":
        f = function(torch, activation_of(net))
        for part in module["mlp"]:
            x = part(x) if isinstance(part, torch.nn.Linear) else f(x)
        return x, None
    layers = module["rnn"]
    if net.cell.name in WITHOUT_PRODUCTS:
        return _by_steps(torch, net, layers, x, states), None
    if net.cell.name == "rnn" and activation_of(net) not in ("tanh", "relu"):
        return _by_hand(torch, net, layers, x), None
    parts = [layers] if not isinstance(layers, torch.nn.ModuleList) else list(layers)
    after = []
    for number, part in enumerate(parts):
        batch, state = part(x[None], None if states is None else states[number])
        x = batch[0]
        after.append(state)
    return x, after


def detached(states):
    """The states without their history; those of LSTM are pairs."""
    if isinstance(states, list | tuple):
        return type(states)(detached(state) for state in states)
    return states.detach() if hasattr(states, "detach") else states


def batch_loss(net, module, sequences, kind):
    """Mean loss over the labelled steps of a batch of (x, y)."""
    torch = import_torch()
    found = torch.cat([outputs(net, module, x)[0] for x, _ in sequences])
    y = np.concatenate([y[last_rows(len(y), net.stride)] for _, y in sequences])
    labelled = ~np.isnan(y).any(axis=1)
    return loss_function(torch, kind)(found[torch.from_numpy(labelled)], torch.from_numpy(y[labelled]))


def tensors_of(module):
    return {name: tensor.numpy().copy() for name, tensor in module.state_dict().items()}


def gradients_of(module):
    return {name: tensor.grad.numpy() for name, tensor in module.named_parameters()}
