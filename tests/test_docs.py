"""The documents keep up with the program."""

import re
import tomllib
from pathlib import Path

import pytest

from rnnfast import __version__
from rnnfast.cli import COMMANDS
from rnnfast.config.resolve import resolve

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted((ROOT / "configs").glob("*.toml"))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_readme_mentions_each_command(name: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"rnnfast {name}" in readme


def test_there_are_configurations() -> None:
    assert CONFIGS


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_configurations_resolve(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    resolved = resolve({}, path, {})
    for table, section in tomllib.loads(text).items():
        for name, value in section.items():
            setting = getattr(getattr(resolved, table), name)
            assert setting == (tuple(value) if isinstance(value, list) else value) or setting == (value,)


def test_the_changelog_begins_with_this_version_or_what_comes_after_it() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[?([^\]\s]+)", text, re.MULTILINE)
    assert next(version for version in versions if version.lower() != "unreleased") == __version__


def test_modules_stay_small() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in ROOT.glob("rnnfast/**/*.py")
        if (lines := path.read_text(encoding="utf-8").count("\n")) > 300
    }
    assert long == {}
