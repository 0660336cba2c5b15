"""Which row of the memory an id has: a bounded number of them, of which the least recently used one goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence


class Slots:
    """Slots of ids, the least recently used one first.

    most: ids; evicted: that had to go; changed: ids that came or went since somebody emptied it, where it is a set.
    """

    def __init__(self, most: int) -> None:
        self.most, self.size, self.evicted = most, 0, 0
        self.of: OrderedDict[str, int] = OrderedDict()
        self.changed: set[str] | None = None
        self._free: list[int] = []

    def assign(self, ids: Sequence[str], first: int) -> tuple[list[int], list[int]]:
        """Give a slot to the ids from number `first` on, as far as no slot has to serve two of them.

        Returns: their slots, and which of these are new to their id.
        """
        of, slots, new, busy = self.of, list[int](), list[int](), set[int]()
        full = len(of) + len(ids) - first > self.most  # only then somebody may have to go
        slot_of, use, append = of.get, of.move_to_end, slots.append
        for name in ids[first:]:
            slot = slot_of(name)
            if slot is not None:
                use(name)
            else:
                if len(of) >= self.most:
                    oldest = next(iter(of))
                    if of[oldest] in busy:  # its own rows come first
                        break
                    self.drop(oldest)
                    self.evicted += 1
                slot = of[name] = self._free.pop() if self._free else self.size
                self.size = max(self.size, slot + 1)
                new.append(slot)
            append(slot)
            if full:
                busy.add(slot)
        if self.changed is not None:
            self.changed.update(ids[first : first + len(slots)])
        return slots, new

    def use(self, name: str) -> None:
        """Note that a row of an id that has a slot came."""
        self.of.move_to_end(name)
        if self.changed is not None:
            self.changed.add(name)

    def drop(self, name: str) -> None:
        """Free the slot of an id, which must have one."""
        self._free.append(self.of.pop(name))
        if self.changed is not None:
            self.changed.add(name)
