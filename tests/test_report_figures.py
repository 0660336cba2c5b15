"""Figures of results in notebooks: `result.plot` and `evaluation.plot`."""

import json

import pytest
from commands import isolate
from report_runs import tables

import rnnfast

alt = pytest.importorskip("altair")
pytest.importorskip("vl_convert")

OPTIONS = {"cell": "gru", "hidden": 5, "epochs": 4, "lr": 0.05, "preset": "fast", "progress": False}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What training returns on a table of each task."""
    directory = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, directory)
        tables(directory)

        def train(name):
            data = rnnfast.read_table(directory / f"{name}.csv", id="id", time="t", target="y", cache=False)
            return rnnfast.train(data, **OPTIONS)

        return {name: train(name) for name in ("binary", "multiclass", "regression")}


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("binary", "pr"),
        ("binary", "roc"),
        ("binary", "confusion"),
        ("binary", "reliability"),
        ("binary", "learning"),
        ("binary", "sequence"),
        ("binary", "events"),
        ("multiclass", "confusion"),
        ("multiclass", "reliability"),
        ("multiclass", "sequence"),
        ("regression", "residuals"),
        ("regression", "learning"),
        ("regression", "sequence"),
    ],
)
def test_figures_are_valid_charts_with_their_numbers(results, name, figure):
    drawn = getattr(results[name].plot, figure)()
    values = drawn.to_dict(validate=True)
    assert values["datasets"]
    assert all(len(rows) <= 500 for rows in values["datasets"].values())


def test_an_id_is_drawn_by_its_name(results):
    evaluation = results["regression"].evaluations["valid"]
    data = evaluation.outcomes.data
    name = str(data.ids[0])
    text = json.dumps(evaluation.plot.sequence(name).to_dict())
    assert f"id {name}: answer and truth" in text


@pytest.mark.parametrize(
    ("name", "figure", "words"),
    [
        ("regression", "pr", "two classes"),
        ("multiclass", "roc", "two classes"),
        ("regression", "events", "two classes"),
        ("regression", "confusion", "no classes"),
        ("binary", "residuals", "see confusion"),
    ],
)
def test_a_figure_of_another_task_is_refused(results, name, figure, words):
    with pytest.raises(rnnfast.UsageError, match=words):
        getattr(results[name].plot, figure)()


def test_an_unknown_id_is_refused(results):
    with pytest.raises(rnnfast.UsageError, match="no step that was scored has this id"):
        results["binary"].plot.sequence("nobody")


def test_answers_of_the_part_that_trained_are_let_go(results):
    evaluations = results["binary"].evaluations
    assert evaluations["train"].outcomes is None
    with pytest.raises(rnnfast.UsageError, match=r"model\.evaluate"):
        evaluations["train"].plot.pr()


def test_scores_of_a_table_have_figures(results):
    result = results["binary"]
    evaluation = result.model.evaluate(result.evaluations["valid"].outcomes.data)
    assert evaluation.plot.pr().to_dict() == result.plot.pr().to_dict()


def test_results_show_themselves_in_notebooks(results):
    result = results["binary"]
    shown = (result, result.model, result.evaluations["valid"])
    assert all(one._repr_html_().startswith("<table>") for one in shown)
