"""Cells of tables on disk mean what they mean in memory: labels, dates, types, bad ones."""

import numpy as np
import pandas as pd
import pytest
from ids import cases
from stored_tables import OPTIONS, assert_same, predicting, request, stored, table

import rnnfast.data.sequences.stored
from rnnfast.data import read_table
from rnnfast.data.reading.disk import make_store
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sources.batches import open_files, single_precision
from rnnfast.errors import DataError

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.mark.parametrize(
    "labels",
    [("a", "b"), (0, 1), (3, 8), (0.5, 2.25), (1, "b"), tuple(range(2000))],
    ids=["texts", "bits", "whole numbers", "fractions", "number and text", "thousands of numbers"],
)
@pytest.mark.usefixtures("small_batches")
def test_labels_mean_what_they_mean_in_memory(labels, tmp_path):
    frame = table([f"k{k // 4}" for k in range(80)], list(range(80)), labels=labels)
    assert_same(stored(frame, tmp_path), read_table(tmp_path / "table.csv", **OPTIONS))


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.usefixtures("small_batches")
def test_the_last_step_is_predicted_where_a_sequence_has_one_label(constant, tmp_path):
    frame = table([f"k{k // 4}" for k in range(80)], list(range(80)))
    frame["y"] = [f"c{k // 4 % 3}" for k in range(80)]
    if not constant:
        frame.loc[70, "y"] = "c9"
    store = stored(frame, tmp_path)
    assert predicting(store).schema.predict == ("last" if constant else "every")
    assert_same(store, read_table(tmp_path / "table.csv", **OPTIONS))


@pytest.mark.usefixtures("small_batches")
def test_parquet_in_single_precision_takes_half_the_room(tmp_path):
    pytest.importorskip("pyarrow")
    frame = table(np.repeat(np.arange(20), 4), list(range(80)), labels=(0, 1))
    frame = frame.astype({"x1": np.float32, "x2": np.int16, "y": np.int8})
    store = stored(frame, tmp_path, "table.parquet")
    source = open_files([str(tmp_path / "table.parquet")])[0]
    assert single_precision(source, ("x1", "x2"))
    assert not single_precision(source, ("t",))
    assert store.read(0, 1).x.dtype == np.float32
    data, memory = store.read(0, store.sequences), read_table(frame, **OPTIONS)
    np.testing.assert_array_equal(data.x, memory.x)
    np.testing.assert_array_equal(data.y, memory.y)
    assert data.ids.tolist() == memory.ids.tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    cases(
        {
            "text": ({"x1": "abc"}, r"line 52, column 'x1': 'abc' is not a number"),
            "empty cell": ({"x1": ""}, r"line 52, column 'x1': the cell is empty"),
            "infinite": ({"x1": "inf"}, r"line 52, column 'x1': 'inf' is infinite"),
            "empty id": ({"id": ""}, r"line 52, column 'id': the id is empty"),
            "no time": ({"t": "noon"}, r"line 52, column 't': 'noon' is neither a number nor a date"),
        }
    ),
)
@pytest.mark.usefixtures("small_batches")
def test_bad_cells_are_named_as_in_memory(change, message, tmp_path):
    frame = table([f"k{k // 4}" for k in range(80)], list(range(80))).astype(object)
    for name, value in change.items():
        frame.loc[50, name] = value
    with pytest.raises(DataError, match=message):
        stored(frame, tmp_path)
    assert not (tmp_path / "stores").exists() or not list((tmp_path / "stores").iterdir())


COMPACT = [f"202401{1 + k:02}" for k in range(30)]  # dates that look like numbers
DATES = [f"2023-12-{1 + k:02}" for k in range(30)]


@pytest.mark.parametrize("times", cases({"numbers first": COMPACT + DATES, "dates first": DATES + COMPACT}))
@pytest.mark.usefixtures("small_batches")
def test_dates_that_look_like_numbers_are_dates_where_others_are(times, tmp_path):
    frame = table([f"k{k % 2}" for k in range(60)], times)
    assert_same(stored(frame, tmp_path), read_table(tmp_path / "table.csv", **OPTIONS))


@pytest.mark.parametrize(
    "times", cases({"steps, then dates": list(range(20)) + DATES, "mostly numbers": COMPACT + DATES[:20]})
)
@pytest.mark.parametrize("files", [1, 2], ids=["one file", "two files"])
@pytest.mark.usefixtures("small_batches")
def test_numbers_and_dates_in_one_column_are_refused_as_in_memory(times, files, tmp_path):
    frame = table([f"k{k % 2}" for k in range(50)], times)
    border = 50 if files == 1 else times.index(DATES[0])
    paths = [str(tmp_path / name) for name in ("a.csv", "b.csv")[:files]]
    for path, rows in zip(paths, (frame[:border], frame[border:]), strict=False):
        rows.to_csv(path, index=False)
    message = r"line \d+, column 't': '.*' is neither a number nor a date"
    with pytest.raises(DataError, match=message):
        read_table(paths, **OPTIONS)
    with pytest.raises(DataError, match=message):
        make_store(open_files(paths), request(), Budget(10**9), tmp_path / "store")


@pytest.mark.parametrize(
    ("name", "cell", "options"),
    cases(
        {
            "text": ("x1", "abc", {"features": ("x1",)}),
            "empty": ("x1", "", {"features": ("x1",)}),
            "weight": ("x2", "-1", {"features": ("x1",), "weight": "x2"}),
            "part": ("x2", "north", {"features": ("x1",), "split_by": "column:x2"}),
        }
    ),
)
@pytest.mark.usefixtures("small_batches")
def test_bad_cells_of_later_batches_are_not_counted(name, cell, options, tmp_path):
    frame = table([f"k{k // 4}" for k in range(80)], list(range(80))).assign(x2="train" if "split_by" in options else 1)
    frame = frame.astype({name: object})
    frame.loc[50:70, name] = cell
    with pytest.raises(DataError, match=rf"line 52, column '{name}': .*\(and more such cells\)"):
        stored(frame, tmp_path, **options)
    with pytest.raises(DataError, match=rf"line 52, column '{name}': .*\(and 20 more such cells\)"):
        read_table(tmp_path / "table.csv", **OPTIONS, **options)


@pytest.mark.usefixtures("small_batches")
def test_a_third_value_of_a_binary_target(tmp_path):
    frame = table([f"k{k // 4}" for k in range(80)], list(range(80)), labels=(0, 1))
    frame.loc[50, "y"] = 2
    with pytest.raises(DataError, match=r"line 52, column 'y': '2' is a third value after '0' and '1'"):
        stored(frame, tmp_path, task="binary")


@pytest.mark.parametrize(
    "options", cases({"every step": {}, "ahead": {"horizon": 2}, "last step": {"predict": "last"}})
)
@pytest.mark.usefixtures("small_batches")
def test_the_range_of_a_quantity_is_that_of_memory(options, tmp_path, monkeypatch):
    frame = table([f"k{k // 4}" for k in range(80)], list(range(80)), labels=(0.5, 1.25, 2.0, 7.0))
    frame.loc[::5, "y"] = np.nan
    store = stored(frame, tmp_path, task="regression", **options)
    monkeypatch.setattr(rnnfast.data.sequences.stored, "LABEL_BYTES", 160)
    store = predicting(store)
    assert len(list(store.blocks(("y",)))) > 2
    assert store.range == pytest.approx(
        read_table(tmp_path / "table.csv", task="regression", **OPTIONS, **options).range
    )


def test_classes_have_no_range(tmp_path):
    assert stored(table([f"k{k // 4}" for k in range(80)], list(range(80))), tmp_path).range is None


@pytest.mark.parametrize("change", ["categories", "dates", "texts"])
@pytest.mark.usefixtures("small_batches")
def test_types_of_parquet(change, tmp_path):
    pytest.importorskip("pyarrow")
    frame = table([f"k{k % 6}" for k in range(60)], list(range(60)))
    if change == "categories":
        frame["id"] = frame["id"].astype("category")
    elif change == "dates":
        frame["t"] = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(frame["t"].to_numpy()[::-1], unit="us")
    else:
        frame["t"] = frame["t"].map("{:05}".format)
    store, memory = stored(frame, tmp_path, "table.parquet"), read_table(frame, **OPTIONS)
    data = store.read(0, store.sequences)
    np.testing.assert_array_equal(data.x, memory.x)
    np.testing.assert_array_equal(data.row, memory.row)
    assert data.ids.tolist() == memory.ids.tolist()
