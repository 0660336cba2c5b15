"""Events: runs of positive rows, against a plain loop over the rows, and what rules of events choose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnfast.config.rules import rule_of
from rnnfast.metrics.events import Steps, event_points, event_scores
from rnnfast.metrics.thresholds import choose, points

ROWS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.4, 0.6, 0.9]), st.booleans()), max_size=30)


def series(rows, horizon=0, seconds=None):
    """Steps of (label, answer, whether a new stretch begins here)."""
    positive, score, begins = (np.array(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
    stretch = np.cumsum(np.array(begins, np.int64))
    return Steps(np.array(positive, bool), np.array(score, float), stretch, seconds, horizon)


def loop(rows, threshold, horizon=0):
    """Return events, caught, delays and false alarms, row by row."""
    events, caught, delays, false = 0, 0, [], 0
    before = None  # label and alarm of the row before in the same stretch
    since, had_alarm = 0, False
    for positive, score, begins in rows:
        alarm = score >= threshold
        if begins:
            before = None
        if positive:
            if before is None or not before[0]:
                events, since, had_alarm = events + 1, 0, False
            if alarm and not had_alarm:
                caught, had_alarm = caught + 1, True
                delays.append(since)
            since += 1
        elif alarm and (before is None or before[0] or not before[1]):
            false += 1
        before = (positive, alarm)
    return events, caught, delays, false


@given(ROWS, st.sampled_from([0.0, 0.4, 0.5, 0.9, 1.0]), st.sampled_from([0, 3]))
def test_counts_and_delays_are_those_of_a_loop(rows, threshold, horizon):
    scores = event_scores(series(rows, horizon), threshold)
    events, caught, delays, false = loop(rows, threshold)
    assert (scores.events, scores.caught, scores.false_alarms) == (events, caught, false)
    assert scores.mean_delay == (pytest.approx(np.mean(delays)) if delays else None)
    assert scores.median_delay == (np.median(delays) if delays else None)
    assert scores.mean_lead == (pytest.approx(horizon - np.mean(delays)) if delays and horizon else None)
    assert scores.recall == (caught / events if events else None)
    assert scores.per_1000_steps == pytest.approx(1000 * false / max(len(rows), 1))


@given(ROWS)
def test_all_thresholds_at_once(rows):
    steps = series(rows)
    thresholds = np.array([0.95, 0.9, 0.5, 0.1, 0.0])
    counted = event_points(steps, thresholds)
    for k, threshold in enumerate(thresholds):
        assert (counted.events, counted.caught[k], counted.false_alarms[k]) == tuple(
            np.array(loop(rows, threshold), object)[[0, 1, 3]]
        )


def test_answers_that_are_no_numbers_are_no_alarms():
    steps = series([(True, np.nan, True), (False, np.nan, False), (False, 0.9, False)])
    scores = event_scores(steps, 0.5)
    assert (scores.caught, scores.false_alarms) == (0, 1)


def test_days_are_those_of_all_stretches_each_step_as_long_as_the_mean_one():
    hour = 3600.0
    rows = [(False, 0.9, True), (False, 0.1, False), (False, 0.9, False), (True, 0.1, True), (True, 0.1, False)]
    steps = series(rows, seconds=np.array([0, 4, 8, 100, 112]) * hour)
    assert steps.days == pytest.approx((3 * 4 + 2 * 12) / 24)
    scores = event_scores(steps, 0.5)
    assert scores.per_day == pytest.approx(2 / 1.5)
    assert series(rows).days is None


#           event a          event b     alone and together
SERIES = [
    (True, 0.8, True), (True, 0.9, False), (False, 0.2, False), (True, 0.4, False), (False, 0.5, False),
    (False, 0.3, False), (False, 0.5, False), (False, 0.7, True),
]  # fmt: skip


def at(text, steps=None):
    steps = steps or series(SERIES)
    curve = points(steps.positive, steps.score)
    events = event_points(steps, curve.threshold)
    choice = choose(rule_of(text), curve, events)
    return events.caught[choice.point], events.false_alarms[choice.point], choice.met, curve.threshold[choice.point]


def test_enough_events_are_caught_as_early_as_costs_no_more_false_alarms():
    caught, false, met, threshold = at("events:recall>=0.5")
    assert (caught, false, met) == (1, 0, True)
    assert 0.7 < threshold < 0.8  # 0.85 would catch it too, one step later
    assert at("events:recall>=0.8")[:3] == (2, 3, True)


def test_as_many_events_as_a_bound_of_false_alarms_allows():
    assert at("events:alarms<=0/8")[:2] == (1, 0)
    assert at("events:alarms<=1/8")[:3] == (1, 1, True)
    assert at("events:alarms<=3/8")[:2] == (2, 3)
    # Below 0.3 two alarms of a stretch grow together, and so are two in all: no way to catch more by alarming always.
    assert event_points(series(SERIES), np.array([0.25])).false_alarms[0] == 2
    assert at("events:alarms<=2/8")[0] == 1


def test_alarms_by_day():
    steps = series(SERIES, seconds=np.arange(8) * 86400.0)
    assert at("events:alarms<=0.1/day", steps)[:2] == (1, 0)


def test_no_event_can_be_caught_where_answers_are_no_numbers():
    steps = series([(True, np.nan, True), (False, 0.4, False)])
    caught, _, met, _ = at("events:recall>=0.5", steps)
    assert (caught, met) == (0, False)
