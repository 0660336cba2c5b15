"""Metrics of several classes against scikit-learn, losses against torch."""

import math
import warnings

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerances import SUMS

from rnnfast.catalogue import LOSSES
from rnnfast.metrics import baseline_multiclass, multiclass, multiclass_confusion
from rnnfast.metrics.loss import mean_loss

KEYS = ["accuracy", "balanced_accuracy", "macro_f1", "log_loss"]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_equal_torch(name, weighted):
    torch = pytest.importorskip("torch")
    generator = np.random.default_rng(0)
    outputs = np.concatenate([generator.normal(size=(50, 4)) * 3, [[800.0, -800.0, 0.0, 0.5]]])
    targets = {
        "bce": generator.integers(0, 2, outputs.shape).astype(float),
        "ce": generator.integers(0, 4, (51, 1)).astype(float),
    }.get(name, generator.normal(size=outputs.shape))
    weight = generator.random(51) if weighted else None
    p, y = torch.tensor(outputs), torch.tensor(targets)
    function = torch.nn.functional
    each = {
        "mse": lambda: function.mse_loss(p, y, reduction="none").mean(1),
        "mae": lambda: function.l1_loss(p, y, reduction="none").mean(1),
        "huber": lambda: function.huber_loss(p, y, reduction="none").mean(1),
        "bce": lambda: function.binary_cross_entropy_with_logits(p, y, reduction="none").mean(1),
        "ce": lambda: function.cross_entropy(p, y[:, 0].long(), reduction="none"),
    }[name]().numpy()
    expected = each.mean() if weight is None else (each * weight).sum() / weight.sum()
    assert mean_loss(name, outputs, targets, weight) == pytest.approx(expected, rel=SUMS)


def sklearn_multiclass(y, p, weight=None):
    predicted, classes = p.argmax(axis=1), list(range(p.shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes without labels, probabilities that do not add up to 1
        return {
            "accuracy": sk.accuracy_score(y, predicted, sample_weight=weight),
            "balanced_accuracy": sk.balanced_accuracy_score(y, predicted, sample_weight=weight),
            "macro_f1": sk.f1_score(y, predicted, average="macro", zero_division=0, sample_weight=weight),
            "log_loss": sk.log_loss(y, p, labels=classes, sample_weight=weight),
        }


@st.composite
def scored(draw):
    classes = draw(st.integers(2, 6))
    rows = draw(st.integers(1, 30))
    generator = np.random.default_rng(draw(st.integers(0, 2**32)))
    logits = generator.normal(size=(rows, classes)) * draw(st.sampled_from([0.0, 1.0, 30.0, 500.0]))
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    some = generator.permutation(classes)[: draw(st.integers(1, classes))]  # the other classes do not occur
    return generator.choice(some, rows), p / p.sum(axis=1, keepdims=True)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(scored())
def test_metrics_equal_sklearn(rows):
    y, p = rows
    found = multiclass(y.astype(float)[:, None], p)
    assert list(found) == KEYS
    for key, value in sklearn_multiclass(y, p).items():
        assert type(found[key]) is float
        assert found[key] == pytest.approx(value, rel=SUMS, abs=SUMS), key
    expected = sk.confusion_matrix(y, p.argmax(axis=1), labels=range(p.shape[1]))
    np.testing.assert_array_equal(multiclass_confusion(y, p), expected)
    weight = np.random.default_rng(4).gamma(1.0, size=len(y))
    expected = sk.confusion_matrix(y, p.argmax(axis=1), labels=range(p.shape[1]), sample_weight=weight)
    np.testing.assert_allclose(multiclass_confusion(y, p, weight), expected, rtol=1e-12)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(scored())
def test_weighted_metrics_equal_sklearn(rows):
    y, p = rows
    weight = np.random.default_rng(len(y)).random(len(y)) + 0.01
    found = multiclass(y, p, weight=weight)
    assert found == pytest.approx(sklearn_multiclass(y, p, weight), rel=SUMS, abs=SUMS)


def test_undefined_and_wrong_arguments_of_the_metrics():
    assert multiclass([], np.empty((0, 3))) == dict.fromkeys(KEYS)
    assert multiclass_confusion([], np.empty((0, 2))) == [[0, 0], [0, 0]]
    assert multiclass([0, 1], [[0.5, 0.5], [math.nan, 0.5]])["log_loss"] is None
    assert multiclass([0], [[0.5, 0.5]])["accuracy"] == 1.0  # of equal probabilities the first
    for y in ([0.5], [2], [-1], [math.nan]):
        with pytest.raises(ValueError, match="whole numbers from 0 to 1"):
            multiclass(y, [[0.5, 0.5]])
    for y, p in (([0, 1], [[0.5, 0.5]]), ([0], [0.5])):
        with pytest.raises(ValueError, match="rows, classes"):
            multiclass(y, p)


def test_the_baseline_is_the_majority_class_with_the_training_shares():
    found = baseline_multiclass([0.2, 0.5, 0.3], [1, 1, 0, 2])
    assert found["accuracy"] == 0.5
    assert found["balanced_accuracy"] == pytest.approx(1 / 3)
    assert found["macro_f1"] == pytest.approx((2 * 2 / (2 + 4)) / 3)
    assert found["log_loss"] == pytest.approx(-(2 * math.log(0.5) + math.log(0.2) + math.log(0.3)) / 4)
