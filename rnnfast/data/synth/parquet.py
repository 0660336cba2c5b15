"""Synthetic tables as Parquet files of any size: row groups made and written one after the other.

A table of one row group holds the rows of the CSV file of the same seed; each further group has a random stream of its
own, so that memory is bounded. Numbers with digits are float32, the running ones int64, all others int8.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.errors import UsageError
from rnnfast.writing import replacing

Column = tuple[str, NDArray[Any], str]  # header, values (rows,), printf format of a value
Maker = Callable[[np.random.PCG64, int, int], list[Column]]

GROUP_ROWS = 1 << 18  # of a row group
CASES = 4  # sequences of a group are a multiple: rules that take turns (xor) do not start anew
RUNNING = ("name", "t", "Time")  # columns that grow with the table


def write_parquet(columns: Maker, target: Path, sequences: int, steps: int, seed: int) -> None:
    """Write a table of so many sequences; columns: makes those of a group.

    Raises UsageError without pyarrow, RnnfastError where the file cannot be written.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UsageError(f"{target}: writing Parquet needs pyarrow; pip install pyarrow, or name a .csv file") from None
    size = max(GROUP_ROWS // steps // CASES, 1) * CASES
    with replacing(target) as file:
        writer, before = None, 0
        for group, first in enumerate(range(0, sequences, size)):
            bits = np.random.PCG64([seed, group] if group else seed)
            data = columns(bits, min(size, sequences - first), steps)
            table, before = _table(pyarrow, data, steps, first, before)
            if writer is None:
                repeating = [name for name in table.column_names if name in RUNNING]
                writer = parquet.ParquetWriter(
                    file,
                    table.schema,
                    use_dictionary=repeating,
                    compression={name: "snappy" if name in repeating else "none" for name in table.column_names},
                )
            writer.write_table(table)
        assert writer is not None
        writer.close()


def _table(pyarrow: Any, data: list[Column], steps: int, first: int, before: int) -> tuple[Any, int]:
    """Arrays of a group whose first sequence has the number `first`, and the last second so far."""
    arrays: dict[str, Any] = {}
    for header, values, form in data:
        name = header.strip('"')
        if name == "name":
            numbers = values + first
            arrays[name] = pyarrow.array(numbers)
            if form != "%d":  # a text: each is made once
                texts = pyarrow.array([form % number for number in numbers[::steps].tolist()])
                places = pyarrow.array(np.repeat(np.arange(len(texts), dtype=np.int32), steps))
                arrays[name] = pyarrow.DictionaryArray.from_arrays(places, texts).cast(pyarrow.string())
        elif name == "Time":
            arrays[name] = pyarrow.array(values + before)
            before += int(values[-1])
        elif form == "%s":
            numbers = np.array([float(text) if text else np.nan for text in values.tolist()], np.float32)
            arrays[name] = pyarrow.array(numbers, mask=np.isnan(numbers))
        elif name in RUNNING or values.dtype == np.float32:
            arrays[name] = pyarrow.array(values)
        else:
            arrays[name] = pyarrow.array(values.astype(np.float32 if "f" in form else np.int8))
    return pyarrow.table(arrays), before
