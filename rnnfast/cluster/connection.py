"""The way from options to a cluster, and its end."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

from rnnfast.config.cluster import ClusterConfig
from rnnfast.errors import ClusterError, RnnfastError, TrainingInterrupted, UsageError

if TYPE_CHECKING:
    from rnnfast.cluster.remote import DaskCluster

LOG = "distributed"
WAIT = ClusterConfig().wait
LOADED = ("pandas", "rnnfast.training.run")  # by workers of this machine while they begin: what any task needs
SILENCE = 1.0  # seconds after which a person is told what is waited for
NEEDED = "a cluster needs Dask: pip install 'rnnfast[dask]'"


@contextmanager
def connected(config: ClusterConfig, notice: Callable[[str], None]) -> Iterator[DaskCluster | None]:
    """Yield the cluster that the options name, None where they name none, and let go of it at the end.

    notice: is told of workers that come and go. Raises: RnnfastError where Dask is not installed; UsageError for an
    address that is none; ClusterError where nobody answers there within the time to wait.
    """
    if config.local:
        yield None
        return
    try:
        import distributed
    except ImportError:
        raise RnnfastError(NEEDED) from None
    from rnnfast.cluster.remote import DaskCluster
    from rnnfast.cluster.workers import Workers

    for name in [LOG, *logging.root.manager.loggerDict]:
        if name.split(".")[0] == LOG:
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what happens to workers is told by the run
    with _scheduler(distributed, config) as (where, revive):
        # Those begin while the command reads its table; the first task waits for them
        expected = config.workers or 0

        def connect(timeout: float) -> Any:
            return distributed.Client(**where, timeout=timeout, set_as_default=False)

        waiting = Timer(SILENCE, notice, [f"waiting for {config.address}, at most {config.wait:g} s (--wait-timeout)"])
        waiting.start()
        try:
            cluster = DaskCluster(Workers(connect, config.wait, notice, revive, expected))
        except ValueError as error:
            raise UsageError(f"--scheduler {config.scheduler}: {error}; write tcp://HOST:8786") from None
        except (OSError, TimeoutError) as error:
            raise ClusterError(f"no scheduler at {config.address} within {config.wait:g} s: {error}") from None
        finally:
            waiting.cancel()
        cluster.words = config.words
        try:
            cluster.agree()
            yield cluster
        except (ClusterError, TrainingInterrupted) as error:
            if error.command:
                error.command = f"{error.command} {shlex.join(config.words)}"
            raise
        finally:
            cluster.client.close(timeout=2)


def over(client: Any, notice: Callable[[str], None] = lambda text: None, wait: float = WAIT) -> DaskCluster:
    """Return the cluster of a client that somebody else made, and ends; others as of `Workers`."""
    try:
        from rnnfast.cluster.remote import DaskCluster
        from rnnfast.cluster.workers import Workers
    except ImportError:
        raise RnnfastError(NEEDED) from None

    def connect(timeout: float) -> Any:
        if client.status == "closed":
            raise OSError("the client is closed")
        return client

    cluster = DaskCluster(Workers(connect, wait, notice))
    cluster.agree()
    return cluster


@contextmanager
def _scheduler(distributed: Any, config: ClusterConfig) -> Iterator[tuple[dict[str, Any], Callable[[], None]]]:
    """Yield what a client takes to find the scheduler, that of other machines or one of this process; and `revive`."""
    if config.scheduler is not None:
        yield {"address": config.scheduler}, _nothing
    elif config.scheduler_file is not None:
        if not Path(config.scheduler_file).is_file():
            raise UsageError(f"--scheduler-file {config.scheduler_file}: no such file; the scheduler writes it")
        yield {"scheduler_file": config.scheduler_file}, _nothing
    else:
        memory = distributed.system.MEMORY_LIMIT // (config.workers or 1)
        with distributed.LocalCluster(
            n_workers=0,
            threads_per_worker=1,
            processes=True,
            memory_limit=memory,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
            preload=["rnnfast.cluster.preload", *LOADED],
        ) as cluster:

            def revive() -> None:
                if len(cluster.workers) < (config.workers or 1):  # one that dies while it begins is given up by Dask
                    cluster.scale(config.workers)

            yield {"address": cluster.scheduler_address}, revive


def _nothing() -> None:
    """Start no worker: those of other machines are started there."""
