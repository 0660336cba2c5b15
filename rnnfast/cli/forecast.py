"""`rnnfast forecast`."""

from __future__ import annotations

from typing import Any

import click

from rnnfast.cli.common import State, command, option
from rnnfast.cli.options import config_options, interval_option, model_and_tables, output_of, raw_option, reading_config

EXAMPLES = (
    "rnnfast forecast --model runs/load --data load.csv -o tomorrow.csv",
    "rnnfast forecast --model runs/load --data load.csv --steps 48",
    "rnnfast forecast --model runs/load --data load.csv --interval 90",
)


@command("forecast", EXAMPLES)
@model_and_tables("Table that ends where the forecast begins, as for `train`; several are read as one; '-' is stdin.")
@option(
    "--steps",
    section="Data",
    type=click.IntRange(min=1),
    metavar="N",
    help="Steps 1 to N; default: the model's horizons, or one step, and the rows that ask with an empty target.",
)
@interval_option("Columns TARGET_low and TARGET_high, or TARGET_set, which hold so many of the true values: 50 to 99.")
@option("-o", "--output", section="Output", metavar="FILE", help="CSV file to write; default '-', stdout.")
@raw_option
@option("-f", "--force", section="Output", is_flag=True, help="Replace the output file.")
@config_options(("sep", "columns", "query", "dayfirst", "memory", "cache"))
@click.pass_context
def forecast(
    ctx: click.Context,
    /,
    model: str,
    data: tuple[str, ...],
    steps: int | None,
    interval: int | None,
    output: str | None,
    force: bool,
    raw: bool,
    **values: Any,
) -> None:
    """Write what a model expects after a table's last row.

    One row per id and step ahead: the id, the time (continued by its own step: numbers, dates, months, business days),
    then the columns of `predict`. Rows at an id's end with an empty target ask for a forecast at their own times.
    """
    state = ctx.ensure_object(State)
    if state.json and output == "-":
        ctx.fail("--json and the forecast cannot both go to stdout; leave -o out, the object holds the forecast")
    screen = state.screen()
    screen.reading(data)

    from rnnfast.console.reading import ReadingProgress
    from rnnfast.model.forecast import forecast_table

    file = output_of(output or (None if state.json else "-"), raw)
    config, progress = reading_config(ctx, values), ReadingProgress(screen)
    ahead = forecast_table(
        model, list(data), steps, file, interval=interval, force=force, config=config, reporter=progress
    )
    if state.json:
        state.print_json(ahead.to_json(output))
    elif output not in (None, "-"):
        screen.written(str(output), ahead.rows)
