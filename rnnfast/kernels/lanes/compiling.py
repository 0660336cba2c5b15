"""How kernels are compiled.

`entry` is a kernel that Python calls: cached on disk per signature, hence per spec. `part` is a function that it
calls, `inlined` one that LLVM always inlines, so that SIMD values and matrices stay in registers across it. None
checks bounds, raises or allocates; division by zero gives an infinity (`error_model="numpy"`), which the loss check
reports.

Numba optimises every function with all that it calls, links it into its caller, and makes machine code of it, before
the caller is looked at: for functions eight calls deep most of the compile time. Parts are therefore only lowered to
LLVM's intermediate code. The entry links all that it calls, directly or not, and is optimised as a whole. On the way
to the intermediate code a function goes through 8 of the 25 passes of Numba; the others look for what parts do not
contain.
"""

import ctypes
import gc
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any, ClassVar

from numba import _dynfunc, njit
from numba.core import typed_passes, untyped_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase
from numba.core.compiler_machinery import PassManager
from numba.core.registry import cpu_target

from rnnfast.kernels.lanes.cache import cached
from rnnfast.kernels.lanes.registries import kernels_alone


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
    """Holds an entry with all that it calls.

    passes: settings of LLVM's passes over it, one run after the other.
    """

    # Twice, as Numba does: the first passes inline and turn loops around. The register engine is a sixth to a third
    # slower without them, or with the first ones at level 3; they take a seventh of a second more.
    passes: ClassVar[tuple[dict[str, Any], ...]] = (
        {"loop_vectorize": True, "slp_vectorize": False, "opt": 0, "cost": "cheap"},
        {},
    )

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

    def _optimize_functions(self, ll_module):
        """Nothing: all functions are optimised together."""

    def _optimize_final_module(self):
        for settings in self.passes:
            passes, builder = self._codegen._module_pass_manager(**settings)
            passes.run(self._final_module, builder)


class CallerLibrary(EntryLibrary):
    """Holds a kernel that leaves the work to others: vectors of its own loops would double the time of LLVM."""

    passes = ({"loop_vectorize": False, "slp_vectorize": False},)


# Of Numba's passes those that parts need: they have no closures, no exceptions, no array expressions, and no arrays,
# whose references would have to be given back where a variable ends.
_PASSES = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.ReconstructSSA,
    typed_passes.NopythonTypeInference,
    typed_passes.PreLowerStripPhis,
    typed_passes.NativeLowering,
    typed_passes.NoPythonBackend,
)


@contextmanager
def _without_collections():
    """Let the garbage collector rest: it would search through all that the compiler makes again and again."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        # What has been made is old at once: else the next collection of the young would search it all.
        gc.freeze()
        gc.unfreeze()
        gc.enable()


class _KernelCompiler(CompilerBase):
    """A short pipeline, with a library of its own class to hold the code."""

    library_class: ClassVar[type]
    passes: ClassVar[tuple[type, ...]] = _PASSES

    def define_pipelines(self):
        """The one pipeline."""
        state = self.state
        if state.library is None:
            state.library = self.library_class(state.targetctx.codegen(), state.func_id.func_qualname)
        pipeline = PassManager("kernel")
        for step in self.passes:
            pipeline.add_pass(step, step.__name__)
        pipeline.finalize()
        return [pipeline]


class PartCompiler(_KernelCompiler):
    """Compiles a part."""

    library_class = PartLibrary


class EntryCompiler(_KernelCompiler):
    """Compiles an entry, and on the way all its parts."""

    library_class = EntryLibrary
    # An entry may take arrays: IRLegalization ends the life of its variables.
    passes = (*_PASSES[:-2], typed_passes.IRLegalization, *_PASSES[-2:])

    def __init__(self, *arguments):
        with kernels_alone():
            super().__init__(*arguments)

    def compile_extra(self, function):
        """As usual, without the garbage collector."""
        with _without_collections(), kernels_alone():
            return super().compile_extra(function)


class CallerCompiler(EntryCompiler):
    """Compiles a kernel that leaves the work to others."""

    library_class = CallerLibrary


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
ENTRY = {"error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}

entry = partial(cached, njit(**ENTRY, pipeline_class=EntryCompiler))
calling_entry = partial(cached, njit(**ENTRY, pipeline_class=CallerCompiler))
