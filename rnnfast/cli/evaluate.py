"""`rnnfast eval`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from rnnfast.cli.common import State, command, option
from rnnfast.cli.findings import check_findings, checked_codes, fail_on_findings
from rnnfast.cli.options import (
    PART_OR_ALL,
    cluster_of,
    cluster_options,
    config_options,
    interval_option,
    model_and_tables,
    part_option,
    reading_config,
)
from rnnfast.errors import QualityError, UsageError

EXAMPLES = (
    "rnnfast eval --model runs/tx --data new.csv",
    "rnnfast eval --model runs/tx --data tx.csv --part valid",
    "rnnfast eval --model runs/engines --data test.csv --last",
    "rnnfast eval --model runs/pumps --data new.csv --events",
    "rnnfast eval --model runs/tx --data new.csv --ci 95 --by Amount --by-step",
    "rnnfast eval --model runs/tx --data new.csv --json --fail-under auprc=0.8",
)


@command("eval", EXAMPLES)
@model_and_tables("Table to score, as for `train`; several are read as one; '-' is stdin.")
@part_option(PART_OR_ALL, "all")
@option("--last", section="Data", is_flag=True, help="Score only the last labelled step of each sequence.")
@interval_option("How many labels the intervals, or sets of classes, of this level hold, and how wide they are.")
@option(
    "--events",
    section="Output",
    is_flag=True,
    help="Score runs of positive rows as events: share caught, delay or lead, false alarms.",
)
@option("--reliability", section="Output", is_flag=True, help="Show probabilities beside shares, bin by bin; -v too.")
@option(
    "--ci",
    section="Output",
    type=float,
    metavar="LEVEL",
    help="Intervals of so many per cent, such as 95: 1,000 resamples of the ids, or of the sequences without id.",
)
@option(
    "--by",
    section="Output",
    multiple=True,
    metavar="COLUMN",
    help="Scores by the values of a column, numbers at their quantiles; length: by steps of a sequence. Repeatable.",
)
@option("--by-id", section="Output", is_flag=True, help="Scores of the worst ids, or sequences without id.")
@option(
    "--by-step",
    section="Output",
    is_flag=True,
    help="Scores by place in a sequence; of models of the last step after 1, 2, 4, .. steps, and 25 to 100 % of them.",
)
@option("--top", section="Output", type=int, default=10, show_default=True, metavar="N", help="With --by-id: so many.")
@option(
    "--shuffle-steps",
    section="Output",
    is_flag=True,
    help="Score the model with the steps of each sequence shuffled, too: does their order carry anything?",
)
@option(
    "--fail-under",
    section="Output",
    multiple=True,
    metavar="METRIC=VALUE",
    help="Exit with code 5 when the metric is worse: below VALUE, or above it for errors and losses. Repeatable.",
)
@option(
    "--ignore",
    section="Output",
    multiple=True,
    metavar="CODE,...",
    help="Findings that are not told, such as RF03; those that the training run ignored are not told anyway.",
)
@fail_on_findings
@cluster_options
@config_options(("sep", "columns", "query", "dayfirst", "memory", "cache"))
@click.pass_context
def evaluate(
    ctx: click.Context,
    /,
    model: str,
    data: tuple[str, ...],
    part: str,
    last: bool,
    reliability: bool,
    fail_under: tuple[str, ...],
    fail_on_findings: bool,
    **values: Any,
) -> None:
    """Score a model on a table.

    Columns are found by name; others are ignored. The scores stand beside those of always answering the majority
    class or the mean.
    """
    state = ctx.ensure_object(State)
    where = cluster_of(ctx, values)
    goals = dict(_goal(text) for text in fail_under)
    ignored = checked_codes(values.pop("ignore"))
    screen = state.screen()
    screen.reading(data)

    from rnnfast.cluster.connection import connected
    from rnnfast.console.reading import ReadingProgress
    from rnnfast.console.views import show_evaluation
    from rnnfast.model.breakdown import Breakdown
    from rnnfast.model.elsewhere import on_cluster
    from rnnfast.model.tables import evaluate_table

    names = ("ci", "by", "by_id", "by_step", "top", "shuffle_steps", "events", "interval")
    breakdown = Breakdown(**{name: values.pop(name) for name in names})
    config, reporter = replace(reading_config(ctx, values), ignore=ignored), ReadingProgress(screen)
    how: dict[str, Any] = {"last": last, "breakdown": breakdown, "config": config, "reporter": reporter}
    with connected(where, screen.notice) as cluster:
        scored = evaluate_table(on_cluster(model, cluster), data, part, goals, **how)
    if state.json:
        state.print_json(scored.report())
    show_evaluation(screen, scored, reliability)
    if scored.failures:
        raise QualityError("; ".join(scored.failures))
    check_findings(scored.judgement.findings if fail_on_findings else ())


def _goal(text: str) -> tuple[str, float]:
    """Split METRIC=VALUE."""
    name, equals, value = text.partition("=")
    try:
        goal = float(value)
    except ValueError:
        goal = float("nan")
    if not equals or goal != goal:
        raise UsageError(f"--fail-under: {text!r} is not METRIC=VALUE, such as auprc=0.8")
    return name.strip().lower(), goal
