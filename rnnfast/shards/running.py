"""One call from files to a network that was trained on their shards."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Any, Unpack

from rnnfast.cluster.here import InProcess
from rnnfast.cluster.task import Cluster, Task
from rnnfast.config.resolve import Config
from rnnfast.config.typed import TrainOptions
from rnnfast.data import Parts
from rnnfast.data.columns.roles import roles
from rnnfast.data.reading.opening import file_names
from rnnfast.data.reading.request import Request
from rnnfast.data.sources.batches import open_files
from rnnfast.errors import ClusterError, DataError, UsageError
from rnnfast.listeners import with_listeners
from rnnfast.progress import Progress, watcher
from rnnfast.reporter import Reporter
from rnnfast.shards import tasks
from rnnfast.shards.plan import FILES, Partitions, Plan, without_ids
from rnnfast.shards.reading import check_shards, read_shards
from rnnfast.shards.sequences import home_of
from rnnfast.training.checks import check_options, check_unwritten, named_cell
from rnnfast.training.presets import fixed
from rnnfast.training.result import TrainResult
from rnnfast.training.resuming import Resumed
from rnnfast.training.run import Read, Tables, run, trained
from rnnfast.training.tables import reading_of

SHARDS = 16  # of a cluster, where nobody says how many
FEW_STEPS = 300_000_000  # of a pass: what one machine trains in ten seconds


def run_in_shards(
    config: Config, reporter: Reporter, force: bool, before: Resumed | None, cluster: Cluster | None
) -> TrainResult:
    """Do what the `train` command does with a table in shards. Arguments and errors as of `where.run_where`."""
    config = in_shards(config)
    check_shards(config)
    return run(config, reporter, force, before=before, read=reader(cluster or InProcess(), reporter))


def train(
    cluster: Cluster,
    data: Any,
    *,
    valid: str | None = None,
    test: str | None = None,
    progress: Progress = None,
    reporter: Reporter | None = None,
    **options: Unpack[TrainOptions],
) -> TrainResult:
    """Train a network on shards of files and score it; nothing is written.

    data, valid, test: names of files, as the workers find them; data may also be the partitions of a dask DataFrame,
    with whole ids in each: partition k is in shard k mod shards. Others, and what is raised, as of
    `training.run.train`, and ClusterError.
    """
    reporter = watcher(reporter, progress)
    check_unwritten(options)
    partitions = data if isinstance(data, Partitions) else ()
    if partitions:
        data = ()
        if options.setdefault("sharding", FILES) != FILES:
            raise UsageError("sharding: a dask DataFrame is divided by its partitions, sharding='files'")
    if file_names(data) is None or any(one is not None and file_names(one) is None for one in (valid, test)):
        raise UsageError(
            "shards are read by the workers: give the names of files, as the workers find them; data may also be a "
            "dask DataFrame"
        )
    equations = named_cell(options)
    files = {"data": tuple(file_names(data) or ()), "valid": valid, "test": test}
    config = in_shards(fixed(Config().with_values({**options, **files}, "train()")))
    check_options(config, equations, valid is not None)
    check_shards(config)
    reporter = with_listeners(reporter, config.output)
    return trained(reader(cluster, reporter, partitions), config, equations, reporter, valid is not None)


def reader(cluster: Cluster, reporter: Reporter, partitions: tuple[Any, ...] = ()) -> Read:
    """Return what reads the shards of a configuration on a cluster; partitions: in the place of its files."""

    def read(config: Config, opened: ExitStack) -> Tables:
        plan = Plan.of(config, partitions)
        if partitions and plan.shards > len(partitions):
            raise UsageError(
                f"--shards {plan.shards}: the dask DataFrame has {len(partitions)} partitions; give as many at most"
            )

        def forget(kind: Any, *error: Any) -> None:
            if kind is None:  # after an error nobody may be there, and a run that goes on finds its shards again
                homes = [home_of(plan, number) for number in range(plan.shards)]
                with suppress(ClusterError):
                    cluster.run([Task(f"the end of {home}", tasks.forget, (plan.key,), home=home) for home in homes])

        opened.push(forget)
        if cluster.dashboard:
            reporter.notice(f"dashboard: {cluster.dashboard}")
        table, parts = read_shards(plan, cluster, reporter)
        advise(parts, reporter)
        return table, parts, config

    return read


def in_shards(config: Config) -> Config:
    """Return the configuration with the number of shards."""
    return config if config.data.shards is not None else config.with_values({"shards": SHARDS}, "--shards")


def check_before(config: Config, there: bool) -> None:
    """Raise for what shards do not go with, before a cluster begins: for options, and for a table without ids.

    there: whether workers are processes of this machine, which find files as this one does; others are left to them
    where this one cannot open them.
    """
    config = in_shards(config)
    check_shards(config)
    request = Request(reading_of(config))
    try:
        sources = open_files(config.data.data, request.files)
    except DataError:
        if there:
            raise
        return
    if roles(sources[0], request.config).id is None:
        raise without_ids(config.data.shards or SHARDS)


def advise(parts: Parts, reporter: Reporter) -> None:
    """Say where one machine would do better."""
    if parts.train.shards > 1 and parts.train.rows < FEW_STEPS:
        reporter.notice(
            f"a pass has {parts.train.rows:,} steps, which one machine trains in seconds, with more updates to a pass: "
            "below some hundred million steps train without --shards, from disk with --memory"
        )
