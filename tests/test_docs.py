"""The documents keep up with the program."""

import re
import tomllib
from pathlib import Path

import pytest
from blocks import blocks, run_page
from commands import isolate

from rnnfast import __version__
from rnnfast.cli import COMMANDS
from rnnfast.config.resolve import resolve

ROOT = Path(__file__).resolve().parents[1]
FRAGMENTS = {"extending.md"}  # whose blocks are lines of rnnfast's own modules; test_extending.py has them
CASES = "case-"  # pages of real tables; test_cases.py runs them where these are
OPTIONAL = {"torch"}  # libraries of some pages that are not there wherever tests run
PAGES = [
    page
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if page.name not in FRAGMENTS
    and not page.name.startswith(CASES)
    and {block.language for block in blocks(page)} & {"python", "bash"}
]
CONFIGS = sorted((ROOT / "configs").glob("*.toml"))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_readme_mentions_each_command(name: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"rnnfast {name}" in readme


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path, preset=None)
    try:
        assert run_page(page, tmp_path) > 0
    except ModuleNotFoundError as error:
        if error.name not in OPTIONAL:
            raise
        pytest.skip(f"{error.name} is not installed")


def test_a_block_that_prints_something_else_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path, preset=None)
    page = tmp_path / "page.md"
    page.write_text("text\n```python\nprint(1 + 1)\n```\n\n```output\n3\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"page.md, line 6: this is printed:\n2"):
        run_page(page, tmp_path)


def test_commands_of_a_page_are_those_of_this_rnnfast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path, preset=None)
    page = tmp_path / "page.md"
    page.write_text(
        f"```bash\nrnnfast --version | head -1\n```\n```output\nrnnfast {__version__}\n```\n", encoding="utf-8"
    )
    assert run_page(page, tmp_path) == 1


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
