"""Options that have an effect only beside others: one that has none is an error, since it was set for a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple

from rnnfast.catalogue import OPTIMIZERS, SCHEDULES, cell
from rnnfast.config.option import text_of
from rnnfast.errors import UsageError

if TYPE_CHECKING:
    from rnnfast.config.resolve import Config
    from rnnfast.config.sections import ModelConfig


class Need(NamedTuple):
    """What an option needs. holds: of a configuration; reason: why it has no effect where that does not hold."""

    table: str
    option: str
    holds: Callable[[Config], bool]
    reason: Callable[[Config], str]


def _schedule(config: Config) -> str:
    return f"the learning rate has --schedule {config.train.schedule}"


def _sharded(config: Config) -> bool:
    return config.data.shards is not None


NEEDS = (
    Need(
        "model",
        "budget",
        lambda config: config.model.preset == "best",
        lambda config: f"--preset {config.model.preset} has no race to plan; --preset best has",
    ),
    Need(
        "model",
        "activation",
        lambda config: cell(config.model.cell).activation,
        lambda config: f"the activations of {config.model.cell} are fixed",
    ),
    Need(
        "model",
        "dropout",
        lambda config: len(config.model.hidden) > 1,
        lambda config: "it is between layers, and there is one; --hidden 64,32 has two",
    ),
    Need(
        "model",
        "bag",
        lambda config: config.model.ensemble > 1,
        lambda config: "each network of an ensemble has a bag, and there is one network; --ensemble 8 trains eight",
    ),
    Need(
        "model",
        "distil",
        lambda config: config.model.ensemble > 1 or config.model.preset == "best",
        lambda config: "one network learns what an ensemble answers, and there is none; --ensemble 8 trains one",
    ),
    Need(
        "model",
        "linear_part",
        lambda config: cell(config.model.cell).recurrent,
        lambda config: f"{config.model.cell} answers each row by itself, and --linear-part looks at the row before",
    ),
    Need(
        "model",
        "linear_part",
        lambda config: config.train.epochs > 0,
        lambda config: "--epochs 0 writes the initial model, to which nothing is fitted",
    ),
    Need(
        "model",
        "init_range",
        lambda config: config.model.init == "uniform",
        lambda config: f"weights are drawn by --init {config.model.init}; it is for uniform",
    ),
    Need(
        "model",
        "recurrent_bias",
        lambda config: cell(config.model.cell).recurrent,
        lambda config: f"{config.model.cell} has no recurrent weights",
    ),
    Need(
        "train",
        "momentum",
        lambda config: config.train.optimizer != "auto" and OPTIMIZERS[config.train.optimizer].momentum,
        lambda config: f"--optimizer {config.train.optimizer} has none; momentum and nesterov have it",
    ),
    Need(
        "train",
        "monitor",
        lambda config: config.train.patience > 0 or SCHEDULES[config.train.schedule].watches,
        lambda config: "--patience 0 keeps the last weights",
    ),
    Need(
        "train",
        "average",
        lambda config: config.train.patience > 0,
        lambda config: "--patience 0 keeps the last weights",
    ),
    Need(
        "train",
        "random_start",
        lambda config: cell(config.model.cell).recurrent,
        lambda config: f"{config.model.cell} has no state, so that a step does not know where its sequence began",
    ),
    Need("data", "sharding", _sharded, lambda config: "the table is not in shards; --shards N divides it"),
    Need("train", "outer", _sharded, lambda config: "one machine has no rounds; --shards N has"),
    Need("train", "rounds", _sharded, lambda config: "one machine has no rounds; --shards N has"),
    Need(
        "train",
        "device",
        lambda config: config.train.engine == "torch",
        lambda config: f"--engine {config.train.engine} computes on the CPU; --engine torch has GPUs",
    ),
    Need("train", "lr_gamma", lambda config: SCHEDULES[config.train.schedule].drops, _schedule),
    Need("train", "lr_step", lambda config: SCHEDULES[config.train.schedule].waits, _schedule),
)


def check_future(config: Config) -> None:
    """Raise UsageError where the second direction would read the answer.

    Rows after a row hold what a horizon asks for, and its target where the lag is an input. The last step of a sequence
    has no rows after it.
    """
    data = config.data
    if config.model.bidirectional and data.predict != "last" and (data.lag_target or max(data.horizon)):
        reason = "a horizon asks for" if max(data.horizon) else "--lag-target puts there"
        raise UsageError(
            f"--bidirectional reads later rows, which hold the answer that {reason}: the scores would be wrong, and at "
            "the end of a table there are none; leave it out, or use --predict last with --window"
        )


def check_front(model: ModelConfig, predict: str, longest: int | None = None) -> None:
    """Raise UsageError for a front that has no step for each row that is predicted, and for one of too many rows.

    predict: "every", "last", or "auto" while that is open. longest: rows of the longest training sequence.
    """
    if predict == "every" and model.patch and model.patch[-1] > 1:
        rows, stride = model.patch[0], model.patch[-1]
        raise UsageError(
            f"--patch {text_of(model.patch)}: the cell has one step every {stride} rows, and every row is predicted; "
            f"use --patch {rows},1, or --predict last"
        )
    for flag, rows in (*(("conv", width) for width in model.conv), *(("patch", rows) for rows in model.patch[:1])):
        if longest is not None and rows > longest:
            raise UsageError(
                f"--{flag} {text_of(getattr(model, flag))}: {rows} rows are more than the longest training sequence "
                f"has, {longest}; give at most {longest}"
            )


def refused_beside_linear_part(model: ModelConfig, of_shape: bool = False) -> str:
    """Return the option that a linear part beside the network does not go with, "" for none.

    of_shape: whether it sees whole sequences.
    """
    if model.bag:
        return "--bag"
    if not of_shape and model.bidirectional:
        return "--bidirectional"
    if not of_shape and model.patch and model.patch[-1] > 1:
        return f"--patch {text_of(model.patch)}"
    return f"--embed {text_of(model.embed)}" if model.embed and model.embed != ("off",) else ""


def check_beside_linear_part(model: ModelConfig, of_shape: bool = False) -> None:
    """Raise UsageError for options that a linear part beside the network does not go with."""
    other = refused_beside_linear_part(model, of_shape)
    if model.linear_part and other:
        raise UsageError(
            f"--linear-part looks at the inputs of each row and of those before it, as numbers; it does not go with "
            f"{other}: leave one of them out"
        )


def check_effects(config: Config) -> None:
    """Raise UsageError for an option that differs from its default and has no effect beside the others."""
    for need in NEEDS:
        section = getattr(config, need.table)
        value = getattr(section, need.option)
        default = next(declared.default for declared in fields(section) if declared.name == need.option)
        if value != default and not need.holds(config):
            flag = "--" + need.option.replace("_", "-")
            raise UsageError(f"{flag} {text_of(value)} has no effect: {need.reason(config)}; leave it out")
