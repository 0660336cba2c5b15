"""How kernels are compiled.

`entry` is a kernel that Python calls: cached on disk per signature, hence per spec. `part` is a function that it
calls, `inlined` one that LLVM always inlines, so that SIMD values and matrices stay in registers across it. None
checks bounds, raises or allocates; division by zero gives an infinity (`error_model="numpy"`), which the loss check
reports.

Numba optimises every function with all that it calls, links it into its caller, and makes machine code of it, before
the caller is looked at: for functions eight calls deep most of the compile time. Parts are therefore only lowered to
LLVM's intermediate code. The entry links all that it calls, directly or not, and is optimised once; Numba would do so
twice, the first time only to find references to count, which kernels do not have.
"""

import ctypes
from functools import partial, wraps
from typing import ClassVar

from numba import _dynfunc, njit
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.registry import cpu_target

from rnnfast.kernels.lanes.cache import cached


class PartLibrary(JITCodeLibrary):
    """Holds the intermediate code of one part, and knows whose code it calls."""

    def _optimize_functions(self, ll_module):
        """Nothing: the entry's optimisation sees all functions."""

    def finalize(self):
        """Nothing is linked and no machine code is made."""
        for library in self._linking_libraries:
            self._reload_init.update(library._reload_init)
        self._finalized = True


class EntryLibrary(JITCodeLibrary):
    """Holds an entry with all that it calls."""

    def __init__(self, codegen, name):
        super().__init__(codegen, name)
        self.enable_object_caching()

    def finalize(self):
        """Link every library once, however often and deep it is called; then optimise and make machine code."""
        linked, pending = set(), list(reversed(self._linking_libraries))
        while pending:
            library = pending.pop()
            if library not in linked:
                linked.add(library)
                self._reload_init.update(library._reload_init)
                self._final_module.link_in(library._get_module_for_linking(), preserve=True)
                if isinstance(library, PartLibrary):
                    pending += reversed(library._linking_libraries)
        self._optimize_final_module()
        self._final_module.verify()
        self._finalize_final_module()

    def _optimize_final_module(self):
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


class _LibraryCompiler(Compiler):
    """Numba's own pipeline, with a library of another class to hold the code."""

    library_class: ClassVar[type]

    def define_pipelines(self):
        """The usual pipelines."""
        state = self.state
        if state.library is None:
            state.library = self.library_class(state.targetctx.codegen(), state.func_id.func_qualname)
        return super().define_pipelines()


class PartCompiler(_LibraryCompiler):
    """Compiles a part."""

    library_class = PartLibrary


class EntryCompiler(_LibraryCompiler):
    """Compiles an entry."""

    library_class = EntryLibrary


# What stands for the machine code of a part. Python never calls it; should it, this C function raises a TypeError.
_NOT_FOR_PYTHON = ctypes.cast(ctypes.pythonapi.PyErr_BadArgument, ctypes.c_void_p).value


def _without_machine_code(get_executable):
    """Numba's step from a library to an executable function, which a part must not take."""

    @wraps(get_executable)
    def choose(library, description, environment):
        if not isinstance(library, PartLibrary):
            return get_executable(library, description, environment)
        module, name = description.lookup_module(), description.qualname.split(".")[-1]
        return _dynfunc.make_function(module, name, "part of a kernel", _NOT_FOR_PYTHON, environment, (library,))

    return choose


cpu_target.target_context.get_executable = _without_machine_code(cpu_target.target_context.get_executable)

# Options of a part, for `overload` too.
PART = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "pipeline_class": PartCompiler}
INLINED = {**PART, "forceinline": True}

part = partial(njit, **PART)()
inlined = partial(njit, **INLINED)()
entry = partial(cached, njit(error_model="numpy", cache=True, nogil=True, pipeline_class=EntryCompiler))
