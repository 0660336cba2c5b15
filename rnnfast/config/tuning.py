"""The options of a search beside those of a training run, and what these may not say there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

from rnnfast.config.forms import seconds
from rnnfast.config.option import checked, option
from rnnfast.config.resolve import COMMAND_LINE, Config, flag_of
from rnnfast.errors import UsageError

USUAL_TIME = "60s"


@dataclass(frozen=True)
class TuneConfig:
    """How long a search goes on; what is None does not end it."""

    max_time: str | None = option(
        None,
        "Time for all of it: 90s, 10m, 1h. What is left after a generation of trials decides whether there is another "
        "one, and nothing else. 60s where --trials is not there either.",
        metavar="TIME",
    )
    trials: int | None = option(
        None, "Networks to try: with a number alone the result is the same on any machine.", kind=int, least=1
    )

    @classmethod
    def of(cls, values: Mapping[str, Any], origin: str) -> Self:
        """Make it of values, which are checked; origin: names their source in messages."""
        where = flag_of if origin == COMMAND_LINE else (lambda name: f"{origin}: {name}")
        declared = {field.name: field for field in fields(cls)}
        return cls(**{name: checked(declared[name], value, where(name)) for name, value in values.items()})

    @property
    def limit(self) -> float:
        """Seconds for all of it; infinite where only a number of trials ends it."""
        limit = seconds(self.max_time or (None if self.trials else USUAL_TIME))
        return float("inf") if limit is None else limit

    def __post_init__(self) -> None:
        """Check the duration."""
        seconds(self.max_time)


def tuned(config: Config, tune: TuneConfig) -> tuple[Config, TuneConfig]:
    """Return the options of the networks of a search, and of the search, whose time a file may say under [train].

    Raises UsageError for options of a training run that have no place in a search.
    """
    if config.model.preset == "best":
        raise UsageError("--preset best: it searches by itself; leave it out, or use rnnfast train")
    if config.train.epochs == 0:
        raise UsageError("--epochs 0 trains nothing, so that there is nothing to compare; leave it out")
    if tune.max_time is None and config.train.max_time is not None:
        tune = replace(tune, max_time=config.train.max_time)
    if config.train.max_time is None:
        return config, tune
    # A clock that ends the training of a network would decide what is best.
    train = replace(config.train, max_time=None)
    return replace(config, train=train, explicit=config.explicit - {"max_time"}), tune
