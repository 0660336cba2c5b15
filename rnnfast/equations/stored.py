"""Cells from plain values, as a model file holds them: nothing is run, and whatever is no cell is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rnnfast.equations.cell import PARAMETER, STATE, Cell, U, X
from rnnfast.equations.functions import FUNCTIONS
from rnnfast.equations.graph import BINARY, COMPARISONS, Node
from rnnfast.equations.trace import MOST_NODES

_ARGUMENTS = {**dict.fromkeys(BINARY, 2), "neg": 1, "abs": 1, "where": 4, **dict.fromkeys(FUNCTIONS, 1)}


def cell_from(values: Mapping[str, Any]) -> Cell:
    """Make a cell of what `Cell.to_json` gave, its fields having the right types.

    Raises ValueError, which names the field, for values that are no cell's.
    """
    gates, states, parameters = tuple(values["gates"]), tuple(values["states"]), dict(values["parameters"])
    for field, names in (("gates", gates), ("states", states), ("parameters", tuple(parameters))):
        if len(set(names)) != len(names) or not all(name.isidentifier() for name in names):
            raise ValueError(f"equations.{field} is {list(names)!r}: expected different names")
    if not all(math.isfinite(start) for start in parameters.values()):
        raise ValueError(f"equations.parameters is {parameters!r}: expected finite numbers")
    if len(values["nodes"]) > MOST_NODES:
        raise ValueError(f"equations.nodes has {len(values['nodes']):,} entries: a cell has at most {MOST_NODES:,}")
    inputs = {X: gates, U: gates, STATE: states, PARAMETER: tuple(parameters)}
    nodes: list[Node] = []
    for place, entry in enumerate(values["nodes"]):
        nodes.append(_node(entry, nodes, inputs, f"equations.nodes[{place}]"))
    after = values["after"]
    if len(after) != len(states) or not all(0 <= place < len(nodes) for place in after):
        raise ValueError(f"equations.after is {list(after)!r}: expected the place of a node for each state")
    cell = Cell(values["name"], gates, states, tuple(nodes[place] for place in after), parameters)
    if not cell.x_gates:
        raise ValueError("equations: no result depends on the inputs")
    if set(gates) != {*cell.x_gates, *cell.u_gates} or len(cell.nodes) != len(nodes):
        raise ValueError("equations: a gate or a node is there that no result depends on")
    return cell


def _node(entry: Sequence[Any], nodes: list[Node], inputs: Mapping[str, tuple[str, ...]], where: str) -> Node:
    """Make one node, of those before it."""
    kind, *args = entry or ("",)
    fits = False
    if kind == "number":
        fits = len(args) == 1 and isinstance(args[0], float) and math.isfinite(args[0])
    elif kind == "input":
        fits = len(args) == 2 and args[0] in inputs and args[1] in inputs[args[0]]
    elif kind in _ARGUMENTS:
        sign = args[:1] if kind == "where" else []
        places = args[len(sign) :]
        fits = len(places) == _ARGUMENTS[kind] and set(sign) <= set(COMPARISONS)
        fits = fits and all(type(place) is int and 0 <= place < len(nodes) for place in places)
        args = [*sign, *(nodes[place] for place in places)] if fits else args
    if not fits:
        raise ValueError(f"{where} is {list(entry)!r}: expected an operation on values before it")
    return Node(kind, *args)
