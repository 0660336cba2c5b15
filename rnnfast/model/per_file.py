"""Answers for many files, each a table of its own, on a cluster: a task and a file of answers for each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.cluster.shared import Shared
from rnnfast.cluster.task import Cluster, Task, Watch
from rnnfast.config.sections import DataConfig
from rnnfast.errors import DataError, UsageError
from rnnfast.model.model import Model
from rnnfast.model.output import Output, check_output
from rnnfast.model.predictions import prediction_request, write_predictions
from rnnfast.model.tables import open_files

ENDING = ".csv"  # of the files of answers, where nobody names another one


class _Answered(NamedTuple):
    """What a task has done. rows: lines that it wrote; ids: 64 bits that stand for each id of its file."""

    rows: int
    ids: NDArray[np.uint64]


def predict_files(
    cluster: Cluster,
    model: Model,
    paths: Sequence[str],
    directory: str | Path,
    *,
    ending: str = ENDING,
    memory: str | None = None,
    force: bool = False,
) -> list[Path]:
    """Write the answers for each file to a file of its name in a directory that workers share with this process.

    ending: of these files: .csv, .csv.gz or .parquet. memory: of a task, as of --memory. force: replace what is there.
    Returns: the files, in the order of `paths`.
    Raises UsageError for two files of one name, DataError where an id is in two files, whose answers are then removed:
    a model that remembers the rows of an id must see all of them.
    """
    directory = Path(directory).absolute()
    outputs = [directory / f"{Path(path).name.split('.')[0]}{ending}" for path in paths]
    if len(set(outputs)) < len(outputs):
        raise UsageError(f"{directory}: two of the tables have the same name; give them other names")
    directory.mkdir(parents=True, exist_ok=True)
    for output in outputs:
        check_output(Output.of(output), force)
    shared, config = Shared(model), DataConfig(memory=memory)
    tasks = [
        Task(str(path), _answer, (shared, str(Path(path).absolute()), str(output), config))
        for path, output in zip(paths, outputs, strict=True)
    ]
    try:
        answers: list[_Answered] = cluster.run(tasks)
        _check_ids(model, paths, [one.ids for one in answers])
    except DataError:
        for output in outputs:
            output.unlink(missing_ok=True)
        raise
    return outputs


def _answer(model: Model, path: str, output: str, config: DataConfig, watch: Watch) -> _Answered:
    """Write the answers for one file."""
    with ExitStack() as opened:
        data = open_files([path], prediction_request(model, config), opened, None)
        ids: set[Any] = set()
        for block in data.blocks(("ids",)):
            ids.update(block.ids if model.schema.id is not None else ())
        report = write_predictions(model, data, output)
    numbers = sorted(int.from_bytes(blake2b(str(one).encode(), digest_size=8).digest()) for one in ids)
    return _Answered(report.rows, np.array(numbers, np.uint64))


def _check_ids(model: Model, paths: Sequence[str], ids: Sequence[NDArray[np.uint64]]) -> None:
    """Raise DataError where an id is in two files."""
    every, owner = np.concatenate(ids), np.repeat(np.arange(len(ids)), [len(one) for one in ids])
    order = np.argsort(every, kind="stable")
    twice = np.flatnonzero(np.diff(every[order]) == 0)
    if len(twice):
        first, second = owner[order[twice[0]]], owner[order[twice[0] + 1]]
        raise DataError(
            f"{paths[first]} and {paths[second]}: an id of column {model.schema.id!r} has rows in both ({len(twice):,} "
            "such ids in all files); put all rows of an id into one file, or read them as one: rnnfast predict --data "
            f"{paths[first]} --data {paths[second]}"
        )
