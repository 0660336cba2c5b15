"""`rnnfast doctor`."""

from __future__ import annotations

from typing import Any

import click

from rnnfast.cli.common import State, command, option
from rnnfast.cli.failure import FAILED
from rnnfast.cli.options import config_options, given
from rnnfast.config.resolve import COMMAND_LINE, Config, flag_of
from rnnfast.errors import UsageError

EXAMPLES = (
    "rnnfast doctor",
    "rnnfast doctor --json",
    "rnnfast doctor --warm-up gru,lstm",
    "rnnfast doctor --gradients --cell gru --hidden 8,8 --bidirectional",
)
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
@click.pass_context
def doctor(ctx: click.Context, /, gradients: bool, warm_up: str | None, **values: Any) -> int:
    """Check the installation and this machine.

    Shows versions, processor, vector width, threads and the caches of compiled kernels and parsed tables, runs a
    kernel, and says how to fix what is not well. Ends with code 1 when training cannot work, or when a gradient is
    wrong.
    """
    state = ctx.ensure_object(State)
    described = given(ctx, values)
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
