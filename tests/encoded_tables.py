"""Small tables for tests of what becomes of columns."""

import numpy as np

from rnnfast.config.sections import DataConfig
from rnnfast.data import Encoder, Schema, SequenceData, read_table

TABLE = """id,t,shop,a,b,y
A,0,north,1,10,0
A,1,,2,,1
A,2,south,,30,0
B,0,north,4,,1
B,1,north,5,50,0
B,2, east ,,60,1
"""


def write(tmp_path, content, name="table.csv"):
    (tmp_path / name).write_text(content)
    return tmp_path / name


def read(tmp_path, content=TABLE, **options):
    return read_table(write(tmp_path, content), **{"target": "y", **options})


def fit(data, **options):
    return Encoder.fit([data], DataConfig(scale=("none",), **options))


def made(x, lengths=None, categories=None, predict="every", y=None, columns=None, **schema):
    """Sequences of numbers, without a file."""
    x = np.asarray(x, dtype=np.float64)
    lengths = np.array([len(x)] if lengths is None else lengths)
    names = columns or tuple(f"x{j + 1}" for j in range(x.shape[1]))
    schema = Schema(
        "id", None, names, ("y",), "regression", predict=predict, categorical=tuple(categories or ()), **schema
    )
    return SequenceData(
        x=x, y=np.zeros((len(x), 1)) if y is None else np.asarray(y, float).reshape(-1, 1),
        offsets=np.concatenate(([0], np.cumsum(lengths))), ids=np.array(["s"] * len(lengths), object),
        row=np.arange(len(x)), time=None, schema=schema, source=("made",), digest="", categories=categories or {},
    )  # fmt: skip
