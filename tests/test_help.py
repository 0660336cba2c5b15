import json
import subprocess
import sys
import time

import click
import pytest

from rnnfast.cli import COMMANDS, LazyGroup, group, run
from rnnfast.cli.common import Command
from rnnfast.config.resolve import flag_of, table_of_option

HEAVY = ("numba", "llvmlite", "numpy", "pandas", "rich")


def command_of(name: str) -> Command:
    command = group.get_command(click.Context(group), name)
    assert isinstance(command, Command)
    return command


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_explain_themselves(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = command_of(name)
    assert (command.help or "").splitlines()[0] == COMMANDS[name][2]
    assert command.examples
    assert all(example.startswith(("rnnfast ", "cat ")) and len(example) <= 78 for example in command.examples)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.name}"
    for flag in ("-h", "--help"):
        assert run([name, flag]) == 0
        shown = capsys.readouterr().out
        assert "Examples:" in shown
        for option in ("--json", "--quiet", "--verbose", "--no-color", "--debug", "--version", "--help"):
            assert option in shown


def test_the_group_lists_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert isinstance(group, LazyGroup)
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(about in shown for _, _, about in COMMANDS.values())
    assert "Examples:" in shown


def test_no_arguments_show_the_help_and_are_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Examples:" in captured.err


def test_train_has_a_flag_for_each_option_of_the_configuration() -> None:
    command = command_of("train")
    flags = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
    for name in table_of_option():
        assert flag_of(name) in flags
    assert {"--no-shuffle", "-o", "-f", "--config"} <= flags


def test_options_show_their_defaults_in_sections(capsys: pytest.CaptureFixture[str]) -> None:
    run(["train", "-h"])
    shown = " ".join(capsys.readouterr().out.split())
    for text in (
        "Of momentum and nesterov. [default: 0.9]",
        "[default: 0.8]",
        "Data:",
        "Model:",
        "Training:",
        "Output:",
    ):
        assert text in shown


def test_synth_names_all_kinds() -> None:
    from rnnfast.cli.synth import KINDS
    from rnnfast.data.synth.generate import KINDS as WRITTEN

    assert set(KINDS) == set(WRITTEN)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["train", "--help"], ["--version"], ["--version", "-v"], ["nonsense"]],
    ids=["help", "help of a command", "version", "all versions", "misspelt command"],
)
def test_help_and_versions_import_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import json, sys; from rnnfast.cli import run; run(json.loads(sys.argv[1]));"
        f"print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_help_is_quick() -> None:
    # The best of a few: other processes may hold the processor at any one time.
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "rnnfast", "--help"], capture_output=True, check=True)
        taken.append(time.perf_counter() - began)
    assert min(taken) < 0.15
