"""Thresholds: the grammar of rules, operating points against a loop over all of them, and what a rule chooses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ids import cases

from rnnfast.config.rules import AT_LEAST, HIGHEST, rule_of
from rnnfast.errors import UsageError
from rnnfast.metrics import binary, confusion
from rnnfast.metrics.thresholds import between, choose, points

TIES = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.3, 0.30000001, 0.7, 1.0])), min_size=1)


def drawn(rows, dtype=np.float64):
    positive, score = zip(*rows, strict=True)
    return np.array(positive), np.array(score, dtype).astype(np.float64)


def chosen(text, positive, score):
    """The counts at the threshold of a rule, as every other part of the program computes them."""
    curve = points(positive, score)
    choice = choose(rule_of(text), curve)
    return curve, choice, confusion(positive, score, curve.threshold[choice.point])


RULES = cases(
    {
        "a number": ("0.37", {"measure": "fixed", "goal": 0.37}),
        "a metric": ("F1", {"measure": "f1", "goal": 0.0}),
        "costs": ("cost:fp=1,fn=50", {"measure": "cost", "false_alarm": 1.0, "missed": 50.0}),
        "costs the other way round": ("cost: fn=2, fp=0", {"measure": "cost", "false_alarm": 0.0, "missed": 2.0}),
        "a bound with spaces": ("precision >= 0.9", {"measure": "precision", "goal": 0.9}),
        "per cent": ("recall>=80%", {"measure": "recall", "goal": 0.8}),
        "alarms": ("alarms<=10/1000", {"measure": "alarms", "goal": 0.01, "per": "row"}),
        "events": ("events:recall>=0.8", {"measure": "recall", "goal": 0.8, "of_events": True}),
        "alarms per day": ("events:alarms<=2/day", {"measure": "alarms", "goal": 2.0, "per": "day", "of_events": True}),
    }
)


@pytest.mark.parametrize(("text", "parts"), RULES)
def test_a_rule_is_read(text, parts):
    rule = rule_of(text)
    assert {name: getattr(rule, name) for name in parts} == parts


WRONG = cases(
    {
        "a number beyond 1": ("1.5", "from 0 to 1"),
        "no number": ("nan", "from 0 to 1"),
        "a word": ("balanced_acuracy", "did you mean 'balanced_accuracy'"),
        "what a shell leaves of a bound": ("precision", "in quotes"),
        "what a shell leaves of alarms": ("alarms", "'alarms<=10/1000'"),
        "a share above 1": ("recall>=8", "is a share"),
        "a share of nothing": ("precision>=0", "is a share"),
        "no share": ("precision>=high", "'high' is not a number"),
        "alarms of rows by day": ("alarms<=2/day", "events:alarms<=2/day"),
        "alarms of no rows": ("alarms<=2/0", "how many rows"),
        "alarms without rows": ("alarms<=2", "is no rule"),
        "one cost": ("cost:fp=1", "is no rule"),
        "the same cost twice": ("cost:fp=1,fp=2", "is no rule"),
        "no cost at all": ("cost:fp=0,fn=0", "more than 0"),
        "a metric of events that they lack": ("events:precision>=0.9", "events:recall>=0.8"),
        "nothing": ("", "is no rule"),
    }
)


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_wrong_rule_says_how_it_is_written(text, message):
    with pytest.raises(UsageError, match=f"^threshold: .*{message}"):
        rule_of(text)


@given(TIES)
def test_points_are_what_the_metrics_say_at_their_thresholds(rows):
    positive, score = drawn(rows)
    curve = points(positive, score)
    for k, threshold in enumerate(curve.threshold):
        figures = binary(positive, score, threshold)
        for name in (*HIGHEST, *AT_LEAST):
            assert getattr(curve, name)[k] == pytest.approx(figures[name], abs=1e-12), name
        assert curve.alarms[k] == np.count_nonzero(score >= threshold)
        assert curve.at(threshold) == k
    assert len(curve.threshold) == len(np.unique(score)) + 1


@given(TIES)
def test_a_threshold_parts_answers_in_either_precision(rows):
    _, score = drawn(rows, np.float32)
    answers = np.unique(score)[::-1]
    for k, threshold in enumerate(between(answers)):
        assert np.count_nonzero(answers >= threshold) == k
        assert np.count_nonzero(answers.astype(np.float32) >= np.float32(threshold)) == k


@given(TIES, st.sampled_from([0.2, 0.5, 0.75, 1.0]))
@settings(max_examples=60)
def test_rules_choose_the_best_of_all_thresholds(rows, goal):
    positive, score = drawn(rows)
    every = [binary(positive, score, t) for t in points(positive, score).threshold]
    for name in HIGHEST:
        curve, choice, _ = chosen(name, positive, score)
        assert getattr(curve, name)[choice.point] == pytest.approx(max(figures[name] for figures in every))
    for name, other in (("precision", "recall"), ("recall", "precision"), ("specificity", "recall")):
        curve, choice, _ = chosen(f"{name}>={goal}", positive, score)
        good = [figures for figures in every if figures[name] >= goal]
        assert choice.met == bool(good)
        if good:
            assert getattr(curve, other)[choice.point] == pytest.approx(max(figures[other] for figures in good))
        else:
            assert getattr(curve, name)[choice.point] == pytest.approx(max(figures[name] for figures in every))


@given(TIES)
def test_costs_and_alarms(rows):
    positive, score = drawn(rows)
    thresholds = points(positive, score).threshold
    _, _, ((_, fp), (fn, _)) = chosen("cost:fp=1,fn=3", positive, score)
    costs = [f + 3 * m for (_, f), (m, _) in (confusion(positive, score, t) for t in thresholds)]
    assert fp + 3 * fn == min(costs)
    _, _, ((_, fp), (_, tp)) = chosen("alarms<=3/10", positive, score)
    allowed = [n for n in (np.count_nonzero(score >= t) for t in thresholds) if n <= 0.3 * len(score)]
    assert fp + tp == max(allowed)


def test_equally_good_points_give_the_fewest_alarms():
    positive, score = np.array([True, False, False]), np.array([0.9, 0.8, 0.1])
    curve = points(positive, score)
    assert choose(rule_of("recall>=1"), curve).point == 1
    assert curve.threshold[1] == pytest.approx(0.85)


def test_weights_count_as_repeated_rows_and_alarms_count_rows():
    positive, score = np.array([True, False, True, False]), np.array([0.9, 0.8, 0.6, 0.2])
    weight = np.array([1.0, 3.0, 2.0, 1.0])
    times = weight.astype(int)
    weighted, repeated = points(positive, score, weight), points(np.repeat(positive, times), np.repeat(score, times))
    for name in ("precision", "recall", "f1", "mcc", "threshold"):
        np.testing.assert_allclose(getattr(weighted, name), getattr(repeated, name))
    assert weighted.alarms.tolist() == [0, 1, 2, 3, 4]


@given(TIES)
def test_the_sort_without_weights_gives_the_points_of_weights_of_1(rows):
    positive, score = drawn([*rows, (True, np.nan), (False, -0.0)])
    alike, weighed = points(positive, score), points(positive, score, np.ones(len(score)))
    for name in ("threshold", "tp", "fp", "alarms", "answers"):
        np.testing.assert_array_equal(getattr(alike, name), getattr(weighed, name))
    assert (alike.positives, alike.negatives, alike.rows) == (weighed.positives, weighed.negatives, weighed.rows)


def test_answers_that_are_no_numbers_are_never_alarms():
    curve = points(np.array([True, True, False]), np.array([np.nan, 0.5, 0.2]))
    assert curve.recall.tolist() == [0.0, 0.5, 0.5]
    assert curve.alarms.tolist() == [0, 1, 2]
    nothing = points(np.array([True]), np.array([np.nan]))
    assert nothing.threshold.tolist() == [0.5]


def test_weights_that_do_not_add_up_exactly_leave_no_gap_in_mcc():
    positive, score = np.arange(3000) % 2 == 0, np.linspace(0, 1, 3000)
    weight = np.random.default_rng(1).gamma(1.0, size=3000) * 1e-3
    with np.errstate(invalid="raise"):
        assert np.isfinite(points(positive, score, weight).mcc).all()
