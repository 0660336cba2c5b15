"""`rnnfast compare`."""

from __future__ import annotations

from typing import Any

import click

from rnnfast.cli.common import State, command, option
from rnnfast.cli.options import config_options, reading_config

EXAMPLES = (
    "rnnfast compare runs/tx-rnn10 runs/tx-gru32",
    "rnnfast compare runs/* --by f1",
    "rnnfast compare runs/tx-rnn10 runs/tx-gru32 --data new.csv",
    "rnnfast compare runs/engines-rnn10 runs/engines-gru32 --last --by rmse",
)


@command("compare", EXAMPLES)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@option("--data", section="Data", multiple=True, metavar="FILE", help="Score all runs on this table; '-' is stdin.")
@option(
    "--part",
    section="Data",
    type=click.Choice(("valid", "test"), case_sensitive=False),
    help="Part of the table that the runs were trained on; by default test where each has one, else valid.",
)
@option("--last", section="Data", is_flag=True, help="Score only the last labelled step of each sequence.")
@option("--by", section="Output", metavar="METRIC", help="What orders the runs; by default the most telling metric.")
@option(
    "--ci",
    section="Output",
    type=float,
    metavar="LEVEL",
    default=95.0,
    show_default=True,
    help="Per cent of the intervals: 1,000 resamples of the ids, or of the sequences without id.",
)
@config_options(("sep", "columns", "query", "dayfirst", "memory", "cache"))
@click.pass_context
def compare(
    ctx: click.Context,
    /,
    runs: tuple[str, ...],
    data: tuple[str, ...],
    part: str | None,
    last: bool,
    by: str | None,
    ci: float,
    **values: Any,
) -> None:
    """Compare runs on the same rows.

    RUN is the directory of a run or a model file. The runs stand best first, and the first two are compared in the same
    resamples. Without --data each answers the part that it held back, which has to be the same rows of the same table.
    """
    state = ctx.ensure_object(State)
    screen = state.screen()

    from rnnfast.console.comparison import show_comparison
    from rnnfast.console.reading import ReadingProgress
    from rnnfast.model.compare import compare as compared

    config, reporter = reading_config(ctx, values), ReadingProgress(screen)
    comparison = compared(
        runs, list(data) or None, by=by, part=part, last=last, ci=ci, config=config, reporter=reporter
    )
    if state.json:
        state.print_json(comparison)
    show_comparison(screen, comparison)
