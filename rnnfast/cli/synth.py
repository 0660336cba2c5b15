"""`rnnfast synth`."""

from __future__ import annotations

from pathlib import Path

import click

from rnnfast.cli.common import State, command, option

KINDS = ("creditcard", "temperature", "parity", "xor", "adding", "sensors")


EXAMPLES = (
    "rnnfast synth creditcard -o tx.csv --sequences 2000",
    "rnnfast synth sensors -o big.parquet --sequences 1000000 --steps 100",
    "rnnfast synth parity -o - --steps 8 | rnnfast train --data - -o runs/parity",
)


@command("synth", EXAMPLES)
@click.argument("kind", type=click.Choice(KINDS))
@option(
    "-o",
    "--output",
    section="Output",
    metavar="FILE",
    help="File to write, .csv, .csv.gz or .parquet; KIND.csv if not given; '-' is CSV on stdout.",
)
@option(
    "--sequences",
    section="Data",
    type=click.IntRange(min=1),
    metavar="N",
    help="Sequences; each kind has its own default.",
)
@option(
    "--steps",
    section="Data",
    type=click.IntRange(min=1),
    metavar="T",
    help="Rows of a sequence; each kind has its own default.",
)
@option(
    "--seed",
    section="Data",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="S",
    help="The same seed gives the same file.",
)
@option("-f", "--force", section="Output", is_flag=True, help="Replace the output file.")
@click.pass_context
def synth(
    ctx: click.Context, kind: str, output: str | None, sequences: int | None, steps: int | None, seed: int, force: bool
) -> None:
    """Write a synthetic table to try things on.

    creditcard: rare frauds among transactions. temperature: a regression per station. parity: is the count of ones
    odd? xor: two bits in one step. adding: the sum of two marked values of a sequence. sensors: eight channels, quick
    to make in any size as .parquet.
    """
    state = ctx.ensure_object(State)
    path = output or f"{kind}.csv"
    if state.json and path == "-":
        ctx.fail("--json and the table cannot both go to stdout; write it to a file with -o FILE")

    from rnnfast.data.synth.generate import synth as write
    from rnnfast.writing import check_writable

    if path != "-":
        check_writable(Path(path), force)
    size = write(kind, path, sequences, steps, seed)
    if state.json:
        state.print_json(
            {
                "kind": kind,
                "output": path,
                "sequences": size.sequences,
                "steps": size.steps,
                "rows": size.rows,
                "seed": seed,
            }
        )
    elif path != "-":
        state.screen().written(path, size.rows)
