"""What `inspect` proposes for the roles that no option names: an id, a time, a target, categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from rnnfast.config.sections import DataConfig
from rnnfast.data.columns.candidates import Candidate, candidates, date_columns
from rnnfast.data.columns.fewvalues import MOST_VALUES, categorical_option, few_valued
from rnnfast.data.columns.marked import marked_number
from rnnfast.data.columns.profile import Profile
from rnnfast.data.columns.roles import Roles
from rnnfast.data.columns.targetnames import likely_target
from rnnfast.data.obstacles import filled
from rnnfast.data.sources.source import typed


def propose(rows: pd.DataFrame, roles: Roles, profiles: Mapping[str, Profile]) -> tuple[Candidate, ...]:
    """Return the columns that look like an id, the time, the target, and like categories; likely ones first.

    rows: the first ones of a table; profiles: of all of its columns.
    """
    keys = candidates(rows, roles.taken, roles.id, roles.time)
    others = {*roles.taken, *(candidate.column for candidate in keys)}
    free = [name for name, profile in profiles.items() if name not in others and profile.distinct != 1]
    texts = [name for name in free if profiles[name].kind == "text" and not marked_number(rows[name])]
    dates = {*date_columns(rows, texts), *(name for name in free if profiles[name].kind == "date")}
    likely = [name for name in free if profiles[name].filled and name not in dates]
    if "x" in map(str.casefold, profiles):
        likely = [name for name in likely if name.casefold() != "y" or _few(profiles[name])]
    target = None if roles.targets else likely_target(likely)
    targets = () if target is None else (Candidate(target, "target", "its name", typed("--target", target)),)
    texts = [name for name in texts if roles.features is None and name != target and name not in dates]
    few = [
        Candidate(name, "categorical", f"{profiles[name].distinct} different texts", categorical_option([name]))
        for name in few_valued(rows, texts)
    ]
    return *keys, *targets, *few


def _few(profile: Profile) -> bool:
    """Whether a column beside x holds few values: it is no coordinate then."""
    return profile.distinct is not None and profile.distinct <= MOST_VALUES


def accepted(config: DataConfig, proposals: Sequence[Candidate], profiles: Mapping[str, Profile]) -> DataConfig:
    """Return options that take the first proposal for each role, and all categories, with a rule for empty cells.

    What the options say of the proposed target as a feature, they say no more.
    """
    first = {proposal.role: proposal.column for proposal in reversed(proposals)}
    target = (first["target"].replace(",", "?"),) if "target" in first else ()
    missing = tuple(item for item in config.missing if item.rpartition("=")[0] not in target) or DataConfig().missing
    ignore = tuple(name for name in config.ignore if name not in target)
    config = replace(config, missing=missing, ignore=ignore, target=target or config.target)
    texts = [proposal.column for proposal in proposals if proposal.role == "categorical"]
    categorical = (*config.categorical, *(name.replace(",", "?") for name in texts))
    id_column, time = first.get("id", config.id), first.get("time", config.time)
    config = replace(config, id=id_column, time=time, categorical=categorical)
    return filled(config, [profiles[name] for name in texts])
