"""Reading model files: safetensors with PyTorch's names and layout, which `torch.load_state_dict` takes as they are."""

from __future__ import annotations

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
from rnnfast.data.sources.source import listing, short
from rnnfast.equations.stored import cell_from
from rnnfast.errors import ModelError, UsageError, did_you_mean
from rnnfast.memory import available_memory
from rnnfast.memory import shown as memory
from rnnfast.model.header import FORMAT_VERSION, KEY, Header, Version
from rnnfast.model.json_file import JSON_ENDING, from_json
from rnnfast.model.members import joined
from rnnfast.model.model import Model
from rnnfast.model.provenance import Provenance
from rnnfast.network.layout import Layout
from rnnfast.records import UNSET, UnsetType, decode, parsed, plain, shown

FILE_NAME = "model.safetensors"
TABLES = (".csv", ".tsv", ".txt", ".parquet", ".jsonl", ".xlsx", ".gz")  # endings of what is given for a model
REASON_SHOWN = 300  # characters of what is wrong with a file
COPIES, JSON_COPIES = 3, 30  # bytes in memory of one of a file while it is read


def load(path: str | Path) -> Model:
    """Read a model from a file, also one that `rnnfast export --to json` wrote, or from the directory of a run.

    Raises ModelError for files that are missing, damaged, larger than memory, of another program or of a newer format.

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
        model = _model(tensors, values)
    except (ValueError, UsageError, ModelError) as error:
        raise damaged(path, "its rnnfast header is damaged", error) from None
    _check_parameters(tensors, Layout(model.architecture).shapes(), model, str(path))
    return model


def damaged(path: str | Path, what: str, error: Exception) -> ModelError:
    """Build the error about a damaged file; error: tells where it is, and is shortened."""
    reason = short(" ".join(str(error).split()), REASON_SHOWN)
    return ModelError(f"{path}: {what} ({reason}); train the model again")


def from_bytes(content: bytes) -> Model:
    """Read a model from the bytes of its file. Raises as `load`."""
    with TemporaryDirectory() as directory:
        path = Path(directory, FILE_NAME)
        path.write_bytes(content)
        return load(path)


def _model(tensors: dict[str, Any], values: Any) -> Model:
    """The model of a header. Raises ValueError, UsageError or ModelError for damaged fields, and contradictory ones."""
    header = decode(values, Header)
    header.columns.check()
    options = {name: value for table in plain(header.config).values() for name, value in table.items()}
    config = Config().with_values(options, "config")
    name, equations = config.model.cell, header.equations
    if (equations is UNSET) != (name in CELLS):
        raise ValueError(
            f"architecture.cell is {shown(name)}: expected {' or '.join(CELLS)}, or the equations beside it"
        )
    model = Model(
        parameters=tensors,
        cell=cell_from(plain(equations)) if equations else built_in(name, config.model.activation),
        schema=header.columns,
        encoder=Encoder.of_record(decode(values, EncoderRecord)),
        target_scaler=Scaler.of_record(header.target_scaler),
        config=config,
        loss=header.loss,
        target_mean=header.target_mean,
        class_weights=header.class_weights,
        threshold=header.threshold,
        temperature=1.0 if header.temperature is UNSET else header.temperature,
        intervals=None if isinstance(header.intervals, UnsetType) else header.intervals,
        linear_part=header.linear_part or None,
        linear=header.linear or None,
        provenance=decode(values, Provenance),
    )
    schema, facts = model.schema, TASKS.get(model.schema.task)
    fits = {
        "task": facts is not None and _classes_fit(schema),
        "loss": facts is not None and model.loss in losses_of(facts),
        "config": None not in (config.train.lr, config.train.batch_size),  # those of the run, which had some
        "architecture": header.architecture == model.header.architecture,
        "members": header.members == model.header.members,
        "missing": model.encoder.columns == schema.columns,
        "categories": tuple(model.encoder.categories) == schema.categorical,
        "target_scaler": model.target_scaler.names == schema.answers,
        "target_mean": len(model.target_mean) == schema.outputs,
        "temperature": model.temperature == 1 or LOSSES[model.loss].logits,
        "intervals": model.intervals is None or model.intervals.fits(len(schema.answers), bool(schema.classes)),
        "linear": model.linear is None or model.linear.fits(len(model.encoder.without_codes.names), schema.outputs),
        "linear_part": model.linear_part is None or model.linear_part.fits(len(model.encoder.names), schema.outputs),
        "class_weights": len(model.class_weights) in (0, len(schema.classes)),
    }
    if not all(fits.values()):
        raise ValueError(f"{', '.join(name for name, fine in fits.items() if not fine)}: does not fit the rest")
    return model


def _classes_fit(schema: Schema) -> bool:
    """Whether the task has as many targets and classes as it must, and no class twice."""
    distinct = len(set(schema.classes)) == len(schema.classes)
    return distinct and TASKS[schema.task].fits(len(schema.classes), len(schema.targets))


def _read(path: Path) -> tuple[dict[str, Any], Any]:
    """Return the tensors of a file, and the values of rnnfast's header."""
    if not path.is_file():
        raise ModelError(f"{path}: no such model file; give a model.safetensors or the directory of a run{_near(path)}")
    is_json = path.suffix == JSON_ENDING
    needed, available = path.stat().st_size * (JSON_COPIES if is_json else COPIES), available_memory()
    if available is not None and needed > available:
        raise ModelError(f"{path}: takes {memory(needed)} of memory, and {memory(available)} are available")
    if is_json:
        return from_json(path.read_bytes(), str(path))
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        if path.suffix in TABLES:
            raise ModelError(f"{path}: is no model; give a model.safetensors or the directory of a run") from None
        raise damaged(path, "is not a safetensors file, or a damaged one", error) from None
    if KEY not in metadata:
        raise ModelError(f"{path}: is a safetensors file of another program: it has no rnnfast header")
    try:
        values = parsed(metadata[KEY])
        version = decode(values, Version).format_version
    except ValueError as error:
        raise damaged(path, "its rnnfast header is damaged", error) from None
    if version != FORMAT_VERSION:
        raise ModelError(
            f"{path}: has format {shown(version)}, this rnnfast reads {FORMAT_VERSION}; update rnnfast or train again"
        )
    return tensors, values


def _near(path: Path) -> str:
    """Name the runs in a directory that is none itself; else return "; did you mean 'tx'?" for the runs beside it."""
    run = path.parent if path.name == FILE_NAME else path
    inside, beside = (sorted(file.parent.name for file in place.glob(f"*/{FILE_NAME}")) for place in (run, run.parent))
    return f"; runs in {run} are {listing(inside)}" if inside else did_you_mean(run.name, beside, most=3)


def _check_parameters(
    parameters: Mapping[str, NDArray[Any]], shapes: Mapping[str, tuple[int, ...]], model: Model, path: str
) -> None:
    """Raise ModelError where tensors are missing, too many, of another shape or type, or not finite.

    shapes: of the tensors of one network.
    """
    members, dtype = len(model.members), model.config.train.dtype
    fit = members * len(shapes) <= 2 * len(parameters)  # else a list of those that are missing could be of any length
    shapes = joined([shapes] * (members if fit else 1))
    missing, extra = sorted(shapes.keys() - parameters.keys()), sorted(parameters.keys() - shapes.keys())
    if missing or extra:
        raise ModelError(
            f"{path}: tensors do not fit the architecture: missing {listing(missing) or 'none'}, "
            f"unknown {listing(extra) or 'none'}"
        )
    for name, shape in shapes.items():
        if parameters[name].shape != shape:
            raise ModelError(f"{path}: tensor {name} has the shape {parameters[name].shape}, expected {shape}")
        if parameters[name].dtype != dtype:
            raise ModelError(f"{path}: tensor {name} holds {parameters[name].dtype}, expected {dtype}")
        if not np.isfinite(parameters[name]).all():
            raise ModelError(f"{path}: tensor {name} holds NaN or infinite values; the run that wrote it diverged")
