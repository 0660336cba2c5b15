"""Versions of rnnfast, Python and the libraries that it runs on, read without importing them."""

from __future__ import annotations

import platform
from importlib import metadata

from rnnfast import __version__

LIBRARIES = ("numba", "llvmlite", "numpy", "pandas", "safetensors", "click", "rich")
MISSING = "not installed"


def version_of(library: str) -> str:
    """Return the version of a library, MISSING where it is not there."""
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return MISSING


def versions() -> dict[str, str]:
    """Return name -> version, rnnfast and Python first; MISSING for a library that is not there."""
    return {
        "rnnfast": __version__,
        "python": platform.python_version(),
        **{library: version_of(library) for library in LIBRARIES},
    }
