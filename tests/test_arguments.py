"""No function takes more arguments than a reader can hold: what travels together is a record."""

import ast
from pathlib import Path

import pytest

import rnnfast

PACKAGE = Path(rnnfast.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
MOST = 9  # without self


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_functions_take_few_arguments(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            names = [name for name in names if name not in ("self", "cls")]
            assert len(names) <= MOST, f"{node.name}, line {node.lineno}: {len(names)} arguments"
