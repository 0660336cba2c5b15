"""Reading tables: formats, recognised layouts, columns, targets and schemas."""

import gzip
import hashlib
import io
import json
import pickle
import sys

import numpy as np
import pandas as pd
import pytest
from counting import lines_executed
from datasets import dataset
from ids import cases

from rnnfast.data import Schema, read_table
from rnnfast.errors import ModelError, UsageError

ORIGINAL = "name,t,x1,x2,y1\nA,0,1,2,0\nB,0,3,4,1\nA,1,5,6,1\nB,1,7,8,0\n"
CARD = "Time,V1,V2,Amount,Class\n" + "".join(f"{i},{i}.5,{-i},10,{i % 2}\n" for i in range(25))


def table(tmp_path, content, name="table.csv", **options):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(path, **options)


def test_original_layout(tmp_path):
    data = table(tmp_path, ORIGINAL)
    assert data.schema == Schema(
        id="name",
        time="t",
        features=("x1", "x2"),
        targets=("y1",),
        task="binary",
        classes=(0, 1),
        predict="every",
        layout="original",
    )
    np.testing.assert_array_equal(data.x, [[1, 2], [5, 6], [3, 4], [7, 8]])
    np.testing.assert_array_equal(data.y[:, 0], [0, 1, 1, 0])
    np.testing.assert_array_equal(data.row, [0, 2, 1, 3])
    np.testing.assert_array_equal(data.offsets, [0, 2, 4])
    assert data.ids.tolist() == ["A", "B"]
    assert data.time.tolist() == ["0", "1", "0", "1"]
    assert "layout name,t,x..,y.." in data.notes[0]


VARIANTS = {
    "id for name": ORIGINAL.replace("name", "id").encode(),
    "quoted header": ORIGINAL.replace("name,t,x1", '"name"," t ","x1"').encode(),
    "spaces": ORIGINAL.replace("name,t,x1,x2,y1", " name , t, x1,x2 ,y1 ").encode(),
    "byte order mark": b"\xef\xbb\xbf" + ORIGINAL.encode(),
    "CRLF": ORIGINAL.replace("\n", "\r\n").encode(),
    "blank lines": (ORIGINAL + "\n\r\n\n").encode(),
    "no last line end": ORIGINAL.rstrip().encode(),
    "commas at the line ends": ORIGINAL.replace("\n", ",\n").encode(),
    "spaced numbers": ORIGINAL.replace("3,4", " 3 , 4 ").encode(),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_of_the_format(tmp_path, variant, packed):
    expected = table(tmp_path, ORIGINAL)
    content = gzip.compress(VARIANTS[variant]) if packed else VARIANTS[variant]
    data = table(tmp_path, content, "variant.csv.gz" if packed else "variant.csv")
    np.testing.assert_array_equal(data.x, expected.x)
    np.testing.assert_array_equal(data.y, expected.y)
    assert data.ids.tolist() == ["A", "B"]
    assert data.schema.layout == "original"
    assert data.digest == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz", "t.csv"])
def test_tabs(tmp_path, name):
    content = ORIGINAL.replace(",", "\t").encode()
    data = table(tmp_path, gzip.compress(content) if name.endswith("gz") else content, name)
    np.testing.assert_array_equal(data.x, table(tmp_path, ORIGINAL).x)


def test_standard_input(tmp_path, monkeypatch):
    expected = table(tmp_path, ORIGINAL)
    for content in (ORIGINAL.encode(), gzip.compress(ORIGINAL.encode())):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        data = read_table("-")
        np.testing.assert_array_equal(data.x, expected.x)
        assert data.source == ("<stdin>",)
        assert data.digest == hashlib.sha256(content).hexdigest()
    with pytest.raises(UsageError, match="given twice"):
        read_table(["-", "-"])


def test_several_files_are_one_table(tmp_path):
    first, second = "name,t,x1,y1\nA,1,1,0\nB,0,2,1\n", "name,t,y1,x1\nA,0,1,3\nC,0,0,4\n"
    (tmp_path / "1.csv").write_text(first)
    (tmp_path / "2.csv").write_text(second)
    data = read_table([tmp_path / "1.csv", str(tmp_path / "2.csv")])
    assert data.ids.tolist() == ["A", "B", "C"]
    np.testing.assert_array_equal(data.x[:, 0], [3, 1, 2, 4])
    np.testing.assert_array_equal(data.row, [2, 0, 1, 3])
    assert data.digest == hashlib.sha256((first + second).encode()).hexdigest()
    assert data.source == (str(tmp_path / "1.csv"), str(tmp_path / "2.csv"))


def test_frame_reads_like_its_file(tmp_path):
    expected = table(tmp_path, ORIGINAL)
    frame = pd.read_csv(io.StringIO(ORIGINAL))
    data = read_table(frame.set_index(np.array([9, 8, 7, 6])))
    np.testing.assert_array_equal(data.x, expected.x)
    assert data.schema == expected.schema
    assert data.source == ("<DataFrame>",)
    assert data.digest == read_table(frame).digest != read_table(frame + frame).digest


def test_frame_with_dates_categories_and_nullable_columns():
    frame = pd.DataFrame(
        {
            "card": pd.Categorical(["b", "a", "b", "a"]),
            "when": pd.to_datetime(["2024-02-01", "2024-01-01", "2023-01-01", "2024-03-01"]),
            "amount": pd.array([1, 2, 3, 4], dtype="Int64"),
            "fraud": [True, False, True, False],
        }
    )
    data = read_table(frame, id="card", time="when", target="fraud")
    np.testing.assert_array_equal(data.x[:, 0], [3, 1, 2, 4])
    assert data.schema.classes == (False, True)
    assert data.schema.features == ("amount",)


def test_x_is_owned_writable_and_contiguous(tmp_path):
    for options in ({}, {"window": 1}, {"ignore": "name,t"}):
        x = table(tmp_path, ORIGINAL, **options).x
        assert x.dtype == np.float64
        assert x.flags.owndata
        assert x.flags.writeable
        assert x.flags.c_contiguous


def test_card_layout(tmp_path):
    data = table(tmp_path, CARD)
    assert data.schema.layout == "card"
    assert data.schema.features == ("V1", "V2", "Amount")
    assert data.schema.targets == ("Class",)
    assert (data.schema.id, data.schema.time, data.schema.window, data.schema.stride) == (None, None, 10, 10)
    assert data.lengths.tolist() == [10, 10, 5]
    assert data.time is None
    assert data.ids.tolist() == ["", "", ""]
    assert any("windows of 10, the default" in note for note in data.notes)
    assert any("left out: Time" in note for note in data.notes)
    assert any("same value in every row" in note and "Amount" in note for note in data.notes)


def test_options_win_over_recognition(tmp_path):
    data = table(tmp_path, CARD, features="Amount,Time", window=5)
    assert data.schema.features == ("Amount", "Time")
    assert data.lengths.tolist() == [5] * 5
    assert not any("default" in note for note in data.notes)
    assert table(tmp_path, CARD, target="V1", task="regression").schema.features == ("V2", "Amount")
    data = table(tmp_path, ORIGINAL, ignore="t", time=None)
    assert data.schema.time is None
    assert table(tmp_path, ORIGINAL, ignore="x2").schema.features == ("x1",)
    assert table(tmp_path, ORIGINAL, id="t", time="x1", features="x2").schema.id == "t"


def test_extra_columns_named_by_options_leave_the_layout(tmp_path):
    content = "name,t,x1,y1,comment\nA,0,1,0,new\nA,1,2,1,old\n"
    assert table(tmp_path, content, ignore="comment").schema.layout == "original"


def test_several_regression_targets(tmp_path):
    data = table(tmp_path, "name,t,x1,y1,y2\nA,0,1,0.5,7\nA,1,2,,8.5\nA,2,2,3,9\n")
    assert data.schema.targets == ("y1", "y2")
    assert data.schema.task == "regression"
    assert data.labelled.tolist() == [True, False, True]
    assert any("1 rows lack some of the targets" in note for note in data.notes)


@pytest.mark.parametrize(
    ("cells", "classes", "labels"),
    cases(
        {
            "bits": ("0 1 0", (0, 1), [0, 1, 0]),
            "signs": ("1 -1 -1", (-1, 1), [1, 0, 0]),
            "floats": ("1.0 2.0 1.0", (1, 2), [0, 1, 0]),
            "texts": ("yes no yes", ("no", "yes"), [1, 0, 1]),
            "booleans": ("True False True", (False, True), [1, 0, 1]),
            "number and text": ("01 x 01", ("01", "x"), [0, 1, 0]),
            "text None": ("None Fraud None", ("None", "Fraud"), [0, 1, 0]),
        }
    ),
)
def test_binary_targets(tmp_path, cells, classes, labels):
    values = cells.split()
    content = "a,y\n1,NA\n" + "".join(f"{i},{value}\n" for i, value in enumerate(values))
    data = table(tmp_path, content, target="y")
    assert data.schema.task == "binary"
    assert data.schema.classes == classes
    assert [type(value) for value in data.schema.classes] == [type(value) for value in classes]
    np.testing.assert_array_equal(data.y[:, 0], [np.nan, *labels])
    assert data.labelled.tolist() == [False, True, True, True]
    # a later table may hold one class only, and then look different to the parser
    (tmp_path / "later.csv").write_text(f"a,y\n1,{values[0]}\n2,NA\n")
    later = read_table(tmp_path / "later.csv", schema=Schema.from_json(json.loads(json.dumps(data.schema.to_json()))))
    np.testing.assert_array_equal(later.y[:, 0], [labels[0], np.nan])


def test_two_values_that_are_not_whole_are_a_quantity(tmp_path):
    assert table(tmp_path, "a,y\n1,0.5\n2,1\n", target="y").schema.task == "regression"
    assert table(tmp_path, "a,y\n1,0.5\n2,1\n", target="y", task="binary").schema.classes == (0.5, 1)
    assert table(tmp_path, "a,y\n1,0\n2,1\n", target="y", task="regression").schema.classes == ()


def test_text_and_empty_columns_are_left_out_and_named(tmp_path):
    data = table(tmp_path, "a,shop,blank,flag,y\n1,north,,True,0\n2,south,,False,1\n", target="y")
    assert data.schema.features == ("a", "flag")
    np.testing.assert_array_equal(data.x, [[1, 1], [2, 0]])
    assert any("text" in note and "shop" in note for note in data.notes)
    assert any("empty" in note and "blank" in note for note in data.notes)


def test_nameless_column_is_left_out(tmp_path):
    data = table(tmp_path, '"",a,y\n1,5,0\n2,6,1\n', target="y")
    assert data.schema.features == ("a",)
    assert "left out: column 1" in data.notes


def test_patterns_choose_features(tmp_path):
    content = "s1,s2,temp[C],s10,y\n1,2,3,4,0\n5,6,7,8,1\n"
    assert table(tmp_path, content, target="y", features="s*").schema.features == ("s1", "s2", "s10")
    assert table(tmp_path, content, target="y", features=["s10", "s?"]).schema.features == ("s10", "s1", "s2")
    assert table(tmp_path, content, target="y", features="s*", ignore="s2").schema.features == ("s1", "s10")
    assert table(tmp_path, content, target="y", features="temp[C]").schema.features == ("temp[C]",)


def test_ids_and_times_keep_their_text(tmp_path):
    content = "id,t,a,y\n007,1.50,1,0\nNA,2,2,1\n7,01,3,1\n 7,1,4,0\n007,0.5,5,1\n"
    data = table(tmp_path, content, target="y")
    assert data.ids.tolist() == ["007", "NA", "7", " 7"]
    assert data.time.tolist() == ["0.5", "1.50", "2", "01", "1"]


def test_column_called_id_is_no_feature(tmp_path):
    data = table(tmp_path, "id,a,T,y\n1,5,3,0\n2,6,4,1\n", target="y")
    assert data.schema.id == "id"
    assert data.schema.time is None
    assert any("every row has its own 'id'" in note for note in data.notes)
    assert table(tmp_path, "id,a,y\n1,5,0\n2,6,1\n", target="y", ignore="id").schema.id is None


def test_t_without_an_id_does_not_order_rows(tmp_path):
    data = table(tmp_path, "t,y\n9,0\n2,1\n", target="y")
    assert data.schema.time is None
    assert data.schema.features == ("t",)


def test_schema_survives_json(tmp_path):
    for options in ({}, {"window": 2, "stride": 1}, {"ignore": "name"}):
        schema = table(tmp_path, ORIGINAL, **options).schema
        assert Schema.from_json(json.loads(json.dumps(schema.to_json()))) == schema
    for damaged in ({}, {**schema.to_json(), "predict": "never"}, {**schema.to_json(), "features": 3}):
        with pytest.raises(ModelError, match="damaged"):
            Schema.from_json(damaged)


def test_columns_are_found_by_name_after_a_schema(tmp_path):
    schema = table(tmp_path, ORIGINAL).schema
    content = "extra,y1,x2,t,x1,name\nfoo,1,6,0,5,Z\n,0,8,1,7,Z\n"
    data = table(tmp_path, content, "new.csv", schema=schema)
    np.testing.assert_array_equal(data.x, [[5, 6], [7, 8]])
    np.testing.assert_array_equal(data.y[:, 0], [1, 0])
    assert data.schema == schema


def test_target_may_be_missing_or_odd_where_it_is_not_required(tmp_path):
    schema = table(tmp_path, ORIGINAL).schema
    data = table(tmp_path, "name,t,x1,x2\nA,0,1,2\n", schema=schema, require_target=False)
    assert data.y.shape == (1, 0)
    assert not data.labelled.any()
    data = table(tmp_path, "name,t,x1,x2,y1\nA,0,1,2,1\n", schema=schema, require_target=False)
    assert data.y.tolist() == [[1.0]]
    data = table(tmp_path, "name,t,x1,x2,y1\nA,0,1,2,so-so\n", schema=schema, require_target=False)
    assert data.y.shape == (1, 0)
    assert "line 2, column 'y1': 'so-so'" in data.notes[0]
    data = table(tmp_path, "a,b\n1,2\n3,4\n", require_target=False)
    assert (data.schema.features, data.schema.targets, data.schema.task) == (("a", "b"), (), "")


def test_digest_is_a_text_that_can_be_copied(tmp_path):
    data = pickle.loads(pickle.dumps(table(tmp_path, ORIGINAL)))
    assert data.digest == data.take([0]).digest == hashlib.sha256(ORIGINAL.encode()).hexdigest()


def test_real_tables():
    data = read_table(dataset("creditcard/creditcard_part_first36h.csv.gz"))
    assert (data.rows, data.sequences, len(data.schema.features)) == (28_148, 2_815, 29)
    assert int(data.y.sum()) == 359
    assert data.schema.predict == "every"
    data = read_table(dataset("fsdd_mfcc/fsdd_mfcc13.csv.gz"), target="digit", ignore="take")
    assert (data.sequences, data.lengths.min(), data.lengths.max()) == (3_000, 7, 141)
    assert data.schema.predict == "last"


def test_no_line_is_executed_for_each_row(tmp_path):
    def lines(rows):
        values = np.random.default_rng(0).normal(size=(rows, 5))
        frame = pd.DataFrame(values, columns=[f"c{i}" for i in range(5)]).assign(y=np.arange(rows) % 2)
        frame.to_csv(tmp_path / f"{rows}.csv", index=False)
        return lines_executed(lambda: read_table(tmp_path / f"{rows}.csv", target="y", cache=False))

    # The first rows are looked at one by one, to tell the separator and the kinds of columns.
    assert lines(20_000) < lines(10_000) + 1000
