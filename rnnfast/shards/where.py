"""Where a run of the `train` command has its table: whole in this process, or in shards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnfast.training.run import run

if TYPE_CHECKING:
    from rnnfast.cluster.task import Cluster
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
    several = config.model.ensemble > 1 or config.model.preset == "best"
    if config.data.shards is None and (cluster is None or several):
        return run(config, reporter, force, cluster, before)
    from rnnfast.shards.running import run_in_shards  # one process does without

    return run_in_shards(config, reporter, force, before, cluster)
