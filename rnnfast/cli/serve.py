"""`rnnfast serve`."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import click

from rnnfast.cli.common import State, command, option
from rnnfast.cli.options import state_options
from rnnfast.cli.process import escape_logs
from rnnfast.cli.stream import EXIT_CODES

if TYPE_CHECKING:
    from rnnfast.serving.command import Listening

EXAMPLES = (
    "rnnfast serve --model runs/tx",
    "rnnfast serve --model tx=runs/tx-gru64 --model runs/load --port 9000",
    "rnnfast serve --model runs/tx --host 0.0.0.0 --token-file token",
)
MEGABYTE = 1 << 20


@command("serve", EXAMPLES)
@option(
    "--model",
    section="Model",
    multiple=True,
    required=True,
    metavar="RUN|NAME=RUN",
    help="Model file, or the directory of its run, and what it is called. Repeatable.",
)
@option(
    "--host",
    section="General",
    default="127.0.0.1",
    metavar="ADDRESS",
    show_default=True,
    help="Where to listen; 0.0.0.0 is every address of this machine, which others reach.",
)
@option(
    "--port",
    section="General",
    type=click.IntRange(0, 65535),
    default=8000,
    metavar="N",
    show_default=True,
    help="Port to listen on; 0 is any that is free.",
)
@option("--token-file", section="General", metavar="FILE", help="Ask requests for the token in this file.")
@option(
    "--max-size",
    section="Data",
    type=click.IntRange(1),
    default=16,
    show_default=True,
    metavar="MB",
    help="Refuse larger requests.",
)
@state_options("DIR", "Keep the states in a file for each model, every few seconds and at the end.")
@click.pass_context
def serve(
    ctx: click.Context,
    /,
    model: tuple[str, ...],
    host: str,
    port: int,
    token_file: str | None,
    max_size: int,
    **limits: int | float | str | None,
) -> None:
    """Answer tables and rows that come by HTTP.

    POST /predict answers a whole table, POST /rows rows with the state of each id, as predict and stream do; GET /model
    says what they need, /metrics and /health how the service is, and /openapi.json all of it. SIGTERM ends it when the
    requests are answered; SIGHUP, or POST /model/NAME/reload, reads a model again.
    """
    state = ctx.ensure_object(State)
    screen = state.screen()
    escape_logs()
    caught, answers = list[int](), False

    def handle(number: int, frame: Any) -> None:
        caught.append(number)
        if not answers:  # models are being loaded, which nobody has to wait for
            raise SystemExit(EXIT_CODES[signal.Signals(number)])

    before = {number: signal.signal(number, handle) for number in EXIT_CODES}

    from rnnfast.console.service import show_service
    from rnnfast.serving.command import serve as answer

    def ready(listening: Listening) -> None:
        nonlocal answers
        answers = True
        if state.json:
            state.print_json(listening._asdict())
        show_service(screen, listening)

    size = max_size * MEGABYTE
    try:
        report = answer(
            model, host, port, limits=limits, token_file=token_file, max_size=size, ready=ready, notice=screen.notice
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    screen.notice(", ".join(f"{count:,} {name}" for name, count in report.items()))
    if caught:
        ctx.exit(EXIT_CODES[signal.Signals(caught[0])])
