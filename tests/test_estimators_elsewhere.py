"""RNNClassifier and RNNRegressor in other hands: cloned, pickled, on several jobs, inside tools of scikit-learn."""

import copy
import importlib
import io
import pickle
import sys

import joblib
import numpy as np
import pytest
from datasets import dataset
from ids import cases
from samples import COUNT, RAGGED, SIGN, SUMS, X, classifier, regressor
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import rnnfast


def test_a_clone_has_the_parameters_alone():
    trained = classifier(class_weight={0: 2.0}).fit(X, SIGN)
    copied = clone(trained)
    assert copied.get_params() == trained.get_params()
    assert not hasattr(copied, "model_")
    assert repr(copied).startswith("RNNClassifier(cell='gru'")
    assert copied.set_params(hidden=5).hidden == 5
    with pytest.raises(ValueError, match="hiden"):
        copied.set_params(hiden=5)


def by_joblib(estimator):
    stream = io.BytesIO()
    joblib.dump(estimator, stream)
    stream.seek(0)
    return joblib.load(stream)


def by_cloudpickle(estimator):
    cloudpickle = pytest.importorskip("cloudpickle")
    return pickle.loads(cloudpickle.dumps(estimator))


@pytest.mark.parametrize(
    "travel",
    cases(
        {
            "pickle": lambda estimator: pickle.loads(pickle.dumps(estimator)),
            "cloudpickle": by_cloudpickle,
            "joblib": by_joblib,
            "deep copy": copy.deepcopy,
        }
    ),
)
def test_an_estimator_travels(travel):
    labels = np.array(["no", "yes"])[SIGN]
    trained = classifier().fit(X, labels)
    arrived = travel(trained)
    assert np.array_equal(arrived.predict_proba(X), trained.predict_proba(X))
    assert arrived.classes_.tolist() == ["no", "yes"]
    assert arrived.get_params() == trained.get_params()
    assert travel(classifier()).get_params() == classifier().get_params()


def test_a_pickle_holds_the_file_of_the_model(tmp_path):
    trained = classifier().fit(X, SIGN)
    state = trained.__getstate__()
    path = tmp_path / "model.safetensors"
    trained.model_.save(path)
    assert state["model_"] == path.read_bytes()


def test_the_bits_do_not_depend_on_jobs():
    answers = [classifier(n_jobs=jobs).fit(X, SIGN).predict_proba(X) for jobs in (None, 1, 2, -1)]
    assert all(np.array_equal(answers[0], other) for other in answers)


def test_pipelines_and_other_estimators_of_scikit_learn():
    line = make_pipeline(FunctionTransformer(np.diff, kw_args={"axis": 1}), classifier())
    assert line.fit(X, SIGN).predict(X).shape == (COUNT,)
    squeezed = TransformedTargetRegressor(regressor(), func=np.sinh, inverse_func=np.arcsinh)
    assert squeezed.fit(X, SUMS[:, 0]).predict(X).shape == (COUNT,)
    assert cross_val_predict(classifier(), RAGGED, SIGN, cv=3, method="predict_proba").shape == (COUNT, 2)


def test_several_fits_at_once_are_those_of_one_after_the_other():
    with joblib.parallel_config(backend="threading"):  # processes would take seconds to start
        scores = [cross_val_score(classifier(), X, SIGN, cv=3, n_jobs=jobs) for jobs in (1, 2)]
    assert np.array_equal(*scores)


def series(path):
    """X (n, T, 1) and labels (n,) of a file of the archive of time series classification."""
    lines = path.read_text(encoding="utf-8").partition("@data\n")[2].split()
    values, labels = zip(*(line.rsplit(":", 1) for line in lines), strict=True)
    return np.array([row.split(",") for row in values], dtype=float)[:, :, None], np.array(labels)


@pytest.mark.parametrize(
    ("name", "least"),
    cases(
        {
            "demand": ("italy_power_demand/ItalyPowerDemand_TRAIN.ts", 0.85),
            "gestures": ("gunpoint/GunPoint_TRAIN.ts", 0.5),
        }
    ),
)
def test_real_sets_are_cross_validated_and_searched(name, least):
    sequences, labels = series(dataset(name))
    estimator = rnnfast.RNNClassifier(cell="gru", hidden=8, epochs=30)
    assert cross_val_score(estimator, sequences, labels, cv=3).mean() > least
    search = GridSearchCV(estimator, {"lr": [0.005, 0.02]}, cv=2).fit(sequences, labels)
    assert search.best_score_ > least - 0.1


@pytest.mark.parametrize(
    ("module", "library", "message"),
    cases(
        {
            "scikit-learn": ("rnnfast.estimators", "sklearn", r"pip install 'rnnfast\[sklearn\]'"),
            "aeon": ("rnnfast.aeon", "aeon", "rnnfast.aeon needs aeon"),
        }
    ),
)
def test_a_library_that_is_not_there_is_named(module, library, message, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(ImportError, match=message):
        importlib.import_module(module)
