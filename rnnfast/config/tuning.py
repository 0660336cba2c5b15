"""The options of a search beside those of a training run, and what these may not say there."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rnnfast.config.folding import check_groups
from rnnfast.config.forms import SEQUENCE, TIME, check_rule, part_column, seconds
from rnnfast.config.option import option
from rnnfast.config.resolve import Config
from rnnfast.config.section import Section
from rnnfast.errors import UsageError

USUAL_TIME = "60s"


@dataclass(frozen=True)
class TuneConfig(Section):
    """How long a search goes on, where None does not end it, and what divides the folds of its trials."""

    max_time: str | None = option(
        None,
        "Time for all of it: 90s, 10m, 1h. What is left after a generation of trials decides whether there is another "
        "one, and nothing else. 60s where --trials is not there either.",
        metavar="TIME",
    )
    trials: int | None = option(
        None, "Networks to try: with a number alone the result is the same on any machine.", kind=int, least=1
    )

    folds_by: str | None = option(
        None,
        "What divides the folds on which networks are compared: whole sequences at random, groups that a column names, "
        "or points in time; by default time with --split-by time, else sequence.",
        metavar="sequence|column:NAME|time",
    )

    @property
    def limit(self) -> float:
        """Seconds for all of it; infinite where only a number of trials ends it."""
        limit = seconds(self.max_time or (None if self.trials else USUAL_TIME))
        return float("inf") if limit is None else limit

    def __post_init__(self) -> None:
        """Check the values."""
        seconds(self.max_time)
        if self.folds_by is not None:
            check_rule(self.folds_by, "--folds-by")


def tuned(config: Config, tune: TuneConfig) -> tuple[Config, TuneConfig]:
    """Return the options of the networks of a search, and of the search, whose time a file may say under [train].

    Raises UsageError for options of a training run that have no place in a search.
    """
    if config.model.preset == "best":
        raise UsageError("--preset best: it searches by itself; leave it out, or use rnnfast train")
    if tune.folds_by is None:
        tune = replace(tune, folds_by=TIME if config.data.split_by == TIME else SEQUENCE)
    assert tune.folds_by is not None
    check_groups(config, tune.folds_by)
    if part_column(tune.folds_by) and config.data.split_by != SEQUENCE:
        raise UsageError(
            f"--folds-by {tune.folds_by}: a table is read with one such column, or its times, and --split-by "
            f"{config.data.split_by} asks for them; use one of both"
        )
    if config.train.epochs == 0:
        raise UsageError("--epochs 0 trains nothing, so that there is nothing to compare; leave it out")
    if tune.max_time is None and config.train.max_time is not None:
        tune = replace(tune, max_time=config.train.max_time)
    if config.train.max_time is None:
        return config, tune
    # A clock that ends the training of a network would decide what is best.
    train = replace(config.train, max_time=None)
    return replace(config, train=train, explicit=config.explicit - {"max_time"}), tune
