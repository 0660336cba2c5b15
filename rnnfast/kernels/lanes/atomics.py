"""Numbers that several threads change: single int64 elements of spans, read and written as a whole.

All of these are sequentially consistent: what a thread wrote before it changed such a number is seen by every thread
that reads the change.
"""

import platform

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

# LLVM's name of the instruction by which a core waits a little, and its operands; elsewhere it only looks again.
_X86, _ARM = ("llvm.x86.sse2.pause", []), ("llvm.aarch64.isb", [ir.Constant(ir.IntType(32), 15)])
_PAUSES = {"x86_64": _X86, "amd64": _X86, "aarch64": _ARM, "arm64": _ARM}


def _pointer(builder, span, index):
    return builder.gep(span, [index])


@intrinsic
def atomic_read(typingctx, span, index):
    """The element."""

    def codegen(context, builder, sig, args):
        return builder.load_atomic(_pointer(builder, *args), "seq_cst", 8)

    return types.intp(span, types.intp), codegen


@intrinsic
def atomic_write(typingctx, span, index, value):
    """Set the element."""

    def codegen(context, builder, sig, args):
        builder.store_atomic(args[2], _pointer(builder, *args[:2]), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(span, types.intp, types.intp), codegen


@intrinsic
def atomic_add(typingctx, span, index, value):
    """Add to the element; returns what it was."""

    def codegen(context, builder, sig, args):
        return builder.atomic_rmw("add", _pointer(builder, *args[:2]), args[2], ordering="seq_cst")

    return types.intp(span, types.intp, types.intp), codegen


@intrinsic
def atomic_exchange(typingctx, span, index, value):
    """Set the element; returns what it was."""

    def codegen(context, builder, sig, args):
        return builder.atomic_rmw("xchg", _pointer(builder, *args[:2]), args[2], ordering="seq_cst")

    return types.intp(span, types.intp, types.intp), codegen


@intrinsic
def atomic_replace(typingctx, span, index, expected, value):
    """Set the element if it is what is expected; returns what it was."""

    def codegen(context, builder, sig, args):
        pair = builder.cmpxchg(_pointer(builder, *args[:2]), args[2], args[3], "seq_cst", "seq_cst")
        return builder.extract_value(pair, 0)

    return types.intp(span, types.intp, types.intp, types.intp), codegen


@intrinsic
def pause(typingctx):
    """Wait for some tens of cycles."""

    def codegen(context, builder, sig, args):
        name, operands = _PAUSES.get(platform.machine().lower(), (None, []))
        if name:
            function_type = ir.FunctionType(ir.VoidType(), [operand.type for operand in operands])
            builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), operands)
        return context.get_dummy_value()

    return types.void(), codegen
