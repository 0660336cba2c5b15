"""A model in Python answers DataFrames, files and arrays as the command line does, in the shape they came in."""

import numpy as np
import pandas as pd
import pytest
from ids import cases

import rnnfast
from rnnfast.errors import DataError, UsageError
from rnnfast.model.predictions import predict_table

COUNT, STEPS = 12, 4
QUICK = {"preset": "fast", "hidden": 4, "epochs": 1}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(COUNT, STEPS, 2))
SUMS = X.sum(axis=2).cumsum(axis=1)
KINDS = {
    "binary": (SUMS > 0).astype(int),
    "texts": np.where(SUMS > 1, "high", np.where(SUMS > -1, "middle", "low")),
    "quantity": SUMS,
}


def visits(y):
    """A table whose rows are in no order, with an index of its own, dates and ids that are numbers."""
    table = pd.DataFrame(
        {
            "patient": np.repeat(np.arange(COUNT) * 10, STEPS),
            "day": np.tile(pd.date_range("2024-01-01", periods=STEPS), COUNT),
            "pulse": X[:, :, 0].ravel(),
            "weight": X[:, :, 1].ravel(),
            "label": y.ravel(),
        }
    )
    table.index = [f"row {number}" for number in table.index]
    return table.sample(frac=1, random_state=0)


def train(table, **options):
    return rnnfast.train(table, id="patient", time="day", target="label", **QUICK, **options).model


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("predict", ["every", "last"])
def test_a_data_frame_is_answered_as_the_command_writes_it(kind, predict, tmp_path):
    table = visits(KINDS[kind])
    model = train(table, predict=predict)
    answers = model.predict(table.drop(columns="label"))
    model.save(tmp_path / "model.safetensors")
    table.to_csv(tmp_path / "table.csv", index=False)
    predict_table(tmp_path / "model.safetensors", [str(tmp_path / "table.csv")], tmp_path / "answers.csv")
    written = pd.read_csv(tmp_path / "answers.csv", parse_dates=["day"])
    pd.testing.assert_frame_equal(
        answers.reset_index(drop=True), written, check_dtype=False, check_column_type=False, rtol=1e-6
    )


@pytest.mark.parametrize("predict", ["every", "last"])
def test_answers_have_index_ids_and_times_of_the_table(predict):
    table = visits(KINDS["binary"])
    answers = train(table, predict=predict).predict(table)
    assert len(answers) == (len(table) if predict == "every" else COUNT)
    assert predict == "last" or answers.index.equals(table.index)
    beside = table.loc[answers.index, ["patient", "day"]]
    pd.testing.assert_frame_equal(answers[["patient", "day"]], beside)
    assert predict == "every" or (answers.day == table.day.max()).all()
    assert set(answers.label_pred) <= {0, 1}


def test_earlier_answers_in_a_table_are_left_alone():
    table = visits(KINDS["quantity"])
    model = train(table)
    answers = model.predict(table)
    again = model.predict(table.assign(label_pred=-1.0))
    pd.testing.assert_frame_equal(again, answers)


def test_a_file_is_answered_like_its_table(tmp_path):
    table = visits(KINDS["quantity"])
    table.to_csv(tmp_path / "table.csv", index=False)
    model = train(table)
    answers, of_frame = model.predict(tmp_path / "table.csv"), model.predict(table)
    assert answers.columns.equals(of_frame.columns)
    assert np.allclose(answers.label_pred, of_frame.label_pred)


def test_scores_of_a_data_frame_are_those_of_its_sequences():
    table = visits(KINDS["binary"])
    model = train(table)
    data = rnnfast.read_table(table, schema=model.schema)
    assert model.evaluate(table).metrics == model.evaluate(data).metrics


def test_the_answers_of_sequences_are_rows():
    table = visits(KINDS["texts"])
    model = train(table)
    data = rnnfast.read_table(table, schema=model.schema)
    assert model.predict(data).shape == (data.rows, 3)


RAGGED = [steps[: 1 + number % STEPS] for number, steps in enumerate(X)]


def test_arrays_are_answered_in_their_shape():
    model = rnnfast.train(X, KINDS["texts"], **QUICK).model
    answers = model.predict(X)
    assert answers.shape == (COUNT, STEPS, 3)
    pieces = model.predict(RAGGED)
    assert [piece.shape for piece in pieces] == [(len(steps), 3) for steps in RAGGED]
    # The network looks back only: a shorter sequence has the answers of the longer one's first steps.
    for piece, whole in zip(pieces, answers, strict=True):
        assert np.allclose(piece, whole[: len(piece)], atol=1e-6)


def test_models_of_the_last_step_answer_each_array_once():
    model = rnnfast.train(X, KINDS["binary"][:, -1], **QUICK).model
    answers = model.predict(X)
    assert answers.shape == (COUNT, 1)
    assert np.allclose(model.predict(list(X))[::-1], model.predict(X[::-1]), atol=1e-6)
    scores = model.evaluate(X, KINDS["binary"][:, -1])
    assert scores.labelled_steps == COUNT
    assert scores.metrics == model.evaluate((X, KINDS["binary"][:, -1])).metrics


def test_windows_of_arrays_are_answered_step_by_step():
    model = rnnfast.train(X, SUMS, window=2, stride=1, **QUICK).model
    assert model.predict(X).shape == (COUNT, STEPS, 1)


@pytest.mark.parametrize(
    ("data", "kind", "message"),
    cases(
        {
            "array": (X, DataError, r"the features x1, x2, and the table that trained had a column 'pulse'"),
            "number": (3, UsageError, r"int is no table; give a path, a DataFrame"),
            "frame without a column": (
                visits(SUMS).drop(columns="pulse"), DataError, r"there is no column 'pulse'",
            ),
        }
    ),
)  # fmt: skip
def test_other_columns_are_refused_in_words(data, kind, message):
    with pytest.raises(kind, match=message):
        train(visits(SUMS)).predict(data)


def test_answers_ahead_name_their_times_and_stay_empty_where_the_past_is_unknown():
    days = pd.date_range("2024-01-01", periods=40)
    frame = pd.DataFrame({"day": days, "x": np.sin(np.arange(40.0)), "y": np.cos(np.arange(40.0))})
    options = {"time": "day", "target": "y", "window": 5, "hidden": 3, "epochs": 1}
    model = rnnfast.train(frame, horizon=2, lag_target=True, **options).model
    frame.loc[38:, "y"] = np.nan
    answers = model.predict(frame)
    assert answers["day_for"].tolist() == (days + pd.Timedelta(days=2)).tolist()
    assert answers["y_pred"].isna().tolist() == [False] * 38 + [True] * 2
