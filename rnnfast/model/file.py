"""The model file: safetensors with PyTorch's names and layout, and one JSON under the metadata key `rnnfast`.

`torch.load_state_dict` takes the tensors as they are; the JSON makes the file answer tables without anything else. Nothing is pickled.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from rnnfast.config import Config
from rnnfast.data import Scaler, Schema
from rnnfast.errors import ModelError, RnnfastError, UsageError
from rnnfast.metrics.evaluation import plain
from rnnfast.model.model import Model, checked_parameters
from rnnfast.versions import versions

FORMAT_VERSION = 1
FILE_NAME = "model.safetensors"


def save(model: Model, path: str | Path) -> None:
    """Write a model file through a temporary file beside it."""
    header = {
        "format_version": FORMAT_VERSION,
        "architecture": asdict(model.architecture),
        "task": model.schema.task,
        "loss": model.loss,
        "columns": model.schema.to_json(),
        "scaler": model.scaler.to_json(),
        "target_scaler": model.target_scaler.to_json(),
        "target_mean": list(model.target_mean),
        "threshold": model.threshold,
        "config": {table: asdict(section) for table, section in vars(model.config).items()},
        "versions": versions(),
        **model.metadata,
    }
    # safetensors writes the bytes as they lie: anything but C order would be scrambled silently.
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in model.parameters.items()}
    write_whole(Path(path), to_bytes(tensors, metadata={"rnnfast": json.dumps(plain(header))}))


def write_whole(path: Path, content: bytes) -> None:
    """Write a file through a temporary one beside it, so that it is never half there."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(handle, "wb") as stream:  # noqa: PTH123 - a file descriptor
            stream.write(content)
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)  # mkstemp's files are private, the result is an ordinary file
        Path(temporary).replace(path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise RnnfastError(f"{path}: cannot be written: {error.strerror or error}") from None
        raise


def load(path: str | Path) -> Model:
    """Read a model from a file or from the directory of a run.

    Raises ModelError for files that are missing, damaged, of another program or of a newer format.
    """
    path = Path(path)
    if path.is_dir():
        path = path / FILE_NAME
    tensors, header = _read(path)
    try:
        model = Model(
            parameters=tensors,
            schema=Schema.from_json(header["columns"]),
            scaler=Scaler.from_json(header["scaler"]),
            target_scaler=Scaler.from_json(header["target_scaler"]),
            config=Config().with_values(
                {k: v for section in header["config"].values() for k, v in section.items()}, str(path)
            ),
            loss=header["loss"],
            target_mean=tuple(header["target_mean"]),
            threshold=header["threshold"],
            metadata={
                key: header[key] for key in ("data_digest", "split", "metrics", "training", "versions") if key in header
            },
        )
    except (KeyError, TypeError, AttributeError, ValueError, UsageError) as error:
        raise ModelError(f"{path}: its rnnfast header is damaged ({error}); train the model again") from None
    from rnnfast.kernels.engine import layout_of

    checked_parameters(tensors, layout_of(model.architecture).shapes(), str(path))
    return model


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors and rnnfast's header of a file."""
    if not path.is_file():
        raise ModelError(f"{path}: no such model file; --model takes a model.safetensors or the directory of a run")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: is not a safetensors file, or a damaged one ({error})") from None
    if "rnnfast" not in metadata:
        raise ModelError(f"{path}: is a safetensors file of another program: it has no rnnfast header")
    try:
        header = json.loads(metadata["rnnfast"])
        found = header["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: its rnnfast header is damaged ({error}); train the model again") from None
    if found != FORMAT_VERSION:
        raise ModelError(
            f"{path}: has format {found}, this rnnfast reads {FORMAT_VERSION}; update rnnfast or train again"
        )
    return tensors, header
