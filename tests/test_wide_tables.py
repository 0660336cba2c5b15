"""Tables of very many columns take time in proportion to their number: comparisons of names are counted."""

import numpy as np
import pandas as pd
import pytest

from rnnfast.config.sections import DataConfig
from rnnfast.data import read_table
from rnnfast.data.columns.candidates import MOST_COMPARED, candidates
from rnnfast.data.columns.missing import missing_rules
from rnnfast.data.columns.roles import roles
from rnnfast.data.columns.schema import Schema
from rnnfast.data.encoding.scaling import feature_kinds
from rnnfast.data.sources.source import Source, common_columns, require

COLUMNS = 2000
MOST = 20 * COLUMNS  # comparisons; one of each name with each other would be 4 million


class Name(str):
    """A text that counts how often it is compared."""

    compared = 0

    def __eq__(self, other):
        Name.compared += 1
        return str.__eq__(self, other)

    def __hash__(self):
        return str.__hash__(self)


@pytest.fixture
def names():
    Name.compared = 0
    return tuple(Name(text) for text in ("name", "t", *(f"x{j}" for j in range(COLUMNS)), "y1"))


def fresh(names):
    """Equal names that are other objects, so that they are not the same at a glance."""
    return tuple(Name(name[:]) for name in names)


def schema(names):
    """A schema of many features, half of them categories, with the changes of the others."""
    features = names[2:-1]
    return Schema("name", "t", features, ("y1",), "binary", (0, 1), categorical=fresh(features[::2]), delta=True)


JOBS = {
    "names that must be there": lambda names: require(Source("table.csv", columns=names), fresh(names)),
    "two tables": lambda names: common_columns(
        [Source("1.csv", columns=names), Source("2.csv", columns=fresh(names))], None
    ),
    "roles by layout": lambda names: roles(Source("table.csv", columns=names), DataConfig()),
    "features by name": lambda names: roles(
        Source("table.csv", columns=names), DataConfig(features=fresh(names[2:-1]))
    ),
    "rules for empty cells": lambda names: missing_rules(schema(names), DataConfig(missing=("mean", "x*=zero"))),
    "scalings": lambda names: feature_kinds(schema(names), DataConfig(scale=("zscore", f"{names[3]}=none"))),
    "places of columns": lambda names: [schema(names).place_of[name] for name in names[2:5]],
    "columns left out": lambda names: roles(Source("table.csv", columns=names), DataConfig(ignore=fresh(names[2:-2]))),
}


@pytest.mark.parametrize("job", JOBS.values(), ids=list(JOBS))
def test_comparisons_grow_as_columns_do(names, job):
    job(names)
    assert Name.compared < MOST


def test_a_wide_table_is_read(tmp_path):
    path = tmp_path / "table.csv"
    header = ",".join(["name", "t", *(f"x{j}" for j in range(COLUMNS)), "y1"])
    path.write_text(f"{header}\n" + "".join(f"a,{j},{'1.5,' * COLUMNS}{j % 2}\n" for j in range(3)))
    data = read_table(path)
    assert data.x.shape == (3, COLUMNS)
    assert data.time.tolist() == ["0", "1", "2"]


def test_few_columns_are_compared_with_each_other(monkeypatch):
    compared = []
    monkeypatch.setattr("rnnfast.data.columns.candidates._counts_up", lambda *pair: compared.append(pair))
    runs = np.repeat(np.arange(10), 4)
    candidates(pd.DataFrame({f"c{j}": runs + j for j in range(COLUMNS)}))
    assert 0 < len(compared) <= MOST_COMPARED**2
