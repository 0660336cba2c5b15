"""The runs of a comparison: their names, the rows that each held back, and whether they answer the same question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnfast.catalogue import listed
from rnnfast.config.forms import SEQUENCE
from rnnfast.data.columns.schema import Schema
from rnnfast.data.sequences.base import Sequences
from rnnfast.errors import UsageError
from rnnfast.model.file import FILE_NAME, load
from rnnfast.model.model import Model

Runs = Sequence[str | Path | Model] | Mapping[str, str | Path | Model]
Models = Mapping[str, Model]

ADVICE = "--data FILE scores all of them on one table"

# What two runs must share for their scores to be of one question: its name, and how a schema says it.
QUESTION: dict[str, Callable[[Schema], Any]] = {
    "task": lambda schema: schema.task,
    "target": lambda schema: ", ".join(schema.targets),
    "classes": lambda schema: ", ".join(map(str, schema.classes)) or "none",
    "horizon": lambda schema: ", ".join(map(str, schema.ahead)),
    "weight": lambda schema: schema.weight or "none",
}


def named_models(runs: Runs) -> dict[str, Model]:
    """Load runs under short names: of a directory its own, or as much of the path as tells it from the others.

    Raises UsageError for fewer than two, and for one that is there twice; ModelError as `load`.
    """
    if isinstance(runs, str | Path | Model):
        runs = [runs]
    models = list(runs.values() if isinstance(runs, Mapping) else runs)
    if len(models) < 2:
        raise UsageError(f"compare takes two runs or more, not {len(models)}; runs/* names all in runs")
    for model in models:
        if not isinstance(model, str | Path | Model):
            raise UsageError(f"compare: {type(model).__name__} is no run; give directories, model files or models")
    names = list(runs) if isinstance(runs, Mapping) else _names(models)
    return {name: model if isinstance(model, Model) else load(model) for name, model in zip(names, models, strict=True)}


def _names(models: Sequence[str | Path | Model]) -> list[str]:
    paths = [None if isinstance(model, Model) else _run_path(model) for model in models]
    resolved = Counter(path.resolve() for path in paths if path is not None)
    for path in paths:
        if path is not None and resolved[path.resolve()] > 1:
            raise UsageError(f"{path} is there twice; name each run once")
    names = [f"model {k}" if path is None else path.resolve().name for k, path in enumerate(paths, 1)]
    often = Counter(names)
    return [name if path is None or often[name] == 1 else str(path) for name, path in zip(names, paths, strict=True)]


def _run_path(path: str | Path) -> Path:
    """Return the directory of a run where its model file is named, else the file itself."""
    path = Path(path)
    return path.parent if path.name == FILE_NAME else path


def check_rivals(models: Models) -> None:
    """Raise UsageError where runs answer different questions."""
    for what, of in QUESTION.items():
        values = {name: of(model.schema) for name, model in models.items()}
        if len(set(values.values())) > 1:
            raise UsageError(f"runs that differ in {what} cannot be compared: {_told(values)}")


def held_out_part(models: Models, part: str | None) -> str:
    """Return the part that is scored: test where each run has one, else valid. Raises UsageError where one has none."""
    parts = {name: _parts(model) for name, model in models.items()}
    part = part or ("test" if all("test" in have for have in parts.values()) else "valid")
    lacking = [name for name, have in parts.items() if part not in have]
    if lacking:
        raise UsageError(f"--part {part}: {listed(lacking)} has no such part that did not train; {ADVICE}")
    return part


def _parts(model: Model) -> tuple[str, ...]:
    """Names of the parts that did not train."""
    how, training = model.provenance.split, model.provenance.training
    named = set() if how is None else set(how.parts)
    if training is not None and training.refitted:
        named.discard("valid")
    return tuple(name for name in ("valid", "test") if name in named)


def own_table(name: str, model: Model, part: str) -> tuple[list[str], str]:
    """Return the files that hold a part of a run, and which part of these it is: all of a table of its own.

    Raises UsageError where the run was not trained on files.
    """
    data = model.config.data
    own = {"valid": data.valid, "test": data.test}[part]
    if own is not None:
        return [own], "all"
    if not data.data or "-" in data.data:
        source = model.provenance.training.source if model.provenance.training is not None else ()
        raise UsageError(
            f"{name} was trained on {', '.join(source) or 'no file'}, which cannot be read again; {ADVICE}"
        )
    return list(data.data), part


def check_same_table(tables: Mapping[str, Sequences]) -> None:
    """Raise UsageError where the tables that hold the part differ in contents; tables: by run."""
    if len({table.digest for table in tables.values()}) > 1:
        names = {name: ", ".join(table.source) for name, table in tables.items()}
        raise UsageError(f"the tables of the runs differ: {_told(names)}; {ADVICE}")


def check_same_split(models: Models, part: str) -> None:
    """Raise UsageError where the parts were cut from the table in other ways."""
    rules = {name: _rule(model, part) for name, model in models.items()}
    if len(set(rules.values())) > 1:
        raise UsageError(f"the {part} parts of the runs are other rows, as the splits differ: {_told(rules)}; {ADVICE}")


def _rule(model: Model, part: str) -> str:
    """Say what decides which rows of a table are a part; windows of another length have a say, too."""
    how, data = model.provenance.split, model.config.data
    if how is None or {"valid": data.valid, "test": data.test}[part] is not None:
        return "a table of its own"
    seed = f", seed {how.seed}" if how.split_by == SEQUENCE else ""
    return f"{','.join(f'{share:g}' for share in how.shares)} by {how.split_by}{seed}"


def _told(values: Mapping[str, Any]) -> str:
    """Say what each run has, runs with the same together."""
    groups: dict[Any, list[str]] = {}
    for name, value in values.items():
        groups.setdefault(value, []).append(name)
    return ", ".join(f"{value} ({listed(names)})" for value, names in groups.items())
