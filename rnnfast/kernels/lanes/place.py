"""Where compiled kernels are kept between processes; known without Numba."""

import os
from pathlib import Path

from platformdirs import user_cache_path

VERSIONS = "rnnfast-*"  # a folder for each version of the code that is compiled
ENDING = ".kernel"  # of a file, a kernel each


def base():
    """Return the directory of all versions' kernels, NUMBA_CACHE_DIR or the user's cache directory, without links."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    return Path(os.path.realpath(chosen or user_cache_path("rnnfast")))
