"""`rnnfast tune`."""

from __future__ import annotations

from typing import Any

import click

from rnnfast.cli.common import State, command, option
from rnnfast.cli.failure import result_of
from rnnfast.cli.findings import check_findings, fail_on_findings
from rnnfast.cli.options import cluster_of, cluster_options, config_file_option, config_options, given, tune_options
from rnnfast.config.resolve import COMMAND_LINE, resolve, table_of_option
from rnnfast.config.tuning import TuneConfig

EXAMPLES = (
    "rnnfast tune --data sensors.csv --id engine --time cycle --target life",
    "rnnfast tune --data visits.csv --id visit --target y --max-time 10m",
    "rnnfast tune --data visits.csv --id visit --target y --folds-by column:patient",
    "rnnfast tune --data creditcard.csv --cell gru --trials 40 -o runs/cards",
    "rnnfast tune --resume runs/cards --trials 80",
)


@command("tune", EXAMPLES)
@click.argument("files", nargs=-1, metavar="[FILE]...")
@tune_options
@cluster_options
@config_options([name for name in table_of_option() if name not in ("max_time", "budget")])
@config_file_option
@option("--resume", section="Output", metavar="DIR", help="Go on with the search in a directory, with its options.")
@option("-f", "--force", section="Output", is_flag=True, help="Replace what the output directory holds.")
@fail_on_findings
@click.pass_context
def tune(
    ctx: click.Context,
    /,
    files: tuple[str, ...],
    config: str | None,
    resume: str | None,
    force: bool,
    fail_on_findings: bool,
    **values: Any,
) -> int:
    """Search for the network that suits a table, and train it.

    Tries cells, sizes, rates and more on folds of the rows that train, repeats the best with five seeds, and trains the
    winner as an ensemble. Options that are given stay as they are; those of `train` all have their place. The directory
    has the trials too: the same command again goes on where it was interrupted.
    """
    state = ctx.ensure_object(State)
    where = cluster_of(ctx, values)
    flags = given(ctx, values)
    if files:  # --data a.csv b.csv, as a shell expands --data *.csv
        flags["data"] = (*values["data"], *files)
    if resume is not None:
        if config is not None or force:
            ctx.fail("--resume takes the options of the search: leave --config and --force out")
        from rnnfast.training.tuning import resumed

        resolved, tune_config = resumed(resume, flags)
    else:
        limits: dict[str, Any] = {name: flags.pop(name) for name in ("trials", "max_time", "folds_by") if name in flags}
        tune_config = TuneConfig.of(limits, COMMAND_LINE)
        resolved = resolve(flags, config)
    if not resolved.data.data:
        ctx.fail("nothing to train on; name a table with --data FILE")

    from rnnfast.console.tune import TuneConsole

    console = TuneConsole(state.screen(), resolved, state.started)
    console.place = where.words
    with console:
        from rnnfast.cluster.connection import connected
        from rnnfast.training.tuning import search

        console.reading(resolved.data.data)
        with connected(where, console.notice) as cluster:
            result, code = result_of(lambda: search(resolved, tune_config, force, console, cluster))
    if state.json:
        state.print_json(result.report())
    else:
        console.show_search(result)
    check_findings(result.result.findings if fail_on_findings and not code else ())
    return code
