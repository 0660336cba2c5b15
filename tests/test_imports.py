"""Who may import whom: dependencies point one way, and heavy libraries are loaded where they are needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from ids import cases

import rnnfast

PACKAGE = Path(rnnfast.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# A sub-package may import these and itself; all but the kernels also the modules beside them (errors, config, ..).
LAYERS = {
    "config": set(),
    "equations": set(),
    "network": {"equations"},
    "kernels": {"network", "equations"},
    "metrics": set(),
    "data": {"config"},
    "model": {"kernels", "network", "data", "metrics", "config"},
    "training": {"kernels", "network", "data", "metrics", "model", "config", "diagnose"},
    "diagnose": {"kernels", "network", "data", "metrics", "model", "config", "training"},
    "console": {"metrics", "config"},
    "cli": {"kernels", "network", "data", "metrics", "model", "training", "console", "config", "diagnose"},
}

# third-party library -> where it may be imported
HOMES = {
    "pandas": {"data"},
    "rich": {"console"},
    "click": {"cli", "console"},
    "numba": {"kernels"},
    "llvmlite": {"kernels", "diagnose"},
    "safetensors": {"model"},
    "platformdirs": {"kernels", "cli", "data"},
    "pyarrow": {"data"},
    "zstandard": {"data"},
}
STANDARD = sys.stdlib_module_names
KERNEL_LIBRARIES = {"numba", "llvmlite", "numpy", "platformdirs"}


def place(path):
    """The sub-package of a module, or its own name."""
    parts = path.relative_to(PACKAGE).parts
    return parts[0].removesuffix(".py")


def is_type_checking(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(path):
    """Yield the dotted names that a module imports anywhere, but for those that only type checkers see."""
    pending = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif is_type_checking(node):
            pending += node.orelse
        else:
            pending += ast.iter_child_nodes(node)


def parametrize(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: str(path.relative_to(PACKAGE)))


@parametrize([path for path in MODULES if place(path) in LAYERS])
def test_layers_import_downwards(path):
    here = place(path)
    inner = {name.split(".")[1] for name in imports(path) if name.startswith("rnnfast.")}
    allowed = LAYERS[here] | {here}
    if here == "kernels":
        assert inner <= allowed
    else:
        assert inner & LAYERS.keys() <= allowed


@parametrize(MODULES)
def test_libraries_stay_in_their_place(path):
    for name in imports(path):
        library = name.split(".")[0]
        assert library in STANDARD | HOMES.keys() | {"numpy", "rnnfast"}, name
        assert library not in HOMES or place(path) in HOMES[library], name


@parametrize([path for path in MODULES if place(path) == "kernels"])
def test_kernels_import_numba_and_numpy_alone(path):
    libraries = {name.split(".")[0] for name in imports(path)} - STANDARD - {"rnnfast"}
    assert libraries <= KERNEL_LIBRARIES


@pytest.mark.parametrize(
    ("statement", "absent"),
    cases(
        {
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


def test_public_names_are_there():
    assert all(getattr(rnnfast, name) is not None for name in rnnfast.__all__)


# What the rooms of data/ may import of each other; the modules beside them stand on top and may import all.
ROOMS = {
    "sources": set(),
    "columns": {"sources"},
    "sequences": {"sources", "columns"},
    "split": {"sources", "columns", "sequences"},
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
        inner = {imported for imported in imports(path) if imported.startswith("rnnfast.data")}
        assert {room(imported) for imported in inner} <= ROOMS[name] | {name}, path


def test_every_folder_of_data_is_a_room():
    folders = {path.name for path in (PACKAGE / "data").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == ROOMS.keys()
