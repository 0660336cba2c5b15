"""From a Python function to the graph of a cell; every mistake is told with its line."""

from __future__ import annotations

import inspect
import math
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rnnfast.equations.cell import MOST_NODES, PARAMETER, STATE, TENSOR_NAMES, Cell, Start, U, X, input_of
from rnnfast.equations.graph import Node, TooManyNodes, ValueUnknown, node, reading
from rnnfast.errors import UsageError

_traces: list[Trace] = []  # the one that runs now is the last


class Trace:
    """What one call of a cell's function uses."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.gates: dict[str, None] = {}  # in the order of their first use
        self.lines: dict[Node, int] = {}  # of the cell's function, where an input is used first
        self.parameters: dict[str, Start] = {}

    def note(self, current: Node) -> Node:
        """Remember where an input is used first."""
        frame = sys._getframe(2)
        while frame.f_back is not None and frame.f_code.co_filename != self.source.file:
            frame = frame.f_back
        self.lines.setdefault(current, frame.f_lineno)
        return current


class Products:
    """`x` or `u` of a cell's function: an attribute is the product of the gate with that name."""

    __slots__ = ("__group", "__trace")
    __trace: Trace
    __group: str

    def __init__(self, trace: Trace, group: str) -> None:
        object.__setattr__(self, "_Products__trace", trace)
        object.__setattr__(self, "_Products__group", group)

    def __getattr__(self, gate: str) -> Node:
        if gate.startswith("__"):  # Python asks for such names itself
            raise AttributeError(gate)
        if not gate.isidentifier() or gate.startswith("_"):
            raise UsageError(f"{self}.{gate}: a gate is called as a variable is, without an underscore in front")
        self.__trace.gates.setdefault(gate)
        return self.__trace.note(input_of(self.__group, gate))

    def __getitem__(self, gate: Any) -> Node:
        raise UsageError(f"{self}[{gate!r}]: write {self}.NAME for the product of a gate")

    def __setattr__(self, gate: str, value: Any) -> None:
        raise UsageError(f"{self}.{gate} = ..: a product is computed from the weights and cannot be set")

    def __repr__(self) -> str:
        return self.__group


def parameter(name: str, start: float = 0.0, end: float | None = None) -> Node:
    """A trainable vector of a cell, one number per hidden unit.

    name: of its tensor in the model file; start: the value of all its numbers before training; end: with it they are
    drawn from `start` to `end`, each with the same probability.
    Raises UsageError outside a cell's function, for a name that no tensor can have or that those of the products have,
    and for a start that is not finite or an end that is not above it.
    """
    if not _traces:
        raise UsageError(f"parameter({name!r}) stands outside a cell; call it in the function of the equations")
    if not isinstance(name, str) or not name.isidentifier() or name in TENSOR_NAMES:
        raise UsageError(
            f"parameter({name!r}): the name must be one that a variable could have, and not that of a tensor "
            f"of the products ({', '.join(TENSOR_NAMES)})"
        )
    drawn = Start(float(start), float(start if end is None else end))
    if not all(map(math.isfinite, drawn)):
        raise UsageError(f"parameter({name!r}) starts from {drawn}, which is not finite")
    if end is not None and not end > start:
        raise UsageError(f"parameter({name!r}, {start:g}, {end:g}): numbers are drawn from the lower to the higher one")
    trace = _traces[-1]
    if trace.parameters.setdefault(name, drawn) != drawn:
        raise UsageError(f"parameter({name!r}) starts from {trace.parameters[name]} and from {drawn}; choose one")
    return trace.note(input_of(PARAMETER, name))


def traced(function: Callable[..., Any], name: str | None = None) -> Cell:
    """Read the equations of a cell; see cell.py for how they are written.

    Raises UsageError that names file and line: for parameters other than (x, u, states..), control flow on values,
    functions that are not those of rnnfast.cells, another number of results than states, an input, a state or a vector
    on which the output never depends, and equations without inputs.
    """
    source = Source(function)
    names = _parameter_names(function, source)
    trace = Trace(source)
    x, u = Products(trace, X), Products(trace, U)
    states = tuple(names[2:]) or ("h",)
    arguments = [x, u, *(input_of(STATE, state) for state in names[2:])][: len(names)]
    _traces.append(trace)
    try:
        with reading(MOST_NODES):
            result = function(*arguments)
            after = tuple(_result(value) for value in (result if isinstance(result, tuple | list) else (result,)))
    except UsageError as error:
        raise source.error(_line_in(error, source), str(error)) from None
    except Exception as error:  # the user's own code may raise anything
        raise source.error(_line_in(error, source), _explained(error)) from None
    finally:
        _traces.pop()
    if len(after) != len(states):
        counts = f"{_counted(len(after), 'result')} for {_counted(len(states), 'state')} ({', '.join(states)})"
        raise source.error(source.last_line, f"{counts}; return the new value of each, in the order of the parameters")
    cell = Cell(name or function.__name__, tuple(trace.gates), states, after, trace.parameters)
    _check(cell, trace)
    return cell


def _result(value: Any) -> Node:
    if isinstance(value, Products):
        raise UsageError(f"the result is all of {value}; write {value}.NAME for the product of a gate")
    return node(value)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}"


class Source:
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


def _parameter_names(function: Callable[..., Any], source: Source) -> list[str]:
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    names = [parameter.name for parameter in parameters]
    plain = all(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in parameters)
    if not plain or names[:2] not in (["x", "u"], ["x"]):
        raise source.error(source.first_line, f"takes {signature}; a cell takes (x, u, h), or more states after h")
    for parameter in parameters:
        if parameter.default is not parameter.empty:
            raise source.error(
                source.first_line,
                f"{parameter.name} has a default, but states have none; use a number of the code around the function",
            )
    return names


def _explained(error: Exception) -> str:
    """What went wrong in the user's function, in words."""
    text = str(error)
    if isinstance(error, ValueUnknown):
        return text
    if isinstance(error, TooManyNodes):
        return f"{text}; a cell has at most {MOST_NODES:,}"
    if isinstance(error, TypeError) and ("real number" in text or "ufunc" in text):
        return f"a function that does not know the values of equations ({text}); use those of rnnfast.cells"
    if isinstance(error, TypeError) and (
        "'Products'" in text or text.startswith((f"{X} is neither", f"{U} is neither"))
    ):
        return "x and u stand for all products; write x.NAME and u.NAME for those of a gate"
    if isinstance(error, RecursionError):
        return "the function calls itself without end"
    return f"{text} ({type(error).__name__})" if text else type(error).__name__


def _line_in(error: BaseException, source: Source) -> int:
    """The last line of the function's own file on the way to the error; else the function's last line."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == source.file and frame.lineno is not None]
    return lines[-1] if lines else source.last_line


def _check(cell: Cell, trace: Trace) -> None:
    """Raise UsageError for equations that cannot be a cell."""
    source = trace.source
    for current, line in trace.lines.items():
        if current not in cell.reached:
            group, name = current.args
            what = f"vector {name!r}" if group == PARAMETER else f"{group}.{name}"
            raise source.error(line, f"the output never depends on {what}; use it or leave it out")
    if not cell.x_gates:
        raise source.error(source.last_line, "the output never depends on x, the inputs; write x.NAME for a gate")
    for state in cell.states[1:]:
        if input_of(STATE, state) not in cell.reached:
            raise source.error(source.last_line, f"the output never depends on the state {state!r}; leave it out")
