"""Who may import whom: dependencies point one way, and heavy libraries are loaded where they are needed."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from ids import cases

import rnnfast

PACKAGE = Path(rnnfast.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# What each place, a sub-package or a module beside them, may import of others when it is imported.
RUN_TIME = {
    "__init__": set(),
    "__main__": {"cli"},
    "errors": set(),
    "catalogue": set(),
    "records": set(),
    "memory": set(),
    "caching": set(),
    "display": set(),
    "reporter": set(),
    "progress": {"catalogue", "display", "errors", "reporter"},
    "writing": {"errors"},
    "config": {"catalogue", "errors"},
    "equations": {"errors"},
    "cells": {"equations"},
    "metrics": {"catalogue", "config", "display", "equations", "records"},
    "network": {"catalogue", "cells", "equations", "errors"},
    "kernels": {"caching", "catalogue", "equations", "network"},
    "data": {
        "caching", "catalogue", "config", "display", "errors", "memory", "records", "reporter", "writing",
    },
    "tasks": {"catalogue", "config", "data", "errors", "metrics", "records"},
    "findings": {"catalogue", "config", "data", "display", "metrics", "records", "tasks"},
    "cluster": {"config", "diagnose", "display", "errors", "records"},
    "diagnose": {"caching", "catalogue", "config", "errors", "records", "reporter"},
    "checkpoint": {"config", "errors", "records", "writing"},
    "model": {
        "catalogue", "cells", "cluster", "config", "data", "diagnose", "display", "engines", "equations", "errors",
        "findings", "memory", "metrics", "network", "records", "tasks", "writing",
    },
    "training": {
        "catalogue", "checkpoint", "cluster", "config", "data", "diagnose", "display", "engines", "equations",
        "errors", "findings", "listeners", "memory", "metrics", "model", "network", "progress", "records",
        "reporter", "tasks", "writing",
    },
    "shards": {
        "catalogue", "cluster", "config", "data", "diagnose", "display", "errors", "listeners", "memory",
        "model", "network", "progress", "reporter", "training",
    },
    "dask": {"cluster", "data", "errors", "model", "progress", "reporter", "shards", "training"},
    "engines": {"catalogue", "cells", "config", "diagnose", "equations", "errors", "network"},
    "estimators": {"config", "data", "diagnose", "errors", "model", "training"},
    "aeon": {"estimators"},
    "sktime": {"estimators"},
    "export": {
        "catalogue", "cells", "data", "equations", "errors", "model", "network", "records", "writing",
    },
    "online": {"data", "errors", "model", "records"},
    "serving": {"config", "data", "diagnose", "errors", "model", "online", "records"},
    "listeners": {"catalogue", "config", "errors", "records", "reporter"},
    "report": {
        "catalogue", "config", "data", "diagnose", "display", "errors", "findings", "metrics", "model", "records",
        "reporter", "tasks", "writing",
    },
    "console": {"catalogue", "config", "diagnose", "display", "metrics", "records", "reporter"},
    "cli": {"catalogue", "config", "console", "display", "errors"},
}  # fmt: skip

# What it may import beside that when it is called: what is slow to load, or needed by one command alone.
LAZY = {
    "__init__": {
        "config",
        "data",
        "errors",
        "estimators",
        "model",
        "reporter",
        "training",
    },  # the public names, by their modules' names
    "diagnose": {"data", "kernels", "network"},
    "engines": {"kernels"},
    "model": {"kernels"},
    "training": {"kernels"},
    "shards": {"kernels"},
    "console": {"data"},
    "export": {"kernels"},
    "cli": {
        "caching",
        "cluster",
        "data",
        "diagnose",
        "export",
        "model",
        "online",
        "records",
        "report",
        "serving",
        "shards",
        "training",
        "writing",
    },
}

# third-party library -> where it may be imported
HOMES = {
    "pandas": {"data"},
    "rich": {"console"},
    "click": {"cli", "console"},
    "numba": {"kernels"},
    "llvmlite": {"kernels", "diagnose"},
    "safetensors": {"checkpoint", "export", "model"},
    "fastapi": {"serving"},
    "starlette": {"serving"},
    "anyio": {"serving"},
    "uvicorn": {"serving"},
    "prometheus_client": {"serving"},
    "torch": {"diagnose", "engines", "export"},
    "onnx": {"export"},
    "onnxruntime": {"export"},
    "msgspec": {"records"},
    "platformdirs": {"kernels", "cli", "data"},
    "pyarrow": {"data", "model"},
    "zstandard": {"data"},
    "openpyxl": {"data"},
    "sqlalchemy": {"data"},
    "optuna": {"training"},
    "tensorboardX": {"listeners"},
    "altair": {"report"},
    "vl_convert": {"report"},
    "sklearn": {"estimators", "tasks"},
    "threadpoolctl": {"tasks"},
    "joblib": {"estimators"},
    "aeon": {"aeon"},
    "sktime": {"sktime"},
    "distributed": {"cluster"},
}
STANDARD = sys.stdlib_module_names
KERNEL_LIBRARIES = {"numba", "llvmlite", "numpy", "platformdirs"}


def place(path):
    """The sub-package of a module, or its own name."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def dotted(path):
    """The name of a module."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(("rnnfast", *(part for part in parts if part != "__init__")))


def is_type_checking(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def found_imports(nodes, lazy=False, types=False):
    """Yield the dotted names that statements import, and whether only when a function is called.

    types: those too that only type checkers see.
    """
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield from ((f"{node.module}.{alias.name}", lazy) for alias in node.names)
        elif is_type_checking(node):
            yield from found_imports([*node.orelse, *(node.body if types else ())], lazy, types)
        else:
            inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from found_imports(ast.iter_child_nodes(node), lazy or inside, types)


def imports(path, types=False):
    return set(found_imports(ast.parse(path.read_text(encoding="utf-8")).body, types=types))


def places(path, lazy):
    """The places that a module imports from, other than its own."""
    names = {name.split(".")[1] for name, late in imports(path) if name.startswith("rnnfast.") and late == lazy}
    return {name for name in names if (PACKAGE / name).exists() or (PACKAGE / f"{name}.py").exists()} - {place(path)}


def parametrize(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: str(path.relative_to(PACKAGE)))


@parametrize(MODULES)
def test_modules_import_what_their_place_may(path):
    here = place(path)
    assert places(path, lazy=False) <= RUN_TIME[here]
    assert places(path, lazy=True) <= RUN_TIME[here] | LAZY.get(here, set())


def test_the_tables_name_every_place_and_nothing_else():
    assert RUN_TIME.keys() == {place(path) for path in MODULES}
    assert LAZY.keys() <= RUN_TIME.keys()
    for here in RUN_TIME:
        used = {lazy: set().union(*(places(path, lazy) for path in MODULES if place(path) == here)) for lazy in (0, 1)}
        assert used[0] == RUN_TIME[here], here
        if here != "__init__":
            assert used[1] - used[0] == LAZY.get(here, set()), here


def circle(graph):
    """Return names that lead back to the first of them, or nothing."""
    state, trail = {}, []

    def visit(name):
        state[name] = "open"
        trail.append(name)
        for other in sorted(graph[name]):
            if state.get(other) == "open":
                return [*trail[trail.index(other) :], other]
            if other not in state and (closed := visit(other)):
                return closed
        trail.pop()
        state[name] = "done"
        return []

    return next((closed for name in graph if name not in state and (closed := visit(name))), [])


def test_places_are_floors():
    """No place imports one above it, neither at run time nor when it is called."""
    assert circle({here: RUN_TIME[here] | LAZY.get(here, set()) for here in RUN_TIME}) == []


def test_no_modules_import_each_other():
    """Neither at run time, nor when they are called, nor for types; a package stands for what its __init__ imports."""
    names = {dotted(path): path for path in MODULES}

    def module_of(name):
        return name if name in names else name.rpartition(".")[0]

    graph = {
        here: {module_of(name) for name, _ in imports(path, types=True) if name.startswith("rnnfast.")}
        & names.keys() - {here}
        for here, path in names.items()
        if here != "rnnfast"  # whose names are for users alone
    }
    assert circle({here: others - {"rnnfast"} for here, others in graph.items()}) == []


@parametrize(MODULES)
def test_libraries_stay_in_their_place(path):
    for name, _ in imports(path):
        library = name.split(".")[0]
        assert library in STANDARD | HOMES.keys() | {"numpy", "rnnfast"}, name
        assert library not in HOMES or place(path) in HOMES[library], name


@parametrize([path for path in MODULES if place(path) == "kernels"])
def test_kernels_import_numba_and_numpy_alone(path):
    libraries = {name.split(".")[0] for name, _ in imports(path)} - STANDARD - {"rnnfast"}
    assert libraries <= KERNEL_LIBRARIES


@pytest.mark.parametrize(
    ("statement", "absent"),
    cases(
        {
            "catalogue": ("import rnnfast.catalogue", ("numba", "numpy", "msgspec")),
            "package": ("import rnnfast", ("numba", "pandas", "numpy", "click", "rich")),
            "configuration": (
                "import rnnfast.config.resolve, rnnfast.errors, rnnfast.reporter",
                ("numba", "pandas", "rich"),
            ),
            "command line": ("import rnnfast.cli", ("numba", "pandas")),
            "data": ("import rnnfast.data", ("numba", "rich", "zstandard")),
            "model and training": ("import rnnfast.model, rnnfast.training", ("numba", "rich")),
        }
    ),
)
def test_what_is_not_needed_is_not_loaded(statement, absent):
    program = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=PACKAGE.parent, check=True
    )
    assert not set(absent) & set(done.stdout.split())


def test_inspect_shows_a_model_without_loading_the_compiler():
    model = Path(__file__).parent / "models" / "gru-multiclass-categories.safetensors"
    program = (
        "import sys; from rnnfast.cli import run; code = run(['inspect', sys.argv[1]]);"
        "print([code, *({'numba', 'llvmlite'} & set(sys.modules))])"
    )
    command = [sys.executable, "-c", program, str(model)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PACKAGE.parent, check=True)
    assert done.stdout.splitlines()[-1] == "[0]"


def test_public_names_are_there():
    needs_a_library = {"RNNClassifier", "RNNRegressor"}  # so that `import *` needs none
    assert {*rnnfast.__all__, *needs_a_library} == {"__version__", *rnnfast._PUBLIC}
    assert not needs_a_library & {*rnnfast.__all__}
    for name, module in rnnfast._PUBLIC.items():
        assert getattr(rnnfast, name) is getattr(importlib.import_module(module), name)


def test_type_checkers_see_the_public_names():
    nodes = ast.walk(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")))
    seen = {
        alias.name: node.module
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module.startswith("rnnfast")
        for alias in node.names
    }
    assert seen == rnnfast._PUBLIC


# What the rooms of data/ may import of each other; the modules beside them stand on top and may import all.
ROOMS = {
    "sources": set(),
    "columns": {"sources"},
    "sequences": {"sources", "columns"},
    "splitting": {"sources", "columns", "sequences"},
    "encoding": {"sources", "columns", "sequences"},
    "reading": {"sources", "columns", "sequences"},
    "synth": set(),
}


def room(name):
    """The room of data/ that a dotted name is in, "" for what lies beside the rooms or elsewhere."""
    parts = name.split(".")
    return parts[2] if parts[:2] == ["rnnfast", "data"] and len(parts) > 2 and parts[2] in ROOMS else ""


@pytest.mark.parametrize("name", ROOMS)
def test_rooms_of_data_are_layers(name):
    folder = PACKAGE / "data" / name
    modules = sorted(folder.rglob("*.py"))
    assert modules
    for path in modules:
        inner = {imported for imported, _ in imports(path) if imported.startswith("rnnfast.data")}
        assert {room(imported) for imported in inner} <= ROOMS[name] | {name}, path


def test_every_folder_of_data_is_a_room():
    folders = {path.name for path in (PACKAGE / "data").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == ROOMS.keys()
