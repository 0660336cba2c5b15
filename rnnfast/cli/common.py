"""What all commands share: their common options, help in sections, JSON."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rnnfast import __version__

if TYPE_CHECKING:
    from click.types import OptionHelpExtra

    from rnnfast.console.screen import Screen

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
SECTIONS = ("Data", "Model", "Training", "Cluster", "Output")
GENERAL = "General"
ARGUMENTS = "rnnfast.arguments"  # key of a context's meta: the words that the command was given

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class State:
    """The common options of a run, and whether Ctrl-C was pressed."""

    json: bool = False
    quiet: bool = False
    verbose: int = 0
    no_color: bool = False
    debug: bool = False
    interrupted: bool = False
    started: float = field(default_factory=time.perf_counter)  # when the command was, on that clock

    def screen(self) -> Screen:
        """Open the streams that the command prints on."""
        from rnnfast.console.screen import Screen

        return Screen(quiet=self.quiet, verbose=self.verbose, no_color=self.no_color, json=self.json)

    def print_json(self, result: Any) -> None:
        """Print a result as one object in one line on stdout."""
        from rnnfast.records import encode

        click.echo(encode(result))


class SectionOption(click.Option):
    """An option under a heading of the help."""

    def __init__(self, *args: Any, section: str = GENERAL, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section

    def get_help_extra(self, ctx: click.Context) -> OptionHelpExtra:
        """Write a default that is said in words without the brackets that click puts around it."""
        extra = super().get_help_extra(ctx)
        if isinstance(self.show_default, str):
            extra["default"] = self.show_default
        return extra


class WithExamples(click.Command):
    """A command or group whose help begins with examples."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the words for options that depend on others; refuse what click would ignore, and hint by meaning."""
        ctx.meta[ARGUMENTS] = list(args)
        try:
            if not ctx.resilient_parsing:
                self._check_repetition(ctx, list(args))
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            from rnnfast.config.synonyms import hint

            flags = [flag for option in self.get_params(ctx) for flag in (*option.opts, *option.secondary_opts)]
            near = hint(error.option_name, [flag for flag in flags if flag.startswith("--")])
            ctx.fail(f"no such option {error.option_name!r}{near}")

    def _check_repetition(self, ctx: click.Context, args: list[str]) -> None:
        """Raise UsageError for an option with one value that is there twice: click would take the last one."""
        _, _, order = self.make_parser(ctx).parse_args(args)
        for option, times in Counter(order).items():
            if times > 1 and isinstance(option, click.Option) and not _repeatable(option):
                ctx.fail(f"{max(option.opts, key=len)} is there {times} times and takes one value{_together(option)}")

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the command does, then examples to copy."""
        super().format_help_text(ctx, formatter)
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{'':>{formatter.current_indent}}{example}\n")


class Command(WithExamples):
    """A command whose help groups its options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options section by section."""
        sections: dict[str, list[tuple[str, str]]] = {name: [] for name in (*SECTIONS, GENERAL)}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                sections[getattr(parameter, "section", GENERAL)].append(record)
        for name, records in sections.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)


def _repeatable(option: click.Option) -> bool:
    """Whether an option may be there twice: it takes several values, counts, or says the same each time."""
    return option.multiple or option.count or (option.is_flag and not option.secondary_opts)


def _together(option: click.Option) -> str:
    """Say how an option that takes a list is written."""
    return f"; write {max(option.opts, key=len)} {option.metavar}" if "," in str(option.metavar) else ""


def _keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Store a common option where it was given, with the command or before it."""
    if value:
        setattr(ctx.ensure_object(State), str(parameter.name), value)


def _show_version(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
    """Print the version; with -v those of Python and the libraries too."""
    if not value or ctx.resilient_parsing:
        return
    click.echo(f"rnnfast {__version__}")
    # Both options are eager and run in the order given, so -v may not have been seen yet.
    if ctx.ensure_object(State).verbose or {"-v", "-vv", "--verbose"} & set(ctx.meta.get(ARGUMENTS, ())):
        from rnnfast.diagnose.versions import versions

        for name, text in versions().items():
            if name in ("python", "numba", "numpy", "llvmlite"):
                click.echo(f"{name} {text}")
    ctx.exit()


def common_options(function: F) -> F:
    """Add the options that every command has."""
    declarations: list[tuple[tuple[str, ...], dict[str, Any]]] = [
        (("--json",), {"is_flag": True, "help": "Print one JSON object on stdout and nothing else there."}),
        (("-q", "--quiet"), {"is_flag": True, "help": "Print the final result and errors only."}),
        (("-v", "--verbose"), {"count": True, "help": "Print more: versions, all columns, details."}),
        (("--no-color",), {"is_flag": True, "help": "Print without colours, as with NO_COLOR."}),
        (("--debug",), {"is_flag": True, "help": "Print the traceback of an error."}),
    ]
    for names, settings in reversed(declarations):
        function = click.option(
            *names, cls=SectionOption, callback=_keep, is_eager=True, expose_value=False, **settings
        )(function)
    version = click.option(
        "--version",
        cls=SectionOption,
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_show_version,
        help="Print the version, with -v also of Python and the libraries.",
    )
    return version(function)


def command(name: str, examples: Sequence[str]) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a function a command with the common options."""

    def decorate(function: Callable[..., Any]) -> click.Command:
        return click.command(name, cls=Command, context_settings=SETTINGS, examples=examples)(common_options(function))

    return decorate


def option(*names: str, section: str, **settings: Any) -> Callable[[F], F]:
    """Declare an option under a heading of the help."""
    return click.option(*names, cls=SectionOption, section=section, **settings)
