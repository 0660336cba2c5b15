"""A cell: what follows from its forward equations.

A cell is a function of the products with the inputs and with the state before, and of the states before:

    def gru(x, u, h):                      x.r = Wr' x_t + b_ir        u.r = Ur' h_{t-1} + b_hr
        r = sigmoid(x.r + u.r)
        z = sigmoid(x.z + u.z)
        n = tanh(x.n + r * u.n)
        return n + z * (h - n)

It returns the new states in the order of its parameters; the first one is the output h. Gates are named by their first
use. `parameter("w")` is a trainable vector with one number per hidden unit, `parameter("w", -1, 1)` one whose numbers
are drawn from -1 to 1 before training.

Tracing the function once gives its graph; from that follow the backward pass and what has to be kept for it:

    coefficients   values that are made of the trainable vectors alone: they are computed once for an update, and the
                   equations of a step (`step`) see them as their vectors
    shared         gates whose two products occur as their sum x.G + u.G alone: one matrix holds it
    apart          gates whose u.G is used otherwise: U' h has a matrix of its own
    saved          values that the backward pass refers to beyond states and products, which are kept anyway: results
                   of functions, quotients, gates. Each takes the memory of a gate whose own value is not needed
                   (slots); the rest have memory of their own (extra)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from rnnfast.equations.derivative import ZERO, adjoints
from rnnfast.equations.functions import FUNCTIONS
from rnnfast.equations.graph import Node, in_order, substitute

X, U, STATE, PARAMETER, SEED = "x", "u", "state", "parameter", "seed"
MOST_NODES = 10_000  # of the equations of one cell, and of its gates, states and vectors together
TENSOR_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")  # that no vector may have


class Start(NamedTuple):
    """What the numbers of a trainable vector are before training: drawn from low to high, or all the same."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g}" if self.low == self.high else f"{self.low:g} to {self.high:g}"


def input_of(group: str, name: str) -> Node:
    """The node of an input of a cell."""
    return Node("input", group, name)


@dataclass(frozen=True, eq=False)
class Cell:
    """The equations of a cell as a graph; cells with the same name and graph are equal.

    gates: names in the order of their first use; states: names, the output first; parameters: names of the trainable
    vectors with what each starts from; after: the new states.
    """

    name: str
    gates: tuple[str, ...]
    states: tuple[str, ...]
    after: tuple[Node, ...]
    parameters: dict[str, Start] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cell) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def nodes(self) -> list[Node]:
        """All nodes of the forward pass, each after its arguments."""
        return in_order(self.after)

    def _uses(self, group: str, names: Sequence[str]) -> tuple[str, ...]:
        present = set(self.nodes)
        return tuple(name for name in names if input_of(group, name) in present)

    @cached_property
    def x_gates(self) -> tuple[str, ...]:
        """Gates with a product W' x, in the order of the gates."""
        return self._uses(X, self.gates)

    @cached_property
    def u_gates(self) -> tuple[str, ...]:
        """Gates with a product U' h, in the order of the gates."""
        return self._uses(U, self.gates)

    @cached_property
    def shared(self) -> tuple[str, ...]:
        """Gates of which only x.G + u.G occurs."""
        users: dict[Node, set[Node]] = {}
        results, with_u = set(self.after), set(self.u_gates)
        for current in self.nodes:
            for arg in current.nodes:
                users.setdefault(arg, set()).add(current)

        def summed(gate: str) -> bool:
            x, u = input_of(X, gate), input_of(U, gate)
            sums = {Node("+", x, u), Node("+", u, x)}
            users_of_x = users.get(x, set())
            summed_once = len(users_of_x) == 1 and users_of_x == users.get(u) and users_of_x <= sums
            return summed_once and not {x, u} & results

        return tuple(gate for gate in self.x_gates if gate in with_u and summed(gate))

    @cached_property
    def apart(self) -> tuple[str, ...]:
        """Gates whose u.G is used otherwise than in x.G + u.G."""
        shared = set(self.shared)
        return tuple(gate for gate in self.u_gates if gate not in shared)

    @cached_property
    def x_order(self) -> tuple[str, ...]:
        """Gates with a product W' x as the kernels lay them out: the shared ones first."""
        shared = set(self.shared)
        return self.shared + tuple(gate for gate in self.x_gates if gate not in shared)

    @cached_property
    def u_order(self) -> tuple[str, ...]:
        """Gates with a product U' h as the kernels lay them out: the shared ones first."""
        return self.shared + self.apart

    @cached_property
    def read_states(self) -> tuple[str, ...]:
        """States before the step that the equations refer to, other than by U' h."""
        return self._uses(STATE, self.states)

    @cached_property
    def recurrent(self) -> bool:
        """Whether a step depends on the one before."""
        return bool(self.u_gates or self.read_states)

    @cached_property
    def reached(self) -> set[Node]:
        """Nodes on which the output depends, at this step or a later one."""
        after = dict(zip(self.before, self.after, strict=True))
        reached: set[Node] = set()
        pending = [self.after[0]]
        while pending:
            current = pending.pop()
            if current not in reached:
                reached.add(current)
                pending += [after[current]] if current in after else current.nodes
        return reached

    @cached_property
    def before(self) -> tuple[Node, ...]:
        """The states before the step."""
        return tuple(input_of(STATE, name) for name in self.states)

    @cached_property
    def gate_values(self) -> tuple[Node, ...]:
        """What the matrix of the gates holds before the elementwise pass: x.G + u.G, or x.G."""
        present, shared = set(self.nodes), set(self.shared)

        def value(gate: str) -> Node:
            x, u = input_of(X, gate), input_of(U, gate)
            if gate not in shared:
                return x
            return Node("+", x, u) if Node("+", x, u) in present else Node("+", u, x)

        return tuple(value(gate) for gate in self.x_order)

    @cached_property
    def products(self) -> tuple[Node, ...]:
        """The products U' h that are apart."""
        return tuple(input_of(U, gate) for gate in self.apart)

    @cached_property
    def vectors(self) -> tuple[Node, ...]:
        """The trainable vectors."""
        return tuple(input_of(PARAMETER, name) for name in self.parameters)

    @cached_property
    def coefficients(self) -> tuple[Node, ...]:
        """What the equations make of the trainable vectors alone, as far as it goes: the same at every step."""
        sources: dict[Node, set[str]] = {}  # groups of the inputs that a node is made of
        for current in self.nodes:
            own = {current.args[0]} if current.kind == "input" else set()
            sources[current] = own.union(*(sources[arg] for arg in current.nodes))
        fixed = {current for current in self.nodes if sources[current] == {PARAMETER}}
        used = {arg for current in self.nodes if current not in fixed for arg in current.nodes} | set(self.after)
        return tuple(current for current in self.nodes if current in fixed & used)

    @cached_property
    def step(self) -> Cell:
        """The equations of a step, with the coefficients in place of the trainable vectors; else the cell itself."""
        if not self.parameters:
            return self
        inputs = {current: input_of(PARAMETER, str(k)) for k, current in enumerate(self.coefficients)}
        starts = {current.args[1]: Start(0.0, 0.0) for current in inputs.values()}
        return Cell(self.name, self.gates, self.states, tuple(substitute(self.after, inputs)), starts)

    @cached_property
    def vector_gradients(self) -> tuple[Node, ...]:
        """Gradients of the trainable vectors, from those of the coefficients, `coefficient_seeds`."""
        adjoint = adjoints(self.coefficients, self.coefficient_seeds)
        return tuple(adjoint.get(vector, ZERO) for vector in self.vectors)

    @cached_property
    def coefficient_seeds(self) -> tuple[Node, ...]:
        """Gradients of the coefficients."""
        return tuple(input_of(SEED, str(k)) for k in range(len(self.coefficients)))

    @cached_property
    def seeds(self) -> tuple[Node, ...]:
        """Gradients of the new states, which come from above and from the step that follows."""
        return tuple(input_of(SEED, name) for name in self.states)

    @cached_property
    def backward(self) -> Backward:
        """Gradients of what the forward pass reads, by reverse mode."""
        adjoint = adjoints(self.after, self.seeds)
        return Backward(
            *(
                tuple(adjoint.get(current, ZERO) for current in group)
                for group in (self.gate_values, self.products, self.before, self.vectors)
            )
        )

    @cached_property
    def saved(self) -> tuple[Node, ...]:
        """What the forward pass keeps for the backward pass besides states and products apart."""
        forward, gates = set(self.nodes), set(self.gate_values)
        at_hand = {*self.before, *self.after, *self.products, *self.vectors}
        saved: set[Node] = set()
        pending = list(reversed(self.backward.all))
        seen = set(pending)
        while pending:
            current = pending.pop()
            if current in at_hand:
                continue
            if current in forward and (current in gates or current.kind == "/" or current.kind in FUNCTIONS):
                saved.add(current)
                continue
            new = [arg for arg in current.nodes if arg not in seen]  # cheap arithmetic is done again
            seen.update(new)
            pending += reversed(new)
        return tuple(current for current in self.nodes if current in saved)

    @cached_property
    def slots(self) -> tuple[Node | None, ...]:
        """What is kept in the place of each gate with an x: its own product where that is needed."""
        gates, saved = set(self.gate_values), set(self.saved)
        others = (value for value in self.saved if value not in gates)
        return tuple(value if value in saved else next(others, None) for value in self.gate_values)

    @cached_property
    def extra(self) -> tuple[Node, ...]:
        """What is kept besides, in memory of its own."""
        slots = set(self.slots)
        return tuple(value for value in self.saved if value not in slots)

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads."""
        place, vectors = {current: i for i, current in enumerate(self.nodes)}, self.parameters.items()
        return {
            "name": self.name,
            "gates": list(self.gates),
            "states": list(self.states),
            "parameters": {name: [*start] if start.low < start.high else start.low for name, start in vectors},
            "nodes": [[n.kind, *(place[a] if isinstance(a, Node) else a for a in n.args)] for n in self.nodes],
            "after": [place[current] for current in self.after],
        }

    @cached_property
    def digest(self) -> str:
        """Names the graph, whatever the cell, its gates and its vectors are called: equal graphs share kernels."""
        groups = {X: self.gates, U: self.gates, STATE: self.states, PARAMETER: tuple(self.parameters)}
        number = {(group, name): k for group, names in groups.items() for k, name in enumerate(names)}
        graph = self.to_json()
        nodes = [[*node[:2], number[node[1], node[2]]] if node[0] == "input" else node for node in graph["nodes"]]
        sizes = [len(self.gates), len(self.states), len(self.parameters)]
        return hashlib.sha256(json.dumps([sizes, nodes, graph["after"]]).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Backward:
    """Gradients, in the order of the cell's gate_values, products, before and vectors."""

    gates: tuple[Node, ...]
    products: tuple[Node, ...]
    before: tuple[Node, ...]
    vectors: tuple[Node, ...]

    @property
    def all(self) -> tuple[Node, ...]:
        """All of them."""
        return self.gates + self.products + self.before + self.vectors
