"""The equations of a cell as a module of PyTorch: for cells, and activations, that PyTorch has no module for."""

from __future__ import annotations

from collections.abc import Mapping

from rnnfast.equations.cell import PARAMETER, STATE, Cell, U, X, input_of
from rnnfast.equations.derivative import expanded
from rnnfast.equations.evaluate import evaluate
from rnnfast.equations.functions import FUNCTIONS, LEAK
from rnnfast.equations.graph import BINARY, Node, in_order

CALLS = {
    **{name: f"torch.{name}({{}})" for name in ("exp", "expm1", "sqrt", "sin", "cos", "tanh", "sigmoid", "relu")},
    "abs": "torch.abs({})",
    "neg": "-{}",
    # Beyond 40 it is x in doubles as well; PyTorch's own limit, 20, is off by 2e-9.
    "softplus": "torch.nn.functional.softplus({}, threshold=40)",
    "normal_distribution": "torch.special.ndtr({})",
    "leaky_relu": f"torch.nn.functional.leaky_relu({{}}, {LEAK})",
    "elu": "torch.nn.functional.elu({})",
    "swish": "torch.nn.functional.silu({})",
    "gelu": "torch.nn.functional.gelu({})",
    "identity": "{}",
}
LAYERS = '''
class Layers(torch.nn.Module):
    """Layers of the cell {name}, by its equations, step by step."""

    def __init__(self, inputs, units, layers=1):
        super().__init__()
        self.units, self.layers = units, layers
        for layer in range(layers):
            for suffix in {suffixes}:
                sizes = {{{sizes}}}
                for name, size in sizes.items():
                    self.register_parameter(f"{{name}}_l{{layer}}{{suffix}}", torch.nn.Parameter(torch.zeros(size)))
            inputs = units * {directions}

    def forward(self, x, begun=None):
        first = iter(begun) if begun is not None else None
        for layer in range(self.layers):
            ways = [self.way(x, f"_l{{layer}}{{suffix}}", next(first) if first else None) for suffix in {suffixes}]
            x = torch.cat(ways, 2)
        return x, None

    def way(self, x, place, first):
        tensors = {{name.removesuffix(place): one for name, one in self.named_parameters() if name.endswith(place)}}
        gates = (x @ tensors["weight_ih"].T + tensors["bias_ih"]).split(self.units, 2)
        state = [x.new_zeros(x.shape[0], self.units)] * {states}
        if first is not None:
            state[{begun}] = first
        rows, vector = [], [tensors[name] for name in {vectors}]
        for t in reversed(range(x.shape[1])) if place.endswith("_reverse") else range(x.shape[1]):
            u = {products}
            state = self.step([gate[:, t] for gate in gates], u, state, vector)
            rows.append(state[0])
        return torch.stack(rows[::-1] if place.endswith("_reverse") else rows, 1)

    @staticmethod
    def step(x, u, state, vector):
{step}
'''


def layers_of(cell: Cell, directions: int, begun: int) -> str:
    """Write the class of the layers of a cell; begun: the state that constant columns begin."""
    sizes = {"weight_ih": f"({len(cell.x_gates)} * units, inputs)", "bias_ih": f"({len(cell.x_gates)} * units,)"}
    products = "[]"
    if cell.u_gates:
        sizes |= {"weight_hh": f"({len(cell.u_gates)} * units, units)", "bias_hh": f"({len(cell.u_gates)} * units,)"}
        products = '(state[0] @ tensors["weight_hh"].T + tensors["bias_hh"]).split(self.units, 1)'
    sizes |= dict.fromkeys(cell.parameters, "(units,)")
    return LAYERS.format(
        name=cell.name,
        suffixes=("", "_reverse")[:directions],
        directions=directions,
        sizes=", ".join(f"{name!r}: {size}" for name, size in sizes.items()),
        states=len(cell.states),
        begun=begun,
        vectors=tuple(cell.parameters),
        products=products,
        step="\n".join(f"        {line}" for line in _statements(cell)),
    )


def _statements(cell: Cell) -> list[str]:
    """Write a step down, a statement for each operation; what is made of numbers alone is one."""
    groups = {X: ("x", cell.x_gates), U: ("u", cell.u_gates), STATE: ("state", cell.states)}
    groups[PARAMETER] = ("vector", tuple(cell.parameters))
    written = {
        input_of(group, name): f"{word}[{k}]" for group, (word, names) in groups.items() for k, name in enumerate(names)
    }
    lines: list[str] = []
    results = [_written(root, written, lines) for root in cell.after]
    # A state that follows from numbers and vectors alone has no axis of sequences yet.
    return [*lines, f"return [{', '.join(f'torch.zeros_like(state[0]) + {one}' for one in results)}]"]


def _written(root: Node, written: dict[Node, str], lines: list[str]) -> str:
    """Return the expression of a node. Writes: lines, the statements before it; written, the names of their values."""
    for current in in_order([root]):
        if current in written:
            continue
        if all(part.kind != "input" for part in in_order([current])):
            value = repr(float(evaluate([current], {})[0]))
            written[current] = f"({value})" if value.startswith("-") else value
            continue
        if current.kind in FUNCTIONS and current.kind not in CALLS:
            written[current] = _written(expanded(current), written, lines)
            continue
        name = f"v{len(lines)}"
        lines.append(f"{name} = {_expression(current, written)}")
        written[current] = name
    return written[root]


def _expression(current: Node, written: Mapping[Node, str]) -> str:
    args = [written[arg] if isinstance(arg, Node) else str(arg) for arg in current.args]
    if current.kind in BINARY:
        return f"{args[0]} {current.kind} {args[1]}"
    if current.kind == "where":
        sign, left, right, value, otherwise = args
        # Both may be numbers, of which PyTorch would make single precision; a comparison of numbers is no tensor.
        condition = f"torch.zeros_like(state[0]) + {left} {sign} {right}"
        return (
            f"torch.where({condition}, torch.zeros_like(state[0]) + {value}, torch.zeros_like(state[0]) + {otherwise})"
        )
    return CALLS[current.kind].format(*args)
