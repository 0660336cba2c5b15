"""Commands, for messages, that write a table anew where it stands as people write it and rnnfast does not read it."""

from __future__ import annotations

import json
import re
import shlex

from rnnfast.data.sources.source import SPACES, Source

ENGLISH = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")  # 1,234.5
POINTED = re.compile(r"[-+]?\d{1,3}(\.\d{3})+,\d+")  # 1.234,5


def rewriting(source: Source, change: str = "", **options: str) -> str:
    """Return the command that writes a text table as NEW.csv by pandas, "" for a table that is no such file.

    change: a statement about the table, `t`; options: of `pandas.read_csv`.
    """
    if source.typed or source.content is not None:
        return ""
    spaces = source.delimiter == SPACES
    sign = {} if source.delimiter == "," else {"sep": r"\s+" if spaces else source.delimiter}
    reading, writing = _arguments(sign | options), _arguments({} if spaces else sign)
    steps = [f"t = pandas.read_csv({_quoted(source.name)}{reading})", *([change] if change else [])]
    program = "; ".join(["import pandas", *steps, f't.to_csv("NEW.csv", index=False{writing})'])
    return f"python -c {shlex.quote(program)}"


def without_thousands(source: Source, cell: str) -> str:
    """Return the command that writes numbers such as a cell without separators of thousands, "" where it has none.

    Where commas do not separate cells, "1,234" may be a fraction: there, the cell has to have a point as well.
    """
    if ENGLISH.fullmatch(cell) and ("." in cell or source.delimiter == ","):
        return rewriting(source, thousands=",")
    return rewriting(source, thousands=".", decimal=",") if POINTED.fullmatch(cell) else ""


def in_one_column(source: Source, first: str, *others: str) -> str:
    """Return the command that appends the texts of columns to those of the first one, as of a date and its time."""
    steps = [f't[{_quoted(first)}] += " " + t.pop({_quoted(name)})' for name in others]
    return rewriting(source, "; ".join(steps), dtype="str")


def _arguments(values: dict[str, str]) -> str:
    return "".join(f", {name}={_quoted(value)}" for name, value in values.items())


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
