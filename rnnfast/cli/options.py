"""Command line options made from the fields of the configuration, so that each is declared once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any, TypeVar, overload

import click
from click.core import ParameterSource

from rnnfast.cli.common import SectionOption, option
from rnnfast.config.cluster import ClusterConfig
from rnnfast.config.folding import FoldConfig
from rnnfast.config.option import CHOSEN, default_text, text_of
from rnnfast.config.resolve import COMMAND_LINE, flag_of, resolve, table_of_option
from rnnfast.config.sections import DataConfig
from rnnfast.config.tuning import TuneConfig

if TYPE_CHECKING:
    from rnnfast.model.output import Output

F = TypeVar("F", bound=Callable[..., Any])

SECTION_OF_TABLE = {"data": "Data", "model": "Model", "train": "Training", "output": "Output"}
SHORT_NAMES = {"output": "-o"}
PART_OR_ALL = "All of the table, or a part of the table that the model was trained on."  # of `part_option`
METAVARS = {int: "N", float: "X"}


def config_options(names: Collection[str] | None = None, hidden: Collection[str] = ()) -> Callable[[F], F]:
    """Add an option for each field of the configuration, or for those named; hidden: options that the help leaves out.

    Values arrive as texts: the configuration converts and checks them, whether they come from a flag, a file or the
    environment.
    """

    def decorate(function: F) -> F:
        for name, (table, declared) in reversed(table_of_option().items()):
            if names is None or name in names:
                function = _option(name, SECTION_OF_TABLE[table], declared, name in hidden)(function)
        return function

    return decorate


def fold_options(function: F) -> F:
    """Add the options that divide a table into folds."""
    for declared in reversed(fields(FoldConfig)):
        function = _option(declared.name, "Data", declared)(function)
    return function


def tune_options(function: F) -> F:
    """Add the options that end a search."""
    for declared in reversed(fields(TuneConfig)):
        function = _option(declared.name, "Training", declared)(function)
    return function


def config_file_option(function: F) -> F:
    """Add `--config`."""
    return option(
        "--config",
        section="Output",
        metavar="FILE",
        help="Options from a TOML file, such as a run's config.toml, or from recipe:NAME (docs/recipes.md).",
    )(function)


def cluster_options(function: F) -> F:
    """Add the options that say where tasks run."""
    for declared in reversed(fields(ClusterConfig)):
        function = _option(declared.name, "Cluster", declared)(function)
    return function


def cluster_of(ctx: click.Context, values: dict[str, Any]) -> ClusterConfig:
    """Return what the options of `cluster_options` say, and take them out of the values of a command."""
    names = [declared.name for declared in fields(ClusterConfig)]
    named = given(ctx, {name: values.pop(name) for name in names})
    return ClusterConfig.of(named, COMMAND_LINE)


def _option(name: str, section: str, declared: Field[Any], hidden: bool = False) -> Callable[[F], F]:
    meta, default, flag = declared.metadata, declared.default, flag_of(name)
    settings: dict[str, Any] = {"help": meta["help"], "section": section, "show_default": False, "hidden": hidden}
    if default not in (None, ()):
        settings["show_default"] = default_text(declared) if name in CHOSEN else True
    if meta["kind"] is bool:
        flag += "/--no-" + flag.removeprefix("--")
        settings["default"] = default
    elif meta["many"] and not meta["separator"]:
        settings |= {"multiple": True, "metavar": meta["metavar"]}
    else:
        settings["default"] = text_of(default) if settings["show_default"] else None
        if meta["choices"] and meta["many"] and not meta["form"]:
            settings["metavar"] = f"{'|'.join(meta['choices'])},..."
        elif meta["choices"] and not meta["form"]:
            settings["type"] = click.Choice(tuple(meta["choices"]), case_sensitive=False)
            settings |= {"metavar": meta["metavar"]} if meta["metavar"] else {}  # of many choices
        elif meta["choices"]:
            settings["metavar"] = f"[{'|'.join((*meta['choices'], meta['form'].shown))}]"
        else:
            settings["metavar"] = meta["metavar"] or METAVARS.get(meta["kind"], "TEXT")
    if meta["alone"] is not None:
        settings |= {"is_flag": False, "flag_value": meta["alone"]}
    short = [SHORT_NAMES[name]] if name in SHORT_NAMES else []
    return click.option(*short, flag, name, cls=SectionOption, **settings)


def model_and_tables(help: str) -> Callable[[F], F]:
    """Add the options of a command that uses a saved model on tables: `--model`, and `--data` with its help."""

    def decorate(function: F) -> F:
        about_model = "Model file, or the directory of its run."
        function = option("--data", section="Data", required=True, multiple=True, metavar="FILE", help=help)(function)
        return option("--model", section="Model", required=True, metavar="PATH", help=about_model)(function)

    return decorate


def part_option(help: str, default: str | None = None, any_case: bool = True) -> Callable[[F], F]:
    """Add `--part`; default: a part, or None where the command chooses; any_case: whether TRAIN is train."""
    settings: dict[str, Any] = {} if default is None else {"default": default, "show_default": True}
    parts = click.Choice(("all", "train", "valid", "test"), case_sensitive=not any_case)
    return option("--part", section="Data", type=parts, help=help, **settings)


def interval_option(help: str) -> Callable[[F], F]:
    """Add `--interval`, the share of the truth that intervals hold."""
    return option("--interval", section="Output", type=int, metavar="PER_CENT", help=help)


def raw_option(function: F) -> F:
    """Add `--raw`: files of CSV hold texts as they are."""
    about = "Write texts as they are; else those that a spreadsheet would take for formulas get an apostrophe in CSV."
    return option("--raw", section="Output", is_flag=True, help=about)(function)


@overload
def output_of(name: str, raw: bool) -> Output: ...
@overload
def output_of(name: str | None, raw: bool) -> Output | None: ...
def output_of(name: str | None, raw: bool) -> Output | None:
    """Return the file that a command writes; None for none."""
    from rnnfast.model.output import Output

    return None if name is None else Output(name, raw)


def state_options(metavar: str, help: str) -> Callable[[F], F]:
    """Add the options that say how long the state of an id lives, and `--states`, whose metavar and help these are."""

    def decorate(function: F) -> F:
        most = "States that are kept; the least recently used one goes first."
        gap = "Begin anew where the time of an id leaps by more: seconds for dates, else the unit of the time column."
        wait = "Forget a state that waits longer for a row."
        function = option("--states", section="Output", metavar=metavar, help=help)(function)
        function = option("--max-gap", section="Data", type=float, metavar="X", help=gap)(function)
        function = option("--ttl", section="Data", type=float, metavar="SECONDS", help=wait)(function)
        shown = {"type": int, "default": 100_000, "show_default": True, "metavar": "N", "help": most}
        return option("--max-ids", section="Data", **shown)(function)

    return decorate


def reading_config(ctx: click.Context, values: dict[str, Any]) -> DataConfig:
    """Return the options of [data] for a command that has only some of them; RNNFAST_* variables may say them too."""
    return resolve(given(ctx, values)).data


def given(ctx: click.Context, values: dict[str, Any]) -> dict[str, Any]:
    """Return the options that the command line names, so that all others keep what file and environment say."""
    return {
        name: value for name, value in values.items() if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
