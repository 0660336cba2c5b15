"""From a Python function to the graph of a cell; every mistake is told with its line."""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rnnfast.equations.cell import PARAMETER, STATE, Cell, U, X, input_of
from rnnfast.equations.graph import Node, ValueUnknown, in_order, node
from rnnfast.errors import UsageError

MOST_NODES = 10_000  # of the equations of one cell

_traces: list[Trace] = []  # the one that runs now is the last


class Trace:
    """What one call of a cell's function uses."""

    def __init__(self) -> None:
        self.gates: dict[str, None] = {}  # in the order of their first use
        self.lines: dict[Node, int] = {}  # where an input is used first
        self.parameters: dict[str, float] = {}

    def note(self, current: Node, line: int) -> Node:
        """Remember where an input is used first."""
        self.lines.setdefault(current, line)
        return current


class Products:
    """`x` or `u` of a cell's function: an attribute is the product of the gate with that name."""

    def __init__(self, trace: Trace, group: str) -> None:
        self._trace, self._group = trace, group

    def __getattr__(self, gate: str) -> Node:
        if gate.startswith("_"):  # Python asks for such names itself
            raise AttributeError(gate)
        self._trace.gates.setdefault(gate)
        return self._trace.note(input_of(self._group, gate), sys._getframe(1).f_lineno)

    def __repr__(self) -> str:
        return self._group


def parameter(name: str, start: float = 0.0) -> Node:
    """A trainable vector of a cell, one number per hidden unit.

    name: of its tensor in the model file; start: the value of all its numbers before training.
    Raises UsageError outside a cell's function and for a name that no tensor can have.
    """
    if not _traces:
        raise UsageError(f"parameter({name!r}) stands outside a cell; call it in the function of the equations")
    if not isinstance(name, str) or not name.isidentifier():
        raise UsageError(f"parameter({name!r}): the name must be one that a variable could have")
    trace = _traces[-1]
    if trace.parameters.setdefault(name, float(start)) != float(start):
        raise UsageError(f"parameter({name!r}) starts from {trace.parameters[name]:g} and from {start:g}; choose one")
    return trace.note(input_of(PARAMETER, name), sys._getframe(1).f_lineno)


def traced(function: Callable[..., Any], name: str | None = None) -> Cell:
    """Read the equations of a cell; see cell.py for how they are written.

    Raises UsageError that names file and line: for parameters other than (x, u, states..), control flow on values,
    functions that are not those of rnnfast.cells, another number of results than states, a gate, a state or a vector
    that no result depends on, and a first result that does not depend on the inputs.
    """
    where = Place(function)
    names = _parameter_names(function, where)
    trace = Trace()
    x, u = Products(trace, X), Products(trace, U)
    states = tuple(names[2:]) or ("h",)
    arguments = [x, u, *(input_of(STATE, state) for state in names[2:])][: len(names)]
    _traces.append(trace)
    try:
        result = function(*arguments)
        after = tuple(node(value) for value in (result if isinstance(result, tuple | list) else (result,)))
    except UsageError as error:
        raise where.error(_line_in(error, where), str(error)) from None
    except Exception as error:  # the user's own code may raise anything
        raise where.error(_line_in(error, where), _explained(error)) from None
    finally:
        _traces.pop()
    if len(after) != len(states):
        counts = f"{_counted(len(after), 'result')} for {_counted(len(states), 'state')} ({', '.join(states)})"
        raise where.error(where.last_line, f"{counts}; return the new value of each, in the order of the parameters")
    cell = Cell(name or function.__name__, tuple(trace.gates), states, after, trace.parameters)
    _check(cell, trace, where)
    return cell


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}"


class Place:
    """The file and the lines of a function, for messages."""

    def __init__(self, function: Callable[..., Any]) -> None:
        code = getattr(function, "__code__", None)
        if code is None:
            raise UsageError(f"cell: {function!r} is not a Python function of the equations")
        self.name, self.file, self.first_line = function.__name__, code.co_filename, code.co_firstlineno
        self.last_line = max((line for *_, line in code.co_lines() if line is not None), default=self.first_line)

    def error(self, line: int, text: str) -> UsageError:
        """An error at a line of the function."""
        return UsageError(f"{Path(self.file).name}, line {line}, cell {self.name}: {text}")


def _parameter_names(function: Callable[..., Any], where: Place) -> list[str]:
    parameters = list(inspect.signature(function).parameters.values())
    names = [parameter.name for parameter in parameters]
    plain = all(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in parameters)
    if not plain or names[:2] not in (["x", "u"], ["x"]):
        raise where.error(
            where.first_line,
            f"takes ({', '.join(map(str, parameters))}); a cell takes (x, u, h), or more states after h",
        )
    return names


def _explained(error: Exception) -> str:
    """What went wrong in the user's function, in words."""
    text = str(error)
    if isinstance(error, ValueUnknown):
        return text
    if isinstance(error, TypeError) and ("real number" in text or "ufunc" in text or "Node" in text):
        return f"a function that does not know the values of equations ({text}); use those of rnnfast.cells"
    if isinstance(error, RecursionError):
        return "the function calls itself without end"
    return f"{text} ({type(error).__name__})" if text else type(error).__name__


def _line_in(error: BaseException, where: Place) -> int:
    """The last line of the function's own file on the way to the error; else the function's last line."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == where.file and frame.lineno is not None]
    return lines[-1] if lines else where.last_line


def _check(cell: Cell, trace: Trace, where: Place) -> None:
    """Raise UsageError for equations that cannot be a cell."""
    nodes = in_order(cell.after)
    if len(nodes) > MOST_NODES:
        raise where.error(where.last_line, f"{len(nodes):,} operations; a cell has at most {MOST_NODES:,}")
    present = set(nodes)
    for current, line in trace.lines.items():
        if current not in present:
            group, name = current.args
            what = f"vector {name!r}" if group == PARAMETER else f"{group}.{name}"
            raise where.error(line, f"no result depends on {what}; use it or leave it out")
    if not cell.x_gates:
        raise where.error(where.last_line, "no result depends on x, the inputs; write x.NAME for a gate")
    for state in cell.states[1:]:
        if input_of(STATE, state) not in present:
            raise where.error(where.last_line, f"no result depends on the state {state!r}; leave it out")
