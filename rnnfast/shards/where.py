"""Where a run of the `train` command has its table: whole in this process, or in shards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnfast.training.run import run

if TYPE_CHECKING:
    from rnnfast.cluster.task import Cluster
    from rnnfast.config.cluster import ClusterConfig
    from rnnfast.config.resolve import Config
    from rnnfast.reporter import Reporter
    from rnnfast.training.result import TrainResult
    from rnnfast.training.resuming import Resumed


def run_where(
    config: Config, reporter: Reporter, force: bool, before: Resumed | None, cluster: Cluster | None
) -> TrainResult:
    """Do what the `train` command does: in shards where the options say so, and of one network on a cluster.

    cluster: None for this process. Others as of `training.run.run`. Raises as that, and ClusterError.
    """
    if not _sharded(config, cluster is not None):
        return run(config, reporter, force, cluster, before)
    from rnnfast.shards.running import run_in_shards  # one process does without

    return run_in_shards(config, reporter, force, before, cluster)


def check_where(config: Config, where: ClusterConfig) -> None:
    """Raise UsageError, or DataError, for a table that cannot be in shards, before a cluster begins."""
    if not where.local and _sharded(config, True):
        from rnnfast.shards.running import check_before

        check_before(config, where.workers is not None)


def in_shards(on_workers: bool, shards: int | None, ensemble: int, preset: str | None) -> bool:
    """Whether a run has its table in shards: where --shards says so, and of one network whose files workers can read.

    on_workers: whether they can. Several networks train on whole tables, side by side.
    """
    return shards is not None or (on_workers and ensemble == 1 and preset != "best")


def _sharded(config: Config, clustered: bool) -> bool:
    return in_shards(clustered, config.data.shards, config.model.ensemble, config.model.preset)
