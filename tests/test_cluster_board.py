"""Which task runs where on a cluster, and what becomes of those that fail, or whose worker is lost or silent."""

from collections import deque

import pytest

from rnnfast.cluster.board import MOST_LOST, PATIENCE, Board
from rnnfast.cluster.task import Task
from rnnfast.errors import ClusterError, DivergedError


class Clock:
    """Seconds that a test sets."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def board(count=4, homes=None, durations=(), **named):
    tasks = [Task(f"fold {k + 1}", abs, (k,), home=f"home {k}" if homes is not None else "") for k in range(count)]
    return Board(tasks, {} if homes is None else homes, deque(durations), clock=Clock(), **named)


def numbers(attempts):
    return [(attempt.number, attempt.worker) for attempt in attempts]


def test_each_worker_gets_as_many_tasks_as_it_has_threads():
    assert numbers(board(5).assign({"a": 1, "b": 2})) == [(0, "a"), (1, "b"), (2, "b")]


def test_answers_are_those_of_the_tasks_whatever_the_order_in_which_they_come():
    tasks = board(2)
    first, second = tasks.assign({"a": 1, "b": 1})
    tasks.finish(second, "two")
    assert not tasks.complete
    tasks.finish(first, "one")
    assert tasks.complete
    assert tasks.answers == {0: "one", 1: "two"}


def test_tasks_of_a_lost_worker_run_first_of_all_that_wait():
    tasks = board(3)
    tasks.assign({"a": 1, "b": 1})
    assert numbers(tasks.lose("a")) == [(0, "a")]
    assert numbers(tasks.assign({"b": 2})) == [(0, "b")]


def test_a_task_that_loses_worker_after_worker_ends_the_run():
    tasks = board(1)
    for number in range(MOST_LOST - 1):
        tasks.assign({f"w{number}": 1})
        tasks.lose(f"w{number}")
    tasks.assign({"last": 1})
    with pytest.raises(ClusterError, match=r"fold 1: 10 workers were lost while they ran it, the last one last"):
        tasks.lose("last")


def test_the_same_error_twice_ends_the_run_with_it_and_names_task_and_worker():
    tasks = board(1)
    tasks.fail(tasks.assign({"a": 1, "b": 1})[0], ValueError("no"))
    (again,) = tasks.assign({"a": 1, "b": 1})
    assert again.worker == "b"
    assert not tasks.complete
    tasks.fail(again, ValueError("no"))
    assert tasks.complete
    assert str(tasks.failure) == "no"
    assert tasks.failure.__notes__ == ["in fold 1 on worker b"]


def test_the_failure_of_a_run_is_that_of_the_first_task_in_order():
    tasks = board(4)
    first, second, third = tasks.assign({"a": 3})
    tasks.fail(second, DivergedError("second", 1, 1))
    assert not tasks.assign({"a": 3})  # the fourth is not needed any more
    assert not tasks.complete
    tasks.fail(third, DivergedError("third", 1, 1))
    tasks.fail(first, DivergedError("first", 1, 1))
    assert tasks.complete
    assert str(tasks.failure) == "first"


def test_three_different_errors_end_the_run_with_the_last():
    tasks = board(1)
    for text in ("disk full", "no route"):
        tasks.fail(tasks.assign({"a": 1})[0], OSError(text))
    assert tasks.failure is None
    tasks.fail(tasks.assign({"a": 1})[0], OSError("gone"))
    assert str(tasks.failure) == "gone"


def test_a_silent_task_runs_elsewhere_once_and_then_ends_the_run():
    tasks = board(1, durations=[1.0, 2.0])
    (attempt,) = tasks.assign({"a": 1, "b": 1})
    tasks.clock.now = PATIENCE
    assert not tasks.silent(())
    tasks.clock.now += 1
    assert tasks.silent(()) == [attempt]
    tasks.give_up(attempt)
    (again,) = tasks.assign({"a": 1, "b": 1})
    assert again.worker == "b"
    tasks.clock.now += 100
    with pytest.raises(ClusterError, match=r"fold 1: no sign of life from worker b for 100 s, nor from a"):
        tasks.give_up(again)


def test_long_tasks_may_take_ten_times_as_long_as_those_before():
    tasks = board(1, durations=[30.0])
    tasks.assign({"a": 1})
    tasks.clock.now = 299.0
    assert not tasks.silent(())
    tasks.clock.now = 301.0
    assert tasks.silent(())


def test_what_a_task_tells_is_a_sign_of_life():
    tasks = board(1, durations=[1.0])
    (attempt,) = tasks.assign({"a": 1})
    tasks.clock.now = attempt.sign = 1000.0
    assert not tasks.silent(())


def test_before_any_task_has_ended_only_a_frozen_worker_is_silent():
    tasks = board(2)
    first, _ = tasks.assign({"a": 1, "b": 1})
    tasks.clock.now = 1e6
    assert tasks.silent({"a"}) == [first]


HOMES = {f"home {k}": worker for k, worker in enumerate("aabb")}


def test_tasks_go_where_they_are_at_home_and_wait_there_for_the_one_before():
    assert sorted(numbers(board(4, dict(HOMES)).assign({"b": 1, "a": 1}))) == [(0, "a"), (1, "a"), (2, "b"), (3, "b")]


def test_homes_move_when_their_worker_is_gone():
    homes = dict(HOMES)
    board(4, homes).assign({"b": 4})
    assert set(homes.values()) == {"b"}


def test_a_new_worker_takes_its_share_of_the_homes_and_no_more():
    homes = {f"home {k}": "a" for k in range(4)}
    tasks = board(4, homes)
    slots = {"a": 1, "new": 1}
    while not tasks.complete:
        for attempt in tasks.assign(slots):
            tasks.finish(attempt, None)
    assert sorted(homes.values()) == ["a", "a", "new", "new"]


def test_a_task_is_tried_again_where_it_failed_if_there_is_no_other_worker():
    tasks = board(1)
    tasks.fail(tasks.assign({"a": 1})[0], ValueError("once"))
    assert numbers(tasks.assign({"a": 1})) == [(0, "a")]


def test_homes_are_divided_by_the_threads_of_workers():
    homes = {}
    board(6, homes).assign({"a": 1, "b": 2})
    assert sorted(homes.values()) == ["a", "a", "b", "b", "b", "b"]


def test_a_task_that_failed_at_home_moves():
    homes = dict(HOMES)
    tasks = board(4, homes)
    tasks.fail(tasks.assign({"a": 1, "b": 1})[0], OSError("disk full"))
    tasks.assign({"a": 1, "b": 1})
    assert homes["home 0"] == "b"
