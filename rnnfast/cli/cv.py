"""`rnnfast cv`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import click

from rnnfast.cli.common import State, command, option
from rnnfast.cli.failure import result_of
from rnnfast.cli.options import (
    cluster_of,
    cluster_options,
    config_file_option,
    config_options,
    fold_options,
    given,
    output_of,
    raw_option,
)
from rnnfast.config.folding import REFUSED, FoldConfig
from rnnfast.config.resolve import COMMAND_LINE, resolve, table_of_option

EXAMPLES = (
    "rnnfast cv --data creditcard.csv --hidden 10",
    "rnnfast cv --data visits.csv --id visit --target y --folds-by column:patient",
    "rnnfast cv --data sensors.csv --folds 10 -o out_of_fold.csv",
    "rnnfast cv --data load.csv --time hour --target load --folds-by time",
    "rnnfast cv --data sensors.csv --folds 10 --scheduler tcp://10.0.0.1:8786",
    "rnnfast cv --resume runs/sensors-cv",
)


@command("cv", EXAMPLES)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@fold_options
@cluster_options
@config_options([name for name in table_of_option() if name != "output"], hidden=REFUSED)
@option(
    "-o",
    "--output",
    section="Output",
    metavar="FILE",
    help="File for the out-of-fold predictions: .csv, .csv.gz or .parquet.",
)
@config_file_option
@raw_option
@option("--resume", section="Output", metavar="DIR", help="Go on with the cross-validation that was killed there.")
@option("-f", "--force", section="Output", is_flag=True, help="Replace the output file.")
@click.pass_context
def cv(
    ctx: click.Context,
    /,
    files: tuple[str, ...],
    output: str | None,
    config: str | None,
    resume: str | None,
    force: bool,
    raw: bool,
    **values: Any,
) -> int:
    """Train and test a network on folds of a table.

    Each fold is tested by a network that is trained on the others, of which the share of --split trains and the rest
    ends training. Options are those of `train`. Prints mean and spread of the scores beside a naive baseline, and the
    scores of all answers together.
    """
    state = ctx.ensure_object(State)
    where = cluster_of(ctx, values)
    flags = given(ctx, values)
    names = [field.name for field in fields(FoldConfig)]
    folds: dict[str, Any] = {name: flags.pop(name) for name in names if name in flags}
    if files:  # --data a.csv b.csv, as a shell expands --data *.csv
        flags["data"] = (*values["data"], *files)
    before = None
    if resume is not None:
        if config is not None or output is not None or folds:
            ctx.fail("--resume takes folds, options and output of the run: leave --config, --output and --folds out")
        from rnnfast.training.resuming import resumed

        before = resumed(resume, flags, "cv")
        more = before.checkpoint.origin.more
        folds, output = {name: more[name] for name in names if name in more}, more.get("output")
        raw = raw or more.get("raw", False)
    fold_config = FoldConfig.of(folds, COMMAND_LINE)
    resolved = before.config if before else resolve(flags, config)
    if not resolved.data.data:
        ctx.fail("nothing to train on; name a table with --data FILE")

    from rnnfast.console.folds import FoldConsole

    console = FoldConsole(state.screen(), resolved, state.started)
    with console:
        from rnnfast.cluster.connection import connected
        from rnnfast.training.cross_validation import cross_validate

        console.reading(resolved.data.data)
        tables, file = list(resolved.data.data), output_of(output, raw)
        how: dict[str, Any] = {"force": force, "reporter": console, "save": before or True}
        with connected(where, console.notice) as cluster:
            result, code = result_of(
                lambda: cross_validate(tables, resolved, fold_config, file, **how, cluster=cluster)
            )
    if state.json:
        state.print_json(result.report())
    else:
        console.show_folds(result)
    return code
