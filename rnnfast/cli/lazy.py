"""pandas and PyYAML, imported when something of them is used.

pandas takes half a second, and a command that reads a table from the cache needs nothing of it. Numba imports PyYAML,
where it is there, for a file of settings that hardly any directory has. Both import lines stand as usual; in a process
of the command line they get a stand-in, which becomes the library at the first use. importlib.util.LazyLoader would
load it at the second `import pandas`, whose machinery asks for `__spec__`.
"""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

NAMES = ("pandas", "yaml")


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
    """Put stand-ins where nothing has been imported yet; say that SciPy's BLAS is not there, as of a child."""
    # Numba would import a fifth of a second of SciPy for functions that no kernel calls (kernels/run/child.py).
    sys.modules.setdefault("scipy.linalg.cython_blas", None)  # type: ignore[arg-type]
    for name in NAMES:
        if name not in sys.modules and (spec := PathFinder.find_spec(name)) is not None:
            module = LazyModule(name)
            module.__spec__ = spec
            sys.modules[name] = module
