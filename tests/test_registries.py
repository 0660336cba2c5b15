"""What compiling kernels without most of Numba's registries relies on; another Numba may be another one here."""

import subprocess
import sys
from importlib.metadata import version

import numba
from numba.core.base import BaseContext
from numba.core.cpu import CPUContext
from numba.core.registry import cpu_target

from rnnfast.kernels.lanes import registries

SPARED = ("numba.cpython.setobj", "numba.np.linalg", "numba.np.random.generator_core", "numba.typed.typeddict")

# Refreshes Numba's context as before each compilation, in a block and then without one, and prints which of SPARED are
# loaded after either.
JOB = """
import sys
from rnnfast.kernels.lanes.registries import cpu_target, kernels_alone
for begin in (kernels_alone, lambda: __import__("contextlib").nullcontext()):
    with begin():
        cpu_target.target_context.refresh()
    print(sum(name in sys.modules for name in sys.argv[1:]))
"""


def test_numba_calls_a_hook_of_its_context_before_it_compiles(monkeypatch):
    """The hook is public for subclasses: BaseContext documents it, and `refresh` looks it up on the instance."""
    assert "overridden" in BaseContext.load_additional_registries.__doc__
    assert isinstance(cpu_target.target_context, CPUContext)
    calls = []
    monkeypatch.setattr(registries, "_load", lambda: calls.append("kernels"))
    monkeypatch.setattr(CPUContext, "load_additional_registries", lambda self: calls.append("numba"))
    with registries.kernels_alone(), registries.kernels_alone():
        cpu_target.target_context.refresh()
    cpu_target.target_context.refresh()
    assert calls == ["kernels", "numba"]


def test_registries_of_the_context_can_be_installed_again_and_bring_nothing_twice():
    context = cpu_target.target_context
    context.refresh()
    overloads = {name: len(one.versions) for name, one in context._defns.items()}
    with registries.kernels_alone():
        context.refresh()
    assert {name: len(context._defns[name].versions) for name in overloads} == overloads


def test_a_process_of_kernels_loads_little_of_numba():
    done = subprocess.run([sys.executable, "-c", JOB, *SPARED], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["0", str(len(SPARED))], f"Numba {version('numba')}"


def test_functions_of_others_have_all_of_numba_afterwards():
    with registries.kernels_alone():
        cpu_target.target_context.refresh()
    assert numba.njit(lambda text: {text.upper()})("a") == {"A"}
