"""What an ensemble answers: means of its networks in each task, exact losses, and how far the networks differ."""

import numpy as np
import pytest
from ensembles import KINDS, alone, fit, frame
from ids import cases
from tolerances import FLOAT32_OUTPUTS, SUMS

import rnnfast
from rnnfast.metrics.loss import mean_loss
from rnnfast.tasks import Target, task_of
from rnnfast.tasks.base import log_sum


@pytest.fixture(scope="module")
def trained():
    return fit(ensemble=3, threads=2)


# --- the answer ---


SOME = np.array([[[0.3], [-2.0]], [[1.5], [4.0]], [[-0.2], [0.1]]])
EXTREME = np.array([[[-800.0], [60.0], [0.0]], [[-700.0], [45.0], [-1000.0]]])


def task(name, loss):
    class Scaler:
        def transform(self, values):
            return (values - 5.0) / 3.0

        def inverse(self, values):
            return values * 3.0 + 5.0

    classes = {"binary": (0, 1), "multiclass": ("a", "b"), "regression": ()}[name]
    return task_of(name, Target(("y",), classes, loss, Scaler(), (0.5, 0.5)[: 2 if name == "multiclass" else 1]))


@pytest.mark.parametrize(
    ("name", "loss", "outputs"),
    cases(
        {
            "logits": ("binary", "bce", SOME),
            "extreme logits": ("binary", "bce", EXTREME),
            "scores": ("binary", "mse", SOME),
            "classes": ("multiclass", "ce", np.concatenate([SOME, -SOME], axis=2)),
            "extreme classes": ("multiclass", "ce", np.concatenate([EXTREME, EXTREME[::-1]], axis=2)),
            "quantities": ("regression", "mse", SOME),
        }
    ),
)
def test_outputs_of_an_ensemble_give_its_mean_answer(name, loss, outputs):
    kind = task(name, loss)
    mean = np.mean([kind.answers(member) for member in outputs], axis=0)
    np.testing.assert_allclose(kind.answers(kind.average(outputs)), mean, rtol=SUMS)


def test_the_loss_of_small_probabilities_is_exact():
    """log((e^-800 + e^-700) / 2): neither probability is a float64."""
    averaged = task("binary", "bce").average(EXTREME[:, :1])
    assert mean_loss("bce", averaged, np.ones((1, 1))) == pytest.approx(700 + np.log(2), rel=SUMS)


@pytest.mark.parametrize(("name", "loss"), [("binary", "bce"), ("binary", "mse"), ("regression", "mse")])
def test_steps_without_an_answer_stay_without(name, loss):
    """Those that a head for the last step leaves out; warnings are errors."""
    outputs = SOME.copy()
    outputs[:, 0] = np.nan
    kind = task(name, loss)
    for result_of in (kind.average, kind.spread):
        assert np.isnan(result_of(outputs)).ravel().tolist() == [True, False]


def test_sums_of_logarithms_are_those_of_numpy():
    """Large, small, none at all, and of steps that a network does not answer."""
    none = -np.inf
    logarithms = np.array([[800.0, none, none, 1.0], [-800.0, none, -2000.0, np.nan], [799.0, none, -2001.0, 0.0]])
    with np.errstate(invalid="ignore"):
        expected = np.logaddexp.reduce(logarithms, axis=0, keepdims=True)
        np.testing.assert_allclose(log_sum(logarithms, axis=0), expected, rtol=SUMS)


def test_one_network_is_its_own_average():
    np.testing.assert_array_equal(task("binary", "mse").average(SOME[:1]), SOME[0])


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_are_means_and_spreads_of_the_networks(kind):
    labels, options = KINDS[kind]
    model, table = fit(labels, ensemble=3, **options).model, frame(labels)
    data = rnnfast.read_table(table, schema=model.schema, require_target=False)
    answers = np.stack([alone(model, k).predict(data) for k in range(3)]).astype(np.float64)
    together = model.answers(data)
    np.testing.assert_allclose(together.values, answers.mean(axis=0), rtol=0, atol=4 * FLOAT32_OUTPUTS)
    np.testing.assert_allclose(together.spread, answers.std(axis=0), rtol=0, atol=4 * FLOAT32_OUTPUTS)
    assert together.spread.max() > 1e-3
    columns, single = model.predict(table).columns, alone(model, 0).predict(table).columns
    assert set(columns) - set(single) == {f"{name}_std" for name in model.schema.answers}


def test_scores_are_those_of_the_mean_answer(trained):
    labels = frame()["y1"].to_numpy()
    errors = trained.model.predict(frame())["y1_pred"] - labels
    assert trained.model.evaluate(frame()).metrics["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=1e-6)
    losses = [member.valid_loss for member in trained.members]
    assert trained.metrics["valid"]["loss"] < np.mean(losses)  # as a squared error is convex


def test_the_spread_of_classes_is_that_of_the_predicted_one():
    model, table = fit("classes", ensemble=2).model, frame("classes")
    lines = model.predict(table)
    probabilities = np.stack(
        [alone(model, k).predict(table)[[f"y1_prob_{c}" for c in model.schema.classes]] for k in (0, 1)]
    )
    chosen = [model.schema.classes.index(label) for label in lines["y1_pred"]]
    spread = probabilities.std(axis=0)[np.arange(len(lines)), chosen]
    np.testing.assert_allclose(lines["y1_std"], spread, atol=FLOAT32_OUTPUTS)
