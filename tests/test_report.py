"""`rnnfast report`: a page that says and draws what a run is worth, in one file that fetches nothing."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from datasets import dataset
from ids import cases
from report_runs import CLASS, HOSTILE, Page, train

import rnnfast
import rnnfast.cli
import rnnfast.report.run
from rnnfast.report.content.panel import POINTS, Panel, numbers, shown, thinned, word
from rnnfast.report.page.html import script_json

alt = pytest.importorskip("altair")
pytest.importorskip("vl_convert")

NAMES = ("binary", "multiclass", "regression", "forecast")
STUB = "window.vegaEmbed = null;"


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """The directory of a run of each task."""
    directory = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, directory)
        return {name: train(directory, name) for name in NAMES}


@pytest.fixture
def stub(monkeypatch) -> None:
    """Pages are without the library, which takes seconds to make."""
    monkeypatch.setattr(rnnfast.report.run, "_library", lambda: STUB)


@pytest.fixture(scope="module")
def pages(runs, tmp_path_factory) -> dict[str, Page]:
    """The page of each run, without the library."""
    directory = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rnnfast.report.run, "_library", lambda: STUB)
        for name, path in runs.items():
            rnnfast.report.run.report(path, directory / f"{name}.html")
    return {name: Page((directory / f"{name}.html").read_text(encoding="utf-8")) for name in runs}


@pytest.fixture(autouse=True)
def _isolated(monkeypatch, tmp_path) -> None:
    isolate(monkeypatch, tmp_path)


FIGURES = {
    "binary": {"pr", "roc", "confusion", "reliability", "learning-loss", "worst-attribution", "drift", "events"},
    "multiclass": {"confusion", "reliability", "score-by-steps-seen", "typical-inputs", "importance"},
    "regression": {"predicted", "residuals-by-prediction", "residuals-by-step", "learning-loss", "score-by-step"},
    "forecast": {"predicted-1", "predicted-2", "residuals-by-time-1", "score-by-target", "interval-width"},
}


@pytest.mark.parametrize("name", NAMES)
def test_each_task_has_its_figures(pages, name):
    assert FIGURES[name] <= pages[name].data["panels"].keys()


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_vega_lite_that_its_schema_allows(pages, name):
    for panel in pages[name].data["panels"].values():
        chart = panel["chart"] | {"datasets": {"rows": []}}
        alt.Chart.from_dict(chart, validate=True)
        fields = set(re.findall(r'"field": "(\w+)"', json.dumps(chart)))
        assert fields <= {*panel["columns"], "low", "high"}


@pytest.mark.parametrize("name", NAMES)
def test_a_curve_has_at_most_500_points_and_every_column_a_heading(pages, name):
    for panel in pages[name].data["panels"].values():
        lengths = {len(values) for values in panel["columns"].values()}
        assert len(lengths) == 1
        assert max(lengths) <= POINTS
        assert panel["headings"].keys() == panel["columns"].keys()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_fetched(pages, name):
    page = pages[name]
    for tag, attributes in page.tags:
        assert not {"src", "srcset", "action"} & attributes.keys(), tag
        assert (attributes.get("href") or "#").startswith("#")
    policy = [attributes["content"] for tag, attributes in page.tags if "http-equiv" in attributes]
    assert policy[0].startswith("default-src 'none'")


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_has_a_table_behind_it_and_words_for_those_who_do_not_see_it(pages, name):
    page = pages[name]
    charts = {a["data-panel"] for tag, a in page.tags if a.get("class") == "chart"}
    tables = {a["data-panel"] for tag, a in page.tags if tag == "details"}
    assert charts == tables == page.data["panels"].keys()
    assert all(a["role"] == "img" and a["aria-label"] for tag, a in page.tags if a.get("class") == "chart")


@pytest.mark.parametrize("name", NAMES)
def test_the_same_run_has_the_same_page(runs, stub, name):
    first = rnnfast.report.run.report(runs[name], "a.html")
    second = rnnfast.report.run.report(runs[name], "b.html")
    assert first.verdict == second.verdict
    assert Path("a.html").read_bytes() == Path("b.html").read_bytes()


@pytest.mark.parametrize("name", ["binary", "multiclass"])
def test_names_from_outside_are_texts_and_no_html(pages, name):
    page = pages[name]
    assert not [tag for tag, attributes in page.tags if tag in ("i", "img") or attributes.get("id") == "broken"]
    assert word(HOSTILE) in page.text
    assert len(page.scripts) == 3


def test_json_in_a_script_cannot_end_it():
    text = script_json({"a": "</script><!--\u2028", "b": float("nan")})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"a": "</script><!--\u2028", "b": None}


def test_the_slider_counts_as_eval_does(runs, pages, capsys):
    slider = pages["binary"].data["slider"]
    assert CLASS in slider["positive"]
    model = rnnfast.load(runs["binary"])
    data = rnnfast.read_table(runs["binary"].parent / "binary.csv", schema=model.schema)
    part = rnnfast.part_of(model, data, "test")
    for place in (slider["at"], 0, len(slider["tp"]) // 3, len(slider["tp"]) - 1):
        model.threshold = slider["threshold"][place]
        (tn, fp), (fn, tp) = model.evaluate(part).confusion
        assert (tp, fp) == (slider["tp"][place], slider["fp"][place])
        assert (fn, tn) == (slider["positives"] - tp, slider["negatives"] - fp)


def test_the_verdict_and_the_scores_are_those_of_eval(runs, stub, capsys):
    written = result(["report", str(runs["binary"]), "-o", "page.html"], capsys)
    scored = result(
        ["eval", "--model", str(runs["binary"]), "--data", str(runs["binary"].parent / "binary.csv"), "--part", "test"],
        capsys,
    )
    assert written["part"] == "the test part"
    assert written["verdict"] == scored["verdict"]
    text = Page(Path("page.html").read_text(encoding="utf-8")).text
    assert all(shown(scored["metrics"][name]) in text for name in ("f1", "auroc", "mcc"))


def test_of_one_answer_for_each_id_the_worst_are_told_with_the_truth(pages):
    assert re.search(r"Highest loss of 16\s*IdTruthAnswer", re.sub(r"\n", "", pages["multiclass"].text))
    assert re.search(r"\d\d(\.\d+)? %\)", pages["multiclass"].text)


def test_without_a_test_part_the_validation_part_is_scored(runs, stub, capsys):
    assert result(["report", str(runs["regression"]), "-o", "page.html"], capsys)["part"] == "the valid part"


def test_another_table_is_scored_whole(runs, stub, capsys):
    table = pd.read_csv(runs["regression"].parent / "regression.csv").query("id < 9")
    table.to_csv("new.csv", index=False)
    written = result(["report", str(runs["regression"]), "--data", "new.csv", "-o", "page.html"], capsys)
    assert written["part"] == "the table"
    assert "this table" in written["verdict"]
    assert "drift" in written["figures"]


def test_the_page_lies_beside_the_model_and_is_written_again(runs, stub, capsys):
    for _ in range(2):
        assert result(["report", str(runs["binary"])], capsys)["output"] == str(runs["binary"] / "report.html")


def test_figures_are_written_as_svg_and_png(runs, stub, capsys):
    written = result(["report", str(runs["multiclass"]), "-o", "page.html", "--figures", "figures"], capsys)
    assert sorted(written["files"]) == sorted(
        f"figures/{name}{suffix}" for name in written["figures"] for suffix in (".svg", ".png")
    )
    assert Path("figures/confusion.svg").read_text(encoding="utf-8").startswith("<svg")
    assert Path("figures/confusion.png").read_bytes().startswith(b"\x89PNG")


def test_the_whole_page_is_one_file_of_less_than_2_mb(runs, capsys):
    written = result(["report", str(runs["binary"]), "-o", "page.html"], capsys)
    assert written["bytes"] == Path("page.html").stat().st_size < 2_000_000
    text = Path("page.html").read_text(encoding="utf-8")
    assert "vegaEmbed" in text
    assert len(Page(text).scripts) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    cases(
        {
            "no run": (["nowhere"], 4, "nowhere"),
            "no directory": (["RUN", "-o", "no/page.html"], 2, "there is no directory"),
            "existing page": (["RUN", "-o", "old.html"], 2, "--force"),
            "part of another table": (["RUN", "--data", "other.csv", "--part", "test"], 2, "not the table"),
            "no table": (["RUN", "--data", "nowhere.csv"], 3, "nowhere.csv"),
            "unknown part": (["RUN", "--part", "tst"], 2, "tst"),
        }
    ),
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(runs, stub, capsys, arguments, code, words):
    Path("old.html").touch()
    table = pd.read_csv(runs["binary"].parent / "binary.csv")
    table.query("id < 9").to_csv("other.csv", index=False)
    before = sorted(Path().iterdir())
    filled = [str(runs["binary"]) if word == "RUN" else word for word in arguments]
    assert words in fails(["report", *filled], code, capsys)
    assert sorted(Path().iterdir()) == before


def test_a_model_file_without_its_table_asks_for_one(runs, stub, capsys):
    (Path("alone.safetensors")).write_bytes((runs["binary"] / "model.safetensors").read_bytes())
    model = rnnfast.load("alone.safetensors")
    if not model.config.data.data:
        assert "--data" in fails(["report", "alone.safetensors", "-o", "a.html"], 2, capsys)
    table = str(runs["binary"].parent / "binary.csv")
    written = result(["report", "alone.safetensors", "--data", table, "-o", "a.html"], capsys)
    assert "learning-loss" not in written["figures"]


def test_without_the_libraries_it_says_what_to_install(runs, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "altair", None)
    assert "rnnfast[report]" in fails(["report", str(runs["binary"])], 1, capsys)


def test_a_table_on_disk_has_the_same_scores(runs, stub, capsys, monkeypatch):
    import rnnfast.data.reading.opening

    whole = result(["report", str(runs["regression"]), "-o", "a.html"], capsys)
    monkeypatch.setattr(rnnfast.data.reading.opening, "needs_store", lambda names, budget, options: True)
    stored = result(["report", str(runs["regression"]), "-o", "b.html", "--memory", "1G"], capsys)
    assert stored["verdict"] == whole["verdict"]
    assert stored["figures"] == whole["figures"]


@pytest.mark.parametrize(
    ("value", "text"),
    cases(
        {
            "none": (None, "–"),
            "not a number": (float("nan"), "–"),
            "whole": (12345.0, "12,345"),
            "share": (0.12345, "0.1235"),
            "tiny": (0.0000123, "1.230e-05"),
            "large": (123456.7, "123,457"),
        }
    ),
)
def test_numbers_in_texts_have_four_digits(value, text):
    assert shown(value) == text


def test_numbers_of_figures_are_those_of_json():
    assert numbers(np.array([1.23456789, np.nan, np.inf])) == (1.23457, None, None)
    assert numbers(np.array([1, 2])) == (1, 2)


def test_of_many_points_the_first_and_the_last_are_drawn():
    chosen = thinned(10_001, 100)
    assert len(chosen) == 100
    assert (chosen[0], chosen[-1]) == (0, 10_000)


def test_rows_of_a_panel_are_its_columns():
    panel = Panel("pr", "pr", "", "", {"a": (1, 2), "b": (3, 4)}, {"a": "A", "b": "B"})
    assert panel.rows == [{"a": 1, "b": 3}, {"a": 2, "b": 4}]


def test_real_payments_have_a_page(stub, capsys):
    table = dataset("creditcard/creditcard_part_first36h.csv.gz")
    arguments = ["--data", str(table), "--epochs", "2", "--hidden", "5", "--cell", "gru", "-o", "card", "-q"]
    assert rnnfast.cli.run(["train", *arguments]) == 0
    written = result(["report", "card"], capsys)
    assert {"pr", "roc", "drift"} <= set(written["figures"])
    assert written["bytes"] < 1_000_000
