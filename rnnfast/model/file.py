"""Reading model files: safetensors with PyTorch's names and layout, which `torch.load_state_dict` takes as they are."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from rnnfast.catalogue import CELLS, LOSSES, TASKS, losses_of
from rnnfast.cells import built_in
from rnnfast.config.resolve import Config
from rnnfast.data import Encoder, Scaler, Schema
from rnnfast.data.encoding.record import EncoderRecord
from rnnfast.equations.stored import cell_from
from rnnfast.errors import ModelError, UsageError
from rnnfast.model.header import FORMAT_VERSION, KEY, Header
from rnnfast.model.json_file import JSON_ENDING, from_json
from rnnfast.model.members import joined
from rnnfast.model.model import Model
from rnnfast.model.provenance import Provenance
from rnnfast.network.layout import Layout
from rnnfast.records import UNSET, UnsetType, decode, plain

FILE_NAME = "model.safetensors"


def load(path: str | Path) -> Model:
    """Read a model from a file, also one that `rnnfast export --to json` wrote, or from the directory of a run.

    Raises ModelError for files that are missing, damaged, of another program or of a newer format.

    Example:
        >>> import numpy as np, rnnfast
        >>> X, y = np.arange(80.0).reshape(20, 4, 1), [0, 1] * 10
        >>> rnnfast.train(X, y, hidden=4, epochs=1).model.save("model.safetensors")
        >>> rnnfast.load("model.safetensors").predict(X).shape
        (20, 1)
    """
    path = Path(path)
    if path.is_dir():
        path = path / FILE_NAME
    tensors, values = _read(path)
    try:
        model = _model(tensors, values, path)
    except (ValueError, UsageError, ModelError) as error:
        raise ModelError(f"{path}: its rnnfast header is damaged ({error}); train the model again") from None
    net = model.architecture
    _check_parameters(tensors, joined([Layout(net).shapes()] * len(model.members)), net.dtype, str(path))
    return model


def from_bytes(content: bytes) -> Model:
    """Read a model from the bytes of its file. Raises as `load`."""
    with TemporaryDirectory() as directory:
        path = Path(directory, FILE_NAME)
        path.write_bytes(content)
        return load(path)


def _model(tensors: dict[str, Any], values: dict[str, Any], path: Path) -> Model:
    """The model of a header. Raises ValueError, UsageError or ModelError for damaged fields, and contradictory ones."""
    header = decode(values, Header)
    options = {name: value for table in plain(header.config).values() for name, value in table.items()}
    header.columns.check()
    name, activation = header.architecture.cell, header.architecture.activation
    if (header.equations is UNSET) != (name in CELLS):
        raise ValueError(f"architecture.cell is {name!r}: expected {' or '.join(CELLS)}, or the equations beside it")
    if isinstance(header.equations, UnsetType):
        cell = built_in(name, activation)
    else:
        cell = cell_from(plain(header.equations))
    model = Model(
        parameters=tensors,
        cell=cell,
        schema=header.columns,
        encoder=Encoder.of_record(decode(values, EncoderRecord)),
        target_scaler=Scaler.of_record(header.target_scaler),
        config=Config().with_values(options, str(path)),
        loss=header.loss,
        target_mean=header.target_mean,
        class_weights=header.class_weights,
        threshold=header.threshold,
        temperature=1.0 if header.temperature is UNSET else header.temperature,
        intervals=None if isinstance(header.intervals, UnsetType) else header.intervals,
        linear=header.linear or None,
        provenance=decode(values, Provenance),
    )
    schema, facts = model.schema, TASKS.get(model.schema.task)
    fits = {
        "task": facts is not None and _classes_fit(schema),
        "loss": facts is not None and model.loss in losses_of(facts),
        "architecture": header.architecture == model.header.architecture,
        "members": header.members == model.header.members,
        "missing": model.encoder.columns == schema.columns,
        "categories": tuple(model.encoder.categories) == schema.categorical,
        "target_scaler": model.target_scaler.names == schema.answers,
        "target_mean": len(model.target_mean) == schema.outputs,
        "temperature": 0 < model.temperature < math.inf and (model.temperature == 1 or LOSSES[model.loss].logits),
        "intervals": model.intervals is None or model.intervals.fits(len(schema.answers), bool(schema.classes)),
        "linear": model.linear is None or model.linear.fits(len(model.encoder.without_codes.names), schema.outputs),
        "class_weights": len(model.class_weights) in (0, len(schema.classes)),
    }
    if not all(fits.values()):
        raise ValueError(f"{', '.join(name for name, fine in fits.items() if not fine)}: does not fit the rest")
    return model


def _classes_fit(schema: Schema) -> bool:
    """Whether the task has as many targets and classes as it must, and no class twice."""
    distinct = len(set(schema.classes)) == len(schema.classes)
    return distinct and TASKS[schema.task].fits(len(schema.classes), len(schema.targets))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors and rnnfast's header of a file."""
    if not path.is_file():
        raise ModelError(f"{path}: no such model file; --model takes a model.safetensors or the directory of a run")
    if path.suffix == JSON_ENDING:
        return from_json(path.read_bytes(), str(path))
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: is not a safetensors file, or a damaged one ({error})") from None
    if KEY not in metadata:
        raise ModelError(f"{path}: is a safetensors file of another program: it has no rnnfast header")
    try:
        header = json.loads(metadata[KEY])
        version = header["format_version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: its rnnfast header is damaged ({error}); train the model again") from None
    if version != FORMAT_VERSION:
        raise ModelError(
            f"{path}: has format {version}, this rnnfast reads {FORMAT_VERSION}; update rnnfast or train again"
        )
    return tensors, header


def _check_parameters(
    parameters: Mapping[str, NDArray[Any]], shapes: Mapping[str, tuple[int, ...]], dtype: str, path: str
) -> None:
    """Raise ModelError where tensors are missing, too many, of another shape or type, or not finite."""
    missing, extra = sorted(shapes.keys() - parameters.keys()), sorted(parameters.keys() - shapes.keys())
    if missing or extra:
        raise ModelError(
            f"{path}: tensors do not fit the architecture: missing {missing or 'none'}, unknown {extra or 'none'}"
        )
    for name, shape in shapes.items():
        if parameters[name].shape != shape:
            raise ModelError(f"{path}: tensor {name} has the shape {parameters[name].shape}, expected {shape}")
        if parameters[name].dtype != dtype:
            raise ModelError(f"{path}: tensor {name} holds {parameters[name].dtype}, expected {dtype}")
        if not np.isfinite(parameters[name]).all():
            raise ModelError(f"{path}: tensor {name} holds NaN or infinite values; the run that wrote it diverged")
