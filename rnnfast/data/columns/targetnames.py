"""The column that is likely to be the target, by its name: a proposal to type, never a choice."""

from __future__ import annotations

from collections.abc import Collection

from rnnfast.data.columns.namewords import CALENDAR, CATEGORIES, KEYS, NAMED, ending, words_of

# Words that name a target whatever the table is about, the surer ones first; then things that people want to know.
TARGETS = ("target", "label", "labels", "class", "y", "outcome", "response", "rul", "ttf")
WANTED = frozenset(
    {"churn", "churned", "fraud", "fraudulent", "default", "defaulted", "failure", "failed", "fault", "anomaly"}
    | {"survived", "diagnosis", "species", "activity", "occupancy", "price", "sales", "demand", "load", "consumption"}
    | {"revenue", "remaining"}
)
# Last words of names of other things: a default rate is no default, a sales channel no sales. What ends with the others
# is such a thing all the same: "fraud_status", "failure_type".
OTHERS = (CATEGORIES - {"class", "event", "label", "state", "status", "type"}) | NAMED | CALENDAR
OTHERS |= {"index", "limit", "manager", "rate", "rates", "ratio", "rep", "risk", "team"}
AHEAD = frozenset({"in", "next", "within"})  # of a time that says when: "default payment next month"


def likely_target(names: Collection[str]) -> str | None:
    """Return the column whose name says that it is a target, None where none does.

    A name that is one of TARGETS wins over one that ends with it ("target_temperature" is none), and both over the last
    one with a word of WANTED that names no other thing. Beside z, y is a coordinate.
    """
    words = {name: words_of(name) for name in names}
    words = {name: parts for name, parts in words.items() if not parts & KEYS}
    plain = {name.casefold(): name for name in reversed(words)}
    for target in TARGETS:
        if target in plain and not (target == "y" and "z" in plain):
            return plain[target]
    for target in TARGETS:
        for name in words:
            if target == ending(name):
                return name
    likely = [name for name, parts in words.items() if parts & WANTED and (parts & AHEAD or ending(name) not in OTHERS)]
    return likely[-1] if likely else None
