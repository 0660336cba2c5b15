"""How far a run is, in Python: a function, one line that is redrawn, or nothing."""

import re
import sys
import types

import pytest

import rnnfast
from rnnfast.display import table_html
from rnnfast.errors import UsageError
from rnnfast.progress import Line, watcher
from rnnfast.reporter import EpochRecord, Reporter

X = [[[float(number % 2)], [1.0]] for number in range(8)]
Y = [number % 2 for number in range(8)]
QUICK = {"preset": "fast", "hidden": 4, "epochs": 3, "patience": 0}


def test_a_function_is_called_after_each_epoch():
    records = []
    rnnfast.train(X, Y, progress=records.append, **QUICK)
    assert [record.epoch for record in records] == [1, 2, 3]
    assert all(record.epochs == 3 for record in records)


def test_what_a_function_raises_ends_the_run():
    def stop(record):
        raise RuntimeError(f"epoch {record.epoch}")

    with pytest.raises(RuntimeError, match="epoch 1"):
        rnnfast.train(X, Y, progress=stop, **QUICK)


def test_scripts_are_silent(capsys):
    rnnfast.train(X, Y, **QUICK)
    assert capsys.readouterr() == ("", "")


def test_a_script_may_ask_for_the_line_which_a_pipe_gets_once(capsys):
    result = rnnfast.train(X, Y, progress=True, **QUICK)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("epoch 3/3  loss ")
    assert err.endswith(f", ended by {result.stopped}\n")
    assert err.count("\n") == 1


class Handle:
    def __init__(self, contents):
        self.contents = contents

    def update(self, content, raw):
        assert raw
        self.contents[-1] = content


@pytest.fixture
def notebook(monkeypatch):
    """IPython as the kernel of a notebook has it; the contents of the cell's outputs."""
    contents = []

    def display(content, raw, display_id):
        assert raw
        assert display_id
        contents.append(content)
        return Handle(contents)

    shell = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", types.SimpleNamespace(display=display))
    return contents


def rows_of(html):
    """The cells of a table, its header first."""
    return [re.findall(r"<t[dh]>(.*?)</t[dh]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)]


def test_a_notebook_shows_one_table_and_the_line_as_text(notebook):
    rnnfast.train(X, Y, **QUICK)
    assert len(notebook) == 1
    assert notebook[0]["text/plain"].startswith("epoch 3/3  loss ")
    assert notebook[0]["text/plain"].endswith("ended by epochs")
    header, *rows = rows_of(notebook[0]["text/html"])
    assert header[:3] == ["epoch", "loss", "valid"]
    assert [row[0] for row in rows] == ["1/3", "2/3", "3/3"]
    assert "ended by epochs" in notebook[0]["text/html"]


def test_the_table_of_a_long_run_shows_epochs_of_even_distance(notebook):
    rnnfast.train(X, Y, **{**QUICK, "epochs": 45})
    numbers = [row[0] for row in rows_of(notebook[0]["text/html"])[1:]]
    assert numbers == [*(f"{epoch}/45" for epoch in range(4, 45, 4)), "45/45"]


def test_networks_side_by_side_have_a_row_each(notebook):
    rnnfast.train(X, Y, ensemble=3, **QUICK)
    header, *rows = rows_of(notebook[0]["text/html"])
    assert header[:2] == ["network", "epoch"]
    assert [row[:2] for row in rows] == [[str(k), "3/3"] for k in (1, 2, 3)]


def test_a_table_escapes_what_it_shows():
    assert "<script>" not in table_html(["<script>"], [["<script>"]], "<script>")


def test_a_notebook_is_silent_where_it_is_asked_to_be(notebook):
    rnnfast.train(X, Y, progress=False, **QUICK)
    rnnfast.train(X, Y, reporter=Reporter(), **QUICK)
    assert notebook == []


def test_a_terminal_of_ipython_is_no_notebook(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: types.SimpleNamespace()))
    assert type(watcher(None, None)) is Reporter


def record(epoch, valid=None):
    return EpochRecord(
        epoch=epoch,
        epochs=9,
        train_loss=0.5,
        valid=valid,
        best=False,
        best_epoch=1,
        elapsed=1.25,
        timesteps_per_second=1e6,
        eta=None,
    )


def test_the_line_keeps_the_scores_of_the_last_evaluation(monkeypatch):
    monkeypatch.setattr("rnnfast.progress.MOST_UPDATES", 1e9)
    texts = []
    line = Line(texts.append)
    line.epoch(record(1, {"loss": 0.25, "auprc": None}))
    line.epoch(record(2))
    line.epoch(record(3, {"loss": 0.2, "auprc": 0.75}))
    assert texts == [
        "epoch 1/9  loss 0.5  valid 0.25  1.2 s",
        "epoch 2/9  loss 0.5  valid 0.25  1.2 s",
        "epoch 3/9  loss 0.5  valid 0.2  auprc 0.75  1.2 s",
    ]


def test_the_line_is_redrawn_ten_times_a_second_at_most():
    texts = []
    line = Line(texts.append)
    for epoch in range(1, 1000):
        line.epoch(record(epoch))
    assert len(texts) < 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"progress": print, "reporter": Reporter()}, "give one", id="both"),
        pytest.param({"progress": "yes"}, "'yes' is not True, False or a function", id="text"),
        pytest.param({"reporter": print}, "a function goes to progress=", id="function as reporter"),
    ],
)
def test_what_cannot_watch_is_refused(options, message):
    with pytest.raises(UsageError, match=message):
        rnnfast.train(X, Y, **options, **QUICK)
