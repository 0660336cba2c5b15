"""`rnnfast inspect`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from rnnfast.cli.common import State, command
from rnnfast.cli.options import config_options, given
from rnnfast.config import READING, Config

ENCODING_OPTIONS = ("scale",)


EXAMPLES = (
    "rnnfast inspect creditcard.csv",
    "rnnfast inspect sensors.csv --id engine --time cycle --target life",
    "rnnfast inspect runs/tx",
)


@command("inspect", EXAMPLES)
@click.argument("path", metavar="PATH")
@config_options(READING + ENCODING_OPTIONS)
@click.pass_context
def inspect(ctx: click.Context, /, path: str, **values: Any) -> None:
    """Show what a model holds, or how a table is read.

    PATH is a model (.safetensors, or the directory of a run) or a table. The options say how to read a table, as for
    `train`.
    """
    state = ctx.ensure_object(State)
    flags = given(ctx, values)
    if Path(path).is_dir() or path.endswith(".safetensors"):
        if flags:
            ctx.fail("a model is read as it is; the options are for tables")
        _inspect_model(state, path)
    else:
        _inspect_table(state, path, flags)


def _inspect_model(state: State, path: str) -> None:
    from rnnfast.description import describe_model
    from rnnfast.model import load

    described = describe_model(load(path), path)
    if state.json:
        state.print_json(described)
        return

    from rnnfast.console.views import show_model

    show_model(state.screen(), described)


def _inspect_table(state: State, path: str, flags: dict[str, Any]) -> None:
    options = Config().with_values(flags, "command line").data
    screen = state.screen()
    screen.reading([path])

    from rnnfast.data import read_table
    from rnnfast.description import describe_table

    data = read_table(path, **{name: getattr(options, name) for name in READING})
    described = describe_table(data, options)
    if state.json:
        state.print_json(described)
        return

    from rnnfast.console.views import show_table

    show_table(screen, data, described)
