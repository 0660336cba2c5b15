"""The model file: safetensors with PyTorch's names and layout, and one JSON under the metadata key `rnnfast`.

`torch.load_state_dict` takes the tensors as they are; the JSON makes the file answer tables without anything else.
Nothing is pickled.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from rnnfast.config.resolve import Config
from rnnfast.data import Encoder, Scaler, Schema
from rnnfast.errors import ModelError, UsageError
from rnnfast.metrics.evaluation import plain
from rnnfast.metrics.loss import LOSSES_OF_TASK
from rnnfast.model.model import Model, checked_parameters
from rnnfast.network.layout import Layout
from rnnfast.versions import versions
from rnnfast.writing import write_whole

FORMAT_VERSION = 1
FILE_NAME = "model.safetensors"


def save(model: Model, path: str | Path) -> None:
    """Write a model file; it appears under its name only when it is complete."""
    header = {
        "format_version": FORMAT_VERSION,
        "architecture": asdict(model.architecture),
        "task": model.schema.task,
        "loss": model.loss,
        "columns": model.schema.to_json(),
        **model.encoder.to_json(),
        "target_scaler": model.target_scaler.to_json(),
        "target_mean": list(model.target_mean),
        "class_weights": list(model.class_weights),
        "threshold": model.threshold,
        "config": {table: asdict(section) for table, section in vars(model.config).items()},
        "versions": versions(),
        **model.metadata,
    }
    # safetensors writes the bytes as they lie: anything but C order would be scrambled silently.
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in model.parameters.items()}
    write_whole(Path(path), to_bytes(tensors, metadata={"rnnfast": json.dumps(plain(header))}))


def load(path: str | Path) -> Model:
    """Read a model from a file or from the directory of a run.

    Raises ModelError for files that are missing, damaged, of another program or of a newer format.
    """
    path = Path(path)
    if path.is_dir():
        path = path / FILE_NAME
    tensors, header = _read(path)
    try:
        model = _model(tensors, header, path)
    except (KeyError, TypeError, AttributeError, ValueError, UsageError, ModelError) as error:
        raise ModelError(f"{path}: its rnnfast header is damaged ({error}); train the model again") from None
    net = model.architecture
    checked_parameters(tensors, Layout(net).shapes(), net.dtype, str(path))
    return model


def _model(tensors: dict[str, Any], header: dict[str, Any], path: Path) -> Model:
    """The model of a header. Raises ValueError, or what a value of another type raises, where it is damaged."""
    options = {name: value for table in vars(Config()) for name, value in header["config"][table].items()}
    model = Model(
        parameters=tensors,
        schema=Schema.from_json(header["columns"]),
        encoder=Encoder.from_json(header),
        target_scaler=Scaler.from_json(header["target_scaler"]),
        config=Config().with_values(options, str(path)),
        loss=header["loss"],
        target_mean=tuple(float(mean) for mean in header["target_mean"]),
        class_weights=tuple(float(weight) for weight in header.get("class_weights", ())),
        threshold=float(header["threshold"]),
        metadata={
            key: header[key] for key in ("data_digest", "split", "metrics", "training", "versions") if key in header
        },
    )
    schema = model.schema
    fits = {
        "architecture": header["architecture"] == plain(asdict(model.architecture)),
        "task": schema.task in LOSSES_OF_TASK and _classes_fit(schema),
        "loss": model.loss in LOSSES_OF_TASK.get(schema.task, ()),
        "missing": model.encoder.columns == schema.columns,
        "categories": tuple(model.encoder.categories) == schema.categorical,
        "target_scaler": model.target_scaler.names == schema.targets,
        "target_mean": len(model.target_mean) == schema.outputs,
        "class_weights": len(model.class_weights) in (0, len(schema.classes)),
    }
    if not all(fits.values()):
        raise ValueError(", ".join(name for name, fine in fits.items() if not fine))
    return model


def _classes_fit(schema: Schema) -> bool:
    """Whether the task has as many targets and classes as it must."""
    count = len(set(schema.classes))
    if count != len(schema.classes) or (count and len(schema.targets) != 1):
        return False
    return count == {"binary": 2, "multiclass": max(count, 2)}.get(schema.task, 0)


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
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: its rnnfast header is damaged ({error}); train the model again") from None
    if found != FORMAT_VERSION:
        raise ModelError(
            f"{path}: has format {found}, this rnnfast reads {FORMAT_VERSION}; update rnnfast or train again"
        )
    return tensors, header
