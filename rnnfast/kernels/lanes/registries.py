"""What Numba knows how to lower while a kernel is compiled.

Before its first function Numba imports all that it can lower, strings, sets, random numbers, linear algebra, in seventy
modules, and before every later one it looks for each of them again. Kernels are numbers, tuples and ranges, and what
this package lowers itself. Whoever compiles other functions in the same process gets all of it afterwards.

Numba has no public way to do so. `load_additional_registries` is documented for subclasses of a context, that is for a
target of one's own (numba.core.target_extension), with a dispatcher, contexts and a decorator beside those of the CPU.
So this method is replaced on the one context that there is while a kernel is compiled, which relies on private names:
tried with Numba 0.63.1 and 0.68.1, and tests/test_registries.py fails where another version changes them.
"""

from contextlib import contextmanager

from numba.core.registry import cpu_target
from numba.core.runtime import rtsys


def _load():
    """What kernels are made of: importing a module registers it.

    And what is new in the registries that are there already: Numba puts intrinsics into the first of them, which is
    another one where the process has compiled a function of its own before.
    """
    context = cpu_target.target_context
    rtsys.initialize(context)
    from numba.cpython import builtins, mathimpl, numbers, rangeobj, tupleobj  # noqa: F401

    for registry in (*context._registries, mathimpl.registry):
        context.install_registry(registry)


@contextmanager
def kernels_alone():
    """Compile kernels inside the block: Numba's other registries are left alone."""
    context = cpu_target.target_context
    if "load_additional_registries" in vars(context):  # a block in a block
        yield
        return
    context.load_additional_registries = _load
    try:
        yield
    finally:
        del context.load_additional_registries
