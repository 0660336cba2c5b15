"""Kernels that a run will need, compiled at the same time in processes of their own.

Numba compiles with Python's lock held, so threads do not help. A child compiles one kernel after the other as it is
asked for them, on its standard input, and leaves them in the cache on disk, where this process finds them. Whatever
happens to it, a kernel that is not in the cache is compiled here: a child that hangs costs PATIENCE, and no more.
"""

import json
import sys
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, NamedTuple

from rnnfast.equations.stored import cell_from
from rnnfast.kernels.lanes.files import KernelFiles
from rnnfast.kernels.lanes.linking import load
from rnnfast.kernels.lanes.signatures import from_values, to_values
from rnnfast.kernels.lanes.specialisation import SpecialisationType
from rnnfast.kernels.rules.cell import cell_constants, cells
from rnnfast.kernels.run import child

# Seconds that kernels take to compile, about: children begin with the longest.
SECONDS = {"packed_chunk": 1.1, "train": 1.0, "small_chunk": 0.7, "forward": 0.4, "backward": 0.3, "predict": 0.3}
# This process begins with these: the last one takes half the time where the first one, with its parts, was compiled.
HERE = ("packed_chunk", "small_chunk", "predict")
OTHERS = 0.1
# Until a child can compile: what is left for it must take longer.
START = 0.6
# For what a child compiles when this process has nothing left to do; then it is compiled here.
PATIENCE = 20.0
READY, COMPILED = b"ready\n", b"compiled\n"  # what a child says


class Kernel(NamedTuple):
    """A kernel and what it is to be compiled for."""

    dispatcher: Any
    signature: tuple[Any, ...]

    @property
    def name(self):
        """Where the function stands: module and name."""
        function = self.dispatcher.py_func
        return function.__module__, function.__qualname__

    @property
    def cached(self):
        """Whether it is in memory or on disk."""
        dispatcher = self.dispatcher
        if self.signature in dispatcher.overloads:
            return True
        on_disk = dispatcher._cache
        return isinstance(on_disk, KernelFiles) and on_disk.has(self.signature, dispatcher.targetctx)

    @property
    def seconds(self):
        """What it takes to compile, about."""
        return SECONDS.get(self.name[1], OTHERS)


def kernels_of(entry, specialisation, arguments):
    """The kernels that a call of an entry needs: itself, and those that links lead to."""
    yield Kernel(entry, (specialisation.numba_type, arguments.numba_type))
    for link in arguments.links:
        if link.kernel is not None:
            yield Kernel(link.kernel, link.signature)


def prepare(kernels, processes, done=None):
    """Compile those of the kernels that are not in the cache, in so many processes, this one counted.

    done: called with each Kernel that has been compiled, by one thread at a time. Returns: how many were compiled.
    """
    missing = {kernel: None for kernel in kernels if not load(*kernel)}
    tasks = deque(sorted(missing, key=_place))
    left = sum(kernel.seconds for kernel in list(tasks)[1:])  # while this process compiles the first one
    lock = threading.Lock()

    def tell(kernel):
        with lock:
            if done is not None:
                done(kernel)

    count = max(int(left / START), len(child.ready) if left else 0)
    with _children(tasks, min(processes - 1, count), tell) as children:
        _compile(tasks, tell)
        deadline = time.monotonic() + PATIENCE
        for one in children:
            if one.kernel is not None:  # else there is nothing left that it could do
                one.thread.join(max(0.0, deadline - time.monotonic()))
    # What a child has not finished, or could not keep
    tasks.extend(kernel for kernel in missing if kernel not in tasks and not kernel.cached)
    _compile(tasks, tell)
    return len(missing)


def _place(kernel):
    """Where a kernel stands among the tasks: this process takes the first one, children the last one."""
    name = kernel.name[1]
    return (HERE.index(name), 0.0) if name in HERE else (len(HERE), kernel.seconds)


def _compile(tasks, done):
    while kernel := _next(tasks.popleft):
        kernel.dispatcher.compile(kernel.signature)
        done(kernel)


def _next(take):
    """The task that `take` takes; None where none is left."""
    try:
        return take()
    except IndexError:
        return None


@contextmanager
def _children(tasks, count, done):
    """Children that take tasks; none outlives the block."""
    children = []
    if count and child.can_start():
        for _ in range(count):
            try:
                children.append(_Child(tasks, done))
            except OSError:
                break
    try:
        yield children
    finally:
        for one in children:
            one.end()


class _Child:
    """A process that compiles tasks until none is left, and a thread that hands them out to it.

    kernel: what it compiles at the moment.
    """

    def __init__(self, tasks, done):
        self.kernel, self._tasks, self._done = None, tasks, done
        self._process = child.start()
        self.thread = threading.Thread(target=self._hand_out, daemon=True)
        self.thread.start()

    def _hand_out(self):
        """Hand out tasks until none is left or the process ends; one that it does not finish is put back."""
        process = self._process
        with suppress(OSError, ValueError):  # it has ended
            while process.stdout.readline() == READY and (kernel := _next(self._tasks.pop)):
                self.kernel = kernel
                process.stdin.write(_order(kernel))
                process.stdin.flush()
                if process.stdout.readline() != COMPILED:
                    break
                self.kernel = None
                self._done(kernel)
        if self.kernel is not None:
            self._tasks.append(self.kernel)

    def end(self):
        """End the process, whatever it does."""
        self._process.kill()
        self.thread.join()
        child.end(self._process)


def _order(kernel):
    """A line of JSON: the kernel, what it is to be compiled for, and the cells that this names."""
    specialisations = [typ.dims for typ in kernel.signature if isinstance(typ, SpecialisationType)]
    equations = [cells[dims["cell"]].to_json() for dims in specialisations if "cell" in dims]
    return json.dumps([*kernel.name, [to_values(typ) for typ in kernel.signature], equations]).encode() + b"\n"


def serve():
    """The child: compile what comes in on standard input, until that is closed."""
    outgoing, sys.stdout = sys.stdout.buffer, sys.stderr
    outgoing.write(READY)
    outgoing.flush()
    for line in sys.stdin.buffer:
        module, name, signature, equations = json.loads(line)
        for cell in equations:
            cell_constants(cell_from(cell))
        getattr(import_module(module), name).compile(tuple(from_values(values) for values in signature))
        outgoing.write(COMPILED + READY)
        outgoing.flush()
