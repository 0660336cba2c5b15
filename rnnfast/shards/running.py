"""One call from files to a network that was trained on their shards."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from rnnfast.cluster.task import Cluster
from rnnfast.config.resolve import Config
from rnnfast.data import Parts, Sequences
from rnnfast.reporter import Reporter
from rnnfast.shards import tasks
from rnnfast.shards.plan import Plan
from rnnfast.shards.reading import check_shards, read_shards
from rnnfast.training.result import TrainResult
from rnnfast.training.run import run

SHARDS = 16  # where nobody says how many
FEW_STEPS = 300_000_000  # of a pass: what one machine trains in ten seconds


def run_shards(config: Config, cluster: Cluster, reporter: Reporter | None = None, force: bool = False) -> TrainResult:
    """Do what the `train` command does on a cluster: read shards, split, train in rounds, evaluate, write.

    Others as of `training.run`. Raises: as that, and ClusterError.
    """
    config = in_shards(config)
    check_shards(config)
    reporter = reporter or Reporter()

    def read(config: Config, opened: ExitStack) -> tuple[Sequences, Parts, Config]:
        opened.callback(tasks.forget, Plan.of(config))
        table, parts = read_shards(config, cluster, reporter)
        advise(parts, reporter)
        return table, parts, config

    return run(config, reporter, force, read)


def in_shards(config: Config) -> Config:
    """Return the configuration with the files by absolute paths, and the number of shards."""
    values: dict[str, Any] = {} if config.data.shards else {"shards": SHARDS}
    return config.choosing(values).with_absolute_paths()


def advise(parts: Parts, reporter: Reporter) -> None:
    """Say where one machine would do better."""
    if parts.train.shards > 1 and parts.train.rows < FEW_STEPS:
        reporter.notice(
            f"a pass has {parts.train.rows:,} steps, which one machine trains in seconds, with more updates to a pass: "
            "below some hundred million steps train without --shards, from disk with --memory"
        )
