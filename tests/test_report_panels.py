"""What the pages of runs say and draw: the lead, early warning, intervals, every target, thresholds of few digits."""

from pathlib import Path

import numpy as np
import pytest
from commands import isolate, result
from ids import cases
from report_runs import CLASS, Page, train

import rnnfast
import rnnfast.report.run
from rnnfast.findings.gain import Gain
from rnnfast.findings.verdict import Verdict
from rnnfast.metrics.events import Steps, first_alarms
from rnnfast.metrics.thresholds import points
from rnnfast.report.content.events import Warnings
from rnnfast.report.content.facts import DIRECTORIES
from rnnfast.report.content.lead import lead
from rnnfast.report.content.panel import word
from rnnfast.report.content.thresholds import _roundest

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

NAMES = ("binary", "targets", "forecast")


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """The directory of a run of two classes, of two quantities, and of a forecast."""
    directory = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, directory)
        return {name: train(directory, name) for name in NAMES}


@pytest.fixture(scope="module")
def pages(runs, tmp_path_factory) -> dict[str, Page]:
    """Their pages, without the library."""
    directory = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rnnfast.report.run, "_library", lambda: "window.vegaEmbed = null;")
        for name, path in runs.items():
            rnnfast.report.run.report(path, directory / f"{name}.html")
    return {name: Page((directory / f"{name}.html").read_text(encoding="utf-8")) for name in runs}


@pytest.mark.parametrize(
    ("name", "sentences"),
    cases(
        {
            "two classes": (
                "binary",
                (
                    f"tells how likely y = {word(CLASS)} is, at every row of one id, from 2 columns",
                    "It learned from 144 rows. Figures are of 48 answers to rows of the test part, which it has never",
                    "auprc: mean precision over all thresholds; more is better.",
                ),
            ),
            "two quantities": ("targets", ("estimates y and z, at every row of one id",)),
            "horizons": (
                "forecast",
                ("estimates level 1, 3 steps ahead, at every row, from 1 column", "may have decided how long"),
            ),
        }
    ),
)
def test_a_page_first_says_what_is_answered_from_what_and_on_which_rows(pages, name, sentences):
    text = pages[name].text
    for sentence in sentences:
        assert sentence in text
        assert text.index(sentence) < text.index("What was trained on what")


def test_the_lead_explains_the_metrics_of_the_verdict_and_no_column_that_is_named_like_one(runs):
    gain = Gain("auprc", 0.8, "always answering the majority class", 0.1, (0.7, 0.9), (0.6, 0.8), 40, "ids")
    worth = Verdict("test", "finds 3 of 4 with accuracy = loss (recall 75 %)", 0.75, gain)
    assert worth.metrics == {"recall": 0.75, "auprc": 0.8}
    texts = lead(rnnfast.load(runs["binary"]), "test", 48, False, worth)
    assert [text.split(":")[0] for text in texts if text.endswith("is better.")] == ["recall", "auprc"]
    assert any("drawn again from these ids" in text for text in texts)


def steps(seed: int) -> Steps:
    """Random labels, answers and gaps."""
    random = np.random.default_rng(seed)
    positive = np.repeat(random.random(80) < 0.3, random.integers(1, 6, 80))
    stretch = np.cumsum(random.random(len(positive)) < 0.02)
    return Steps(positive, np.round(random.random(len(positive)), 2), stretch)


def events(of: Steps) -> list[tuple[int, int, int]]:
    """Return first row, rows that lead up to it, and length of each event, row by row."""
    listed = []
    for i in np.flatnonzero(of.positive):
        if i and of.positive[i - 1] and of.stretch[i - 1] == of.stretch[i]:
            continue
        before = length = 0
        while i - before > 0 and not of.positive[i - before - 1] and of.stretch[i - before - 1] == of.stretch[i]:
            before += 1
        while i + length < len(of.positive) and of.positive[i + length] and of.stretch[i + length] == of.stretch[i]:
            length += 1
        listed.append((int(i), before, length))
    return listed


@pytest.mark.parametrize("seed", range(4))
def test_early_warning_is_counted_row_by_row(seed):
    of, threshold = steps(seed), 0.8
    panel = Warnings(None, of, threshold).over_time()
    alone = events(of)
    first = [next((k for k in range(length) if of.score[start + k] >= threshold), -1) for start, _, length in alone]
    assert first_alarms(of, threshold).tolist() == first
    for at, middle, alarms, caught, count in zip(
        *(panel.columns[name] for name in ("row", "middle", "alarms", "caught", "events")), strict=True
    ):
        scores = [of.score[s + at] for s, before, length in alone if (at < length if at >= 0 else -at <= before)]
        assert count == len(scores) >= max(1, len(alone) // 10)
        assert middle == pytest.approx(np.median(scores), rel=1e-3)
        assert alarms == pytest.approx(np.mean(np.array(scores) >= threshold), rel=1e-3)
        if at < 0:
            assert caught is None
        else:
            assert caught == pytest.approx(np.mean([0 <= delay <= at for delay in first]), rel=1e-3)


def test_single_events_are_drawn_with_their_alarms_and_the_truth(pages):
    panels = pages["binary"].data["panels"]
    for name, is_caught in (("event-caught", True), ("event-missed", False)):
        columns = panels[name]["columns"]
        own = columns["row"].index(0)
        assert columns["truth"][own] == 1
        assert not own or columns["truth"][own - 1] == 0
        stop = next((k for k in range(own, len(columns["truth"])) if not columns["truth"][k]), None)
        assert ("yes" in columns["alarm"][own:stop]) == is_caught


def test_intervals_of_each_horizon_are_those_of_eval(runs, pages, capsys, monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)
    table = runs["forecast"].parent / "forecast.csv"
    scored = result(
        ["eval", "--model", str(runs["forecast"]), "--data", str(table), "--part", "valid", "--interval", "90"], capsys
    )["interval"]
    panels = pages["forecast"].data["panels"]
    for name in ("coverage", "width"):
        columns = panels[f"interval-{name}"]["columns"]
        assert columns["group"] == list(scored["per_answer"]) == ["level+1", "level+3"]
        assert columns["value"] == pytest.approx([one[name] for one in scored["per_answer"].values()], rel=1e-5)
    assert "These are the steps that are scored here" in pages["forecast"].text


def test_answers_of_quantities_are_drawn_within_their_intervals(pages):
    columns = pages["forecast"].data["panels"]["worst-answers"]["columns"]
    assert all(
        low <= at <= high for low, at, high in zip(columns["low"], columns["prediction"], columns["high"], strict=True)
    )


def test_every_target_has_its_errors_and_its_answers(pages):
    panels = pages["targets"].data["panels"]
    figures = {"predicted", "residuals-by-prediction", "residuals-by-step"}
    assert {f"{name}-{j}" for name in figures for j in (1, 2)} <= panels.keys()
    assert {"worst-answers", "worst-answers-2", "typical-answers-2"} <= panels.keys()
    assert panels["worst-answers-2"]["headings"]["truth"] == "Actual z"
    assert panels["score-by-target"]["columns"]["group"] == ["y", "z"]
    assert panels["score-by-target"]["headings"]["value"] == "r2"  # errors of several targets have several units


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_thresholds_have_few_digits_and_the_same_alarms(dtype):
    random = np.random.default_rng(1)
    score = np.sort(random.random(300).astype(dtype).astype(np.float64))
    curve = points(random.random(300) < 0.3, score)
    short = [
        _roundest(value, below, above)
        for value, below, above in zip(
            curve.threshold, np.append(curve.answers, -np.inf), np.append(np.inf, curve.answers), strict=True
        )
    ]
    for threshold, alarms in zip(short, curve.alarms, strict=True):
        assert (score >= threshold).sum() == alarms
        assert (score.astype(dtype) >= dtype(threshold)).sum() == alarms
    assert np.median([len(repr(threshold)) for threshold in short]) <= 6


@pytest.mark.parametrize(
    ("text", "shown"),
    cases(
        {
            "one table": ("/home/me/data/tx.csv", "tx.csv"),
            "two tables": ("/home/me/a.csv,/home/me/b.csv", "a.csv,b.csv"),
            "directory of Windows": (r"C:\Users\me\tx.csv", "tx.csv"),
            "relative": ("data/tx.csv", "data/tx.csv"),
            "address": ("s3://bucket/data/tx.csv", "s3://bucket/data/tx.csv"),
            "rate": ("0.6,0.2", "0.6,0.2"),
        }
    ),
)
def test_directories_of_the_machine_that_trained_stay_there(text, shown):
    assert DIRECTORIES.sub("", text) == shown
