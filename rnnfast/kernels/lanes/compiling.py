"""How kernels are compiled.

`entry` is a kernel that Python calls: cached on disk per signature, hence per spec. `part` is a function that it
calls, `inlined` one that LLVM always inlines, so that SIMD values and matrices stay in registers across it. None
checks bounds, raises or allocates; division by zero gives an infinity (`error_model="numpy"`), which the loss check
reports.

Numba optimises every function with all that it calls, and makes machine code of it, before its caller is looked at:
for functions eight calls deep most of the compile time. Parts are therefore only lowered; the entry, which holds them
all, is optimised once.
"""

import ctypes
from functools import partial, wraps

from numba import _dynfunc, njit
from numba.core.compiler import Compiler
from numba.core.registry import cpu_target

from rnnfast.kernels.lanes.cache import cached


class PartCompiler(Compiler):
    """Numba's own pipeline, with a library that only collects LLVM's intermediate code."""

    def define_pipelines(self):
        """The usual pipelines; the library that they fill is neither optimised nor made into machine code."""
        state = self.state
        if state.library is None:
            library = state.library = state.targetctx.codegen().create_library(state.func_id.func_qualname)
            library._optimize_functions = library._optimize_final_module = lambda *module: None
            library._finalize_final_module = lambda: setattr(library, "_finalized", True)
            library.rnnfast_part = True
        return super().define_pipelines()


# What stands for the machine code of a part. Python never calls it; should it, this C function raises a TypeError.
_NOT_FOR_PYTHON = ctypes.cast(ctypes.pythonapi.PyErr_BadArgument, ctypes.c_void_p).value


def _without_machine_code(get_executable):
    """Numba's step from a library to an executable function, which a part must not take."""

    @wraps(get_executable)
    def choose(library, description, environment):
        if not getattr(library, "rnnfast_part", False):
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
entry = partial(cached, njit(error_model="numpy", cache=True, nogil=True))
