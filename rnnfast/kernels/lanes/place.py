"""Where compiled kernels are kept between processes; known without Numba."""

import os
from pathlib import Path

from platformdirs import user_cache_path

VERSIONS = "rnnfast-*"  # a folder for each version of the code that is compiled


def base():
    """Return the directory of all versions' kernels: NUMBA_CACHE_DIR or the user's cache directory."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    return Path(chosen) if chosen else user_cache_path("rnnfast")
