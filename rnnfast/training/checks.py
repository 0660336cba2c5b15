"""What is refused before anything is read: options that do not go together."""

from __future__ import annotations

from rnnfast.config.effects import check_effects, check_front, check_future
from rnnfast.config.resolve import Config
from rnnfast.config.sections import check_directions
from rnnfast.config.typed import TrainOptions
from rnnfast.engines.choice import check_engine
from rnnfast.equations.cell import Cell
from rnnfast.equations.trace import traced
from rnnfast.errors import UsageError
from rnnfast.network.cell import cell_of, word_of
from rnnfast.training.refit import check_refit


def check_options(config: Config, equations: Cell | None, own_valid: bool) -> None:
    """Raise UsageError for options that have no effect beside others, or exclude each other.

    equations: of a cell that is no word; own_valid: whether the validation part is a table of its own.
    """
    check_effects(config)
    check_future(config)
    check_refit(config, own_valid)
    check_directions(config.model, cell_for(config, equations).recurrent)
    check_front(config.model, config.data.predict)
    check_engine(config.model, config.train)


def check_unwritten(options: TrainOptions) -> None:
    """Raise UsageError for options about files of a run, for a call that writes none."""
    for name in ("output", "checkpoint"):
        if name in options:
            raise UsageError(f"{name}: train() writes nothing; save what it returns: result.model.save(PATH)")


def cell_for(config: Config, equations: Cell | None) -> Cell:
    """The cell of a run: the one given as equations, else the one that the configuration names."""
    return equations or cell_of(config.model.cell, config.model.activation)


def named_cell(options: TrainOptions) -> Cell | None:
    """The cell of a function among the options, where its word takes its place; None where there is none."""
    function = options.get("cell")
    if not callable(function):
        return None
    options["cell"] = word_of(function)
    return traced(function)
