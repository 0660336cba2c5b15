"""The file of a checkpoint.

    rnnfast checkpoint 1      what it is, and its version
    SHA256                    of all that follows
    {"run": ..}               the header, as JSON
    ..                        a safetensors file: the arrays of the networks, by NETWORK:ARRAY

Any damage changes the digest. Nothing is pickled.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as arrays_of
from safetensors.numpy import save as to_bytes

from rnnfast.checkpoint.record import Checkpoint, Header, Network
from rnnfast.errors import ModelError
from rnnfast.records import UNSET, Record, decode, fields_of, parsed_line
from rnnfast.writing import write_whole

MAGIC = b"rnnfast checkpoint "
VERSION = b"1"
SIGN = ":"  # between the name of a network and that of its array


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; it is whole and on the disk when this returns. Raises RnnfastError where that fails."""
    header = Header(
        run=checkpoint.run,
        number=checkpoint.number,
        origin=checkpoint.origin,
        choices=dict(checkpoint.choices),
        networks={name: network.record for name, network in checkpoint.networks.items()},
    )
    arrays = {
        f"{name}{SIGN}{array}": np.ascontiguousarray(values)  # of others safetensors scrambles the order
        for name, network in checkpoint.networks.items()
        for array, values in network.arrays.items()
    }
    # Python's JSON, as costs may be infinite, and a loss that is shown as NaN must be one again.
    content = json.dumps(header, default=_plain).encode() + b"\n" + to_bytes(arrays)
    digest = hashlib.sha256(content).hexdigest().encode()
    write_whole(path, MAGIC + VERSION + b"\n" + digest + b"\n" + content, synced=True)


def read(path: Path) -> Checkpoint:
    """Read a checkpoint. Raises ModelError for a file that is none, and for a damaged one."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None
    first, _, content = content.partition(b"\n")
    if first != MAGIC + VERSION:
        raise ModelError(f"{path}: begins with {first[:40]!r}: no checkpoint that this rnnfast reads, or a damaged one")
    digest, _, content = content.partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise ModelError(f"{path}: is damaged: what is there is not what was written")
    text, _, content = content.partition(b"\n")
    try:
        header = decode(parsed_line(text), Header)
        networks = _networks(header, content)
    except (SafetensorError, ValueError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: is damaged ({error})") from None
    return Checkpoint(header.run, header.number, header.origin, header.choices, networks)


def _networks(header: Header, content: bytes) -> dict[str, Network]:
    """Return the networks with their arrays. Raises ValueError for an array of a network that is not there."""
    arrays: dict[str, dict[str, Any]] = {name: {} for name in header.networks}
    for key, values in arrays_of(content).items():
        name, _, array = key.rpartition(SIGN)
        if name not in arrays:
            raise ValueError(f"array {key!r} is of no network of the header")
        arrays[name][array] = values
    return {name: Network(record, arrays[name]) for name, record in header.networks.items()}


def _plain(value: Any) -> Any:
    """Return what JSON has of a record, or of a number of NumPy."""
    if isinstance(value, Record):
        return {name: item for name, item in fields_of(value).items() if item is not UNSET}
    return value.tolist()
