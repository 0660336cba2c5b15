"""How a thread waits: it looks for a few microseconds, then lets others have the core, then sleeps.

Sleeping is by Python's own locks, one per thread: they are the cheapest ones of every system, know nothing of the
interpreter, and may be given back by another thread than the one that took them.
"""

import ctypes
import sys
import time

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rnnfast.kernels.lanes.atomics import atomic_exchange, atomic_read, pause
from rnnfast.kernels.lanes.compiling import inlined

LOOKS = 100  # with a pause after each: about 3 microseconds
YIELDING = 100_000  # nanoseconds: on idle cores most waits end before
CACHE_LINE = 8  # elements between numbers that different threads write

_INT32, _INT64 = ir.IntType(32), ir.IntType(64)
_POINTER = ir.IntType(8).as_pointer()


def new_lock():
    """The address of a new lock, which is free."""
    allocate = ctypes.pythonapi.PyThread_allocate_lock
    allocate.restype = ctypes.c_void_p
    return allocate()


def release_lock(address):
    """Wake the thread that waits for the lock, or the next one that would."""
    ctypes.pythonapi.PyThread_release_lock(ctypes.c_void_p(int(address)))


def _call(builder, name, result, arguments):
    """Call a C function by its name."""
    function_type = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, function_type, name), arguments)


@intrinsic
def _acquire(typingctx, lock):
    """Sleep until the lock at this address is released."""

    def codegen(context, builder, sig, args):
        address = builder.inttoptr(args[0], _POINTER)
        _call(builder, "PyThread_acquire_lock", _INT32, [address, ir.Constant(_INT32, 1)])
        return context.get_dummy_value()

    return types.void(types.intp), codegen


@intrinsic
def _release(typingctx, lock):
    """Wake the thread that sleeps for the lock at this address."""

    def codegen(context, builder, sig, args):
        _call(builder, "PyThread_release_lock", ir.VoidType(), [builder.inttoptr(args[0], _POINTER)])
        return context.get_dummy_value()

    return types.void(types.intp), codegen


@intrinsic
def give_way(typingctx):
    """Let another thread have the core, if one wants it."""

    def codegen(context, builder, sig, args):
        _call(builder, "SwitchToThread" if sys.platform == "win32" else "sched_yield", _INT32, [])
        return context.get_dummy_value()

    return types.void(), codegen


def _counter_frequency():
    """Ticks per second of the clock of Windows."""
    frequency = ctypes.c_int64()
    ctypes.windll.kernel32.QueryPerformanceFrequency(ctypes.byref(frequency))
    return frequency.value


@intrinsic
def nanoseconds(typingctx):
    """A clock that never goes back."""

    def windows(context, builder, sig, args):
        ticks = cgutils.alloca_once(builder, _INT64)
        _call(builder, "QueryPerformanceCounter", _INT32, [ticks])
        return builder.mul(builder.load(ticks), _INT64(1_000_000_000 // _counter_frequency()))

    def posix(context, builder, sig, args):
        spec = cgutils.alloca_once(builder, ir.ArrayType(_INT64, 2))  # timespec: seconds, nanoseconds
        _call(builder, "clock_gettime", _INT32, [ir.Constant(_INT32, time.CLOCK_MONOTONIC), spec])
        parts = builder.load(spec)
        seconds = builder.mul(builder.extract_value(parts, 0), _INT64(1_000_000_000))
        return builder.add(seconds, builder.extract_value(parts, 1))

    return types.int64(), windows if sys.platform == "win32" else posix


@inlined
def wait_a_little(looks, since):
    """Pass the time after so many looks at what a thread has waited for since that nanosecond.

    Returns: whether it takes so long that the thread had better sleep.
    """
    if looks < LOOKS:
        pause()
        return False
    give_way()
    return nanoseconds() - since > YIELDING


@inlined
def fall_asleep(asleep, thread):
    """Say that the thread is about to sleep: look once more afterwards, then `sleep` or `stay_awake`."""
    atomic_exchange(asleep, thread * CACHE_LINE, 1)


@inlined
def stay_awake(asleep, thread):
    """The thread no longer sleeps, or has not begun to."""
    atomic_exchange(asleep, thread * CACHE_LINE, 0)


@inlined
def sleep(locks, thread):
    """Sleep until another thread calls `wake`; may return early."""
    _acquire(locks[thread])


@inlined
def wake(asleep, locks, thread):
    """Wake the thread if it sleeps or is about to."""
    if atomic_read(asleep, thread * CACHE_LINE) and atomic_exchange(asleep, thread * CACHE_LINE, 0):
        _release(locks[thread])
