"""`rnnfast doctor`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from rnnfast.cli.common import State, command, option
from rnnfast.cli.failure import FAILED
from rnnfast.cli.options import cluster_of, cluster_options, config_options, given
from rnnfast.config.cluster import ClusterConfig
from rnnfast.config.resolve import COMMAND_LINE, Config, flag_of
from rnnfast.errors import UsageError

EXAMPLES = (
    "rnnfast doctor",
    "rnnfast doctor --json",
    "rnnfast doctor --warm-up gru,lstm",
    "rnnfast doctor --gradients --cell gru --hidden 8,8 --bidirectional",
    "rnnfast doctor --scheduler tcp://10.0.0.1:8786 --data sensors.csv",
)
OTHER_VERSIONS = UsageError.exit_code  # of workers
NETWORK = (
    "cell", "hidden", "head", "patch", "conv", "static", "embed", "activation", "bidirectional", "dropout", "loss",
    "seed",
)  # fmt: skip


@command("doctor", EXAMPLES)
@option(
    "--gradients",
    section="Training",
    is_flag=True,
    help="Compare the gradients of a network with finite differences instead; mse where --loss is auto.",
)
@option(
    "--warm-up",
    section="Training",
    is_flag=False,
    flag_value="",
    metavar="[CELL,..]",
    help="Compile all that usual runs of these cells (none named: rnn, gru, lstm, mlp) need, so that no run waits for "
    "it.",
)
@config_options(NETWORK)
@cluster_options
@option(
    "--data",
    section="Cluster",
    multiple=True,
    metavar="FILE",
    help="Table that each worker of a cluster should be able to read. Repeatable.",
)
@click.pass_context
def doctor(ctx: click.Context, /, gradients: bool, warm_up: str | None, data: tuple[str, ...], **values: Any) -> int:
    """Check the installation and this machine.

    Shows versions, processor, vector width, threads and the caches of compiled kernels and parsed tables, runs a
    kernel, and says how to fix what is not well. With --scheduler, --scheduler-file or --workers it asks the workers of
    that cluster instead. Ends with code 1 when training cannot work, or when a gradient is wrong, and with 2 when
    workers have other versions than this machine.
    """
    state = ctx.ensure_object(State)
    where = cluster_of(ctx, values)
    described = given(ctx, values)
    if not where.local:
        if gradients or warm_up is not None or described:
            raise UsageError("a cluster is examined by itself; leave --gradients, --warm-up and their options out")
        return _cluster(state, where, data)
    if data:
        raise UsageError("--data names a table that workers should read; add --scheduler, or use rnnfast inspect FILE")
    if warm_up is not None:
        if gradients or described:
            raise UsageError("--warm-up compiles kernels and checks nothing; leave the other options out")
        return _warm_up(state, warm_up)
    if gradients:
        return _gradients(state, Config().with_values(described, COMMAND_LINE))
    if described:
        raise UsageError(f"{flag_of(next(iter(described)))} describes the network of --gradients; add --gradients")
    screen = state.screen()
    screen.waiting("examining this machine; the first time a kernel is compiled")

    from rnnfast.diagnose.machine import examine

    report = examine()
    if state.json:
        state.print_json(report)
    else:
        from rnnfast.console.views import show_doctor

        show_doctor(screen, report)
    return 0 if report.works else FAILED


def _cluster(state: State, where: ClusterConfig, tables: Sequence[str]) -> int:
    """Examine the workers of a cluster."""
    screen = state.screen()
    screen.waiting("asking the workers; the first time each compiles a kernel")

    from rnnfast.cluster.connection import connected
    from rnnfast.cluster.examination import examine_cluster
    from rnnfast.console.cluster import show_cluster

    with connected(where, screen.notice) as cluster:
        assert cluster is not None  # where names one
        report = examine_cluster(cluster, tables)
    if state.json:
        state.print_json(report)
    else:
        show_cluster(screen, report)
    if not report.same_versions:
        return OTHER_VERSIONS
    return 0 if report.works else FAILED


def _gradients(state: State, config: Config) -> int:
    """Check the gradients of the network that the options describe."""
    screen = state.screen()
    screen.waiting("comparing gradients; the first time kernels are compiled")

    from rnnfast.diagnose.gradients import report

    checked = report(config)
    if state.json:
        state.print_json(checked)
    else:
        from rnnfast.console.views import show_gradients

        show_gradients(screen, checked)
    return 0 if checked.passed else FAILED


def _warm_up(state: State, cells: str) -> int:
    """Compile the kernels of these cells, named with commas between; "": of the usual ones."""
    screen = state.screen()

    from rnnfast.console.views import BenchProgress, show_warm_up
    from rnnfast.diagnose.warm import warm

    report = warm([cell.strip() for cell in cells.split(",") if cell.strip()], BenchProgress(screen))
    if state.json:
        state.print_json(report)
    else:
        show_warm_up(screen, report)
    return 0
