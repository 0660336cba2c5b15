"""The directory of a run: which one, and what is written there."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

from rnnfast.checkpoint.store import checkpoints
from rnnfast.config.resolve import BYTES_OF_NAMES, Config
from rnnfast.data import Sequences
from rnnfast.errors import RnnfastError, UsageError
from rnnfast.model.file import FILE_NAME
from rnnfast.network.cell import short_name
from rnnfast.training.result import TrainResult
from rnnfast.writing import write_whole

LONGEST_NAME = 200  # bytes; systems take 255, and the network stands beside it
PACKED_SUFFIXES = (".gz", ".zst", ".zip")


def check_directory(config: Config, force: bool, resumed: bool = False) -> Path | None:
    """The output directory that was asked for, checked before any work; None: the next free one.

    force: what it holds is replaced; resumed: it is that of a run that goes on.
    """
    option = config.output.output
    path = Path(option) if option is not None else Path("runs")
    existing = next(parent for parent in (path, *path.resolve().parents) if parent.exists())
    place = "" if path.exists() else f"{path}: "  # where something above it is in the way
    if not existing.is_dir():
        raise UsageError(f"{place}{existing} is no directory; give another -o DIR")
    if not os.access(existing, os.W_OK):
        raise RnnfastError(f"{place}no permission to write in {existing}; give another -o DIR")
    if option is None:
        return None
    if (path / FILE_NAME).exists() and not force and not resumed:
        raise UsageError(f"{path}: holds a model already; give another -o DIR, or --force to replace it")
    if not force and not resumed and checkpoints(path):
        raise UsageError(f"{path}: holds a run that was killed: go on with --resume {path}, or --force to begin anew")
    return path


def free_directory(config: Config, table: Sequences) -> Path:
    """Return the first free one of runs/NAME, runs/NAME-2, ..; NAME is the table's and the network's."""
    stem = table_name(table.source[0])
    cell = short_name(config.model.cell)
    return free_name(f"{stem}-{cell}{'x'.join(str(units) for units in config.model.hidden)}")


def free_name(name: str) -> Path:
    """Return the first of runs/NAME, runs/NAME-2, .. that does not exist."""
    for number in range(1, 1_000_000):
        path = Path("runs") / (name if number == 1 else f"{name}-{number}")
        if not path.exists():
            return path
    raise RnnfastError(f"runs/{name}: no free name is left; give one with -o DIR")


def table_name(source: str) -> str:
    """Return the name of a table without directories, packing and format: 'sales.2024' of 'x/sales.2024.csv.gz'.

    What is no sign to read becomes a low line, and a long name is cut: it is that of a directory.
    """
    path = Path(source.strip("<>"))
    if path.suffix.lower() in PACKED_SUFFIXES:
        path = path.with_suffix("")
    stem = path.stem if path.suffix[1:].isalpha() else path.name
    name = "".join(sign if sign.isprintable() else "_" for sign in stem) or "table"
    return name.encode()[:LONGEST_NAME].decode(errors="ignore")


def write_run(result: TrainResult, config: Config, directory: Path) -> dict[str, Path]:
    """Write model, history and configuration; each file is whole or absent."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RnnfastError(f"{directory}: cannot be created: {error.strerror or error}") from None
    files = {"model": directory / FILE_NAME, "history": directory / "history.csv", "config": directory / "config.toml"}
    write_whole(files["history"], _history_csv(result.history))
    write_whole(files["config"], config.with_absolute_paths().to_toml().encode(errors=BYTES_OF_NAMES))
    result.model.save(files["model"])
    return files


def _history_csv(history: list[dict[str, Any]]) -> bytes:
    columns = list(dict.fromkeys(name for row in history for name in row)) or ["epoch", "split", "loss"]
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(history)
    return stream.getvalue().encode()
