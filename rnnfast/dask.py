"""rnnfast on a cluster of Dask, with a client in the place of options; needs `pip install 'rnnfast[dask]'`.

Example:
    import rnnfast.dask
    from distributed import Client

    client = Client("tcp://10.0.0.1:8786")
    result = rnnfast.dask.train(client, "sensors.csv", target="life", ensemble=10)
    answers = rnnfast.dask.predict(client, result.model, frame)  # a dask DataFrame in and out
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnnfast.cluster.connection import over
from rnnfast.data.reading.opening import file_names
from rnnfast.errors import DataError, UsageError
from rnnfast.model.model import Model
from rnnfast.model.per_file import ENDING, predict_files
from rnnfast.model.tables import loaded
from rnnfast.progress import watcher
from rnnfast.reporter import Reporter
from rnnfast.shards.plan import Partitions
from rnnfast.shards.running import train as train_shards
from rnnfast.shards.where import in_shards
from rnnfast.training.cross_validation import cv as cv_here
from rnnfast.training.fold_results import CrossValidation
from rnnfast.training.result import TrainResult
from rnnfast.training.run import train as train_here
from rnnfast.training.tune_results import TuneResult
from rnnfast.training.tuning import tune as tune_here

SAMPLE = 100  # rows that tell the columns of the answers


def train(client: Any, data: Any, **options: Any) -> TrainResult:
    """Train as `rnnfast.train`, on the workers of a client: the networks of an ensemble, or one network in shards.

    data: names of files as the workers find them, of which one network trains in shards (16, or as the option shards
    says); or as of `rnnfast.train`, or a dask DataFrame: with the option shards each partition stays on the workers, in
    shard k mod shards, and holds whole ids; without it the frame is fetched whole. options: those of `rnnfast.train`.
    """
    there = file_names(data) is not None
    if in_shards(there, options.get("shards"), options.get("ensemble", 1), options.get("preset")):
        reporter = watcher(options.pop("reporter", None), options.pop("progress", None))
        data = _partitions(data) if _is_dask(data) else data
        return train_shards(over(client, reporter.notice), data, reporter=reporter, **options)
    result: TrainResult = _on(client, train_here, data, options)
    return result


def cv(client: Any, data: Any, **options: Any) -> CrossValidation:
    """Cross-validate as `rnnfast.cv`; folds train on the workers of a client. data: as of `train`."""
    result: CrossValidation = _on(client, cv_here, data, options)
    return result


def tune(client: Any, data: Any, **options: Any) -> TuneResult:
    """Search as `rnnfast.tune`; trials run on the workers of a client. data: as of `train`."""
    result: TuneResult = _on(client, tune_here, data, options)
    return result


def predict(
    client: Any,
    model: Model | str | Path,
    data: Any,
    output: str | Path | None = None,
    *,
    ending: str = ENDING,
    memory: str | None = None,
    force: bool = False,
) -> Any:
    """Answer a dask DataFrame, or files.

    model: what was trained, its file or directory.
    data: a dask DataFrame, whose partitions hold whole ids. Returns a dask DataFrame with the lines of `predict` and
    the index of data, which is computed when it is asked for.
    data: names of files, each a table of its own with whole ids. output: the directory for their answers; others as of
    `predict_files`. Returns the files of answers.
    Raises UsageError, and DataError where an id lies in two partitions or files.
    """
    model = loaded(model)
    model = replace(model, config=replace(model.config, train=replace(model.config.train, threads=1)))
    if _is_dask(data):
        if output is not None:
            raise UsageError("output: a dask DataFrame is answered by another one, whose to_parquet writes it")
        return _frame(client, model, data)
    if output is None:
        raise UsageError("output: name a directory for the answers, that workers share with this process")
    paths = [str(path) for path in ([data] if isinstance(data, str | Path) else data)]
    return predict_files(over(client), model, paths, output, ending=ending, memory=memory, force=force)


def _on(client: Any, function: Callable[..., Any], data: Any, options: dict[str, Any]) -> Any:
    """Call a function that takes a cluster."""
    reporter = options.get("reporter") or Reporter()
    if _is_dask(data):
        data = client.compute(data).result()
    return function(data, cluster=over(client, reporter.notice), **options)


def _is_dask(data: Any) -> bool:
    """Whether data is a collection of Dask."""
    return hasattr(data, "__dask_graph__")


def _partitions(data: Any) -> Partitions:
    """Return the partitions of a dask DataFrame, each with nothing but what it is computed from."""
    return Partitions(data.partitions[number].to_delayed()[0] for number in range(data.npartitions))


def _frame(client: Any, model: Model, data: Any) -> Any:
    """Answer a dask DataFrame."""
    name = model.schema.id
    if name is not None:
        ids = client.compute(data[name].map_partitions(_distinct)).result()
        if ids.duplicated().any():
            raise DataError(
                f"column {name!r}: {ids[ids.duplicated()].iloc[0]!r} has rows in two partitions; give "
                f"data.shuffle(on={name!r})"
            )
    elif data.npartitions > 1:
        raise UsageError(
            "the model knows no id, so that rows follow each other over partitions; give "
            "data.repartition(npartitions=1)"
        )
    columns = model.predict(data.head(SAMPLE, npartitions=-1)).iloc[:0]
    return data.map_partitions(_answers, model, columns, meta=columns, enforce_metadata=False)


def _distinct(ids: Any) -> Any:
    return ids.drop_duplicates()


def _answers(frame: Any, model: Model, nothing: Any) -> Any:
    """Answer one partition; nothing: the answers to one without rows."""
    return model.predict(frame) if len(frame) else nothing
