"""The documents keep up with the program."""

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
    assert not readme or f"rnnfast {name}" in readme


def test_there_are_configurations() -> None:
    assert CONFIGS


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_configurations_resolve(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    resolved = resolve({}, path, {})
    for table, section in tomllib.loads(text).items():
        for name, value in section.items():
            found = getattr(getattr(resolved, table), name)
            assert found == (tuple(value) if isinstance(value, list) else value) or found == (value,)
    for table in resolved.data.data:
        assert (ROOT / table).exists(), f"{path.name} names {table}, which is not in the repository"


def test_the_changelog_names_this_version() -> None:
    assert __version__ in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_modules_stay_small() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in ROOT.glob("rnnfast/**/*.py")
        if (lines := path.read_text(encoding="utf-8").count("\n")) > 300
    }
    assert long == {}
