"""How names, numbers, comments and tables are written in C."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

WIDTH = 110  # characters of a line


class Field(NamedTuple):
    """A member of a structure: its type, its name, how many of them, and what it is; rows: a macro, of each so many."""

    kind: str
    name: str
    size: int
    about: str = ""
    rows: str = ""

    def __str__(self) -> str:
        """Return its declaration."""
        about = f" /* {comment(self.about)} */" if self.about else ""
        return f"    {self.kind} {self.name}[{f'{self.rows} * ' if self.rows else ''}{self.size}];{about}"


def identifier(stem: str) -> str:
    """Return the name of a file as the beginning of names in C."""
    name = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")
    return name if name[:1].isalpha() else f"model_{name}".rstrip("_")


def comment(text: str) -> str:
    """Return any text as part of a comment: in ASCII, without what would end it or what compilers warn of."""
    plain = text.encode("unicode_escape").decode("ascii").replace("\\\\", "\\")
    for pair in ("*/", "/*", "??"):
        plain = plain.replace(pair, f"{pair[0]} {pair[1]}")
    return plain.rstrip("\\")


def number(value: Any, dtype: str = "float64") -> str:
    """Return a number with the digits that reproduce it, as a constant of that precision."""
    value = np.dtype(dtype).type(value)
    if isinstance(value, np.integer):
        return str(value)
    suffix = "f" if dtype == "float32" else ""
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "-HUGE_VAL" if value < 0 else "HUGE_VAL"
    text = str(value)
    return f"{text}{suffix}" if "." in text or "e" in text else f"{text}.0{suffix}"


def rows_of(items: Iterable[str], indent: str = "    ") -> str:
    """Return items separated by commas, in lines that are not too long."""
    lines, line = [], indent
    for item in items:
        if len(line) + len(item) + 2 > WIDTH:
            lines.append(line.rstrip())
            line = indent
        line += f"{item}, "
    lines.append(line.rstrip())
    return "\n".join(lines).rstrip(",")


def initial(values: NDArray[Any], dtype: str) -> str:
    """Return the numbers of an array in braces."""
    return "{\n" + rows_of(number(value, dtype) for value in values.ravel()) + "}"


def table(kind: str, name: str, values: Sequence[Any], dtype: str = "float64") -> str:
    """Return the definition of a table of constants; kinds without sign hold whole numbers."""
    items = (
        [str(int(value)) for value in values]
        if kind.startswith("unsigned")
        else [number(value, dtype) for value in values]
    )
    return f"static const {kind} {name}[{len(items)}] = {{\n{rows_of(items)}}};"


@dataclass
class Encoding:
    """What is written of the encoder: constants and helpers, members of the state, how they start, and the code."""

    constants: list[str] = field(default_factory=list)
    memory: list[Field] = field(default_factory=list)
    reset: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    base: list[str] = field(default_factory=list)  # expressions of what changes are added to
    linear: int = 0  # numbers of `linear`, what a linear part adds to the outputs; 0: none
    tables: list[Field] = field(default_factory=list)  # the constants
    beside: list[Field] = field(default_factory=list)  # those of the linear part

    def constant(self, kind: str, name: str, values: object, dtype: str = "float64") -> None:
        """Write a table of numbers."""
        numbers = np.asarray(values).tolist()
        self.constants.append(table(kind, name, numbers, dtype))
        self.tables.append(Field(kind, name, len(numbers)))

    def line(self, text: str) -> None:
        """Write a line of the code."""
        self.lines.append(f"    {text}")
