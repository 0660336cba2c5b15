"""Kernels compiled ahead of a run, in processes of their own (kernels/run/ahead.py)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import fails, result

import rnnfast
from rnnfast.kernels.lanes.signatures import from_values, to_values
from rnnfast.kernels.run.predictor import Predictor
from rnnfast.kernels.run.trainer import Policy, Trainer
from rnnfast.kernels.run.usual import usual_kernels
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout

PACKAGE = Path(rnnfast.__file__).parents[1]

# Prepares a kernel each for two optimizers and a loss with a child, and prints what was compiled here and in all.
JOB = """
import json, os, sys
from rnnfast.kernels.lanes.specialisation import Specialisation
from rnnfast.kernels.rules.losses import loss_link
from rnnfast.kernels.rules.optimizers import update_link
from rnnfast.kernels.run import ahead, child

links = [update_link(Specialisation(W=16, optimizer=name, decoupled=0), "float32") for name in ("sgd", "momentum")]
links.append(loss_link(Specialisation(W=16, loss="mse"), "float32"))
kernels = [ahead.Kernel(link.kernel, link.signature) for link in links]
ahead.START = 0.01  # a child is worth it however little there is
exec(sys.argv[1])
done = []
count = ahead.prepare(kernels, 2, done.append)
again = ahead.prepare(kernels, 2)
dispatchers = {kernel.dispatcher.py_func.__name__: kernel.dispatcher for kernel in kernels}
here = sum(len(dispatcher.stats.cache_misses) for dispatcher in dispatchers.values())
cached, addresses = all(kernel.cached for kernel in kernels), all(link.address for link in links)
print(json.dumps([count, again, len(done), here, cached, addresses]))
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    pass
else:
    sys.exit("a child is left")
"""

WAIT_FOR_THE_CHILD = """
import time

def leave_all_to_the_child(tasks, done):
    while tasks:
        time.sleep(0.05)

ahead._compile = leave_all_to_the_child
"""


def prepared(cache, change="pass"):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(PACKAGE)}
    done = subprocess.run(
        [sys.executable, "-c", JOB, change], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    names = ("count", "again", "done", "here", "cached", "addresses")
    return dict(zip(names, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("pass", id="with-a-child"),
        pytest.param("child.CHILD = 'raise SystemExit(1)'", id="a-child-that-dies"),
        pytest.param("sys.executable = '/nowhere/python'", id="a-child-that-cannot-start"),
        pytest.param("sys.executable = ''", id="no-python-to-start"),
        pytest.param("sys.frozen = True", id="a-frozen-program"),
        pytest.param("child.directory = lambda: None", id="a-cache-of-its-own"),
        pytest.param(
            "child.CHILD = 'import os; os.write(1, b\"ready\\\\n\"); os.read(0, 9)'", id="a-child-that-breaks-off"
        ),
        pytest.param(
            "child.CHILD = 'import os; os.write(1, b\"ready\\\\n\")'", id="a-child-that-says-it-is-ready-and-dies"
        ),
        pytest.param("child.CHILD = 'import time; time.sleep(1000)'", id="a-child-that-never-gets-ready"),
        pytest.param(
            "ahead.PATIENCE = 0.1; child.CHILD = 'import os, time; os.write(1, b\"ready\\\\n\"); time.sleep(1000)'",
            id="a-child-that-hangs",
        ),
        pytest.param("import pathlib; sys.path.append(pathlib.Path('x'))", id="a-path-that-is-no-text"),
    ],
)
def test_every_kernel_is_there_whatever_becomes_of_the_child(change, tmp_path):
    answer = prepared(tmp_path, change)
    assert answer["count"] == 3
    assert answer["again"] == 0
    assert answer["cached"]
    assert answer["addresses"]


def test_a_child_compiles_what_this_process_then_loads(tmp_path):
    answer = prepared(tmp_path, WAIT_FOR_THE_CHILD)
    assert answer["here"] == 0
    assert answer["done"] == 3


def test_doctor_prepares_a_cell_and_then_finds_it(monkeypatch, capsys):
    few = list(usual_kernels(("rnn",)))[:2]
    monkeypatch.setattr("rnnfast.kernels.run.usual.usual_kernels", lambda cells: iter(few))
    first = result(["doctor", "--warm-up", "GRU"], capsys)
    assert first["cells"] == ["gru"]
    assert first["kernels"] == 2
    assert result(["doctor", "--warm-up", "gru"], capsys)["compiled"] == 0


def test_kernels_of_usual_runs_are_those_of_a_run():
    """A run after the warm-up finds every kernel it needs, whatever its columns and units."""
    usual = set(usual_kernels(("rnn", "gru")))
    for cell, hidden, policy in (
        ("rnn", 33, Policy("bce")),
        ("rnn", 40, Policy("mse", batch=20, optimizer="adamw")),
        ("gru", (20, 20), Policy("mae", batch=16, optimizer="adam", threads=2)),
    ):
        net = Architecture.named(cell, 7, hidden, 1)
        tensors = {name: np.zeros(shape) for name, shape in Layout(net).shapes().items()}
        needed = set(Trainer(net, tensors, None, policy, np.array([5, 9] * 30)).kernels())
        assert needed <= usual, [kernel.name for kernel in needed - usual]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--warm-up", "gur"], "no cell of that name", id="no-cell"),
        pytest.param(["--warm-up", "gru", "--gradients"], "leave the other options out", id="with-gradients"),
    ],
)
def test_what_cannot_be_prepared_is_refused(arguments, says, capsys):
    assert says in fails(["doctor", *arguments], 2, capsys)


def test_a_table_in_the_cache_needs_no_pandas(tmp_path):
    """Nor does the help; the first command reads the table with it."""
    job = "import sys; from rnnfast.cli import run; from rnnfast.cli.lazy import load_on_use; load_on_use(); "
    job += "run(sys.argv[1:]); print('pandas.core' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(PACKAGE), "RNNFAST_CACHE_DIR": str(tmp_path)}
    table = tmp_path / "table.csv"
    rows = "\n".join(f"{i},{i % 7},{i % 2}" for i in range(300_000))
    table.write_text(f"a,b,y\n{rows}\n")
    command = [
        sys.executable,
        "-c",
        job,
        "train",
        "--data",
        str(table),
        "--target",
        "y",
        "--epochs",
        "1",
        "-q",
        "--json",
    ]
    used = []
    for name in ("first", "second"):
        done = subprocess.run(
            [*command, "-o", str(tmp_path / name)], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        used.append(done.stdout.splitlines()[-1])
    assert used == ["True", "False"]


def test_signatures_are_plain_values_and_back():
    """What a child is told is text: nothing is pickled."""
    for kernel in usual_kernels(("gru", "rnn")):
        values = json.loads(json.dumps([to_values(typ) for typ in kernel.signature]))
        assert tuple(from_values(value) for value in values) == kernel.signature


def test_a_child_takes_no_module_from_the_current_directory(tmp_path, monkeypatch):
    """What lies beside the data is data."""
    monkeypatch.chdir(tmp_path)
    Path("numba.py").write_text("open('taken', 'w').close()\n")
    job = f"import sys; sys.path[:] = [entry for entry in sys.path if entry]\n{JOB}"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(PACKAGE)}
    command = [sys.executable, "-P", "-c", job, WAIT_FOR_THE_CHILD]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not Path("taken").exists()


# Takes a child early, or not, and prints how many were started and whether any is left.
EARLY = """
import json, sys
from rnnfast.kernels.run import child

started = []
child.start = (lambda start: lambda: started.append(start()) or started[-1])(child.start)
exec(sys.argv[1])
with child.early_child(2):
    numba = "numba" in sys.modules
left = sum(process.poll() is None for process in started)
print(json.dumps([len(started), left, len(child.ready), numba]))
"""


@pytest.mark.parametrize(
    ("before", "started"),
    [
        pytest.param("pass", 1, id="an-empty-cache"),
        pytest.param("(child.directory() / 'train-1.kernel').touch()", 0, id="a-cache-with-kernels"),
        pytest.param("sys.frozen = True", 0, id="a-frozen-program"),
    ],
)
def test_a_child_starts_early_where_the_cache_is_empty_and_ends_where_nobody_needs_it(before, started, tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(PACKAGE)}
    output = subprocess.run([sys.executable, "-c", EARLY, before], env=environment, capture_output=True, check=True)
    assert json.loads(output.stdout) == [started, 0, 0, False]


def kernels_of(cell, hidden, dtype="float32"):
    """Names of the kernels, with what they are compiled for, that training and predicting needs."""
    architecture = Architecture.named(cell, 3, hidden, 1, dtype=dtype)
    tensors = {name: np.zeros(shape) for name, shape in Layout(architecture).shapes().items()}
    trainer = Trainer(architecture, tensors, None, Policy("mse", batch=4), np.full(8, 2))
    return {*trainer.kernels(), *Predictor(architecture, trainer.parameters).kernels()}


@pytest.mark.parametrize(
    ("network", "names"),
    [
        pytest.param(("lstm", 32), ["equations.steps_backward", "equations.steps_forward"], id="another-cell"),
        pytest.param(("gru", (32, 32)), [], id="another-layer"),
        pytest.param(("gru", 40), ["tiles._accumulate_rows", "tiles._multiply_rows"], id="another-tile"),
        pytest.param(("rnn", 12), ["engines.small_chunk", "sequence.predict"], id="a-network-in-registers"),
    ],
)
def test_a_run_compiles_no_more_than_what_is_new_in_it(network, names):
    new = kernels_of(*network) - kernels_of("gru", 32)
    assert sorted(f"{module.split('.')[-1]}.{name}" for module, name in (kernel.name for kernel in new)) == names


# Compiles a kernel, and then a function of somebody else.
ALONE = """
import json, sys
import numpy as np
from numba import njit
from rnnfast.kernels.lanes.specialisation import Specialisation
from rnnfast.kernels.rules.optimizers import update, update_link

update_link(Specialisation(W=16, optimizer="adam", decoupled=0), "float32").address
others = "numba.np.linalg" in sys.modules
product = njit(lambda a: (a * float("2")).sum())(np.ones(2))
print(json.dumps([len(update.overloads), others, product]))
"""


def test_a_kernel_is_compiled_without_what_numba_has_for_other_functions(tmp_path):
    """Strings, sets and linear algebra stay away, until a function of somebody else needs them."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(PACKAGE)}
    output = subprocess.run([sys.executable, "-c", ALONE], env=environment, capture_output=True, check=True)
    assert json.loads(output.stdout) == [1, False, 4.0]


FIRST = """
import numba, numpy
numba.njit(lambda x: numpy.sort(x).sum())(numpy.ones(3))
import rnnfast
print(rnnfast.train(numpy.zeros((4, 2, 1)), [0, 1] * 2, hidden=4, epochs=0, cell="mlp").epochs)
"""


def test_kernels_compile_where_a_program_has_compiled_functions_of_its_own(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(PACKAGE)}
    done = subprocess.run(
        [sys.executable, "-c", FIRST], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, ["0"]), done.stderr
