"""What a table holds, as it is read, and what a model file holds: plain values for people and for JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rnnfast.metrics.evaluation import SCHEMA_VERSION, plain

if TYPE_CHECKING:
    from rnnfast.config.sections import DataConfig
    from rnnfast.data import Parts, Scaler, SequenceData, Sequences
    from rnnfast.model import Model


def describe_table(data: SequenceData, config: DataConfig | None = None) -> dict[str, Any]:
    """Return layout, columns with their roles and ranges, sequences, lengths and class balance of a table.

    config: the options that the table was read with; with them, each input column has its scaling and its rule for
    empty cells.
    """
    schema = data.schema
    columns: list[dict[str, Any]] = [
        {"name": name, "role": role} for name, role in ((schema.id, "id"), (schema.time, "time")) if name
    ]
    inputs = _ranges(schema.columns, "feature", data.x)
    for column in inputs:
        if column["name"] in schema.categorical:
            known = list(data.categories[column["name"]])
            column.update({"role": "category", "min": None, "mean": None, "max": None, "categories": known})
    if config is not None:
        _add_rules(inputs, data, config)
    columns += inputs
    if data.weight is not None and schema.weight is not None:
        columns += _ranges([schema.weight], "weight", data.weight[:, None])
    if schema.task == "multiclass":  # whose numbers are indices
        missing = int(np.count_nonzero(np.isnan(data.y)))
        columns.append({"name": schema.targets[0], "role": "target", "missing": missing})
    else:
        columns += _ranges(schema.targets, "target", data.y)
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "table",
        "source": list(data.source),
        "rows": int(data.rows),
        "sequences": int(data.sequences),
        "length": lengths(data),
        "layout": schema.layout,
        "task": schema.task,
        "classes": plain(schema.classes),
        "predict": schema.predict,
        "window": schema.window,
        "stride": schema.stride,
        "horizon": schema.horizon,
        "season": schema.season,
        "labelled_steps": data.labelled_steps,
        "class_balance": class_balance(data),
        "columns": plain(columns),
        "notes": list(data.notes),
    }


def _add_rules(columns: list[dict[str, Any]], data: SequenceData, config: DataConfig) -> None:
    """Add scaling and rule for empty cells to the columns of x."""
    from rnnfast.data.columns.missing import missing_rules
    from rnnfast.data.encoding.scaling import feature_kinds

    kinds, rules = feature_kinds(data.schema, config), missing_rules(data.schema, config)
    for column in columns:
        column.update({"scale": kinds.get(column["name"]), "fill": rules[column["name"]]})


def lengths(data: Sequences) -> dict[str, float]:
    """Return the shortest, median and longest sequence in steps."""
    return {
        "min": int(data.lengths.min()),
        "median": float(np.median(data.lengths)),
        "max": int(data.lengths.max()),
    }


def part_sizes(parts: Parts) -> dict[str, dict[str, Any]]:
    """Return sequences, rows, labelled steps and, with classes, the class balance of each part."""
    return {
        name: {
            "sequences": int(part.sequences),
            "rows": int(part.rows),
            "labelled_steps": part.labelled_steps,
            **({"classes": balance} if (balance := class_balance(part)) is not None else {}),
        }
        for name, part in parts.named().items()
    }


def class_balance(data: Sequences) -> dict[str, int] | None:
    """Return the labelled steps of each class, in the order of the classes; None for a regression."""
    classes = data.schema.classes
    if not classes:
        return None
    return {str(name): int(n) for name, n in zip(classes, data.counts, strict=True)}


def _ranges(names: Iterable[str], role: str, values: npt.NDArray[np.float64]) -> list[dict[str, Any]]:
    """Return the range, mean and count of missing values of each column; values: (rows, columns)."""
    described: list[dict[str, Any]] = []
    for j, name in enumerate(names if values.shape[1] else ()):
        column = values[:, j]
        missing = int(np.count_nonzero(np.isnan(column)))
        present = column if missing == 0 else column[~np.isnan(column)]
        ends = (present.min(), present.mean(), present.max()) if len(present) else (None, None, None)
        described.append(
            {"name": name, "role": role, "min": ends[0], "mean": ends[1], "max": ends[2], "missing": missing}
        )
    return described


def describe_model(model: Model, path: str) -> dict[str, Any]:
    """Return architecture, tensors, columns, scaling, training configuration, metrics and versions of a model."""
    schema, config = model.schema, model.config
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "model",
        "path": path,
        "cell": config.model.cell,
        "hidden": list(config.model.hidden),
        "activation": config.model.activation,
        "dtype": config.train.dtype,
        "parameters": int(model.parameter_count),
        "tensors": [_tensor(name, np.asarray(values)) for name, values in model.parameters.items()],
        "task": schema.task,
        "loss": model.loss,
        "classes": plain(schema.classes),
        "threshold": plain(model.threshold) if schema.task == "binary" else None,
        "columns": plain(schema.to_json()),
        **plain(model.encoder.to_json()),
        "target_scaler": _scaler(model.target_scaler),
        "training": plain(asdict(config)),
        "trained": plain(model.metadata.get("training", {})),
        "metrics": plain(model.metadata.get("metrics", {})),
        "versions": plain(model.metadata.get("versions", {})),
        "data_digest": model.metadata.get("data_digest"),
    }


def _tensor(name: str, values: npt.NDArray[Any]) -> dict[str, Any]:
    ends = (values.min(), values.max()) if values.size else (None, None)
    return {
        "name": name,
        "shape": list(values.shape),
        "parameters": int(values.size),
        "min": plain(ends[0]),
        "max": plain(ends[1]),
    }


def _scaler(scaler: Scaler | None) -> dict[str, Any] | None:
    return None if scaler is None else plain(scaler.to_json())
