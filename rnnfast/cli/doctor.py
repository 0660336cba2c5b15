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
    "rnnfast doctor --gradients --cell gru --hidden 8,8 --bidirectional",
)
NETWORK = ("cell", "hidden", "activation", "bidirectional", "dropout", "loss", "seed")


@command("doctor", EXAMPLES)
@option(
    "--gradients",
    section="Training",
    is_flag=True,
    help="Compare the gradients of a network with finite differences instead; mse where --loss is auto.",
)
@config_options(NETWORK)
@click.pass_context
def doctor(ctx: click.Context, /, gradients: bool, **values: Any) -> int:
    """Check the installation and this machine.

    Shows versions, processor, vector width, threads and the caches of compiled kernels and parsed tables, runs a
    kernel, and says how to fix what is not well. Ends with code 1 when training cannot work, or when a gradient is
    wrong.
    """
    state = ctx.ensure_object(State)
    described = given(ctx, values)
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
