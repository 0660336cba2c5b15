"""Kernels that a run will need, compiled at the same time in processes of their own.

Numba compiles with Python's lock held, so threads do not help. A child compiles one kernel after the other as it is
asked for them, on its standard input, and leaves them in the cache on disk, where this process finds them. Whatever
happens to it, a kernel that is not in the cache is compiled here: a child only ever saves time.
"""

import json
import os
import subprocess
import sys
import threading
from collections import deque
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from numba.core.caching import NullCache

from rnnfast.equations.stored import cell_from
from rnnfast.kernels.lanes.cache import directory, path_of_version
from rnnfast.kernels.lanes.linking import load
from rnnfast.kernels.lanes.signatures import from_values, to_values
from rnnfast.kernels.lanes.specialisation import SpecialisationType
from rnnfast.kernels.rules.cell import cell_constants, cells

# Seconds that kernels take to compile, about: the longest are begun first.
SECONDS = {"packed_chunk": 2.0, "small_chunk": 1.8, "train": 1.4, "predict": 0.5}
OTHERS = 0.2
# Until a child can compile: what is left for it must take longer.
START = 1.0
CHILD = "from rnnfast.kernels.run import trainer; from rnnfast.kernels.run.ahead import serve; serve()"
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
        if isinstance(on_disk, NullCache):
            return False
        return on_disk._index_key(self.signature, dispatcher.targetctx.codegen()) in on_disk._cache_file._load_index()

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

    done: called with each Kernel that has been compiled. Returns: how many were compiled.
    """
    missing = {kernel: None for kernel in kernels if not load(*kernel)}
    tasks = deque(sorted(missing, key=lambda kernel: -kernel.seconds))
    done = done or (lambda kernel: None)
    left = sum(kernel.seconds for kernel in list(tasks)[1:])  # while this process compiles the first one
    with _children(tasks, min(processes - 1, int(left / START)), done) as threads:
        _compile(tasks, done)
        for thread in threads:
            thread.join()
    # Two processes that write the index of one function at once may lose an entry of it.
    tasks.extend(kernel for kernel in missing if kernel not in tasks and not kernel.cached)
    _compile(tasks, done)
    return len(missing)


def _compile(tasks, done):
    while kernel := _next(tasks):
        kernel.dispatcher.compile(kernel.signature)
        done(kernel)


def _next(tasks):
    """Take the first of the tasks; None where none is left."""
    try:
        return tasks.popleft()
    except IndexError:
        return None


@contextmanager
def _children(tasks, count, done):
    """Children that take tasks, each with a thread that hands them out; none outlives the block."""
    children = []
    if _can_start():
        for _ in range(count):
            try:
                children.append(_start())
            except OSError:
                break
    threads = [threading.Thread(target=_hand_out, args=(tasks, child, done), daemon=True) for child in children]
    try:
        for thread in threads:
            thread.start()
        yield threads
    finally:
        for child in children:
            child.kill()
            child.wait()
        for thread in threads:
            thread.join()
        for child in children:
            child.stdin.close()
            child.stdout.close()


def _can_start():
    """Whether a child could leave kernels where this process finds them."""
    return bool(sys.executable) and not getattr(sys, "frozen", False) and directory() == path_of_version()


def _start():
    """A child, in its own session where there are such, so that Ctrl-C is this process's affair alone."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )


def _hand_out(tasks, child, done):
    """Let a child compile tasks until none is left or it ends; a task that it does not finish is put back."""
    kernel = None
    try:
        while child.stdout.readline() == READY and (kernel := _next(tasks)):
            child.stdin.write(_order(kernel))
            child.stdin.flush()
            if child.stdout.readline() != COMPILED:
                break
            done(kernel)
            kernel = None
    except (OSError, ValueError, RuntimeError):  # it has ended, or another run's cell came while these were packed
        pass
    if kernel is not None:
        tasks.append(kernel)


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
