"""Areas under curves from tallies: those of all rows, and within their bounds where tallies are coarse."""

import numpy as np
import pytest
from ids import cases

from rnnfast.metrics.binary import binary
from rnnfast.metrics.tally import COARSE, Tallies, merged, ranking, tally


def rows(count=5000, seed=0):
    """Scores of which some are equal, labels that follow them, and weights."""
    random = np.random.default_rng(seed)
    score = np.round(random.beta(0.3, 2, count), 3)
    return random.random(count) < score, score, random.integers(1, 4, count) * 1.0


def in_places(positive, score, weight, coarse):
    """Tally a third of the rows in each of three places, of which one has no positives."""
    order = np.argsort(positive, kind="stable")
    thirds = np.array_split(order, 3)
    return merged([tally(positive[k], score[k], None if weight is None else weight[k], coarse) for k in thirds])


@pytest.mark.parametrize("weighted", [False, True], ids=["rows alike", "weighted"])
def test_areas_are_those_of_all_rows(weighted):
    positive, score, weight = rows()
    weight = weight if weighted else None
    areas, figures = ranking(in_places(positive, score, weight, 0)), binary(positive, score, weight=weight)
    assert areas.auroc == pytest.approx(figures["auroc"], rel=1e-12)
    assert areas.auprc == pytest.approx(figures["auprc"], rel=1e-12)
    assert areas[2:] == (0.0, 0.0)


@pytest.mark.parametrize(("coarse", "bound"), cases({"as used": (COARSE, 1e-2), "of a few bins": (50, 0.5)}))
def test_coarse_areas_are_within_their_bounds(coarse, bound):
    positive, score, weight = rows()
    areas, figures = ranking(in_places(positive, score, weight, coarse), coarse), binary(positive, score, weight=weight)
    assert abs(areas.auroc - figures["auroc"]) <= areas.auroc_bound < bound
    assert abs(areas.auprc - figures["auprc"]) <= areas.auprc_bound < bound


def test_tallies_one_after_the_other_are_that_of_all(monkeypatch):
    monkeypatch.setattr("rnnfast.metrics.tally.FEWEST", 100)
    positive, score, weight = rows()
    tallies = Tallies()
    for first in range(0, len(score), 70):
        piece = slice(first, first + 70)
        tallies.add(tally(positive[piece], score[piece], weight[piece]))
    for one, other in zip(tallies.whole, tally(positive, score, weight), strict=True):
        assert (one == other).all()


def test_one_class_has_no_areas():
    _, score, _ = rows(10)
    assert np.isnan(ranking(tally(np.zeros(10, bool), score))[:2]).all()
    assert np.isnan(ranking(tally(np.zeros(0, bool), score[:0]))[:2]).all()
