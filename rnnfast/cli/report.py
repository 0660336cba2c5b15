"""`rnnfast report`."""

from __future__ import annotations

from typing import Any

import click

from rnnfast.cli.common import State, command, option
from rnnfast.cli.options import config_options, part_option, reading_config

EXAMPLES = (
    "rnnfast report runs/tx",
    "rnnfast report runs/tx -o tx.html --figures figures",
    "rnnfast report runs/tx --data new.csv -o new.html",
)


@command("report", EXAMPLES)
@click.argument("run", metavar="RUN")
@option(
    "--data",
    section="Data",
    multiple=True,
    metavar="FILE",
    help="Table to score; by default those that config.toml of the run names. Several are read as one.",
)
@part_option("Part of the table; by default test where there is one, else valid.")
@option("-o", "--output", section="Output", metavar="FILE", help="The page.  [default: report.html beside the model]")
@option("--figures", section="Output", metavar="DIR", help="Write each figure as SVG and PNG, too.")
@option("-f", "--force", section="Output", is_flag=True, help="Replace an existing FILE.")
@config_options(("sep", "columns", "query", "dayfirst", "memory", "cache"))
@click.pass_context
def report(
    ctx: click.Context,
    /,
    run: str,
    data: tuple[str, ...],
    part: str | None,
    output: str | None,
    figures: str | None,
    force: bool,
    **values: Any,
) -> None:
    """Write what a run is worth as a page to read and send on.

    RUN is the directory of a run, or its model file. The page is one file of HTML that fetches nothing: what the model
    is worth in words, scores beside naive answers, figures, and the numbers behind each of them.
    """
    state = ctx.ensure_object(State)
    screen = state.screen()
    screen.reading(data)

    from rnnfast.console.reading import ReadingProgress
    from rnnfast.console.report import show_report
    from rnnfast.report.run import report as write

    config, progress = reading_config(ctx, values), ReadingProgress(screen)
    written = write(run, output, data=data, part=part, figures=figures, force=force, config=config, reporter=progress)
    if state.json:
        state.print_json(written)
    show_report(screen, written)
