"""What a search changes: options that nobody gave, and the values that are tried for each.

A candidate is a value for each of them; what else a network needs follows from these, from what is given and from the
sizes of the table, by the rules of the preset. So does the first candidate, the base: it is what `train` would take.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from rnnfast.config.effects import check_front
from rnnfast.config.option import text_of
from rnnfast.config.resolve import Config, table_of_option
from rnnfast.data import Sequences
from rnnfast.equations.cell import Cell
from rnnfast.errors import UsageError
from rnnfast.training.checks import check_options
from rnnfast.training.defaults import resolved, size_of
from rnnfast.training.linear_part import check_linear_part
from rnnfast.training.presets import choose
from rnnfast.training.size import Size

Value = bool | int | float | str
Candidate = dict[str, Value]  # values by options; of several numbers as on a command line

LONG = 30  # steps from which a front of several rows, and starts at random, are tried
RATES = (1.0, 0.5, 2.0, 0.25, 4.0, 0.125, 0.7, 1.4)  # of the base's learning rate, in the first generation
WIDEST_RATE = 16.0  # times and a part of the base's learning rate, at most
BATCHES = (0.5, 2, 4)  # of the base's batch
ARCHITECTURE = ("cell", "hidden", "bidirectional", "head", "patch")  # which weights to start from fix


class Facts(NamedTuple):
    """What decides which options are searched: sizes of the part that trains, and the configuration of the base."""

    size: Size
    base: Config


class Dimension(NamedTuple):
    """An option, the values that are tried beside the base's, and where that makes sense."""

    option: str
    values: Callable[[Facts], Sequence[Value]]
    sensible: Callable[[Facts], bool] = lambda facts: True


def _one_label(facts: Facts) -> bool:
    return not facts.size.per_step


def _batches(facts: Facts) -> Sequence[Value]:
    batch = facts.base.train.batch_size or 1
    return [max(1, min(int(batch * factor), facts.size.sequences)) for factor in BATCHES]


def _augmentations(facts: Facts) -> Sequence[Value]:
    mixes = facts.size.classes and facts.base.data.memory is None
    return ("drop=0.1", "mixup=0.2", "drop=0.1,mixup=0.2") if mixes else ("drop=0.1", "drop=0.2")


# In the order in which single changes are tried: first what was worth most on many tables (docs/defaults.md).
DIMENSIONS = (
    Dimension("hidden", lambda facts: ("64", "32,32", "16", "96", "64,64", "32")),
    Dimension("patch", lambda facts: ("4", "8", "2", ""), lambda facts: _one_label(facts) and facts.size.steps >= LONG),
    Dimension("scale", lambda facts: ("zscore", "minmax", "rank", "robust")),
    Dimension("head", lambda facts: ("all", "attention", "mean", "last"), _one_label),
    Dimension("cell", lambda facts: ("lstm", "gru")),
    Dimension("bidirectional", lambda facts: (True,), _one_label),
    Dimension("augment", _augmentations, _one_label),
    Dimension("linear_part", lambda facts: (True,), lambda facts: not _one_label(facts)),
    Dimension("random_start", lambda facts: (True,), lambda facts: not _one_label(facts) and facts.size.steps >= LONG),
    Dimension("weight_decay", lambda facts: (0.0, 0.2, 0.05, 0.01)),
    Dimension("schedule", lambda facts: ("onecycle", "constant")),
    Dimension("batch_size", _batches),
    Dimension(
        "dropout",
        lambda facts: (0.2, 0.4),
        lambda facts: "hidden" not in facts.base.explicit or len(facts.base.model.hidden) > 1,
    ),
    Dimension("clip_norm", lambda facts: (0.25, 0.0)),
)


class Space:
    """The candidates of a run. base: the preset's; values: of each option, the base's first; rate: of the base.

    config: of the run, with what is given explicit; train: the part that trains. equations: of a cell that is no word;
    own_valid, mergeable: whether the validation part is a table of its own, and whether --refit could train on it.
    """

    def __init__(
        self, config: Config, train: Sequences, equations: Cell | None, own_valid: bool, mergeable: bool
    ) -> None:
        self.config, self._equations, self._own_valid = config, equations, own_valid
        self._size = size_of(train, config, mergeable, own_valid)
        self._longest, self._schema = int(train.lengths.max()), train.schema
        start = self._resolved(config)
        self._check(start)
        facts = Facts(self._size, start)
        free = [
            dimension
            for dimension in DIMENSIONS
            if dimension.option not in config.explicit
            and not (config.train.init_from and dimension.option in ARCHITECTURE)
            and dimension.sensible(facts)
        ]
        self.base: Candidate = {dimension.option: value_of(start, dimension.option) for dimension in free}
        self.rate = None if "lr" in config.explicit else start.train.lr
        if self.rate is not None:
            self.base["lr"] = self.rate
        self.values: dict[str, list[Value]] = {}
        for option, values in ((dimension.option, dimension.values(facts)) for dimension in free):
            every = [self.base[option], *(value for value in values if self._works(option, value))]
            self.values[option] = list(dict.fromkeys(every))
        single = [option for option, values in self.values.items() if len(values) == 1]
        for option in single:
            del self.base[option], self.values[option]
        if not self.base:
            raise UsageError("every option that a search would change is given; leave some of them out")

    def config_of(self, candidate: Mapping[str, Value]) -> Config:
        """Return the configuration of a candidate, with all its values. Raises UsageError where some exclude others."""
        config = self._resolved(self.config.with_values(self.plain(candidate), "tune"))
        self._check(config)
        return config

    def plain(self, candidate: Mapping[str, Value]) -> Candidate:
        """Return a candidate without what has no effect in it: dropout between layers of one layer."""
        hidden = candidate.get("hidden", text_of(self.config.model.hidden))
        layers = str(hidden).count(",") + 1
        return {name: 0.0 if name == "dropout" and layers == 1 else value for name, value in candidate.items()}

    def changes(self, candidate: Mapping[str, Value]) -> Candidate:
        """Return what makes a candidate another one than the base."""
        plain = self.plain(candidate)
        return {name: value for name, value in plain.items() if value != self.base[name]}

    def key(self, candidate: Mapping[str, Value]) -> str:
        """Return a text that is the same for candidates of the same values."""
        return json.dumps(self.plain(candidate), sort_keys=True)

    def rates(self) -> list[Candidate]:
        """Return the base, and it with other learning rates."""
        if self.rate is None:
            return [dict(self.base)]
        return [{**self.base, "lr": self.rate * factor} for factor in RATES]

    def single_changes(self, best: Mapping[str, Value]) -> list[Candidate]:
        """Return a candidate with one option changed at a time, the first value of each option first."""
        most = max((len(values) for values in self.values.values()), default=0)
        places = [(option, number) for number in range(1, most) for option in self.values if option != "dropout"]
        candidates: list[Candidate] = [
            {**best, option: self.values[option][number]}
            for option, number in places
            if number < len(self.values[option])
        ]
        return candidates

    def _resolved(self, config: Config) -> Config:
        config, _ = choose(config, self._size)
        return resolved(config, self._size.task, self._size.sequences, self._size.weighted)

    def _check(self, config: Config) -> None:
        check_options(config, self._equations, self._own_valid)
        check_front(config.model, self._schema.predict, self._longest)
        check_linear_part(config, self._schema)

    def _works(self, option: str, value: Value) -> bool:
        """Whether the base with that value is a network."""
        layers: Candidate = {"hidden": "32,32"} if option == "dropout" and "hidden" in self.base else {}
        try:
            self.config_of({**self.base, **layers, option: value})
        except UsageError:
            return False
        return option != "patch" or not str(value) or 4 * int(str(value)) <= self._size.steps


def value_of(config: Config, option: str) -> Value:
    """Return the value of an option; several numbers as a command line has them."""
    value = getattr(getattr(config, table_of_option()[option][0]), option)
    chosen: Value = text_of(value) if isinstance(value, tuple) else value
    return chosen
