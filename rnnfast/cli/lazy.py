"""pandas, imported when something of it is used.

It takes half a second, and a command that reads a table from the cache needs nothing of it. The modules of data/ import
it as usual; in a process of the command line they get this stand-in, which becomes pandas at the first use.
importlib.util.LazyLoader would load it at the second `import pandas`, whose machinery asks for `__spec__`.
"""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

NAME = "pandas"


class LazyModule(ModuleType):
    """Stands for a module that nobody has used yet."""

    def __getattr__(self, name: str) -> Any:
        """Import the module: this is called for what the stand-in lacks."""
        if sys.modules.get(self.__name__) is self:
            sys.modules.pop(self.__name__, None)
        module = importlib.import_module(self.__name__)
        vars(self).update(vars(module))
        return getattr(module, name)


def load_on_use() -> None:
    """Put the stand-in where pandas has not been imported yet; say that SciPy's BLAS is not there, as of a child."""
    # Numba would import a fifth of a second of SciPy for functions that no kernel calls (kernels/run/child.py).
    sys.modules.setdefault("scipy.linalg.cython_blas", None)  # type: ignore[arg-type]
    if NAME in sys.modules or (spec := PathFinder.find_spec(NAME)) is None:
        return
    module = LazyModule(NAME)
    module.__spec__ = spec
    sys.modules[NAME] = module
