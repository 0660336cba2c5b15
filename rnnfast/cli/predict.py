"""`rnnfast predict`."""

from __future__ import annotations

from typing import Any

import click

from rnnfast.cli.common import State, command, option
from rnnfast.cli.options import (
    PART_OR_ALL,
    cluster_of,
    cluster_options,
    config_options,
    interval_option,
    model_and_tables,
    output_of,
    part_option,
    raw_option,
    reading_config,
)

EXAMPLES = (
    "rnnfast predict --model runs/tx --data new.csv -o predictions.csv",
    "rnnfast predict --model runs/tx --data tx.csv --part valid --keep Class",
    "rnnfast predict --model runs/tx --data new.csv --explain -o predictions.csv",
    "rnnfast predict --model runs/load --data load.csv --interval 90 -o load_90.csv",
    "cat new.csv | rnnfast predict --model runs/tx --data - > predictions.csv",
)


@command("predict", EXAMPLES)
@model_and_tables(
    "Table to predict, as for `train`, with or without the target; several are read as one; '-' is stdin."
)
@part_option(PART_OR_ALL, "all", any_case=False)
@option(
    "-o",
    "--output",
    section="Output",
    default="-",
    show_default=True,
    metavar="FILE",
    help="File to write: .csv, .csv.gz or .parquet; '-' is CSV on stdout.",
)
@option(
    "--keep",
    section="Output",
    multiple=True,
    metavar="COLUMN,...",
    help="Columns of the table that the output has too, as they are there; 'all' is every one. Repeatable.",
)
@option(
    "--explain",
    section="Output",
    is_flag=True,
    help="Write what raised each answer above the threshold: three features and steps, for models of two classes.",
)
@interval_option("Columns TARGET_low and TARGET_high, or TARGET_set, which hold so many of the true values: 50 to 99.")
@raw_option
@option("-f", "--force", section="Output", is_flag=True, help="Replace the output file.")
@cluster_options
@config_options(("sep", "columns", "query", "dayfirst", "memory", "cache"))
@click.pass_context
def predict(
    ctx: click.Context,
    /,
    model: str,
    data: tuple[str, ...],
    part: str,
    output: str,
    keep: tuple[str, ...],
    explain: bool,
    interval: int | None,
    force: bool,
    **values: Any,
) -> None:
    """Write a model's predictions for a table as CSV.

    One row per input row in input order, or one per sequence for models of the last step: the id and time columns (row,
    the input row counted from 0, where there is neither), the columns of --keep, then TARGET_pred, and TARGET_prob for
    a binary target or TARGET_prob_CLASS for each of several classes. A model with a horizon answers each row for that
    many steps later; TIME_for says when that is.
    """
    state = ctx.ensure_object(State)
    where = cluster_of(ctx, values)
    if state.json and output == "-":
        ctx.fail("--json and the predictions cannot both go to stdout; write them to a file with -o FILE")
    screen = state.screen()
    screen.reading(data)

    from rnnfast.cluster.connection import connected
    from rnnfast.console.reading import ReadingProgress
    from rnnfast.model.elsewhere import on_cluster
    from rnnfast.model.predictions import Extras, predict_table

    file, config = output_of(output, values.pop("raw")), reading_config(ctx, values)
    names = [name.strip() for text in keep for name in text.split(",") if name.strip()]
    progress = ReadingProgress(screen)
    how: dict[str, Any] = {"part": part, "keep": names, "extras": Extras(interval, explain), "force": force}
    with connected(where, screen.notice) as cluster:
        report = predict_table(on_cluster(model, cluster), data, file, **how, config=config, reporter=progress)
    if state.json:
        state.print_json(report.to_json())
    elif output != "-":
        screen.written(output, report.rows)
