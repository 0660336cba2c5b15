"""Versions of rnnfast, Python and the libraries that it runs on, read without importing them."""

from __future__ import annotations

import platform
from importlib import metadata

from rnnfast import __version__

LIBRARIES = ("numba", "llvmlite", "numpy", "pandas", "safetensors", "click", "rich")
MISSING = "not installed"


def versions() -> dict[str, str]:
    """Return name -> version, rnnfast and Python first; MISSING for a library that is not there."""
    version_of = {"rnnfast": __version__, "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            version_of[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            version_of[library] = MISSING
    return version_of
