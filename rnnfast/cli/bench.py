"""`rnnfast bench`."""

from __future__ import annotations

import click

from rnnfast.cli.common import State, command, option

EXAMPLES = (
    "rnnfast bench",
    "rnnfast bench --workload rnn10 --seconds 5 --json",
)


@command("bench", EXAMPLES)
@option(
    "--workload", section="Training", multiple=True, metavar="NAME", help="Workload to run, all by default. Repeatable."
)
@option(
    "--seconds",
    section="Training",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="X",
    help="Time to measure each workload.",
)
@option("--list", "list_only", section="Output", is_flag=True, help="Print the names of the workloads and stop.")
@click.pass_context
def bench(ctx: click.Context, workload: tuple[str, ...], seconds: float, list_only: bool) -> None:
    """Measure the speed of this machine.

    Trains networks of several kinds and sizes on synthetic sequences and gives the time of an epoch, steps per second
    and the share of the processor's peak, which is measured in the same run.
    """
    state = ctx.ensure_object(State)
    screen = state.screen()

    from rnnfast.console.views import BenchProgress, show_bench, show_workloads
    from rnnfast.diagnose.benchmark import WORKLOADS
    from rnnfast.diagnose.benchmark import run as measure

    if list_only:
        if state.json:
            state.print_json({"workloads": list(WORKLOADS)})
        else:
            show_workloads(screen, WORKLOADS)
        return
    report = measure(workload, seconds, BenchProgress(screen))
    if state.json:
        state.print_json(report)
    else:
        show_bench(screen, report)
