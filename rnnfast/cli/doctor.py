"""`rnnfast doctor`."""

from __future__ import annotations

import click

from rnnfast.cli.common import State, command
from rnnfast.cli.failure import FAILED

EXAMPLES = (
    "rnnfast doctor",
    "rnnfast doctor --json",
)


@command("doctor", EXAMPLES)
@click.pass_context
def doctor(ctx: click.Context) -> int:
    """Check the installation and this machine.

    Shows versions, processor, vector width, threads and the cache of compiled kernels, runs a kernel, and says how to
    fix what is not well. Ends with code 1 when training cannot work.
    """
    state = ctx.ensure_object(State)
    screen = state.screen()

    from rnnfast.machine import examine

    report = examine()
    if state.json:
        state.print_json(report)
    else:
        from rnnfast.console.views import show_doctor

        show_doctor(screen, report)
    return FAILED if any(check["status"] == "error" for check in report["checks"]) else 0
