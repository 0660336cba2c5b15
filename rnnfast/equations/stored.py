"""Cells from plain values, as a model file holds them: nothing is run, and whatever is no cell is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rnnfast.equations.cell import MOST_NODES, PARAMETER, STATE, TENSOR_NAMES, Cell, Start, U, X, input_of
from rnnfast.equations.functions import FUNCTIONS
from rnnfast.equations.graph import BINARY, COMPARISONS, Node

_ARGUMENTS = {**dict.fromkeys(BINARY, 2), "neg": 1, "abs": 1, "where": 4, **dict.fromkeys(FUNCTIONS, 1)}


def cell_from(values: Mapping[str, Any]) -> Cell:
    """Make a cell of what `Cell.to_json` gave, its fields having the right types.

    Raises ValueError, which names the field, for values that are no cell's.
    """
    for fields in (("nodes",), ("gates", "states", "parameters")):
        count = sum(len(values[field]) for field in fields)
        if count > MOST_NODES:
            raise ValueError(f"equations.{' and '.join(fields)}: {count:,} entries, a cell has at most {MOST_NODES:,}")
    gates, states, parameters = tuple(values["gates"]), tuple(values["states"]), _starts(values["parameters"])
    for field, names in (("gates", gates), ("states", states), ("parameters", tuple(parameters))):
        if len(set(names)) != len(names) or not all(name.isidentifier() for name in names):
            raise ValueError(f"equations.{field} is {list(names)!r}: expected different names")
    if not all(map(_is_start, parameters.values())) or set(parameters) & set(TENSOR_NAMES):
        raise ValueError(
            f"equations.parameters is {values['parameters']!r}: expected finite numbers, or two of them, the lower one "
            "first, and not the names of tensors"
        )
    inputs = {X: frozenset(gates), U: frozenset(gates), STATE: frozenset(states), PARAMETER: frozenset(parameters)}
    nodes: list[Node] = []
    for place, entry in enumerate(values["nodes"]):
        nodes.append(_node(entry, nodes, inputs, f"equations.nodes[{place}]"))
    after = values["after"]
    if len(after) != len(states) or not all(0 <= place < len(nodes) for place in after):
        raise ValueError(f"equations.after is {list(after)!r}: expected the place of a node for each state")
    cell = Cell(values["name"], gates, states, tuple(nodes[place] for place in after), parameters)
    if not cell.x_gates:
        raise ValueError("equations: the output never depends on the inputs")
    unread = [name for name in states[1:] if input_of(STATE, name) not in cell.reached]
    if unread or set(gates) != {*cell.x_gates, *cell.u_gates} or len(cell.reached & set(nodes)) != len(nodes):
        raise ValueError("equations: a gate, a state or a node is there on which the output never depends")
    return cell


def _starts(parameters: Mapping[str, float | Sequence[float]]) -> dict[str, Start]:
    """Numbers that vectors start from; those of two are drawn in between."""
    pairs = {name: start if isinstance(start, Sequence) else (start, start) for name, start in parameters.items()}
    return {name: Start(*pair) for name, pair in pairs.items()}


def _is_start(start: Start) -> bool:
    return math.isfinite(start.low) and math.isfinite(start.high) and start.low <= start.high


def _node(entry: Sequence[Any], nodes: list[Node], inputs: Mapping[str, frozenset[str]], where: str) -> Node:
    """Make one node, of those before it."""
    kind, *args = entry or ("",)
    fits = False
    if kind == "number":
        fits = len(args) == 1 and isinstance(args[0], float) and math.isfinite(args[0])
    elif kind == "input":
        fits = len(args) == 2 and args[0] in inputs and args[1] in inputs[args[0]]
    elif kind in _ARGUMENTS:
        comparison = args[:1] if kind == "where" else []
        places = args[len(comparison) :]
        fits = len(places) == _ARGUMENTS[kind] and all(word in COMPARISONS for word in comparison)
        fits = fits and all(type(place) is int and 0 <= place < len(nodes) for place in places)
        args = [*comparison, *(nodes[place] for place in places)] if fits else args
    if not fits:
        raise ValueError(f"{where} is {list(entry)!r}: expected an operation on values before it")
    return Node(kind, *args)
