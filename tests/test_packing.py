"""Where the steps of sequences of unequal length lie in a packed chunk."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_calls import pack


def test_the_example_of_the_docstring():
    R, T, P, work = pack([3, 2, 1])
    assert (R, T, P) == (3, 3, 6)
    assert work.start[: T + 2].tolist() == [0, 3, 5, 6, 6]
    assert work.source.tolist() == [0, 3, 5, 1, 4, 2]
    # Rows 0 to 2 of the states are the initial ones, packed row p has state R + p.
    assert work.previous.tolist() == [0, 1, 2, 3, 4, 6]
    assert work.following.tolist() == [6, 7, 2, 8, 1, 0]


def test_the_longest_come_first_and_equal_ones_in_their_order():
    R, T, P, work = pack([1, 4, 2, 4])
    assert (R, T, P) == (4, 4, 11)
    assert work.place.tolist() == [1, 3, 2, 0]
    assert work.length.tolist() == [4, 4, 2, 1]


def test_a_window_holds_what_reaches_into_it():
    """Steps 2 and 3 of sequences of 1, 4 and 3 steps."""
    R, T, P, work = pack([1, 4, 3], begin=2, window=2)
    assert (R, T, P) == (2, 2, 3)
    assert work.place[:R].tolist() == [1, 2]
    assert work.source[:P].tolist() == [1 + 2, 5 + 2, 1 + 3]
    assert pack([1, 2], begin=2, window=2)[:3] == (0, 0, 0)


def test_steps_of_several_rows_end_at_the_last_row():
    """Every third row of sequences of 7, 3 and 1 rows: rows 0, 3, 6 and 9 and 10."""
    R, T, P, work = pack([7, 3, 1], stride=3)
    assert (R, T, P) == (3, 3, 5)
    assert work.source.tolist()[:P] == [0, 9, 10, 3, 6]
    assert pack([7, 3, 1], begin=1, window=1, stride=3)[:3] == (1, 1, 1)


@settings(max_examples=200)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(0, 8), st.integers(1, 9), st.data())
def test_every_step_is_there_once_and_finds_its_neighbours(lengths, begin, window, data):
    chosen = data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=12, unique=True))
    R, T, P, work = pack(lengths, begin, window, chosen)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    steps = {q: min(lengths[q] - begin, window) for q in chosen if lengths[q] > begin}
    assert (len(steps), max(steps.values(), default=0), sum(steps.values())) == (R, T, P)
    rows = [offsets[q] + begin + t for q, count in steps.items() for t in range(count)]
    assert sorted(work.source[:P]) == sorted(rows)
    state_of = {int(row): R + p for p, row in enumerate(work.source[:P])}
    initial = {chosen[place]: r for r, place in enumerate(work.place[:R])}
    for q, count in steps.items():
        first = offsets[q] + begin
        for t in range(count):
            p = state_of[first + t] - R
            assert work.start[t] <= p < work.start[t + 1]
            assert work.previous[p] == (state_of[first + t - 1] if t else initial[q])
            assert work.following[p] == (state_of[first + t + 1] if t + 1 < count else initial[q])
