"""`rnnfast cache`."""

from __future__ import annotations

import click

from rnnfast.cli.common import State, command, option

EXAMPLES = ("rnnfast cache show", "rnnfast cache clear", "rnnfast cache clear --only tables")


@command("cache", EXAMPLES)
@click.argument("action", type=click.Choice(("show", "clear"), case_sensitive=False), metavar="show|clear")
@option(
    "--only",
    section="Data",
    type=click.Choice(("tables", "kernels"), case_sensitive=False),
    help="Clear the tables that were read, or the kernels that were compiled, alone.",
)
@click.pass_context
def cache(ctx: click.Context, /, action: str, only: str | None) -> None:
    """Show or clear what is kept between runs.

    Parsed tables and compiled kernels lie in the user's cache directory, so that the next run needs neither to parse
    nor to compile. Nothing is lost by clearing them but time.
    """
    state = ctx.ensure_object(State)
    if action == "show" and only:
        ctx.fail("--only is for clear; show shows all")

    from rnnfast.diagnose.caches import KINDS, clear, show

    caches = show() if action == "show" else clear((only,) if only else KINDS)
    if state.json:
        state.print_json(caches)
    else:
        from rnnfast.console.caches import show_caches

        show_caches(state.screen(), caches)
