"""RNNClassifier and RNNRegressor: rnnfast.train behind the interface of scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from ids import cases
from samples import COUNT, FEATURES, FRAME, QUICK, RAGGED, RNG, SIGN, STEPS, SUMS, THREE, X, classifier, regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold

import rnnfast
from rnnfast.errors import DataError, UsageError


@pytest.mark.parametrize(
    "labels",
    cases(
        {
            "text": np.array(["no", "yes"])[SIGN],
            "text that is empty or a number": np.array(["1", ""])[SIGN],
            "text with a space before it": np.array([" a", "a"])[SIGN],
            "objects": np.array(["no", "yes"], dtype=object)[SIGN],
            "whole numbers": SIGN * 9 - 4,
            "numbers": SIGN + 1.0,
            "booleans": SIGN.astype(bool),
            "list": SIGN.tolist(),
            "pandas": pd.Series(np.array(["no", "yes"])[SIGN]),
            "three texts": np.array(["mid", "high", "low"])[THREE],
            "three numbers": THREE * 10,
        }
    ),
)
def test_labels_may_be_anything_that_can_be_sorted(labels):
    trained = classifier(epochs=10).fit(X, labels)
    assert trained.classes_.tolist() == sorted(set(np.asarray(labels).tolist()))
    probabilities = trained.predict_proba(X)
    assert probabilities.shape == (COUNT, len(trained.classes_))
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert (trained.predict(X) == trained.classes_[probabilities.argmax(axis=1)]).all()
    assert trained.predict(X).dtype == trained.classes_.dtype
    assert trained.score(X, labels) > 0.6


def test_an_estimator_is_one_call_of_train():
    trained = classifier(random_state=3, n_jobs=1).fit(X, SIGN)
    model = rnnfast.train(X, SIGN, **QUICK, seed=3, threads=1).model
    assert np.array_equal(trained.predict_proba(X)[:, 1:], model.predict(X).astype(np.float64))
    quantities = regressor(random_state=3).fit(X, SUMS)
    model = rnnfast.train(X, SUMS, **QUICK, seed=3).model
    assert np.array_equal(quantities.predict(X), model.predict(X).astype(np.float64))


def test_the_model_knows_the_labels():
    trained = classifier().fit(X, np.array(["no", "yes"])[SIGN])
    assert trained.model_.schema.classes == ("no", "yes")
    assert trained.n_iter_ == 3
    assert {line["split"] for line in trained.history_} == {"train", "valid"}


def test_as_many_quantities_as_steps_are_quantities_of_a_sequence():
    square = X[:, :FEATURES]  # as many steps as there are outputs
    assert regressor().fit(square, SUMS).predict(square).shape == (COUNT, FEATURES)
    assert regressor().fit(X, SUMS[:, :1]).predict(X).shape == (COUNT, 1)
    assert regressor().fit(X, SUMS[:, 0]).predict(X).shape == (COUNT,)


@pytest.mark.parametrize(
    "sequences",
    cases(
        {
            "list": (RAGGED,),
            "tuple": (tuple(RAGGED),),
            "objects": (np.array([*RAGGED, None], dtype=object)[:-1],),
            "lists of lists": ([piece.tolist() for piece in RAGGED],),
        }
    ),
)
def test_sequences_of_unequal_lengths(sequences):
    trained = classifier().fit(sequences, SIGN)
    assert np.array_equal(trained.predict_proba(sequences), classifier().fit(RAGGED, SIGN).predict_proba(RAGGED))
    assert np.allclose(trained.predict_proba(RAGGED[3][None]), trained.predict_proba(sequences)[3:4], atol=1e-6)


def test_a_list_of_equal_lengths_is_the_array():
    trained = classifier().fit(X, SIGN)
    assert np.array_equal(trained.predict_proba(list(X)), trained.predict_proba(X))


def test_weights_of_samples_are_the_weights_of_rows():
    weight = RNG.uniform(0.1, 2, COUNT)
    trained = classifier().fit(X, SIGN, sample_weight=weight)
    table = FRAME.assign(y=np.repeat(SIGN, STEPS), w=np.repeat(weight, STEPS))
    model = rnnfast.train(table, id="unit", time="t", target="y", weight="w", **QUICK).model
    weighted = model.predict(rnnfast.read_table(table, schema=model.schema))[STEPS - 1 :: STEPS]
    assert np.array_equal(trained.predict_proba(X)[:, 1:], weighted.astype(np.float64))
    assert not np.array_equal(trained.predict_proba(X), classifier().fit(X, SIGN).predict_proba(X))


class TestFrames:
    """Rows of a DataFrame are samples; the column `id` says which sequence a row is a step of."""

    def test_a_label_for_each_step(self):
        trained = regressor(id="unit", time="t", epochs=20).fit(FRAME, FRAME.flow.to_numpy())
        assert trained.predict(FRAME).shape == (len(FRAME),)
        assert trained.score(FRAME, FRAME.flow) > 0.8
        assert trained.feature_names_in_.tolist() == ["flow", "heat"]
        assert trained.n_features_in_ == FEATURES

    def test_a_label_for_each_sequence_answers_all_of_its_rows(self):
        trained = classifier(id="unit", time="t").fit(FRAME, np.repeat(SIGN, STEPS))
        rows = trained.predict_proba(FRAME)
        assert np.array_equal(rows, np.repeat(rows[STEPS - 1 :: STEPS], STEPS, axis=0))
        assert np.array_equal(rows[STEPS - 1 :: STEPS], classifier().fit(X, SIGN).predict_proba(X))

    def test_answers_are_in_the_order_of_the_rows(self):
        trained = regressor(id="unit", time="t").fit(FRAME, SUMS.repeat(STEPS, axis=0) * FRAME[["t"]].to_numpy())
        order = RNG.permutation(len(FRAME))
        assert np.allclose(trained.predict(FRAME.iloc[order]), trained.predict(FRAME)[order], rtol=1e-5)

    def test_columns_are_found_by_name_and_categories_are_inputs(self):
        table = FRAME.assign(kind=np.where(FRAME.heat > 0, "hot", "cold"))
        trained = regressor(id="unit", categorical="kind").fit(table, FRAME.heat)
        turned = table[["kind", "t", "heat", "unit", "flow"]].assign(other=1)
        assert np.array_equal(trained.predict(turned), trained.predict(table))
        with pytest.raises(ValueError, match="heat"):
            trained.predict(table.drop(columns="heat"))

    def test_weights_are_of_rows(self):
        weight = RNG.uniform(0.1, 2, len(FRAME))
        trained = regressor(id="unit", time="t").fit(FRAME, FRAME.flow, weight)
        table = FRAME.assign(y=FRAME.flow, w=weight)
        model = rnnfast.train(table, id="unit", time="t", target="y", weight="w", **QUICK).model
        assert np.array_equal(trained.predict(FRAME), model.predict(table)["y_pred"].astype(np.float64))

    def test_columns_of_x_may_be_called_as_labels_and_weights_are(self):
        renamed = FRAME.rename(columns={"flow": "y", "heat": "weight"})
        trained = regressor(id="unit", time="t").fit(renamed, FRAME.flow, np.ones(len(FRAME)))
        expected = regressor(id="unit", time="t").fit(FRAME, FRAME.flow, np.ones(len(FRAME)))
        assert np.array_equal(trained.predict(renamed), expected.predict(FRAME))

    def test_valid_is_read_as_what_trains(self):
        beside, labels = FRAME.assign(y=7, weight=8), FRAME.flow
        trained = regressor(id="unit", time="t").fit(FRAME, labels, np.ones(len(FRAME)), valid=(beside, labels))
        expected = regressor(id="unit", time="t").fit(FRAME, labels, np.ones(len(FRAME)), valid=(FRAME, labels))
        assert trained.history_ == expected.history_

    def test_a_search_by_groups_leaves_sequences_whole(self):
        search = GridSearchCV(regressor(id="unit", time="t"), {"hidden": [4, 8]}, cv=GroupKFold(3))
        search.fit(FRAME, FRAME.flow, groups=FRAME.unit)
        assert search.best_params_["hidden"] in (4, 8)
        assert search.predict(FRAME).shape == (len(FRAME),)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    cases(
        {
            "unknown parameter": (lambda: classifier(hiden=3), UsageError, r"'hiden'; did you mean 'hidden'\?"),
            "seed": (lambda: classifier(seed=3), UsageError, "it is random_state"),
            "weight": (lambda: classifier(weight="w"), UsageError, "give sample_weight to fit"),
            "wrong value": (lambda: classifier(cell="gruu").fit(X, SIGN), UsageError, "gruu.*did you mean 'gru'"),
            "jobs": (lambda: classifier(n_jobs=0).fit(X, SIGN), UsageError, "n_jobs: 0 is not a number of threads"),
            "four dimensions": (lambda: classifier().fit(X[..., None], SIGN), DataError, r"shape \(60, 6, 2, 1\)"),
            "no steps": (lambda: classifier().fit(X[:, :0], SIGN), ValueError, r"\(60, 0, 2\)"),
            "features that differ": (
                lambda: classifier().fit([X[0], X[1][:, :1], *X[2:]], SIGN),
                DataError,
                "have 1 to 2 features",
            ),
            "other features": (
                lambda: classifier().fit(X, SIGN).predict(X[:, :, :1]),
                DataError,
                "X has 1 features, but RNNClassifier is expecting 2",
            ),
            "labels of other samples": (lambda: classifier().fit(X, SIGN[:9]), DataError, "9 labels and X 60 samples"),
            "no labels": (lambda: classifier().fit(X, None), DataError, "requires y"),
            "one class": (lambda: classifier().fit(X, SIGN * 0), DataError, "y holds one class"),
            "one sequence": (lambda: classifier().fit([X[0]], [1]), DataError, "n_samples=1"),
            "quantities as classes": (lambda: classifier().fit(X, SUMS[:, 0]), ValueError, "continuous"),
            "text as quantities": (lambda: regressor().fit(X, ["a"] * COUNT), ValueError, "could not convert"),
            "empty labels": (lambda: regressor().fit(X, SUMS[:, 0] * np.nan), ValueError, "y contains NaN"),
            "empty cells": (lambda: regressor().fit(X * np.nan, SUMS), ValueError, "contains NaN"),
            "empty cells of a list": (
                lambda: regressor().fit(list(X * np.nan), SUMS),
                ValueError,
                r"X\[0\] contains NaN",
            ),
            "weights of other samples": (lambda: classifier().fit(X, SIGN, [1.0]), DataError, r"expected \(60,\)"),
            "weight below zero": (lambda: classifier().fit(X, SIGN, 1 - SIGN * 2), DataError, r"is -1; give finite"),
            "class of a weight": (
                lambda: classifier(class_weight={"x": 2}).fit(X, SIGN),
                UsageError,
                "'x' is no class of y; the classes are 0, 1",
            ),
            "class weights of quantities": (
                lambda: regressor(class_weight="balanced").fit(X, SUMS[:, 0]),
                UsageError,
                "has no classes",
            ),
            "id beside arrays": (lambda: classifier(id="unit").fit(X, SIGN), UsageError, "column of a DataFrame"),
            "time without id": (lambda: classifier(time="t").fit(X, SIGN), UsageError, "with id="),
            "id that is not there": (
                lambda: classifier(id="card").fit(FRAME, FRAME.t > 2),
                DataError,
                "no column 'card'; its columns are flow, heat, unit, t",
            ),
            "valid without labels": (lambda: classifier().fit(X, SIGN, valid=X), DataError, r"the pair \(X, y\)"),
            "weights of valid alone": (
                lambda: classifier().fit(X, SIGN, valid=(X, SIGN, SIGN)),
                DataError,
                "valid has weights, and the samples that train have none",
            ),
            "valid of other quantities": (
                lambda: regressor().fit(X, SUMS, valid=(X, SUMS[:, 0])),
                DataError,
                r"shape \(60,\), not \(60, 2\)",
            ),
            "valid with another class": (
                lambda: classifier().fit(X, SIGN, valid=(X, THREE + 1)),
                DataError,
                "which is no class",
            ),
        }
    ),
)
def test_what_is_wrong_is_a_value_error_in_words(call, kind, message):
    with pytest.raises(ValueError, match=message) as raised:
        call()
    assert isinstance(raised.value, kind)


def test_empty_cells_have_a_rule():
    holes = np.where(RNG.random(X.shape) < 0.1, np.nan, X)
    assert classifier(missing="ffill", split=0.8).fit(holes, SIGN).predict(holes).shape == (COUNT,)


def test_an_unfitted_estimator_says_so():
    with pytest.raises(NotFittedError):
        classifier().predict(X)


def test_only_what_is_given_is_an_option_so_that_the_preset_chooses_the_rest():
    trained = rnnfast.RNNClassifier(epochs=1).fit(X, SIGN)
    chosen = rnnfast.train(X, SIGN, epochs=1)
    assert trained.model_.config.model == chosen.model.config.model
    assert trained.model_.config.train == chosen.model.config.train
    assert rnnfast.RNNClassifier(preset="fast", epochs=1).fit(X, SIGN).model_.config.model.cell == "rnn"


def test_the_seed_decides():
    def answers(seed):
        return regressor(random_state=seed, epochs=1).fit(X, SUMS[:, 0]).predict(X)

    assert np.array_equal(answers(1), answers(1))
    assert not np.array_equal(answers(1), answers(2))
    assert np.array_equal(answers(np.random.RandomState(5)), answers(np.random.RandomState(5)))
    np.random.seed(4)  # noqa: NPY002 - what random_state=None reads, by scikit-learn's rule
    first = answers(None)
    assert not np.array_equal(first, answers(None))


def test_weights_of_classes_are_by_label():
    labels = np.array(["no", "yes"])[SIGN]
    by_name = classifier(class_weight={"yes": 20.0}).fit(X, labels).predict_proba(X)
    assert np.array_equal(by_name, classifier(class_weight=("1", "20")).fit(X, labels).predict_proba(X))
    assert by_name[:, 1].mean() > classifier().fit(X, labels).predict_proba(X)[:, 1].mean()


def test_a_threshold_decides_between_two_classes():
    labels = np.array(["no", "yes"])[SIGN]
    trained = classifier(threshold=0.9).fit(X, labels)
    assert np.array_equal(trained.predict(X) == "yes", trained.predict_proba(X)[:, 1] >= 0.9)


def test_training_stops_early_by_a_share_or_by_sequences_beside_it():
    assert classifier(epochs=60, patience=2, split=0.5).fit(X[:20], SIGN[:20]).n_iter_ < 60
    beside = RNG.normal(size=X.shape), RNG.integers(0, 2, COUNT)
    trained = classifier(epochs=60, patience=2).fit(X, SIGN, valid=beside)
    assert trained.n_iter_ < 60
    model = rnnfast.train(X, SIGN, valid=beside, **QUICK | {"epochs": 60, "patience": 2}).model
    assert np.array_equal(trained.predict_proba(X)[:, 1:], model.predict(X).astype(np.float64))


def test_nothing_is_shown_unless_asked(capsys):
    classifier().fit(X, SIGN).predict(X)
    assert capsys.readouterr() == ("", "")
    classifier(verbose=True).fit(X, SIGN)
    assert "epoch 3/3" in capsys.readouterr().err
