"""What a model does not take as it is: counted by column and rule, told on stderr, in JSON and in Python."""

import json

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ids import cases
from notices import Notices

import rnnfast
from rnnfast.cli import run
from rnnfast.config.sections import DataConfig
from rnnfast.data.encoding.substitutions import Substitution, sentences
from rnnfast.data.reading.request import Request
from rnnfast.data.sequences.budget import Budget, Phases
from rnnfast.errors import DataError
from rnnfast.model.predictions import predict_table, prediction_request
from rnnfast.model.tables import evaluate_table

NO_CACHE = DataConfig(cache=False)
SMALL = Budget(10**9, phases=Phases(batch=10**5, bucket=10**4, block=2000, sample=10**7))


@pytest.fixture(autouse=True)
def _directory(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)
    monkeypatch.setenv("RNNFAST_CACHE_DIR", str(tmp_path / "cache"))


def shops():
    """Forty shops of eight days."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.repeat(np.arange(40), 8), "t": np.tile(np.arange(8), 40)})
    frame["kind"] = np.array(["cafe", "bar"])[random.integers(0, 2, 320)]
    frame["x1"], frame["x2"] = random.normal(size=320), random.normal(size=320)
    return frame.assign(y=frame["x1"] + random.normal(size=320))


def trained(frame, **options):
    """A model of the default cell, with its file in run.safetensors."""
    options = {
        "id": "id",
        "time": "t",
        "target": "y",
        "preset": "fast",
        "hidden": 3,
        "epochs": 1,
        "cache": False,
        **options,
    }
    model = rnnfast.train(frame, **options).model
    model.save("run.safetensors")
    return model


def later():
    """The table with cells that no model takes as they are."""
    frame = shops()
    frame.loc[[3, 4, 100], "kind"] = ["kiosk", "kiosk", "market"]
    frame.loc[[0, 8, 9, 319], "x1"] = np.nan
    frame.loc[7, "kind"] = None
    return frame


EXPECTED = (
    Substitution("kind", "mean", 1),
    Substitution("x1", "ffill", 4),
    Substitution("kind", "unseen", 3, 2, {"kiosk": 2, "market": 1}),
)
RULES = {"categorical": "kind", "missing": "mean,x1=ffill"}


def counted(model, frame, request=prediction_request):
    """Substitutions of a table in memory; those of the same table in blocks are equal."""
    from test_blocks import stored_table

    frame.to_csv("later.csv", index=False)
    how = request(model, NO_CACHE)
    with stored_table(["later.csv"], how, SMALL) as table:
        assert len(table.runs().first) > 3 or not model.schema.features
        blocks = model.substitutions(table)
    memory = model.substitutions(rnnfast.read_table("later.csv", schema=how.schema, require_target=False))
    assert blocks == memory
    return memory


@pytest.mark.parametrize("rows", cases({"in order": slice(None), "mixed": np.random.default_rng(1).permutation(320)}))
def test_cells_are_counted_by_column_and_rule(rows):
    assert counted(trained(shops(), **RULES), later().iloc[rows]) == EXPECTED


def test_rows_that_windows_share_count_once():
    model = trained(shops(), window=5, stride=2, **RULES)
    assert counted(model, later(), lambda model, config: Request(config, model.schema)) == EXPECTED


def test_a_table_that_is_taken_as_it_is():
    assert counted(trained(shops(), **RULES), shops()) == ()
    assert sentences(()) == []


def test_predict_tells_on_stderr(capsys):
    trained(shops(), **RULES)
    later().to_csv("later.csv", index=False)
    assert run(["predict", "--model", "run.safetensors", "--data", "later.csv"]) == 0
    printed = capsys.readouterr()
    said = " ".join(printed.err.split())
    assert "empty cells, filled by the rules of the model: kind 1 (mean), x1 4 (filled forward)" in said
    assert "categories that the model does not know, taken as (unseen): kind 3 (kiosk 2, market 1)" in said
    assert len(printed.out.splitlines()) == 321
    assert not any("Note" in line for line in printed.out.splitlines())


@pytest.mark.parametrize("command", [["predict", "-o", "out.csv"], ["eval"]], ids=lambda words: words[0])
def test_json_holds_the_records(command, capsys):
    trained(shops(), **RULES)
    later().to_csv("later.csv", index=False)
    printed = result([*command, "--model", "run.safetensors", "--data", "later.csv"], capsys)
    assert printed["substitutions"] == [
        {"column": "kind", "rule": "mean", "cells": 1},
        {"column": "x1", "rule": "ffill", "cells": 4},
        {"column": "kind", "rule": "unseen", "cells": 3, "different": 2, "values": {"kiosk": 2, "market": 1}},
    ]


def test_eval_tells_among_its_notes(capsys):
    trained(shops(), **RULES)
    later().to_csv("later.csv", index=False)
    assert run(["eval", "--model", "run.safetensors", "--data", "later.csv"]) == 0
    assert "kind 3 (kiosk 2, market 1)" in " ".join(capsys.readouterr().err.split())


def test_training_tells_of_tables_beside_its_own():
    listener = Notices()
    later().to_csv("later.csv", index=False)
    trained(shops(), valid="later.csv", reporter=listener, **RULES)
    assert any(text.startswith("later.csv: cells with categories") and "kind 3" in text for text in listener.notices)


def test_values_from_outside_are_shown_safely_and_few_of_them():
    frame = shops()
    model = trained(frame, categorical="kind")
    frame.loc[:99, "kind"] = "\x1b[31m" + "a" * 500
    frame.loc[100:130, "kind"] = [f"k{j}" for j in range(31)]
    (item,) = counted(model, frame)
    assert (item.cells, item.different, len(item.values)) == (131, 32, 20)
    text = str(item)
    assert text.isprintable()
    assert len(text) < 200
    assert text.startswith("kind 131 (\\x1b[31maaa")
    assert text.endswith("k0 1, k1 1, 29 other values)")
    assert json.loads(json.dumps(text)) == text


# --- lagged targets ---


def series(gaps=()):
    """A series of its own past."""
    frame = pd.DataFrame({"t": np.arange(60), "y": np.sin(np.arange(60.0)) + 2})
    frame.loc[list(gaps), "y"] = np.nan
    return frame


def appended(rows=7):
    """The series and rows without a target after it."""
    return pd.concat([series(), pd.DataFrame({"t": np.arange(60, 60 + rows)})])


LAGGED = {"id": None, "lag_target": True, "window": 10}


@pytest.mark.parametrize(
    ("options", "cells"),
    cases(
        {
            "horizon": ({"horizon": 1}, 7),
            "no horizon": ({}, 6),  # the first row after the series begins a window
        }
    ),
)
def test_rows_without_a_target_at_the_end_are_told(options, cells):
    """Seven answers around the mean came without a word."""
    model = trained(series(), missing="mean", **LAGGED, **options)
    expected = (Substitution("y (lag)", "mean", cells),)
    assert counted(model, appended()) == expected
    report = predict_table("run.safetensors", ["later.csv"], "out.csv", config=NO_CACHE)
    assert (report.rows, report.substitutions) == (67, expected)


@pytest.mark.parametrize("more", cases({"end to end": {}, "overlapping": {"stride": 3}, "one row": {"window": 1}}))
def test_the_first_row_of_a_window_has_the_lag_of_the_row_before(more):
    """Answers see it, so that it counts where it is empty: row 9 is the last of its window, and the lag of row 10."""
    model = trained(series(), missing="mean", **{**LAGGED, **more})
    for request in (prediction_request, lambda model, config: Request(config, model.schema)):
        assert counted(model, series(), request) == ()
        assert counted(model, series([9, 30]), request) == (Substitution("y (lag)", "mean", 2),)


def test_the_first_row_of_an_id_has_no_lag():
    frame = pd.concat([series().assign(id="p"), series([59]).assign(id="q"), series([9]).assign(id="r")])
    model = trained(frame, missing="mean", lag_target=True, window=10)
    assert counted(model, frame) == (Substitution("y (lag)", "mean", 1),)


def test_eval_counts_what_predict_does(capsys):
    trained(series(), missing="mean", **LAGGED)
    series([9, 30]).to_csv("later.csv", index=False)
    for command in (["predict", "-o", "out.csv"], ["eval"], ["eval", "--memory", "900M"]):
        printed = result([*command, "--model", "run.safetensors", "--data", "later.csv"], capsys)
        assert printed["substitutions"] == [{"column": "y (lag)", "rule": "mean", "cells": 2}]


@pytest.mark.parametrize("memory", cases({"in memory": [], "on disk": ["--memory", "900M"]}))
def test_a_gap_before_a_window_is_refused_where_it_is(memory, capsys):
    """The window that ends with it trains, but the next one is answered with it."""
    trained(series(), **LAGGED)
    series([9]).to_csv("later.csv", index=False)
    message = fails(["eval", "--model", "run.safetensors", "--data", "later.csv", *memory], 3, capsys)
    assert (
        "later.csv, line 11, column 'y': the cell is empty; --lag-target makes it an input of the next row" in message
    )


def test_without_a_rule_an_empty_lagged_target_is_an_error(capsys):
    trained(series(), horizon=1, **LAGGED)
    table = appended()  # the rows at the end ask for a forecast and have no answer; the gap before them is no such row
    table.loc[30, "y"] = np.nan
    table.to_csv("later.csv", index=False)
    message = fails(["predict", "--model", "run.safetensors", "--data", "later.csv", "-o", "out.csv"], 3, capsys)
    assert "later.csv, line 32, column 'y': the cell is empty; --lag-target makes it" in message
    assert "train with --missing mean, zero or ffill" in message


SHAPES = {
    "no horizon": {},
    "windows": {"window": 10},
    "overlapping windows": {"window": 10, "stride": 3},
    "horizon": {"horizon": 2, "window": 10, "stride": 3},
    "horizons": {"horizon": "1..3"},
}


def clean_and_asking():
    """Series of two ids, and the same with rows at their ends that ask for a forecast."""
    clean = pd.concat([series().assign(id=name) for name in "pq"])
    more = pd.concat([pd.DataFrame({"t": np.arange(60, 63 + k), "id": name}) for k, name in enumerate("pq")])
    clean.to_csv("clean.csv", index=False)
    pd.concat([clean, more]).to_csv("asking.csv", index=False)


@pytest.mark.parametrize("shape", cases(SHAPES))
def test_rows_that_ask_train_and_score_nothing(shape):
    """Without a rule for the lag they were refused as gaps, though predict and forecast take them."""
    clean_and_asking()
    options = {"id": "id", "time": "t", "target": "y", "lag_target": True, "cache": False, "split": 1.0, **shape}
    options |= {"hidden": 3, "epochs": 1, "batch_size": 4}
    runs = [rnnfast.train(table, **options) for table in ("clean.csv", "asking.csv")]
    runs.append(rnnfast.train("asking.csv", **options, memory="900M"))
    for run_ in runs[1:]:
        assert run_.rows == runs[0].rows
        assert run_.metrics == runs[0].metrics
        for name, tensor in runs[0].model.parameters.items():
            np.testing.assert_array_equal(run_.model.parameters[name], tensor)
    runs[0].model.save("run.safetensors")
    assert runs[0].model.evaluate("asking.csv").metrics == runs[0].metrics["train"]
    for config in (NO_CACHE, DataConfig(cache=False, memory="900M")):
        scored = evaluate_table("run.safetensors", ["asking.csv"], config=config)
        assert scored.evaluation.metrics == runs[0].metrics["train"]
        assert scored.substitutions == ()


def test_a_gap_before_the_last_target_is_refused_beside_rows_that_ask():
    clean_and_asking()
    table = pd.read_csv("asking.csv")
    table.loc[57, "y"] = np.nan
    with pytest.raises(DataError, match="the cell is empty"):
        trained(table, lag_target=True)


def test_training_says_what_it_leaves_out(capsys):
    clean_and_asking()
    words = ["train", "--data", "asking.csv", "--id", "id", "--time", "t", "--target", "y", "--lag-target"]
    assert run([*words, "--split", "1", "--epochs", "1", "-o", "run"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "train: left out 7 rows after the last target; rnnfast forecast answers" in said


@pytest.mark.parametrize("row", cases({"in a window": 30, "the last of a window": 29}))
@pytest.mark.parametrize("split", ["1", "0.8"])
def test_training_refuses_one_before_anything_is_compiled(row, split, monkeypatch, capsys):
    from rnnfast.training.loop import Loop

    monkeypatch.setattr(Loop, "compile_kernels", None)
    series([row]).to_csv("gap.csv", index=False)
    words = ["train", "--data", "gap.csv", "--time", "t", "--target", "y", "--lag-target", "--window", "10"]
    for more in ([], ["--memory", "900M"]):
        message = fails([*words, "--split", split, *more, "-o", "run"], 3, capsys)
        place = f"gap.csv, line {row + 2}, column 'y'"
        assert f"{place}: the cell is empty; --lag-target makes it an input of the next" in message
        assert "--missing" in message
