"""Recipes: configuration files that come with rnnfast, with a reason beside each value; `--config recipe:cmapss`."""

from __future__ import annotations

from pathlib import Path

from rnnfast.errors import UsageError, did_you_mean

PREFIX = "recipe:"
PACKAGE = Path(__file__).parents[1]
# In a wheel they are in the package, in a checkout beside it.
FOLDERS = (PACKAGE / "recipes", PACKAGE.parent / "configs")


def recipes() -> dict[str, Path]:
    """Return the file of each recipe by its name."""
    folder = next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[0])
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def config_path(text: str | Path) -> Path:
    """Return the file that `--config` names: a path, or recipe:NAME. Raises UsageError for an unknown recipe."""
    if not str(text).startswith(PREFIX):
        return Path(text)
    name, files = str(text).removeprefix(PREFIX), recipes()
    if name not in files:
        raise UsageError(f"--config {text}: no such recipe{did_you_mean(name, files)}; there are {', '.join(files)}")
    return files[name]
