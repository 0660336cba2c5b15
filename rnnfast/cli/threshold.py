"""`rnnfast threshold`."""

from __future__ import annotations

from typing import Any

import click

from rnnfast.cli.common import State, command, option
from rnnfast.cli.options import config_options, model_and_tables, part_option, reading_config

EXAMPLES = (
    "rnnfast threshold --model runs/tx --data tx.csv --choose 'precision>=0.9'",
    "rnnfast threshold --model runs/tx --data tx.csv --choose cost:fp=1,fn=50 -n",
    "rnnfast threshold --model runs/tx --data new.csv --choose 'alarms<=10/1000'",
)


@command("threshold", EXAMPLES)
@model_and_tables("Table with labels to choose by, as for `train`; several are read as one; '-' is stdin.")
@part_option(
    "Part of the table that the model was trained on, or all of any; by default valid of that table, else all."
)
@option(
    "--choose",
    section="Model",
    required=True,
    metavar="RULE",
    help="What to choose by: a number, f1, mcc, balanced_accuracy, cost:fp=1,fn=50, 'precision>=0.9', 'recall>=0.8', "
    "'specificity>=0.99', 'alarms<=10/1000', 'events:recall>=0.8', 'events:alarms<=5/1000' or "
    "'events:alarms<=2/day'.",
)
@option("-n", "--dry-run", section="Output", is_flag=True, help="Show what would be chosen, and write nothing.")
@config_options(("sep", "columns", "query", "dayfirst", "memory", "cache"))
@click.pass_context
def threshold(
    ctx: click.Context,
    /,
    model: str,
    data: tuple[str, ...],
    part: str | None,
    choose: str,
    dry_run: bool,
    **values: Any,
) -> None:
    """Choose from which probability on a model says yes.

    Shows what some thresholds do, and writes the chosen one into the model file, where predict, eval and forecast take
    it from. Rules with > or < stand in quotes, as a shell takes these signs for files.
    """
    state = ctx.ensure_object(State)
    screen = state.screen()
    screen.reading(data)

    from rnnfast.console.operating import show_threshold
    from rnnfast.console.reading import ReadingProgress
    from rnnfast.model.operating import choose_threshold

    config, progress = reading_config(ctx, values), ReadingProgress(screen)
    report = choose_threshold(model, data, choose, part, dry_run=dry_run, config=config, reporter=progress)
    if state.json:
        state.print_json(report)
    show_threshold(screen, report)
