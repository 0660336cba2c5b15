"""The `rnnfast` command. Only what a command needs is imported, and only when it is called."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import click

from rnnfast.cli.common import SETTINGS, State, WithExamples, common_options
from rnnfast.cli.failure import report as failure_code
from rnnfast.cli.lazy import load_on_use
from rnnfast.cli.process import noting_ctrl_c, showing_warnings, start_slim
from rnnfast.errors import did_you_mean

# command -> module, function and what it does; the command's own first line of help says the same.
COMMANDS = {
    "train": ("rnnfast.cli.train", "train", "Train a network on a table of sequences."),
    "eval": ("rnnfast.cli.evaluate", "evaluate", "Score a model on a table."),
    "predict": ("rnnfast.cli.predict", "predict", "Write a model's predictions for a table as CSV."),
    "forecast": ("rnnfast.cli.forecast", "forecast", "Write what a model expects after a table's last row."),
    "explain": ("rnnfast.cli.explain", "explain", "Show what a model's answers follow from."),
    "threshold": ("rnnfast.cli.threshold", "threshold", "Choose from which probability on a model says yes."),
    "compare": ("rnnfast.cli.compare", "compare", "Compare runs on the same rows."),
    "stream": ("rnnfast.cli.stream", "stream", "Answer rows as they come, with the state of each id."),
    "serve": ("rnnfast.cli.serve", "serve", "Answer tables and rows that come by HTTP."),
    "cv": ("rnnfast.cli.cv", "cv", "Train and test a network on folds of a table."),
    "tune": ("rnnfast.cli.tune", "tune", "Search for the network that suits a table, and train it."),
    "export": ("rnnfast.cli.export", "export", "Write a model as C, ONNX, a module of PyTorch or JSON."),
    "report": ("rnnfast.cli.report", "report", "Write what a run is worth as a page to read and send on."),
    "inspect": ("rnnfast.cli.inspect", "inspect", "Show what a model holds, or how a table is read."),
    "synth": ("rnnfast.cli.synth", "synth", "Write a synthetic table to try things on."),
    "bench": ("rnnfast.cli.bench", "bench", "Measure the speed of this machine."),
    "cache": ("rnnfast.cli.cache", "cache", "Show or clear what is kept between runs."),
    "doctor": ("rnnfast.cli.doctor", "doctor", "Check the installation and this machine."),
}


class LazyGroup(WithExamples, click.Group):
    """A group that imports a command when it is called, and lists all of them without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        from importlib import import_module

        module, function, _ = COMMANDS[cmd_name]
        command = getattr(import_module(module), function)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; suggest the nearest name for one that does not exist."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"no such command {args[0]!r}{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, _, about) in COMMANDS.items()])


EXAMPLES = (
    "rnnfast synth creditcard -o tx.csv        a table to try it on",
    "rnnfast train --data tx.csv -o runs/tx    train, evaluate, save",
    "rnnfast eval --model runs/tx --data tx.csv --part valid",
    "rnnfast predict --model runs/tx --data tx.csv -o predictions.csv",
)


@click.group(cls=LazyGroup, context_settings=SETTINGS, examples=EXAMPLES)
@common_options
def group() -> None:
    """Train recurrent networks on tables of sequences, fast, on any CPU.

    Results go to stdout, everything else to stderr. `rnnfast COMMAND -h` explains a command.
    """


def run(arguments: Sequence[str] | None = None, started: float | None = None) -> int:
    """Run a command line and return its exit code; started: when the command was, by time.perf_counter, or now."""
    state = State() if started is None else State(started=started)
    words = None if arguments is None else list(arguments)
    try:
        with noting_ctrl_c(state), showing_warnings(state):
            code = group.main(args=words, prog_name="rnnfast", standalone_mode=False, obj=state)
            sys.stdout.flush()
    except BaseException as error:
        return failure_code(error, state)
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the command line of this process and leave with its exit code."""
    start_slim()
    load_on_use()
    if not sys.warnoptions:  # numbers beyond their precision are shown as such; NumPy says where in its code they arose
        warnings.simplefilter("ignore", RuntimeWarning)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the shell, as with >&-
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - stays open
    from rnnfast.diagnose.process import process_start

    code = run(started=process_start())
    try:
        sys.stdout.flush()
    except OSError:
        # Nobody reads stdout any more; Python would complain again when it closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = code or 1
    # The system takes all memory back. Python would search it for cycles first, a fifth of what a short run takes.
    gc.freeze()
    sys.exit(code)
