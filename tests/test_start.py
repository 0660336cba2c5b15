"""How the process of a command starts: what it imports, when it searches for cycles, how many threads BLAS has."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rnnfast

START = (
    "import gc, os; from rnnfast.cli.process import FIRST_OBJECTS, start_slim; usual = gc.get_threshold(); start_slim()"
)


def output_of(program, **variables):
    """What a Python of its own prints that runs a program; variables: of its environment, None for one that is not."""
    environment = {name: value for name, value in (os.environ | variables).items() if value is not None}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(rnnfast.__file__).parents[1], env=environment, check=True
    )
    return done.stdout.strip()


def test_training_on_a_table_in_the_cache_imports_no_library_that_it_does_not_use(tmp_path):
    rows = np.random.default_rng(0).normal(size=(20_000, 6)).round(9)
    lines = [f"{k // 10},{','.join(map(str, row))},{k % 2}\n" for k, row in enumerate(rows.tolist())]
    (tmp_path / "table.csv").write_text("id,a,b,c,d,e,f,y\n" + "".join(lines))  # above what the cache takes
    program = (
        f"import sys; sys.argv = ['rnnfast', 'train', '--data', {str(tmp_path / 'table.csv')!r}, '--target', 'y', '-q',"
        f"'--hidden', '4', '--epochs', '1', '-f', '-o', {str(tmp_path / 'run')!r}];"
        "import atexit; atexit.register(lambda: print(*sys.modules)); from rnnfast.cli import main; main()"
    )
    assert "pandas.core" in output_of(program, RNNFAST_CACHE_DIR=str(tmp_path))
    loaded = set(output_of(program, RNNFAST_CACHE_DIR=str(tmp_path)).split())
    assert "numba" in loaded
    assert not loaded & {"yaml.reader", "pandas.core", "xml.etree.ElementTree"}


def test_a_stand_in_becomes_the_library_at_its_first_use():
    pytest.importorskip("yaml")
    program = "from rnnfast.cli.lazy import load_on_use; load_on_use(); import yaml; print(yaml.safe_load('[1, 2]'))"
    assert output_of(program) == "[1, 2]"


def test_the_first_search_for_cycles_waits_and_leaves_out_what_is_there():
    program = f"{START}; before = gc.get_stats()[0]['collections']; some = [[] for _ in range(100_000)]; " + (
        "waited = gc.get_stats()[0]['collections'] == before; more = [[] for _ in range(FIRST_OBJECTS)];"
        "print(waited, gc.get_freeze_count() > 100_000, gc.get_threshold() == usual)"
    )
    assert output_of(program) == "True True True"


def test_garbage_from_before_the_first_search_is_freed():
    program = f"{START}; import weakref; Cycle = type('Cycle', (), {{}}); cycle = Cycle(); cycle.own = cycle;" + (
        "last = weakref.ref(cycle); del cycle; more = [[] for _ in range(FIRST_OBJECTS)]; print(last())"
    )
    assert output_of(program) == "None"


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        pytest.param({}, "1", id="nobody-chose"),
        pytest.param({"OPENBLAS_NUM_THREADS": "3"}, "3", id="of-blas"),
        pytest.param({"OMP_NUM_THREADS": "3"}, "None", id="of-all"),
    ],
)
def test_blas_has_one_thread_unless_somebody_chose(chosen, expected):
    variables = {"OPENBLAS_NUM_THREADS": None, "OMP_NUM_THREADS": None} | chosen
    assert output_of(f"{START}; print(os.environ.get('OPENBLAS_NUM_THREADS'))", **variables) == expected
