"""The options of a cross-validation beside those of a training run, and what these may not say there."""

from __future__ import annotations

from dataclasses import dataclass

from rnnfast.config.forms import SEQUENCE, TIME, check_rule, part_column
from rnnfast.config.option import option, text_of
from rnnfast.config.resolve import Config
from rnnfast.config.section import Section
from rnnfast.errors import UsageError


@dataclass(frozen=True)
class FoldConfig(Section):
    """How a table is divided into folds."""

    folds: int = option(5, "Parts of the table of which each is tested by a model of its own.", kind=int, least=2)
    folds_by: str = option(
        SEQUENCE,
        "What divides the folds: whole sequences at random, groups that a column names, or points in time, where each "
        "fold trains on what is before it.",
        metavar="sequence|column:NAME|time",
    )
    repeats: int = option(1, "Do all of it N times, with the seeds S, S + 1, ..", kind=int, least=1)

    def __post_init__(self) -> None:
        """Check what concerns several values."""
        check_rule(self.folds_by, "--folds-by")
        if self.repeats > 1 and self.folds_by == TIME:
            raise UsageError(f"repeats: {self.repeats}: folds in time are always the same ones; leave it out")


REFUSED = ("valid", "test", "split_by")  # options of a training run, with a reason


def check_folds(config: Config, folds: FoldConfig) -> None:
    """Raise UsageError for options of a training run that have no place in a cross-validation."""
    data = config.data
    for name in ("valid", "test"):
        if getattr(data, name) is not None:
            raise UsageError(f"--{name} {getattr(data, name)}: the folds are what is tested, of --data; leave it out")
    if data.split_by != SEQUENCE:
        raise UsageError(f"--split-by {data.split_by}: cv divides the table by --folds-by; use that, and leave it out")
    if len(data.split) > 1:
        raise UsageError(
            f"--split {text_of(data.split)}: the folds are what is tested; give one share, of the rest of a fold that "
            "trains, as in 0.8"
        )
    check_groups(config, folds.folds_by)


def check_groups(config: Config, by: str) -> None:
    """Raise UsageError where the column that names the groups of folds has another role; by: what divides them."""
    data, column = config.data, part_column(by)
    roles: dict[str, tuple[str | None, ...]] = {
        "id": (data.id,),
        "time": (data.time,),
        "weight": (data.weight,),
        **{name: getattr(data, name) for name in ("target", "features", "ignore", "categorical")},
    }
    for role, names in roles.items():
        if column is not None and column in names:
            why = "; without groups no id is in two folds" if role == "id" else ""
            raise UsageError(f"--folds-by {by}: that column is given as {role} too; give it one role{why}")
