"""Writes rnnfast/config/typed.py, the options as types, from their declarations: `python tests/typed_options.py`."""

import re
import textwrap
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

import rnnfast
from rnnfast.config.option import default_text
from rnnfast.config.resolve import table_of_option
from rnnfast.config.sections import DataConfig, reading_options

PATH = Path(rnnfast.__file__).parent / "config" / "typed.py"
ARGUMENTS = {"data", "valid", "test"}  # of train
FOR_FILES = {"output"}  # which train does not write
WIDTH = 120

HEAD = '''"""The options of read_table and train as types, for editors and type checkers.

Written by tests/typed_options.py from the declarations in sections.py; a test says when it is to be written again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict
'''
READING = "Options of rnnfast.read_table, and of rnnfast.train where it reads the table."
TRAINING = "Options of rnnfast.train beside those of rnnfast.read_table."


def annotation(declared: Field[Any]) -> str:
    """What a value may be in Python: texts as on the command line, too, where one text holds several values."""
    kind, many = declared.metadata["kind"].__name__, declared.metadata["many"]
    kinds = [kind, f"Sequence[{kind}]", "str"] if many else [kind]
    if declared.name == "cell":
        kinds.append("Callable[..., Any]")
    if declared.metadata["path"] and declared.name != "cell":
        kinds.append("Path")
    if declared.metadata["numbers"]:
        kinds.append("float")
    if declared.default is None:
        kinds.append("None")
    return " | ".join(dict.fromkeys(kinds))


def explanation(declared: Field[Any]) -> str:
    """The help of an option with its choices and its default, in the names of Python."""
    text = declared.metadata["help"]
    if choices := list(declared.metadata["choices"]):
        text += f" One of {', '.join(map(str, choices))}."
    if default := default_text(declared):
        text += f" Default {declared.default if isinstance(declared.default, bool) else default}."
    names = "|".join(name.replace("_", "-") for name in table_of_option())
    text = re.sub(rf"--({names})\b", lambda match: match[1].replace("-", "_"), text)
    return f"{declared.name}: {text}"


def section(name: str, base: str, title: str, declarations: list[Field[Any]]) -> str:
    """One class of options."""
    lines = [f"class {name}({base}, total=False):", f'    """{title}', ""]
    for declared in declarations:
        lines += textwrap.wrap(
            explanation(declared).replace("\\", "\\\\"), WIDTH, initial_indent="    ", subsequent_indent="        "
        )
    lines += ['    """', ""]
    lines += [f"    {declared.name}: {annotation(declared)}" for declared in declarations]
    return "\n".join(lines)


def source() -> str:
    """The whole module."""
    reading = {*reading_options(), "cache"}
    declarations = [declared for _, declared in table_of_option().values()]
    others = [declared for declared in declarations if declared.name not in reading | ARGUMENTS | FOR_FILES]
    return "\n\n".join(
        (
            HEAD,
            section("ReadOptions", "TypedDict", READING, [item for item in fields(DataConfig) if item.name in reading]),
            "\n" + section("TrainOptions", "ReadOptions", TRAINING, others) + "\n",
        )
    )


if __name__ == "__main__":
    PATH.write_text(source(), encoding="utf-8")
