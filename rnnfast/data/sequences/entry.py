"""Sequences as a directory of plain .npy files and one JSON: no pickle, and large arrays are mapped, not read.

Each field of the dataclass is stored by what it is, so that a new field of these kinds needs nothing here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnfast.data.columns.schema import Schema
from rnnfast.data.sequences.context import Surroundings
from rnnfast.data.sequences.data import SequenceData
from rnnfast.data.sources.origin import Origin
from rnnfast.data.sources.texts import Texts

LEAST_MAPPED = 1 << 20  # bytes of an array from which mapping it is quicker than reading it
INDEX = "table.json"
# Kinds of Python objects in an array that have an exact NumPy type.
TYPED = {"integer": np.int64, "floating": np.float64, "boolean": np.bool_}


def write(data: SequenceData, directory: Path) -> None:
    """Write all fields, of `origin` the starts alone, into an existing, empty directory.

    Raises ValueError for what has no plain form, such as dates as Python objects; OSError as writing does.
    """
    index = {field.name: _packed(getattr(data, field.name), field.name, directory) for field in fields(data)}
    (directory / INDEX).write_text(json.dumps(index), encoding="utf-8")


def read(directory: Path) -> SequenceData:
    """Read what `write` wrote; arrays may be changed, which does not change the files.

    Raises OSError, ValueError, KeyError or TypeError for what is damaged, incomplete or of other fields.
    """
    index = json.loads((directory / INDEX).read_text(encoding="utf-8"))
    names = {field.name for field in fields(SequenceData)}
    if index.keys() != names:
        raise ValueError(f"fields {sorted(index.keys() ^ names)}")
    return SequenceData(**{name: _unpacked(packed, directory) for name, packed in index.items()})


def _packed(value: Any, name: str, directory: Path) -> dict[str, Any]:
    """Return a value as JSON, its arrays being written to files."""
    if isinstance(value, np.ndarray):
        return _packed_objects(value, name, directory) if value.dtype == object else _save(value, name, directory)
    if isinstance(value, Texts):
        return {"cells": _packed_objects(np.asarray(value), name, directory)}
    if value is None or isinstance(value, (str, bool, int)):
        return {"value": value}
    if isinstance(value, Origin):
        return {"starts": value.starts}  # its sources are those that are read now
    if isinstance(value, Surroundings):
        return {"around": [_packed(item, f"{name}-{j}", directory) for j, item in enumerate(value)]}
    if isinstance(value, Schema):
        return {"schema": value.to_json()}
    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        return {"tuple": list(value)}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {
            "mapping": [[key, _packed(item, f"{name}-{j}", directory)] for j, (key, item) in enumerate(value.items())]
        }
    raise ValueError(f"{name}: {type(value).__name__} has no plain form")


def _packed_objects(value: NDArray[Any], name: str, directory: Path) -> dict[str, Any]:
    """Store an array of texts as their UTF-8 with offsets, each different text once; or of numbers as such."""
    kind = pd.api.types.infer_dtype(value, skipna=False)
    if kind in TYPED:
        return {"objects": _save(value.astype(TYPED[kind]), name, directory)}
    if kind not in ("string", "empty"):
        raise ValueError(f"{name}: objects of kind {kind} have no plain form")
    codes, texts = pd.factorize(value)
    content = np.frombuffer("".join(texts).encode(), dtype=np.uint8)
    stops = np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)))
    parts: dict[str, NDArray[Any]] = {"codes": codes, "text": content, "stops": stops}
    return {"texts": {part: _save(array, f"{name}-{part}", directory) for part, array in parts.items()}}


def _save(array: NDArray[Any], name: str, directory: Path) -> dict[str, Any]:
    path = directory / f"{name}.npy"
    np.save(path, array, allow_pickle=False)
    return {"file": path.name, "shape": list(array.shape), "dtype": array.dtype.str, "sum": checksum(array)}


def _unpacked(packed: dict[str, Any], directory: Path) -> Any:
    if "file" in packed:
        return _load(packed, directory)
    if "cells" in packed:
        return Texts(_unpacked(packed["cells"], directory))
    if "objects" in packed:
        return _load(packed["objects"], directory).astype(object)
    if "texts" in packed:
        codes, content, stops = (_load(packed["texts"][part], directory) for part in ("codes", "text", "stops"))
        text, ends = content.tobytes().decode(), stops.tolist()
        texts = np.array([text[start:stop] for start, stop in zip([0, *ends], ends, strict=False)], dtype=object)
        return texts[codes]
    if "starts" in packed:
        return Origin([], packed["starts"])
    if "around" in packed:
        return Surroundings(*(_unpacked(item, directory) for item in packed["around"]))
    if "schema" in packed:
        return Schema.from_json(packed["schema"])
    if "tuple" in packed:
        return tuple(packed["tuple"])
    if "mapping" in packed:
        return {key: _unpacked(item, directory) for key, item in packed["mapping"]}
    return packed["value"]


def _load(packed: dict[str, Any], directory: Path) -> NDArray[Any]:
    """Map or read an array; ValueError where it is not the one that was written."""
    path = directory / Path(packed["file"]).name
    mapped = path.stat().st_size >= LEAST_MAPPED
    array: NDArray[Any] = np.asarray(np.load(path, mmap_mode="c" if mapped else None, allow_pickle=False))
    same = list(array.shape) == packed["shape"] and array.dtype.str == packed["dtype"]
    if not same or checksum(array) != packed["sum"]:
        raise ValueError(f"{path}: damaged")
    return array


def checksum(array: NDArray[Any]) -> int:
    """Sum of the bytes of an array in words of 8; sees what a torn or damaged file does, at the speed of memory."""
    content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    whole = len(content) // 8 * 8
    words = int(content[:whole].view(np.uint64).sum(dtype=np.uint64))
    return words + int.from_bytes(content[whole:].tobytes(), "little")
