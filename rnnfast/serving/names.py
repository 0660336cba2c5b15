"""What models are called: by `NAME=RUN`, or by the run itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rnnfast.errors import UsageError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # stands in addresses, metrics and names of files


def named_runs(texts: Sequence[str]) -> dict[str, str]:
    """Return the path of each model by its name.

    texts: RUN or NAME=RUN. A run is called as its directory, a file as its stem. Raises UsageError for none, for two of
    one name and for names of other signs.
    """
    if not texts:
        raise UsageError("--model: name at least one model to serve")
    runs: dict[str, str] = {}
    for text in texts:
        name, path = _named(text)
        if not NAME.fullmatch(name):
            raise UsageError(f"--model {text}: {name!r} is no name of letters, digits, '.', '_' and '-'; say NAME=RUN")
        if name in runs:
            raise UsageError(f"--model: {runs[name]} and {path} are both called {name!r}; say NAME=RUN")
        runs[name] = path
    return runs


def _named(text: str) -> tuple[str, str]:
    name, sign, path = text.partition("=")
    if sign and "/" not in name and not Path(text).exists():
        return name, path
    run = Path(text).absolute()
    if run.suffix and not run.is_dir():
        return (run.parent.name if run.stem == "model" else run.stem), text
    return run.name, text
