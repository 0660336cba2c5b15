"""Compiled kernels between processes: loaded from the cache, compiled anew after an edit, never in the way of a run."""

import errno
import importlib.util
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kernel_calls import ENGINES
from numba import njit, types
from numba.core.registry import cpu_target

import rnnfast
from rnnfast import caching
from rnnfast.kernels.lanes import files

PACKAGE = Path(rnnfast.__file__).parent
TESTS = Path(__file__).parent

# Trains and predicts with the engines named in sys.argv. Prints for each the losses and the lanes of its kernel; the
# compilations, the kernels that were loaded instead, and the directory of the kernels.
JOB = """
import json, sys
import numpy as np
from kernel_calls import compilations, loaded
from networks import draw_sequences, draw_tensors, make_trainer, predict
from rnnfast.kernels import cache_directory
from rnnfast.network.architecture import Architecture

net = Architecture.named("rnn", 2, (3,), 1, "tanh")
tensors, sequences = draw_tensors(net), draw_sequences(net, [2, 2, 2, 2])
losses, kernels = {}, {}
with compilations() as names:
    for engine in sys.argv[1:]:
        trainer = make_trainer(net, tensors, sequences, batch=1, engine=engine)
        losses[engine] = float(trainer.run(np.arange(4)[None], 1, 0.1)[0])
        kernels[engine] = trainer.kernel
        predict(net, tensors, sequences, engine)
print(json.dumps({"losses": losses, "kernels": kernels, "compiled": names, "loaded": loaded(),
                  "directory": cache_directory()}))
"""


def run(cache, path, *engines):
    """What JOB prints, in a process that has nothing to say about the cache."""
    done, said = run_saying(cache, path, *engines)
    assert said == []
    return done


def run_saying(cache, path, *engines):
    """What JOB prints, and what it warns of."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    places = os.pathsep.join((str(path), str(TESTS)))
    environment |= {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": places, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", JOB, *engines]
    done = subprocess.run(command, env=environment, cwd=path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert all("CacheWarning: " in line for line in lines[::2])  # each with the line of the code below it
    return json.loads(done.stdout), [line.partition("CacheWarning: ")[2] for line in lines[::2]]


@pytest.fixture
def source(tmp_path):
    """A copy of the package that a test may edit."""
    shutil.copytree(PACKAGE, tmp_path / "rnnfast", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def first(cache):
    """What the first process printed, whose kernels are in the cache."""
    return run(cache, PACKAGE.parent, *ENGINES)


def test_a_second_process_compiles_nothing(first, cache):
    second = run(cache, PACKAGE.parent, *ENGINES)
    assert {name.split(",")[0] for name in first["kernels"].values()} == set(ENGINES)
    assert len(first["compiled"]) >= 2 * len(ENGINES)  # training and predicting are kernels of their own
    assert first["loaded"] == 0
    assert second["compiled"] == []
    assert second["loaded"] == len(first["compiled"])
    assert second["losses"] == first["losses"]
    assert Path(second["directory"]).parent == cache


def test_an_edited_loss_is_compiled_anew(first, source, cache):
    """Numba itself looks at the file of the entry point alone."""
    edit(source, "equations/losses.py", "return (p - y) * (p - y)", "return 4.0 * (p - y) * (p - y)")
    after = run(cache, source, "small")
    assert after["compiled"]
    assert after["loaded"] == 0
    assert after["directory"] != first["directory"]
    assert after["losses"]["small"] > 2 * first["losses"]["small"]


def test_an_edited_activation_is_compiled_anew(first, source, cache):
    edit(source, "kernels/lanes/elementary.py", '"tanh": tanh,', '"tanh": sigmoid,')
    after = run(cache, source, "packed")
    assert after["compiled"]
    assert after["loaded"] == 0
    assert after["losses"]["packed"] != first["losses"]["packed"]


def edit(source, file, line, edited):
    path = source / "rnnfast" / file
    text = path.read_text(encoding="utf-8")
    assert text.count(line) == 1
    path.write_text(text.replace(line, edited), encoding="utf-8")


# The folders whose code decides what is compiled.
FOLDERS = sorted(
    {
        path.parent.relative_to(PACKAGE).as_posix()
        for room in ("kernels", "network", "equations")
        for path in (PACKAGE / room).rglob("*.py")
    }
)


def digest(source):
    """The digest of a copy of the package, by its own code."""
    spec = importlib.util.spec_from_file_location("cache_of_a_copy", source / "rnnfast/kernels/lanes/cache.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.digest()


@pytest.mark.parametrize("folder", FOLDERS)
def test_any_file_of_a_folder_is_in_the_digest(folder, source):
    before, path = digest(source), source / "rnnfast" / folder
    for file in sorted(path.glob("*.py")):
        text = file.read_bytes()
        file.write_bytes(text + b"\n")
        assert digest(source) != before, file
        file.write_bytes(text)
    assert digest(source) == before
    (path / "another.py").write_text("")
    assert digest(source) != before


def test_all_rooms_of_kernels_are_tried():
    rooms = {"kernels", *(f"kernels/{room}" for room in ("lanes", "rules", "packed", "small", "run"))}
    assert rooms | {"network", "equations"} <= set(FOLDERS)


def test_without_a_writable_directory_a_private_one_is_used(tmp_path):
    file = tmp_path / "file"
    file.write_text("in the way")
    result, said = run_saying(file, PACKAGE.parent, "small")
    directory = Path(result["directory"])
    assert result["losses"]["small"] > 0
    assert directory.name.startswith("rnnfast-")
    assert tmp_path not in directory.parents
    assert not directory.exists()  # removed at the end of the process
    assert file.read_text() == "in the way"
    assert len(said) == 1
    assert "compiled kernels are not kept" in said[0]


def exchanged(path):
    """Another kernel under this one's name."""
    others = (other for other in sorted(path.parent.iterdir()) if other != path and other.is_file())
    path.write_bytes(next(others).read_bytes())


def flipped(path):
    """One bit is another one: the code would run, and do something else."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = (
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(path.read_bytes()[:-7]),
    lambda path: path.write_bytes(b"\x80\x04foreign"),
    lambda path: (path.unlink(), path.mkdir(), (path / "file").touch()),
    exchanged,
    flipped,
)


def test_damaged_kernels_are_dropped_and_compiled_anew(first, cache, tmp_path):
    copy = tmp_path / "cache"
    shutil.copytree(cache, copy)
    copy.chmod(0o700)
    files = sorted((copy / Path(first["directory"]).name).iterdir())
    for i, file in enumerate(files):
        DAMAGES[i % len(DAMAGES)](file)
    assert len(files) >= len(DAMAGES)
    after, said = run_saying(copy, PACKAGE.parent, *ENGINES)
    assert len(said) == 1
    assert "dropped" in said[0]
    assert sorted(after["compiled"]) == sorted(first["compiled"])
    assert after["losses"] == first["losses"]
    assert run(copy, PACKAGE.parent, *ENGINES)["compiled"] == []


class Planted:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def kernel(tmp_path, content, mode=0o600):
    """Plant a kernel of a function, with its digest; return what loads it."""
    signature, context = (types.int64,), cpu_target.target_context
    tmp_path.chmod(0o700)
    kernels = files.KernelFiles(exchanged, tmp_path)
    key = kernels._key(signature, context.codegen())
    path = kernels._path(key)
    path.write_bytes(files._digest(key, content) + content)
    path.chmod(mode)
    return lambda: kernels.load_overload(signature, context)


@pytest.mark.skipif(not caching.HAS_OWNERS, reason="the system has no owners")
@pytest.mark.parametrize("mode", [pytest.param(0o620, id="group"), pytest.param(0o602, id="everybody")])
def test_code_that_others_can_have_written_never_runs(tmp_path, mode):
    load = kernel(tmp_path, pickle.dumps(Planted(tmp_path / "ran")), mode)
    with pytest.warns(caching.CacheWarning, match="dropped"):
        assert load() is None
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_no_kernel_and_stops_nothing(tmp_path, monkeypatch):
    def full(path, content):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    compiled = njit(lambda x: x + 1)
    compiled(1)
    kernels = files.KernelFiles(exchanged, tmp_path)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.warns(caching.CacheWarning, match="No space left"):
        kernels.save_overload((types.int64,), next(iter(compiled.overloads.values())))
    assert list(tmp_path.iterdir()) == []


def test_warm_up_loads_or_compiles_and_runs_a_kernel():
    from kernel_calls import compilations

    from rnnfast.kernels import warm_up

    assert warm_up() > 0
    with compilations() as names:
        warm_up()
    assert names == []
