"""Threads that work on one update together: a leader, who could do everything alone, and helpers, who take what they
can get.

The leader (thread 0) cuts an update into phases, and a phase into items that do not depend on each other. It opens a
phase; whoever is free takes an item that nobody has taken, the leader from the front, helpers from the back; the leader
waits for the items that helpers took, and opens the next phase. A helper that does not run takes nothing and holds
nobody up: all that a busy machine can cost is the time of one item whose helper lost its core meanwhile.

A helper works between taking an item and finishing it, never outside: what it reads does not change, and nobody reads
what it writes. What an item is and how it is summed up does not depend on who does it: the bits do not either.

Where waiting costs more than helpers give, they rest. The leader keeps an account of nanoseconds: it gains a part of
the time that items done by others would have taken, and loses the time waited for them. In debt, half of the helpers
rest, and finally all; a share of the time without them is gained back, and then they are tried again. So, however
badly a run gets its cores, it loses no more than that share.
"""

from typing import NamedTuple

import numpy as np

from rnnfast.kernels.lanes.atomics import atomic_add, atomic_read, atomic_replace, atomic_write
from rnnfast.kernels.lanes.compiling import inlined, part
from rnnfast.kernels.lanes.scalars import larger, smaller
from rnnfast.kernels.run.waiting import (
    CACHE_LINE,
    fall_asleep,
    nanoseconds,
    sleep,
    stay_awake,
    wait_a_little,
    wake,
)
from rnnfast.network.alignment import aligned

# The account: what of the time that helpers save counts, what of the time without them, and its bounds.
SAVING, REST = 0.5, 0.1
MOST, LEAST = 2e6, -1e9  # nanoseconds
# Its elements: the balance, how many helpers are active, and of the present update the time saved and waited.
BALANCE, ACTIVE, SAVED, WAITED = range(4)

_FIRST, _END = 1 << 32, 0xFFFFFFFF  # one item in the upper half, the mask of the lower one


class Team(NamedTuple):
    """What leader and helpers of one run know of each other; nothing of it is used by another run but the last two."""

    items: np.ndarray  # (8,) int64: of the open phase those that nobody has taken, first * 2^32 + end
    helped: np.ndarray  # (8,) int64: items of closed phases that helpers have done
    finished: np.ndarray  # (8,) int64: items that helpers have finished
    over: np.ndarray  # (8,) int64: 1 when the run is over
    active: np.ndarray  # (8,) int64: helpers that may take items, those with the lowest numbers
    asleep: np.ndarray  # (8 threads,) int64: 1 where a thread sleeps or is about to
    locks: np.ndarray  # (threads,) int64 addresses of the locks they sleep by
    account: np.ndarray  # (8,) float64, see BALANCE and the like


def new_team(locks, account):
    """The team of one run, with as many threads as there are locks."""
    numbers = [aligned(CACHE_LINE, np.int64) for _ in range(5)]
    team = Team(*numbers, aligned(CACHE_LINE * len(locks), np.int64), locks, account)
    team.active[0] = account[ACTIVE]
    return team


def new_account(threads):
    """The account of a trainer with so many threads: all helpers are active."""
    values = aligned(CACHE_LINE, np.float64)
    values[ACTIVE] = threads - 1
    return values


@part
def end_run(team, threads):
    """What the leader does after the last one: helpers leave, now or when they come to it."""
    atomic_write(team.over, 0, 1)
    for thread in range(1, threads):
        wake(team.asleep, team.locks, thread)


@inlined
def _available(team, thread):
    """Whether there is an item that this helper may take."""
    items = atomic_read(team.items, 0)
    return items >> 32 < items & _END and thread <= atomic_read(team.active, 0)


@inlined
def take(team, thread):
    """An item of the open phase that nobody has taken; -1: there is none."""
    items = atomic_read(team.items, 0)
    while items >> 32 < items & _END and (thread == 0 or thread <= atomic_read(team.active, 0)):
        item = items >> 32 if thread == 0 else (items & _END) - 1
        seen = atomic_replace(team.items, 0, items, items + (_FIRST if thread == 0 else -1))
        if seen == items:
            return item
        items = seen
    return -1


@inlined
def finish(team, thread):
    """The item that this thread took is done."""
    if thread > 0:
        atomic_add(team.finished, 0, 1)
        wake(team.asleep, team.locks, 0)


@part
def await_items(team, thread):
    """Wait, as a helper, for something to do. Returns: False when the run is over."""
    looks, since = 0, nanoseconds()
    while not _available(team, thread):
        if atomic_read(team.over, 0):
            return False
        looks += 1
        if wait_a_little(looks, since):
            fall_asleep(team.asleep, thread)
            if not _available(team, thread) and not atomic_read(team.over, 0):
                sleep(team.locks, thread)
            stay_awake(team.asleep, thread)
    return True


@inlined
def open_phase(team, count):
    """Let everybody take the items 0 .. count - 1 of what the leader has written down."""
    atomic_write(team.items, 0, count)
    for thread in range(1, smaller(atomic_read(team.active, 0), count - 1) + 1):
        wake(team.asleep, team.locks, thread)


@part
def close_phase(team, count, mine, start):
    """Wait, as the leader, for the items that helpers took; mine: those that the leader did itself from `start` on."""
    since = nanoseconds()
    if mine > 0:
        team.account[SAVED] += (since - start) * (count - mine) / mine
    team.helped[0] += count - mine
    looks = 0
    while atomic_read(team.finished, 0) < team.helped[0]:
        looks += 1
        if wait_a_little(looks, since):
            fall_asleep(team.asleep, 0)
            if atomic_read(team.finished, 0) < team.helped[0]:
                sleep(team.locks, 0)
            stay_awake(team.asleep, 0)
    team.account[WAITED] += nanoseconds() - since


@part
def settle(team, elapsed, threads):
    """Balance the account after an update that took so many nanoseconds; decide how many helpers the next one has."""
    account, active = team.account, team.active[0]
    change = SAVING * account[SAVED] - account[WAITED] if active else REST * elapsed
    balance = larger(smaller(account[BALANCE] + change, MOST), LEAST)
    if balance < 0:
        active //= 2
    elif active < threads - 1:
        active = smaller(2 * active + 1, threads - 1)
    account[BALANCE], account[ACTIVE], account[SAVED], account[WAITED] = balance, active, 0.0, 0.0
    atomic_write(team.active, 0, active)
