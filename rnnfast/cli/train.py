"""`rnnfast train`."""

from __future__ import annotations

from typing import Any

import click

from rnnfast.cli.common import State, command, option
from rnnfast.cli.failure import result_of
from rnnfast.cli.findings import check_findings, fail_on_findings
from rnnfast.cli.options import cluster_of, cluster_options, config_file_option, config_options, given
from rnnfast.config.resolve import resolve

EXAMPLES = (
    "rnnfast train --data creditcard.csv --hidden 10",
    "rnnfast train --data sensors.csv --id engine --time cycle --target life",
    "rnnfast train --config runs/tx/config.toml --seed 1 -o runs/seed1",
    "rnnfast train --config recipe:temperature --data data/temperature_sample.csv",
    "rnnfast train --resume runs/tx",
)


@command("train", EXAMPLES)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@config_options()
@cluster_options
@config_file_option
@option("--resume", section="Output", metavar="DIR", help="Go on with the run in a directory that was killed there.")
@option("-f", "--force", section="Output", is_flag=True, help="Replace the model that the output directory holds.")
@fail_on_findings
@click.pass_context
def train(
    ctx: click.Context,
    /,
    files: tuple[str, ...],
    config: str | None,
    resume: str | None,
    force: bool,
    fail_on_findings: bool,
    **values: Any,
) -> int:
    """Train a network on a table of sequences.

    Reads the table, splits it, chooses the options that nobody gives (--preset), trains, scores the network beside a
    naive baseline and writes model.safetensors, history.csv and config.toml. Flags win over RNNFAST_* variables, which
    win over --config.
    """
    state = ctx.ensure_object(State)
    where = cluster_of(ctx, values)
    flags = given(ctx, values)
    if files:  # --data a.csv b.csv, as a shell expands --data *.csv
        flags["data"] = (*values["data"], *files)
    before = None
    if resume is not None:
        if config is not None or force or "output" in flags:
            ctx.fail("--resume takes options and directory of the run: leave --config, --force and --output out")
        from rnnfast.training.resuming import resumed

        before = resumed(resume, flags)
    resolved = before.config if before else resolve(flags, config)
    if not resolved.data.data:
        ctx.fail("nothing to train on; name a table with --data FILE")

    from rnnfast.console.training import TrainConsole

    console = TrainConsole(state.screen(), resolved, state.started)
    console.place = where.words
    with console:
        from rnnfast.cluster.connection import connected
        from rnnfast.shards.where import check_where, run_where

        check_where(resolved, where)
        with connected(where, console.notice) as cluster:
            result, code = result_of(lambda: run_where(resolved, console, force, before, cluster))
    if state.json:
        state.print_json(result.report())
    else:
        console.show(result)
    check_findings(result.findings if fail_on_findings and not code else ())
    return code
