"""Tables in blocks: each option gives the network of the same table in memory, and predictions and scores do too."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import rnnfast
from rnnfast.config.resolve import Config
from rnnfast.config.sections import DataConfig, reading_options
from rnnfast.data.reading.request import Request
from rnnfast.data.reading.stores import stored_table
from rnnfast.data.sequences.budget import Budget, Phases
from rnnfast.errors import DataError
from rnnfast.model.predictions import predict_table, prediction_request, write_predictions
from rnnfast.model.tables import evaluate, evaluate_table, scoring_request

ENOUGH = Budget(10**9)
BASE = {"preset": "fast",
    "id": "name", "time": "t", "target": "y1", "features": ("x1", "x2"), "cache": False,
    "hidden": 3, "epochs": 2, "seed": 1, "patience": 0, "batch_size": 1,
}  # fmt: skip
NO_ID = {"id": None, "ignore": ("name",)}

# option -> table, options
CASES = {
    "rows in order": ("table", {}),
    "rows mixed": ("mixed", {}),
    "quantity": ("quantity", {}),
    "classes of text": ("classes", {}),
    "one label per sequence": ("last", {}),
    "last step": ("last", {"predict": "last"}),
    "categorical": ("table", {"features": ("x1", "x2", "kind"), "categorical": ("kind",)}),
    "unseen": ("table", {"features": ("x1", "kind"), "categorical": ("kind",), "unseen": "error"}),
    "missing mean": ("gaps", {"missing": ("mean",), "missing_indicator": True}),
    "missing ffill": ("gaps", {"missing": ("ffill",)}),
    "scale zscore": ("quantity", {"scale": ("zscore",)}),
    "scale robust": ("quantity", {"scale": ("robust",)}),
    "scale rank": ("quantity", {"scale": ("rank", "x2=zscore")}),
    "horizon": ("quantity", {"horizon": 2}),
    "horizon, season, lag": ("quantity", {"horizon": 2, "season": 3, "lag_target": True}),
    "several horizons": ("quantity", {"horizon": "1..3", "season": 2, "lag_target": True}),
    "several horizons of two classes": ("table", {"horizon": (1, 3)}),
    "lag": ("quantity", {"lag_target": True}),
    "lag alone, rows mixed": ("alone", {"features": (), "lag_target": True, "horizon": 1}),
    "changes": ("quantity", {"difference": True, "lag_target": True}),
    "changes to several horizons": ("quantity", {"difference": True, "horizon": "1..3", "split_by": "time"}),
    "calendar": ("dated", {"calendar": True, "split_by": "time"}),
    "times alone": ("dated", {**NO_ID, "features": (), "window": 8, "calendar": True, "time_delta": "log"}),
    "changes of features": ("gaps", {"delta": True, "missing": ("ffill",), "time_delta": "linear", "window": 5}),
    "random starts": ("table", {"random_start": True, "epochs": 3}),
    "random starts, hidden categories": (
        "table",
        {"features": ("x1", "kind"), "categorical": ("kind",), "random_start": True},
    ),
    "dropped values": ("table", {"augment": "drop=0.3", "epochs": 3}),
    "dropped values, hidden categories": (
        "table",
        {"features": ("x1", "kind"), "categorical": ("kind",), "random_start": True, "augment": "drop"},
    ),
    "horizon and window": ("quantity", {"horizon": 1, "window": 5, "lag_target": True}),
    "window": ("table", {"window": 6}),
    "overlapping windows": ("table", {"window": 6, "stride": 3}),
    "rows between windows": ("quantity", {"window": 3, "stride": 5, "horizon": 2, "split_by": "time"}),
    "weight": ("table", {"weight": "w"}),
    "split by time": ("table", {"split_by": "time"}),
    "split by time, rows mixed": ("mixed", {"split_by": "time"}),
    "a tenth trains": ("table", {"split": (0.1,)}),
    "split by time, horizon": ("quantity", {"split_by": "time", "horizon": 2, "split": (0.6, 0.2)}),
    "split by time, lag": ("quantity", {"split_by": "time", "lag_target": True}),
    "split by column": ("table", {"split_by": "column:part"}),
    "no id": ("table", {**NO_ID, "window": 8}),
    "no id, overlapping": ("quantity", {**NO_ID, "window": 8, "stride": 3, "horizon": 2, "lag_target": True}),
    "no id, split by time": ("quantity", {**NO_ID, "window": 8, "stride": 3, "horizon": 2, "split_by": "time"}),
    "no id, split by column": ("quantity", {**NO_ID, "window": 8, "horizon": 1, "split_by": "column:part"}),
    "no id, lag": ("quantity", {**NO_ID, "window": 8, "stride": 3, "lag_target": True}),
    "no id, pooled": ("table", {**NO_ID, "cell": "gru", "head": "all", "window": 8}),
    "both directions": ("table", {**NO_ID, "cell": "gru", "bidirectional": True, "window": 8}),
    "both directions, horizon": (
        "quantity",
        {"cell": "gru", "bidirectional": True, "window": 4, "horizon": 1, "predict": "last"},
    ),
    "no id, several horizons": (
        "quantity",
        {**NO_ID, "window": 8, "horizon": (1, 4), "lag_target": True, "split_by": "column:part"},
    ),
    "three parts": ("classes", {"split": (0.5, 0.2)}),
    "class weights": ("classes", {"class_weight": ("balanced",)}),
    "ensemble": ("classes", {"ensemble": 2, "threads": 2}),
    "ensemble with bags": ("quantity", {"ensemble": 2, "bag": True, "horizon": 1, "lag_target": True, "window": 4}),
}


def blocks_of(rows):
    """A budget for blocks of a few hundred rows, and as many buckets and batches."""
    return Budget(10**9, phases=Phases(batch=10**5, bucket=100 * rows, block=20 * rows, sample=10**7))


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Tables of 120 sequences, 1 to 29 rows each; the labels need memory."""
    random, directory = np.random.default_rng(0), tmp_path_factory.mktemp("tables")
    lengths = random.integers(1, 30, 120)
    rows = int(lengths.sum())
    frame = pd.DataFrame({"name": np.repeat([f"k{j}" for j in range(120)], lengths), "t": np.arange(rows)})
    frame["x1"], frame["x2"] = random.normal(size=rows), random.normal(size=rows)
    total = frame.groupby("name")["x1"].cumsum()
    frame["y1"] = (total > 0).astype(int)
    frame["kind"] = random.choice(list("dcba"), rows)
    frame["w"] = random.integers(0, 4, rows) / 2
    frame["part"] = np.repeat(random.choice(["train", "train", "valid", "test"], 120), lengths)
    variants = {
        "table": frame,
        "mixed": frame.sample(frac=1, random_state=1),
        "quantity": frame.assign(y1=total + frame["x2"]),
        "unknown": frame.assign(y1=total.where(frame.groupby("name").cumcount(ascending=False) > 2)),
        "alone": frame.assign(y1=total)[["name", "t", "y1"]].sample(frac=1, random_state=2),
        "gaps": frame.assign(x1=frame["x1"].where(random.random(rows) > 0.1)),
        "dated": frame.assign(
            t=pd.Timestamp("2024-01-01") + pd.to_timedelta(np.cumsum(random.integers(1, 40, rows)), "h")
        ),
        "classes": frame.assign(y1=np.where(total < -1, "lo", np.where(total > 1.5, "hi", "mid"))),
        "last": frame.assign(y1=np.repeat(random.choice(["u", "v", "w"], 120), lengths)),
    }
    for name, variant in variants.items():
        variant.to_csv(directory / f"{name}.csv", index=False)
    return {name: str(directory / f"{name}.csv") for name in variants}


def divided(options):
    """Options that say how a table is read, and those of the run."""
    reading = {name: value for name, value in options.items() if name in (*reading_options(), "cache")}
    return reading, {k: v for k, v in options.items() if k not in reading or k in ("missing", "split_by")}


def trained_in_blocks(path, options, budget):
    reading, others = divided(options)
    with stored_table([path], Request(Config().with_values(reading, "test").data), budget) as table:
        return rnnfast.train(table, **others)


def flat(metrics):
    """The figures, those of each target too, by one name each."""
    per_target = metrics.get("per_target", {}).items()
    figures = {f"{name} {key}": value for name, values in per_target for key, value in values.items()}
    return {key: value for key, value in metrics.items() if key != "per_target"} | figures


def assert_same_run(one, other):
    for name, tensor in one.model.parameters.items():
        np.testing.assert_array_equal(tensor, other.model.parameters[name], err_msg=name)
    for part, metrics in one.metrics.items():
        assert flat(other.metrics[part]) == pytest.approx(flat(metrics), rel=1e-6, nan_ok=True)
    assert one.sequences == other.sequences
    assert one.model.provenance.split == other.model.provenance.split
    assert one.model.schema == other.model.schema


@pytest.mark.parametrize("case", CASES)
def test_one_block_gives_the_weights_of_memory(case, tables):
    name, options = CASES[case]
    options = {**BASE, **options}
    assert_same_run(rnnfast.train(tables[name], **options), trained_in_blocks(tables[name], options, ENOUGH))


@pytest.mark.parametrize("case", CASES)
def test_several_blocks_in_the_same_order_do_too(case, tables):
    name, options = CASES[case]
    options = {**BASE, **options, "shuffle": False}
    in_blocks = trained_in_blocks(tables[name], options, blocks_of(700))
    assert_same_run(rnnfast.train(tables[name], **options), in_blocks)


def saved(tables, name, directory, **options):
    """Train on a table in memory and save the model."""
    result = rnnfast.train(tables[name], **{**BASE, **options})
    path = directory / "model.safetensors"
    result.model.save(path)
    return path


NO_CACHE = DataConfig(cache=False)


SCORED = (
    "calendar", "times alone", "changes of features", "changes", "changes to several horizons",
    "rows mixed", "one label per sequence", "horizon, season, lag", "split by time", "weight", "split by column",
    "overlapping windows", "rows between windows", "no id, overlapping", "no id, lag", "both directions",
)  # fmt: skip
PREDICTED = {
    "rows in order": ("table", {}),
    "rows mixed": ("mixed", {}),
    "last step": ("last", {}),
    "classes": ("classes", {}),
    "lag": ("quantity", {"lag_target": True}),
    "categories": ("mixed", {"features": ("x1", "kind"), "categorical": ("kind",)}),
    "gaps": ("gaps", {"missing": ("ffill",), "time": None}),
    "overlapping windows": ("mixed", {"window": 6, "stride": 3}),
    "no id": ("table", {**NO_ID, "window": 8, "horizon": 1}),
    "windows, lag": ("quantity", {"window": 6, "lag_target": True}),
    "windows, both directions": ("mixed", {"cell": "gru", "bidirectional": True, "window": 6}),
    "several horizons": ("quantity", {"horizon": "1..3", "lag_target": True}),
    "horizon, rows mixed": ("mixed", {"window": 6, "horizon": 2}),
    "changes": ("quantity", {"horizon": "1..2", "difference": True}),
    "changes in windows": ("quantity", {"window": 6, "lag_target": True, "difference": True}),
    "changes, lag unknown at the end": ("unknown", {"horizon": 2, "difference": True}),
    "calendar": ("dated", {"calendar": True, "time_delta": "linear", "window": 6, "lag_target": True}),
    "changes of features": ("gaps", {"missing": ("ffill",), "delta": True, "window": 6, "horizon": 1}),
    "lag unknown at the end": ("unknown", {"horizon": 2, "lag_target": True}),
    "ensemble": ("mixed", {"ensemble": 2}),
    "lag of the row before unknown": ("unknown", {"window": 4, "lag_target": True}),
}


@pytest.mark.parametrize("case", PREDICTED)
def test_predictions_are_those_of_memory(case, tables, tmp_path):
    name, options = PREDICTED[case]
    trained_on = "quantity" if name == "unknown" else name  # which training refuses
    path, data = saved(tables, trained_on, tmp_path, **options), [tables[name]]
    report, model = predict_table(path, data, tmp_path / "memory.csv", config=NO_CACHE), rnnfast.load(path)
    with stored_table(data, prediction_request(model, NO_CACHE), blocks_of(100)) as table:
        assert len(table.runs().first) > 5
        in_blocks = write_predictions(model, table, tmp_path / "blocks.csv")
    assert (in_blocks.rows, in_blocks.substitutions) == (report.rows, report.substitutions)
    assert (tmp_path / "blocks.csv").read_text() == (tmp_path / "memory.csv").read_text()
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "memory.csv", "blocks.csv"}


@pytest.mark.parametrize("part", ["all", "valid"])
@pytest.mark.parametrize("case", SCORED)
def test_scores_are_those_of_memory(case, part, tables, tmp_path):
    name, options = CASES[case]
    path = saved(tables, name, tmp_path, **options)
    memory, model = evaluate_table(path, [tables[name]], part, config=NO_CACHE), rnnfast.load(path)
    with stored_table([tables[name]], scoring_request(model, part, NO_CACHE), blocks_of(100)) as table:
        blocks = evaluate(model, table, part)
    assert blocks.report() == memory.report()
    assert blocks.notes == memory.notes


def test_scores_of_more_than_memory_are_those_of_a_sample(tables, tmp_path):
    model = rnnfast.load(saved(tables, "table", tmp_path))
    small = Budget(10**9, phases=Phases(batch=10**5, bucket=10**5, block=10**5, sample=100_000))
    with stored_table([tables["table"]], scoring_request(model, "all", NO_CACHE), small) as table:
        scored = evaluate(model, table)
    counts = scored.report().scored
    assert 0 < counts.sequences < counts.of == 120
    assert any("drawn at random" in note for note in scored.notes)


def test_a_bad_cell_in_a_later_block_writes_nothing(tables, tmp_path):
    model = rnnfast.load(saved(tables, "table", tmp_path))
    frame = pd.read_csv(tables["table"]).astype({"x1": object})
    frame.loc[1500, "x1"] = ""
    frame.to_csv(tmp_path / "bad.csv", index=False)
    with (
        stored_table([str(tmp_path / "bad.csv")], prediction_request(model, NO_CACHE), blocks_of(100)) as table,
        pytest.raises(rnnfast.DataError, match=r"bad\.csv, line 1502, column 'x1': the cell is empty"),
    ):
        write_predictions(model, table, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_file_without_rows_is_refused_in_blocks_as_in_memory(tables, tmp_path):
    empty = tmp_path / "empty.csv"
    empty.write_text(Path(tables["table"]).read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    request = Request(Config().with_values({"id": "name", "time": "t", "target": "y1"}, "test").data)
    with (
        pytest.raises(DataError, match=r"empty\.csv: has a header line but no rows"),
        stored_table([tables["table"], str(empty)], request, ENOUGH),
    ):
        pass
    with pytest.raises(DataError, match=r"empty\.csv: has a header line but no rows"):
        rnnfast.read_table([tables["table"], str(empty)], id="name", time="t", target="y1")


def test_rows_of_other_parts_do_not_fill_a_block(tmp_path):
    """Three short sequences train; the long one between them validates, and is longer than a block."""
    lengths = {"a": 10, "b": 3000, "c": 10, "d": 10}
    part = {"a": "train", "b": "valid", "c": "train", "d": "train"}
    rows = [f"{k},{t},{(t * 7) % 5},{t % 3},{part[k]}" for k, steps in lengths.items() for t in range(steps)]
    path = tmp_path / "long.csv"
    path.write_text("\n".join(["id,t,x1,y1,part", *rows]) + "\n", encoding="utf-8")
    options = {"id": "id", "time": "t", "target": "y1", "split_by": "column:part", "task": "regression"}
    options |= {"hidden": 3, "epochs": 1, "dtype": "float64", "shuffle": False}
    in_blocks = trained_in_blocks(str(path), options, blocks_of(100))
    assert_same_run(rnnfast.train(str(path), **options), in_blocks)
