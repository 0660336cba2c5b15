"""Rules for the threshold of a probability, as texts: 0.37, f1, cost:fp=1,fn=50, precision>=0.9, alarms<=10/1000.

    NUMBER                     the threshold itself
    f1 | mcc | balanced_accuracy                   where that metric is highest
    cost:fp=A,fn=B             where A for each false alarm and B for each missed positive cost least together
    precision>=X | recall>=X | specificity>=X      the best point at which the metric is at least X
    alarms<=N/M                at most N alarms in M rows
    events:recall>=X | events:alarms<=N/M | events:alarms<=N/day       the same of events (metrics/events.py)

What a rule chooses is computed by metrics/thresholds.py.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from rnnfast.errors import UsageError, did_you_mean

FIXED, COST, ALARMS, DAY = "fixed", "cost", "alarms", "day"
HIGHEST = ("f1", "mcc", "balanced_accuracy")  # metrics that a rule makes as high as possible
AT_LEAST = ("precision", "recall", "specificity")  # metrics that a rule bounds from below
EVENTS = "events:"
EXAMPLES = "0.5, f1, cost:fp=1,fn=50, 'precision>=0.9', 'recall>=0.8' or 'alarms<=10/1000'"
EVENT_EXAMPLES = "'events:recall>=0.8', 'events:alarms<=5/1000' or 'events:alarms<=2/day'"


@dataclass(frozen=True)
class Rule:
    """What a threshold is chosen by.

    text: as it is written. measure: fixed, cost, alarms, or a metric. goal: the threshold itself, the bound, or alarms
    per row or day. of_events: whether events count instead of rows. per: "day" or "row", of alarms. false_alarm,
    missed: what each costs.
    """

    text: str
    measure: str
    goal: float = 0.0
    of_events: bool = False
    per: str = "row"
    false_alarm: float = 0.0
    missed: float = 0.0

    @property
    def fixed(self) -> bool:
        """Whether the rule is the threshold itself, which needs no answers to choose by."""
        return self.measure == FIXED


def rule_of(text: str, where: str = "threshold") -> Rule:
    """Read a rule; where: begins the message. Raises UsageError for any other text."""
    compact = re.sub(r"\s+", "", text).lower()
    of_events = compact.startswith(EVENTS)
    rule = _bounded(compact.removeprefix(EVENTS), text, of_events, where) or (
        None if of_events else _whole(compact, text, where)
    )
    if rule is not None:
        return rule
    examples = EVENT_EXAMPLES if of_events else f"{EXAMPLES}; of events {EVENT_EXAMPLES}"
    hint = did_you_mean(compact, HIGHEST)
    if compact in (*AT_LEAST, ALARMS):
        hint = f"; in quotes it is '{text}>=0.9'" if compact != ALARMS else f"; in quotes it is '{text}<=10/1000'"
        hint += ", as a shell takes < and > for files"
    raise UsageError(f"{where}: {text!r} is no rule for a threshold{hint}; write {examples}")


def _whole(compact: str, text: str, where: str) -> Rule | None:
    """Read a rule without a bound: a number, a metric to make high, or costs."""
    if compact in HIGHEST:
        return Rule(text, compact)
    costs = re.fullmatch(rf"{COST}:(fp|fn)=([^,]+),(fp|fn)=([^,]+)", compact)
    if costs and costs[1] != costs[3]:
        of = {costs[1]: _number(costs[2], text, where), costs[3]: _number(costs[4], text, where)}
        if min(of.values()) < 0 or not max(of.values()):
            raise UsageError(f"{where}: {text!r}: costs are 0 or more, and one of them is more than 0")
        return Rule(text, COST, false_alarm=of["fp"], missed=of["fn"])
    try:
        value = float(compact)
    except ValueError:
        return None
    if not 0 <= value <= 1:
        raise UsageError(f"{where}: {text!r} is no threshold of a probability; give a number from 0 to 1")
    return Rule(text, FIXED, value)


def _bounded(compact: str, text: str, of_events: bool, where: str) -> Rule | None:
    """Read a rule with a bound; None where it is none."""
    least = re.fullmatch(rf"({'|'.join(AT_LEAST)})>=(.+)", compact)
    if least and (least[1] == "recall" or not of_events):
        goal = _number(least[2].removesuffix("%"), text, where) / (100 if least[2].endswith("%") else 1)
        if not 0 < goal <= 1:
            raise UsageError(f"{where}: {text!r}: {least[1]} is a share; give a number above 0 and up to 1")
        return Rule(text, least[1], goal, of_events)
    most = re.fullmatch(rf"{ALARMS}<=([^/]+)/(.+)", compact)
    if most is None:
        return None
    count, daily = _number(most[1], text, where), most[2] in (DAY, f"1{DAY}")
    if daily and not of_events:
        raise UsageError(
            f"{where}: {text!r}: rows have no day of their own; write '{EVENTS}{text}' or '{ALARMS}<=10/1000'"
        )
    rows = 1.0 if daily else _number(most[2], text, where)
    if count < 0 or rows <= 0:
        raise UsageError(f"{where}: {text!r}: write how many alarms in how many rows, such as {ALARMS}<=10/1000")
    return Rule(text, ALARMS, count / rows, of_events, DAY if daily else "row")


def _number(word: str, text: str, where: str) -> float:
    """Return a number of a rule; raise UsageError where it is none."""
    try:
        value = float(word)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"{where}: {text!r}: {word!r} is not a number")
    return value
