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


def _sharded(config: Config, clustered: bool) -> bool:
    """Whether a run has its table in shards."""
    several = config.model.ensemble > 1 or config.model.preset == "best"
    return config.data.shards is not None or (clustered and not several)
