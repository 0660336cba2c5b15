"""`rnnfast explain`."""

from __future__ import annotations

from typing import Any

import click

from rnnfast.cli.common import State, command, option
from rnnfast.cli.options import (
    PART_OR_ALL,
    config_options,
    model_and_tables,
    output_of,
    part_option,
    raw_option,
    reading_config,
)

EXAMPLES = (
    "rnnfast explain --model runs/tx --data tx.csv",
    "rnnfast explain --model runs/tx --data tx.csv --id 4711 -o attributions.csv",
    "rnnfast explain --model runs/tx --data tx.csv --importance --groups 'V*'",
)


@command("explain", EXAMPLES)
@model_and_tables("Table whose answers are explained, as for `predict`; several are read as one; '-' is stdin.")
@part_option(PART_OR_ALL, "all", any_case=False)
@option("--id", "ids", section="Data", multiple=True, metavar="ID", help="Sequence that is explained. Repeatable.")
@option(
    "--step",
    section="Data",
    type=int,
    default=-1,
    show_default="-1, the last one",
    metavar="N",
    help="Step of each sequence that is explained, from 1, or from -1 backwards.",
)
@option("--row", section="Data", type=int, metavar="N", help="Input row that is explained, counted from 0.")
@option(
    "--sequences",
    section="Data",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="N",
    help="Explain so many sequences at most, drawn at random where there are more.",
)
@option(
    "--answer",
    section="Model",
    metavar="NAME",
    help="Class or target whose output is explained: the predicted class, or the first target, where it is left out.",
)
@option(
    "--baseline",
    section="Model",
    type=click.Choice(("mean", "zero")),
    default="mean",
    show_default=True,
    help="What answers are explained beside: the mean training row at every step, or encoded inputs of 0.",
)
@option(
    "--points",
    section="Model",
    type=click.IntRange(2, 400),
    default=50,
    show_default=True,
    metavar="N",
    help="Points of each integral; more are taken where its error is above 0.1 %.",
)
@option(
    "--importance",
    section="Model",
    is_flag=True,
    help="Explain the score of the table instead: what it loses without each feature, and without the order.",
)
@option(
    "--groups",
    section="Model",
    multiple=True,
    metavar="A+B,...",
    help="With --importance: features that are left out together, by name or pattern, as in 'a+b,V*'. Repeatable.",
)
@option(
    "--repeats",
    section="Model",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="N",
    help="With --importance: exchanges of each feature.",
)
@option("--seed", section="Model", type=int, default=0, show_default=True, metavar="N", help="Of what is drawn.")
@option(
    "--top",
    section="Output",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="N",
    help="Show so many features.",
)
@option(
    "-o",
    "--output",
    section="Output",
    metavar="FILE",
    help="File with a line for each step and feature, or with --importance for each feature: .csv, .csv.gz, .parquet.",
)
@raw_option
@option("-f", "--force", section="Output", is_flag=True, help="Replace the output file.")
@config_options(("sep", "columns", "query", "dayfirst", "memory", "cache"))
@click.pass_context
def explain(
    ctx: click.Context,
    /,
    model: str,
    data: tuple[str, ...],
    part: str,
    importance: bool,
    top: int,
    output: str | None,
    force: bool,
    raw: bool,
    **values: Any,
) -> None:
    """Show what a model's answers follow from.

    How much each feature at each step moved the output of one row of each sequence, by integrated gradients: they sum
    to what the output differs from that for a baseline. With --importance, what the score of a table with labels loses
    where a feature is exchanged between sequences.
    """
    state = ctx.ensure_object(State)
    if output == "-":
        ctx.fail("-o -: what is shown goes to stdout; name a file")
    screen = state.screen()
    screen.reading(data)

    from rnnfast.console.explain import show_attributions, show_importance
    from rnnfast.console.reading import ReadingProgress
    from rnnfast.model.explain.attribution import Method
    from rnnfast.model.explain.importance import Exchange
    from rnnfast.model.explain.selection import Selection
    from rnnfast.model.explain.tables import explain_table, importance_table

    own = {name: values.pop(name) for name in OWN}
    settings: dict[str, Any] = {"part": part, "force": force, "config": reading_config(ctx, values)}
    settings["reporter"] = ReadingProgress(screen)
    _check(ctx, importance)
    file = output_of(output, raw)
    if importance:
        groups = tuple(name.strip() for text in own["groups"] for name in text.split(",") if name.strip())
        exchange = Exchange(groups, own["repeats"], own["seed"])
        scores = importance_table(model, data, file, exchange=exchange, **settings)
        state.print_json(scores) if state.json else show_importance(screen, scores, top)
        lines = len(scores.entries)
    else:
        chosen = Selection(own["ids"], own["row"], own["step"], own["sequences"], own["seed"])
        method = Method(own["answer"], own["baseline"], own["points"])
        report = explain_table(model, data, file, selection=chosen, method=method, **settings)
        state.print_json(report) if state.json else show_attributions(screen, report, top)
        lines = int(report.lines or 0)
    if output is not None:
        screen.written(output, lines)


ATTRIBUTION = ("ids", "row", "step", "sequences", "answer", "baseline", "points")
IMPORTANCE = ("groups", "repeats")
OWN = (*ATTRIBUTION, *IMPORTANCE, "seed")


def _check(ctx: click.Context, importance: bool) -> None:
    """Refuse options of the other kind of explanation, which would change nothing."""
    for name in ATTRIBUTION if importance else IMPORTANCE:
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            flag = "--id" if name == "ids" else f"--{name}"
            ctx.fail(f"{flag} has no effect {'with' if importance else 'without'} --importance; leave it out")
