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
        if len(self.of) + len(ids) - first <= self.most:
            slots, new = self._assign_all(ids[first:])
        else:  # somebody may have to go
            slots, new = self._assign_some(ids, first)
        if self.changed is not None:
            self.changed.update(ids[first : first + len(slots)])
        return slots, new

    def _assign_all(self, ids: Sequence[str]) -> tuple[list[int], list[int]]:
        """Give a slot to each id; there is room for all."""
        of, last = self.of, dict.fromkeys(reversed(ids))  # the one that comes last first
        new = [self._slot(name) for name in dict.fromkeys(ids) if name not in of]
        for name in reversed(last):
            of.move_to_end(name)
        return list(map(of.__getitem__, ids)), new

    def _assign_some(self, ids: Sequence[str], first: int) -> tuple[list[int], list[int]]:
        """Give a slot to ids until one would have to go whose own rows come first."""
        of, slots, new, busy = self.of, list[int](), list[int](), set[int]()
        for name in ids[first:]:
            slot = of.get(name)
            if slot is not None:
                of.move_to_end(name)
            else:
                if len(of) >= self.most:
                    oldest = next(iter(of))
                    if of[oldest] in busy:
                        break
                    self.drop(oldest)
                    self.evicted += 1
                slot = self._slot(name)
                new.append(slot)
            slots.append(slot)
            busy.add(slot)
        return slots, new

    def _slot(self, name: str) -> int:
        """Give a slot to an id that has none."""
        slot = self.of[name] = self._free.pop() if self._free else self.size
        self.size = max(self.size, slot + 1)
        return slot

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
