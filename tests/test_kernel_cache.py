"""Compiled kernels between processes: found again, compiled anew after an edit, never in the way of a run."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rnnfast

PACKAGE = Path(rnnfast.__file__).parent

# Trains and predicts with each engine; prints the losses, the seconds spent compiling and the directory of the kernels.
JOB = """
import json
import numpy as np
from rnnfast.kernels import cache_directory, plan, trainer as engine
from rnnfast.network.architecture import Architecture

x, y, offsets = np.ones((8, 2)), np.ones((8, 1)), np.arange(0, 9, 2)
data = engine.training_data(x, y, np.ones(8, bool), offsets, "float32")
architecture = Architecture("rnn", 2, 3, 1, "tanh")
tensors = {name: np.full(shape, 0.1) for name, shape in engine.layout_of(architecture).shapes().items()}
losses = []
with engine.compile_clock() as clock:
    for plan.REGISTER_HIDDEN in %s:
        trainer = engine.Trainer(architecture, tensors, data, loss="mse")
        losses.append(trainer.run(np.arange(4)[None], 1, 0.1)[0])
        engine.Predictor(architecture, trainer.parameters).outputs(x, offsets)
print(json.dumps({"losses": losses, "seconds": clock.seconds, "directory": cache_directory()}))
"""
BOTH_ENGINES = JOB % "(16, 0)"
ONE_ENGINE = JOB % "(16,)"


def run(job, cache, path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    environment |= {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", job], env=environment, cwd=path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the package that a test may edit."""
    path = tmp_path_factory.mktemp("source")
    shutil.copytree(PACKAGE, path / "rnnfast", ignore=shutil.ignore_patterns("__pycache__"))
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def first(source, cache):
    """What the first process found, whose kernels are in the cache."""
    return run(BOTH_ENGINES, cache, source)


def test_a_second_process_compiles_nothing(first, source, cache):
    second = run(BOTH_ENGINES, cache, source)
    assert first["seconds"] > 0
    assert second["seconds"] == 0
    assert second["losses"] == first["losses"]
    assert Path(second["directory"]).parent == cache


def test_an_edited_callee_is_compiled_anew(first, source, cache):
    """Numba itself looks at the file of the entry point alone."""
    edit(source, "losses.py", "(lambda p, y: (p - y) * (p - y),", "(lambda p, y: 4.0 * (p - y) * (p - y),")
    after = run(ONE_ENGINE, cache, source)
    assert after["seconds"] > 0
    assert after["directory"] != first["directory"]
    assert after["losses"][0] > 2 * first["losses"][0]
    edit(source, "activations.py", '"tanh": (tanh, ', '"tanh": (sigmoid, ')
    assert run(ONE_ENGINE, cache, source)["losses"][0] not in (after["losses"][0], first["losses"][0])


def edit(source, file, line, edited):
    path = source / "rnnfast" / "kernels" / file
    text = path.read_text(encoding="utf-8")
    assert text.count(line) == 1
    path.write_text(text.replace(line, edited), encoding="utf-8")


def test_without_a_writable_directory_a_private_one_is_used(tmp_path):
    file = tmp_path / "file"
    file.write_text("in the way")
    found = run(ONE_ENGINE, file, PACKAGE.parent)
    assert Path(found["directory"]).name.startswith("rnnfast-")
    assert tmp_path not in Path(found["directory"]).parents
    assert not Path(found["directory"]).exists()  # removed at the end of the process
    assert file.read_text() == "in the way"


def test_warm_up_says_what_it_took():
    from rnnfast.kernels import warm_up

    assert 0 < warm_up() < 60
