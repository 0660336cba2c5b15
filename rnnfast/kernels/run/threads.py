"""Threads that run one kernel together: each calls it with its number, and they meet at barriers.

A barrier is one atomic counter in memory that all of them see. It costs well under a microsecond, so that batches of
a few dozen sequences are worth sharing; a thread that waits long gives its core away.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rnnfast.kernels.lanes.compiling import inlined

SPINS = 2000  # looks at the counter before the core is given away: some microseconds


@intrinsic
def _add(typingctx, counter, value):
    """Atomically add to counter[0]; returns the value before."""

    def codegen(context, builder, sig, args):
        return builder.atomic_rmw("add", args[0], args[1], ordering="seq_cst")

    return types.intp(counter, types.intp), codegen


@intrinsic
def _read(typingctx, counter):
    """Atomically read counter[0]."""

    def codegen(context, builder, sig, args):
        return builder.load_atomic(args[0], "seq_cst", 8)

    return types.intp(counter), codegen


@intrinsic
def _give_way(typingctx):
    """Let another thread have the core."""

    def codegen(context, builder, sig, args):
        function_type = ir.FunctionType(ir.IntType(32), [])
        function = cgutils.get_or_insert_function(builder.module, function_type, "sched_yield")
        builder.call(function, [])
        return context.get_dummy_value()

    return types.void(), codegen


@inlined
def barrier(counter, threads):
    """Wait until all threads are here.

    counter: (1,) int64, 0 before the first barrier: arrivals of all barriers so far.
    """
    if threads > 1:
        arrived = _add(counter, 1)
        wanted = (arrived // threads + 1) * threads
        spins = 0
        while _read(counter) < wanted:
            spins += 1
            if spins > SPINS:
                _give_way()
