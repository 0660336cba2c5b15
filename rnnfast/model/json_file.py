"""A model as one JSON text that people and other programs can read: {"rnnfast": header, "tensors": {name: rows}}.

The header is the one of the model file; a tensor is a list of its rows, with the digits that reproduce its numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.sources.source import short
from rnnfast.diagnose.versions import versions
from rnnfast.errors import ModelError
from rnnfast.model.header import FORMAT_VERSION, KEY, Precision, Version
from rnnfast.records import Record, decode, parsed, shown

JSON_ENDING = ".json"
TENSORS = "tensors"
NESTED: tuple[Any, ...] = (list[float], list[float], list[list[float]], list[list[list[float]]])  # by depth


def to_json(content: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> str:
    """Write the header over several lines and each row of a tensor in one; content: as of `header.write`."""
    header = json.dumps({**content, "versions": versions()}, allow_nan=False, indent=2)
    written = ",\n".join(f"{json.dumps(name)}: {_rows(tensor)}" for name, tensor in tensors.items())
    return f'{{"{KEY}": {header},\n"{TENSORS}": {{\n{written}\n}}}}\n'


class JsonModel(Record, frozen=True):
    """Such a text: the header, and the rows of each tensor."""

    rnnfast: dict[str, Any]
    tensors: dict[str, list[Any]]


def from_json(text: str | bytes, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the tensors and the header of such a text; path: names it in messages.

    Raises ModelError for one that is damaged or of another program.
    """
    try:
        model = decode(parsed(text), JsonModel)
        version = decode(model.rnnfast, Version).format_version
        dtype = decode(model.rnnfast, Precision).architecture.dtype
        tensors = {name: _tensor(rows, dtype, name) for name, rows in model.tensors.items()}
    except ValueError as error:
        raise ModelError(
            f"{path}: is no model that `rnnfast export --to json` wrote, or a damaged one ({short(str(error), 300)})"
        ) from None
    if version != FORMAT_VERSION:
        raise ModelError(f"{path}: has format {shown(version)}, this rnnfast reads {FORMAT_VERSION}; export it again")
    return tensors, model.rnnfast


def _tensor(rows: list[Any], dtype: str, name: str) -> NDArray[Any]:
    """Return nested lists of numbers as a tensor; ValueError, which names it, for anything else."""
    depth, first = 0, rows
    while isinstance(first, list) and first and depth < len(NESTED) - 1:
        depth, first = depth + 1, first[0]
    try:
        with np.errstate(over="ignore"):
            return np.array(decode(rows, NESTED[depth]), np.float64).astype(dtype)
    except ValueError as error:
        raise ValueError(f"tensor {shown(name)}: {error}") from None


def _rows(tensor: NDArray[Any]) -> str:
    """Return a tensor as nested lists."""
    if tensor.ndim == 1:
        return f"[{', '.join(map(str, tensor))}]"
    return "[\n" + ",\n".join(_rows(row) for row in tensor) + "]"
