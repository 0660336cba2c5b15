"""`rnnfast inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rnnfast.cli.common import State, command
from rnnfast.cli.options import config_options, given
from rnnfast.config.resolve import resolve
from rnnfast.config.sections import reading_options

SHOWN_OPTIONS = (*reading_options(), "scale", "memory", "cache")


EXAMPLES = (
    "rnnfast inspect creditcard.csv",
    "rnnfast inspect sensors.csv --id engine --time cycle --target life",
    "rnnfast inspect part-1.parquet part-2.parquet --target label",
    "rnnfast inspect runs/tx",
)


@command("inspect", EXAMPLES)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@config_options(SHOWN_OPTIONS)
@click.pass_context
def inspect(ctx: click.Context, /, paths: tuple[str, ...], **values: Any) -> None:
    """Show what a model holds, or how a table is read.

    PATH is a model (.safetensors, or the directory of a run) or a table; several tables are read as one. The options
    say how to read a table, as for `train`. What would stop training is listed, with the options to type next.
    """
    state = ctx.ensure_object(State)
    flags = given(ctx, values)
    models = [path for path in paths if Path(path).is_dir() or path.endswith(".safetensors")]
    if models:
        if len(paths) > 1:
            ctx.fail(f"a model is shown by itself; {models[0]} is one")
        if flags:
            ctx.fail("a model is read as it is; the options are for tables")
        _inspect_model(state, models[0])
    else:
        _inspect_table(state, paths, flags)


def _inspect_model(state: State, path: str) -> None:
    from rnnfast.model import load
    from rnnfast.model.description import describe_model

    described = describe_model(load(path), path)
    if state.json:
        state.print_json(described)
        return

    from rnnfast.console.views import show_model

    show_model(state.screen(), described)


def _inspect_table(state: State, paths: tuple[str, ...], flags: dict[str, Any]) -> None:
    options = resolve(flags).data
    screen = state.screen()
    screen.reading(paths)

    from contextlib import ExitStack

    from rnnfast.console.columns import show_table
    from rnnfast.console.reading import ReadingProgress
    from rnnfast.data.inspection import inspect_tables

    with ExitStack() as opened:
        inspection = inspect_tables(paths, options, opened, ReadingProgress(screen))
        if state.json:
            state.print_json(inspection.description)
        else:
            show_table(screen, inspection.data, inspection.description)
