"""Tables and their stores on disk, in many small pieces."""

import numpy as np
import pandas as pd

from rnnfast.config.resolve import Config
from rnnfast.data.reading.disk import make_store
from rnnfast.data.reading.request import Request
from rnnfast.data.sequences.budget import Budget, Phases
from rnnfast.data.sequences.stored import StoredSequences
from rnnfast.data.sources.batches import open_files

OPTIONS = {"id": "id", "time": "t", "target": ("y",)}
SMALL_BUCKETS = Budget(10**9, phases=Phases(batch=10**6, bucket=500, block=10**6, sample=10**6))


def stored(frame, directory, name="table.csv", **options):
    """Write a table and make its store."""
    path = directory / name
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, index=False)
    place = directory / "stores" / name
    make_store(open_files([str(path)]), request(**options), SMALL_BUCKETS, place)
    return StoredSequences.open(place, SMALL_BUCKETS, open_files([str(path)]))


def request(**options):
    """What is asked of a table."""
    return Request(Config().with_values({**OPTIONS, **options}, "test").data)


def predicting(table):
    """The sequences once their labels decided which steps are predicted."""
    return table.predicting(table.rule()) if table.auto_predict else table


def table(ids, times, seed=0, labels=("a", "b", "c")):
    random = np.random.default_rng(seed)
    rows = len(ids)
    return pd.DataFrame(
        {
            "id": ids,
            "t": times,
            "x1": random.normal(size=rows),
            "x2": random.integers(0, 9, rows),
            "y": [labels[k] for k in np.concatenate(([0, 1], random.integers(0, len(labels), rows)))[:rows]],
        }
    )


def assert_same(store, memory, exact=True):
    store = predicting(store)
    data = store.read(0, store.sequences)
    assert store.schema == memory.schema
    assert store.digest == memory.digest
    assert store.notes == memory.notes
    np.testing.assert_array_equal(data.x, memory.x if exact else memory.x.astype(np.float32))
    np.testing.assert_array_equal(data.y, memory.y)
    np.testing.assert_array_equal(data.offsets, memory.offsets)
    np.testing.assert_array_equal(data.row, memory.row)
    assert data.ids.tolist() == memory.ids.tolist()
