"""`rnnfast predict`."""

from __future__ import annotations

from typing import Any

import click

from rnnfast.cli.common import State, command, option
from rnnfast.cli.options import config_options, reading_config

EXAMPLES = (
    "rnnfast predict --model runs/tx --data new.csv -o predictions.csv",
    "cat new.csv | rnnfast predict --model runs/tx --data - > predictions.csv",
)


@command("predict", EXAMPLES)
@option("--model", section="Model", required=True, metavar="PATH", help="Model file, or the directory of its run.")
@option(
    "--data",
    section="Data",
    required=True,
    multiple=True,
    metavar="FILE",
    help="Table to predict, as for `train`, with or without the target; several are read as one; '-' is stdin.",
)
@option(
    "-o",
    "--output",
    section="Output",
    default="-",
    show_default=True,
    metavar="FILE",
    help="CSV file to write; '-' is stdout.",
)
@option("-f", "--force", section="Output", is_flag=True, help="Replace the output file.")
@config_options(("memory", "cache"))
@click.pass_context
def predict(ctx: click.Context, /, model: str, data: tuple[str, ...], output: str, force: bool, **values: Any) -> None:
    """Write a model's predictions for a table as CSV.

    One row per input row in input order, or one per sequence for models of the last step: the id and time columns,
    then TARGET_pred, and TARGET_prob for a binary target or TARGET_prob_CLASS for each of several classes. A model with
    a horizon answers each row for that many steps later; TIME_for says when that is.
    """
    state = ctx.ensure_object(State)
    if state.json and output == "-":
        ctx.fail("--json and the predictions cannot both go to stdout; write them to a file with -o FILE")
    screen = state.screen()
    screen.reading(data)

    from rnnfast.console.reading import ReadingProgress
    from rnnfast.model.predictions import predict_table

    config = reading_config(ctx, values)
    rows = predict_table(model, data, output, force=force, config=config, reporter=ReadingProgress(screen))
    if state.json:
        state.print_json({"rows": rows, "output": output})
    elif output != "-":
        screen.written(output, rows)
