"""What of a table would stop training, with the options that let it train, told from the profiles of its columns."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rnnfast.catalogue import FILLS
from rnnfast.config.sections import DataConfig
from rnnfast.data.columns.categories import MOST_CATEGORIES
from rnnfast.data.columns.missing import Rules
from rnnfast.data.columns.profile import Profile
from rnnfast.data.columns.roles import Roles
from rnnfast.data.sources.source import typed
from rnnfast.records import UNSET, Record, UnsetType

FILL = "mean"  # of numbers their mean, of categories the most frequent one
MOST_FILLS = 6  # columns that are named one by one in --missing


class Obstacle(Record, frozen=True):
    """A thing that would stop training. option: what lets it train, to type next; "" where the table has to change."""

    message: str
    column: str | UnsetType = UNSET
    option: str = ""


@dataclass(frozen=True)
class Remedy:
    """Obstacles, and the options with which the table can be read all the same."""

    obstacles: list[Obstacle]
    config: DataConfig


def remedy(
    config: DataConfig, roles: Roles, inputs: tuple[str, ...], profiles: Mapping[str, Profile], target: str | None
) -> Remedy:
    """Look for cells and columns that training refuses.

    inputs: names of the features; target: the one among them that is proposed as the target, whose empty cells are
    filled only to read the table without one.
    """
    option = "--target COLUMN" if target is None else typed("--target", target)
    unknown = Obstacle("it is not known which column to predict", option=option)
    result = Remedy([] if roles.targets else [unknown], config)
    for name in inputs:
        result = _without_bad_cells(result, profiles[name], name in roles.categorical)
    return _filled(result, [profiles[name] for name in inputs if _typed(name) not in result.config.ignore], target)


def _without_bad_cells(before: Remedy, profile: Profile, categorical: bool) -> Remedy:
    """Leave out a feature with cells that it cannot have, or make categories of a text."""
    name, config = profile.name, before.config
    proposed, option = replace(config, ignore=(*config.ignore, _typed(name))), f"--ignore {shlex.quote(_typed(name))}"
    if name in (*config.features, *config.categorical):  # a column has one role
        proposed = replace(
            proposed,
            features=tuple(other for other in config.features if other != name),
            categorical=tuple(other for other in config.categorical if other != name),
        )
    if categorical:
        if profile.distinct is not None and profile.distinct <= MOST_CATEGORIES:
            return before
        count = "more than 10,000" if profile.distinct is None else f"{profile.distinct:,}"
        message = f"{count} different categories are too many (at most {MOST_CATEGORIES:,})"
    elif profile.kind == "text":
        option = f"--categorical {shlex.quote(_typed(name))}"
        proposed = replace(config, categorical=(*config.categorical, _typed(name)))
        message = _cells(profile, "text", profile.texts)
    elif profile.texts:
        message = f"{_cells(profile, 'text', profile.texts)}; correct it, or leave the column out"
    elif profile.infinite:
        message = f"{_cells(profile, 'infinite', profile.infinite)}; correct it, or leave the column out"
    elif not profile.filled:
        message = "no cell has a value"
    else:
        return before
    return Remedy([*before.obstacles, Obstacle(message, name, option)], proposed)


def _filled(before: Remedy, profiles: list[Profile], target: str | None) -> Remedy:
    """Give a rule for empty cells to each feature that has some and no rule; those of the target are no obstacle."""
    gaps = _refused(before.config, profiles)
    if not gaps:
        return before
    obstacles = []
    for profile in gaps:
        if profile.name == target:
            continue
        option = f"--missing {shlex.quote(f'{_typed(profile.name)}={FILL}')}"
        message = f"{_cells(profile, 'empty', profile.empty)}; {FILL} fills it (or zero, ffill)"
        obstacles.append(Obstacle(message, profile.name, option))
    return Remedy([*before.obstacles, *obstacles], filled(before.config, gaps))


def filled(config: DataConfig, profiles: Sequence[Profile]) -> DataConfig:
    """Return the options with a rule for each of the columns that has empty cells and none."""
    gaps = _refused(config, profiles)
    if not gaps:
        return config
    names = [f"{_typed(profile.name)}={FILL}" for profile in gaps] if len(gaps) <= MOST_FILLS else [FILL]
    settled = {"error", *(f"{profile.name}=error" for profile in gaps)}
    others = [item for item in config.missing if item not in settled]
    return replace(config, missing=(*others, *names))


def _refused(config: DataConfig, profiles: Sequence[Profile]) -> list[Profile]:
    """Return the columns whose empty cells training refuses."""
    rules = Rules.parse("--missing", config.missing, FILLS)
    return [profile for profile in profiles if profile.empty and rules.of(profile.name) == "error"]


def _typed(name: str) -> str:
    """Return a name as it is typed in a list with commas: its own ones become a sign that matches any."""
    return name.replace(",", "?")


def _cells(profile: Profile, word: str, count: int) -> str:
    """Say how many cells are "empty", "text" or "infinite", and where the first of them is."""
    source, row = profile.first[word]
    total = profile.filled + profile.empty
    if word == "empty":
        return f"{count:,} of {total:,} cells {_are(count)} empty, the first in {source.where(row)}"
    what = "no number" if word == "text" else "infinite"
    more = f", as {_are(count - 1)} {count - 1:,} more of {total:,} cells" if count > 1 else ""
    return f"{source.cell(row, profile.name)!r} in {source.where(row)} is {what}{more}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
