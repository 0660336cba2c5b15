"""Kernels that others call by address.

A part is compiled into every entry that calls it. A `linked` kernel is compiled, optimised and cached by itself, for
its own specialisation, and its callers know no more of it than what it takes and returns: a `Link`, which travels as a
number among their arguments. So one kernel for a cell serves every tile of its products, every loss and every
optimizer, and only what is new in a run is compiled for it.
"""

from functools import cache, cached_property, partial

from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils
from numba.core.compiler_lock import global_compiler_lock
from numba.core.runtime import _nrt_python
from numba.extending import intrinsic

from rnnfast.kernels.lanes.cache import cached
from rnnfast.kernels.lanes.compiling import ENTRY, CallerCompiler, EntryCompiler

LINKED = {**ENTRY, "no_cpython_wrapper": True}

linked = partial(cached, njit(**LINKED, pipeline_class=EntryCompiler))
calling = partial(cached, njit(**LINKED, pipeline_class=CallerCompiler))


def load(kernel, signature):
    """Load a kernel from disk, if it is there; returns whether it is in memory.

    As its dispatcher does, but for the registries of Numba's own functions: half a second, and what is machine code
    already has no use for them.
    """
    if signature in kernel.overloads:
        return True
    with global_compiler_lock:
        if signature in kernel.overloads:  # by now: another thread has loaded it
            return True
        _name_runtime()
        compiled = kernel._cache.load_overload(signature, kernel.targetctx)
        if compiled is None:
            return False
        kernel._cache_hits[signature] += 1
        kernel.add_overload(compiled)
        return True


@cache
def _name_runtime():
    """Tell LLVM where the functions of Numba's runtime lie that machine code calls by name.

    Numba would also compile those that count references, in 0.02 s: no kernel counts any.
    """
    for name, address in _nrt_python.c_helpers.items():
        binding.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)


def launch(entry, specialisation, arguments):
    """Call an entry, which is loaded, or compiled, for it."""
    load(entry, (specialisation.numba_type, arguments.numba_type))
    return entry(specialisation, arguments)


class BlockType(types.Type):
    """Numba type of the address of a block of arguments (arguments.py), of which the caller knows no more."""

    def __init__(self, name="Block"):
        super().__init__(name=name)


BLOCK = BlockType()


class LinkType(types.Type):
    """Numba type of a Link: what the kernel takes, without its specialisation, and returns."""

    def __init__(self, result, arguments):
        self.result, self.arguments = result, arguments
        super().__init__(name=f"Link({result},{arguments})")


class Link:
    """A compiled kernel as a record holds it.

    kernel: a `linked` function; specialisation: its first argument; arguments: the types of the others;
    result: what it returns.
    """

    def __init__(self, kernel, specialisation, arguments, result=types.none):
        self.kernel, self.numba_type = kernel, link_type(result, arguments)
        self.signature = (specialisation.numba_type, *arguments) if kernel else ()

    @cached_property
    def address(self):
        """Where the kernel's code lies; it is compiled, or loaded, for it."""
        if self.kernel is None:
            return 0
        if not load(self.kernel, self.signature):
            self.kernel.compile(self.signature)
        compiled = self.kernel.overloads[self.signature]
        return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


@cache
def link_type(result, arguments):
    """The one LinkType of a result and arguments; what is in a block is the kernel's own affair."""
    return LinkType(result, tuple(BLOCK if isinstance(typ, BlockType) else typ for typ in arguments))


def no_link(arguments, result=types.none):
    """A link to nothing, for a kernel that a run does not call: callers are compiled as if there were one."""
    return Link(None, None, arguments, result)


@intrinsic
def call(typingctx, link, arguments):
    """Call a linked kernel with a tuple of arguments."""
    result, expected = link.result, link.arguments

    def codegen(context, builder, sig, args):
        values = cgutils.unpack_tuple(builder, args[1])
        values = [
            context.cast(builder, value, own, other)
            for value, own, other in zip(values, sig.args[1].types, expected, strict=True)
        ]
        # A specialisation is passed as a pointer that nobody reads.
        taken = (types.voidptr, *expected)
        function = context.call_conv.get_function_type(result, taken).as_pointer()
        pointer = builder.inttoptr(args[0], function)
        nothing = ir.Constant(context.get_value_type(types.voidptr), None)
        return context.call_conv.call_function(builder, pointer, result, taken, [nothing, *values])[1]

    return result(link, arguments), codegen
