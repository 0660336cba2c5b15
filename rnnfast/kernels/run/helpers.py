"""Python's side of the helpers: threads that outlive a run, as to start one may take longer than to train."""

import threading
from queue import SimpleQueue
from weakref import finalize

import numpy as np

from rnnfast.kernels.run.threads import new_account, new_team
from rnnfast.kernels.run.waiting import new_lock, release_lock

# Locks that nobody needs any more. They are used again and never freed: a helper that woke another thread may still
# hold on to the lock when that one has gone on.
_spare_locks = []


class Helpers:
    """The threads of one trainer beside the one that calls it, which has number 0.

    They are started when they are first needed, and end with this object. `run` hands out work and waits for nobody:
    a thread that comes late finds the run over.
    """

    def __init__(self, threads):
        self.threads = threads
        self._account = new_account(threads)
        self._locks = np.zeros(threads, np.int64)
        self._queues = []

    def run(self, function):
        """Call function(team, thread) with number 0 here, and with the others in their threads.

        Returns: what the call here returns.
        """
        if self.threads > 1 and not self._queues:
            self._start()
        team = self.new_team()
        for thread, queue in enumerate(self._queues, 1):
            queue.put((function, team, thread))
        try:
            return function(team, 0)
        except BaseException:  # before the kernel could say that the run is over
            team.over[0] = 1
            for lock in self._locks[1:]:
                release_lock(lock)
            raise

    def new_team(self):
        """What the threads know of each other in one run."""
        return new_team(self._locks, self._account)

    def _start(self):
        self._locks[:] = [_lock() for _ in range(self.threads)]
        for lock in self._locks[1:].tolist():
            queue = SimpleQueue()
            threading.Thread(target=_work, args=(queue, lock), daemon=True).start()
            self._queues.append(queue)
        finalize(self, _dismiss, self._queues, int(self._locks[0]))


def _lock():
    """A lock that nobody needs, or a new one; several trainers may ask at once."""
    try:
        return _spare_locks.pop()
    except IndexError:
        return new_lock()


def _work(queue, lock):
    """Call what comes out of the queue until it is None."""
    while (job := queue.get()) is not None:
        function, *arguments = job
        function(*arguments)
        del job, function, arguments  # they hold the data, and the queue may stay empty for long
    _spare_locks.append(lock)


def _dismiss(queues, lock):
    for queue in queues:
        queue.put(None)
    _spare_locks.append(lock)
