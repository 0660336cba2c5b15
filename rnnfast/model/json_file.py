"""A model as one JSON text that people and other programs can read: {"rnnfast": header, "tensors": {name: rows}}.

The header is the one of the model file; a tensor is a list of its rows, with the digits that reproduce its numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.diagnose.versions import versions
from rnnfast.errors import ModelError
from rnnfast.model.header import FORMAT_VERSION, KEY

JSON_ENDING = ".json"
TENSORS = "tensors"


def to_json(content: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> str:
    """Write the header over several lines and each row of a tensor in one; content: as of `header.write`."""
    header = json.dumps({**content, "versions": versions()}, allow_nan=False, indent=2)
    written = ",\n".join(f"{json.dumps(name)}: {_rows(tensor)}" for name, tensor in tensors.items())
    return f'{{"{KEY}": {header},\n"{TENSORS}": {{\n{written}\n}}}}\n'


def from_json(text: str | bytes, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the tensors and the header of such a text; path: names it in messages.

    Raises ModelError for one that is damaged or of another program.
    """
    try:
        values = json.loads(text)
        header, rows = values[KEY], values[TENSORS]
        dtype = np.dtype(header["architecture"]["dtype"])
        version = header["format_version"]
        with np.errstate(over="ignore"):
            tensors = {str(name): np.array(numbers, dtype=np.float64).astype(dtype) for name, numbers in rows.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{path}: is no model that `rnnfast export --to json` wrote, or a damaged one ({error})"
        ) from None
    if version != FORMAT_VERSION:
        raise ModelError(f"{path}: has format {version}, this rnnfast reads {FORMAT_VERSION}; export it again")
    return tensors, header


def _rows(tensor: NDArray[Any]) -> str:
    """Return a tensor as nested lists."""
    if tensor.ndim == 1:
        return f"[{', '.join(map(str, tensor))}]"
    return "[\n" + ",\n".join(_rows(row) for row in tensor) + "]"
