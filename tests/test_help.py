import json
import subprocess
import sys

import click
import pytest

from rnnfast.cli import COMMANDS, LazyGroup, group, run
from rnnfast.cli.common import Command

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


# The flags that scripts of users rely on; none goes without a note in the changelog.
FLAGS = """
--activation --batch-size --bidirectional --cache --categorical --cell --class-weight --clip-norm --config --data
--debug --dropout --dtype --epochs --eval-every --features --force --hidden --horizon --id --ignore --init --init-from
--init-range --json --lag-target --loss --lr --lr-gamma --lr-step --max-time --memory --missing --missing-indicator
--momentum --no-bidirectional --no-cache --no-color --no-lag-target --no-missing-indicator --no-recurrent-bias
--no-scale-target --no-shuffle --optimizer --output --patience --predict --quiet --recurrent-bias --reduction --scale
--scale-target --schedule --season --seed --shuffle --split --split-by --stride --target --task --tbptt --test --threads
--time --unseen --valid --verbose --version --weight --weight-decay --window -f -o -q -v
"""


def test_train_has_the_flags_that_scripts_rely_on() -> None:
    flags = {flag for parameter in command_of("train").params for flag in (*parameter.opts, *parameter.secondary_opts)}
    assert set(FLAGS.split()) <= flags


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


LOADED = """
import sys
before = set(sys.modules)
from rnnfast.cli import run
run(["--help"])
print(*{*sys.modules} - before)
"""


def test_help_loads_few_modules() -> None:
    """What its time goes into: a module takes about a millisecond."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    modules = done.stdout.splitlines()[-1].split()
    assert len([name for name in modules if name.split(".")[0] == "rnnfast"]) < 11
    assert len(modules) < 120


def test_what_a_preset_chooses_names_a_value_only_where_it_says_something(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "[default: by --preset, with fast rnn]" in shown
    assert "those of the model before. [default: by --preset]" in shown  # --refit
    assert "with fast auto" not in shown
    assert "[default: 1]" in shown
    assert "weights of the best epoch, scores" not in shown
