"""scikit-learn's own checks of estimators; where they give X of two dimensions, a row is a sequence of one step."""

import warnings

import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.utils.estimator_checks import estimator_checks_generator

import rnnfast

REASON = "a share of the samples validates and the rest comes in batches: how many there are decides which"
EXPECTED = {"check_sample_weight_equivalence_on_dense_data": REASON}
ESTIMATORS = (rnnfast.RNNClassifier(epochs=20), rnnfast.RNNRegressor(epochs=20))


def checks():
    """Each check of each estimator, by the estimator's and its own name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        for estimator in ESTIMATORS:
            kind, seen = type(estimator).__name__, {}
            for instance, check in estimator_checks_generator(estimator):
                name = check.func.__name__
                seen[name] = seen.get(name, 0) + 1
                again = f", {seen[name]}. time" if seen[name] > 1 else ""
                marks = [pytest.mark.xfail(reason=EXPECTED[name])] if name in EXPECTED else []
                yield pytest.param(instance, check, id=f"{kind}: {name}{again}", marks=marks)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_estimators_are_those_of_scikit_learn(estimator, check):
    check(estimator)
