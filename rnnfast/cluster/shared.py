"""What many tasks read, such as a table: it comes to each worker once, and is unpacked there once.

Objects are packed by pickle, as Dask packs tasks and answers. Who may send tasks to a scheduler may run code on its
workers anyway; files of rnnfast hold no pickle.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from functools import cached_property
from hashlib import sha256
from threading import Lock
from typing import Any, NamedTuple

MOST = 2  # objects that a worker keeps unpacked: the table of this run, and of the one before


class Shared:
    """An argument of tasks that many have in common; their function gets the value."""

    def __init__(self, value: Any) -> None:
        self.value = value

    @cached_property
    def packed(self) -> Packed:
        """The value as bytes; functions of no module, as dask DataFrames may hold, are packed as Dask packs them."""
        try:
            data = pickle.dumps(self.value, protocol=5)
        except (AttributeError, pickle.PicklingError):
            from distributed.protocol.pickle import dumps

            data = dumps(self.value, protocol=5)
        return Packed(sha256(data).hexdigest(), data)


class Packed(NamedTuple):
    """A value as bytes, and their digest."""

    digest: str
    data: bytes

    def opened(self) -> Any:
        """Return the value, the same object to all tasks of this process."""
        with _opening:
            if self.digest not in _open:
                _open[self.digest] = pickle.loads(self.data)
                while len(_open) > MOST:
                    _open.popitem(last=False)
            _open.move_to_end(self.digest)
            return _open[self.digest]


_open: OrderedDict[str, Any] = OrderedDict()
_opening = Lock()
