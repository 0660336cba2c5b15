"""The cell that a word names: one of the catalogue, or a function in a file of the user's."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from rnnfast.catalogue import CELLS
from rnnfast.cells import built_in
from rnnfast.equations.cell import Cell
from rnnfast.equations.trace import traced
from rnnfast.errors import UsageError, did_you_mean

INTERACTIVE = "interactive.py"  # stands for the file of a function that was typed into a shell or a notebook


def cell_of(word: str, activation: str) -> Cell:
    """Return the cell that `--cell` names.

    word: of the catalogue, or FILE.py:NAME, a function as equations/cell.py describes it; the file is run to get it.
    activation: of the cells that have one to choose. Raises UsageError where file or function are missing, where
    running the file fails, and for what `traced` refuses.
    """
    if word in CELLS:
        return built_in(word, activation)
    file, _, name = word.rpartition(":")
    module = _run(Path(file))
    function = getattr(module, name, None)
    if not callable(function):
        functions = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise UsageError(f"--cell {word}: {file} has no function {name!r}{did_you_mean(name, functions)}")
    return traced(function)


def word_of(function: Callable[..., Any]) -> str:
    """Return FILE.py:NAME of a function, by which a configuration names it."""
    code = getattr(function, "__code__", None)
    file = "" if code is None else code.co_filename
    name = getattr(function, "__name__", "cell").strip("<>")
    return f"{file if file.endswith('.py') else INTERACTIVE}:{name}"


def short_name(word: str) -> str:
    """Return the name of a cell without its file."""
    return word.rpartition(":")[2]


def _run(path: Path) -> ModuleType:
    """Run a file of Python as Python runs a script: what lies beside it can be imported. Nothing is left beside it."""
    name = f"rnnfast_cells_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    if not path.is_file() or specification is None or specification.loader is None:
        raise UsageError(f"--cell: {path}: no such file; give FILE.py:NAME, or one of {', '.join(CELLS)}")
    module = sys.modules[name] = importlib.util.module_from_spec(specification)
    folder, writes_nothing = str(path.resolve().parent), sys.dont_write_bytecode
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    try:
        specification.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # the user's own code may raise anything
        del sys.modules[name]
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise UsageError(f"--cell: {path}{line}: {type(error).__name__}: {error}") from None
    finally:
        sys.path.remove(folder)
        sys.dont_write_bytecode = writes_nothing
    return module
