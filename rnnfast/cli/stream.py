"""`rnnfast stream`."""

from __future__ import annotations

import signal
import sys
from typing import Any

import click

from rnnfast.cli.common import State, command, option
from rnnfast.cli.options import interval_option, raw_option, state_options
from rnnfast.console.terminal import is_terminal
from rnnfast.display import printable

EXAMPLES = (
    "cat rows.csv | rnnfast stream --model runs/tx > answers.csv",
    "rnnfast stream --model runs/tx --states tx.sqlite < rows.jsonl",
    "rnnfast stream --model runs/tx --replay last_month.csv --max-ids 10000",
)
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
REFUSED = 3


@command("stream", EXAMPLES)
@option("--model", section="Model", required=True, metavar="PATH", help="Model file, or the directory of its run.")
@option(
    "--replay", section="Data", metavar="FILE", help="CSV or JSON lines that new states see first, without an answer."
)
@state_options(
    "FILE.sqlite", "Keep the states in a file, every few seconds and at the end; a restart goes on with them."
)
@interval_option("Columns TARGET_low and TARGET_high, or TARGET_set, as of predict: 50 to 99.")
@option(
    "--skip-seen",
    section="Data",
    is_flag=True,
    help="The input begins at its first row again: leave out the rows that --states have seen.",
)
@raw_option
@click.pass_context
def stream(
    ctx: click.Context,
    /,
    model: str,
    replay: str | None,
    states: str | None,
    skip_seen: bool,
    interval: int | None,
    raw: bool,
    **limits: Any,
) -> None:
    """Answer rows as they come, with the state of each id.

    Rows on standard input are CSV with a header or JSON lines; answers are written likewise, --json writes JSON lines
    for both. Beside the columns of predict an answer says how many rows the state has seen (state_steps), how many
    seconds ago the one before came (state_age), and in state_note why a row has no answer: it is late, or refused. A
    line "#reset", "#drop ID" or "#stats", in JSON {"control": "drop", "id": ID}, is no row but says what to do.
    """
    state = ctx.ensure_object(State)
    screen = state.screen()
    caught: list[int] = []
    before = {number: signal.signal(number, lambda number, frame: caught.append(number)) for number in EXIT_CODES}

    from rnnfast.console.reading import ReadingProgress
    from rnnfast.online.command import Limits, Past, answer_stream
    from rnnfast.online.session import Shown

    in_terminal = is_terminal(sys.stdout)

    def write(text: str) -> Any:
        sys.stdout.write(printable(text) if in_terminal else text)
        sys.stdout.flush()

    try:
        report = answer_stream(
            model,
            sys.stdin.fileno(),
            write,
            shown=Shown(True if state.json else None, interval, raw),
            limits=Limits(**limits),
            past=Past(states, skip_seen, replay),
            stopped=lambda: bool(caught),
            reporter=ReadingProgress(screen),
        )
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    screen.notice(", ".join(f"{count:,} {name}" for name, count in report.stats.items()))
    if report.refused:
        screen.notice(f"the first row that was refused: {report.message}")
    if caught:
        ctx.exit(EXIT_CODES[signal.Signals(caught[0])])
    if report.refused:
        ctx.exit(REFUSED)
