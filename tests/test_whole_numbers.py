"""Whole numbers of tables with types keep their digits beside empty cells: as categories, quantities and texts."""

import json
import sqlite3

import numpy as np
import pandas as pd
import pytest
from ids import cases

from rnnfast import read_table
from rnnfast.config.resolve import Config
from rnnfast.data.reading.carried import Carried
from rnnfast.data.reading.request import Request
from rnnfast.data.reading.stores import stored_table
from rnnfast.data.sequences.budget import Budget, Phases
from rnnfast.data.sources.opening import open_sources
from rnnfast.data.sources.options import FileOptions
from rnnfast.errors import DataError

EXACT = 2**53  # beyond it float64 has even numbers only
CODES = [EXACT, EXACT + 1, None, EXACT, EXACT + 1, -EXACT - 1]
PLANS = [3, None, 1, 1, 3, 2]
ROWS = [
    {"id": 7 + row // 3, "t": row, "code": code, "plan": plan, "y": row / 10}
    for row, (code, plan) in enumerate(zip(CODES, PLANS, strict=True))
]
BLOCKS = Budget(10**9, phases=Phases(batch=10**5, bucket=10**4, block=1000, sample=10**7))


def typed():
    frame = pd.DataFrame(ROWS)
    return frame.assign(code=pd.array(CODES, dtype="Int64"), plan=pd.array(PLANS, dtype="Int64"))


def json_lines(path):
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))


def database(path):
    with sqlite3.connect(path) as connection:
        connection.execute("create table f (id integer, t integer, code integer, plan integer, y real)")
        connection.executemany("insert into f values (:id, :t, :code, :plan, :y)", ROWS)
    connection.close()


FORMS = cases(
    {
        "JSON lines": (json_lines,),
        "Parquet": (lambda path: typed().to_parquet(path),),
        "Feather": (lambda path: typed().to_feather(path),),
        "database": (database,),
    }
)


def written(tmp_path, write):
    """Write the rows; return the name of the table and the options that read it."""
    write(tmp_path / "table")
    if write is database:
        return f"sqlite:///{tmp_path / 'table'}", {"query": "select * from f"}
    return str(tmp_path / "table"), {}


@pytest.mark.parametrize("write", FORMS)
def test_their_texts_are_those_of_the_table(tmp_path, write):
    name, options = written(tmp_path, write)
    with Carried(open_sources(name, FileOptions(**options)), ("code", "plan")) as carried:
        texts = carried.texts(np.arange(len(ROWS)))
        assert carried.kinds == {"code": "integer", "plan": "integer"}
    for column, values in (("code", CODES), ("plan", PLANS)):
        assert texts[column] == ["" if value is None else str(value) for value in values]


@pytest.mark.parametrize("write", FORMS)
def test_categories_stay_apart(tmp_path, write):
    name, options = written(tmp_path, write)
    chosen = {"target": "y", "features": "code,plan", "categorical": "code", "missing": "zero", "cache": False}
    data = read_table(name, **chosen, **options)
    assert set(data.categories["code"]) == {str(code) for code in CODES if code is not None}
    assert [data.categories["code"][int(k)] for k in data.x[[0, 1, 3, 4, 5], 0]] == [str(c) for c in CODES if c]
    np.testing.assert_array_equal(data.x[:, 1], [3, np.nan, 1, 1, 3, 2])
    assert data.ids.tolist() == ["7", "8"]
    if write is not database:  # whose rows are read at once
        request = Request(Config().with_values(chosen, "test").data)
        with stored_table([name], request, BLOCKS) as stored:
            (block,) = stored.blocks()
        assert set(block.categories["code"]) == set(data.categories["code"])
        np.testing.assert_array_equal(block.x[:, 1], data.x[:, 1])


def test_batches_of_whole_numbers_fractions_and_nothing_are_one_column(tmp_path, monkeypatch):
    monkeypatch.setattr("rnnfast.data.sources.typedfile.ROWS", 2)
    cells = [1, None, 2.5, 3, None, None]
    path = tmp_path / "table.jsonl"
    path.write_text("".join(json.dumps({"x": cell, "y": 1.5 * t}) + "\n" for t, cell in enumerate(cells)))
    data = read_table(path, target="y", features="x", window=3, missing="zero", cache=False)
    np.testing.assert_array_equal(data.x[:, 0], [1, np.nan, 2.5, 3, np.nan, np.nan])


@pytest.mark.parametrize("column", ["id", "t"])
def test_an_empty_cell_of_an_id_or_a_time_is_refused_in_blocks_as_in_memory(tmp_path, column):
    path = tmp_path / "table.parquet"
    typed().assign(**{column: pd.array([1, 2, None, 4, 5, 6], dtype="Int64")}).to_parquet(path)
    options = {"target": "y", "features": "plan", "id": "id", "time": "t", "missing": "zero", "cache": False}
    with pytest.raises(DataError, match=f"row 2, column '{column}'") as memory:
        read_table(path, **options)
    request = Request(Config().with_values(options, "test").data)
    with pytest.raises(DataError) as blocks, stored_table([str(path)], request, BLOCKS):
        pass
    assert str(memory.value) == str(blocks.value)
