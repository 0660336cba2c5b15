"""A training that pauses after a share of its epochs, is judged, and goes on where it paused if it is good enough."""

from __future__ import annotations

from rnnfast.checkpoint.record import Network
from rnnfast.training.loop import Loop, Pauses
from rnnfast.training.state import put_back, start_of, taken


class Partly(Pauses):
    """Lets a training run a share of its epochs, one at least. before: the state that it goes on from, None: none.

    Attribute: state, where it paused or ended. The rest has the bits that it has without a pause.
    """

    def __init__(self, share: float, before: Network | None = None) -> None:
        self.share, self.before = share, before
        self.state: Network | None = None
        self._start = ""

    def begin(self, loop: Loop) -> bool:
        """Put the state into the loop; returns whether its training has ended already."""
        self._start = start_of(loop)
        loop.until = max(1, round(self.share * loop.epochs))
        if self.before is not None:
            put_back(loop, self.before, self._start)
            if not self.before.trains or loop.fit.epochs >= loop.until:
                self.state = self.before
        return self.state is not None and not self.state.trains

    def pause(self, loop: Loop, now: bool = False) -> None:
        """Take the state of a loop that pauses: its weights are those of now, not the best ones."""
        if loop.fit.epochs >= loop.until:
            self.state = taken(loop, self._start)

    def end(self, loop: Loop) -> None:
        """Take the state of a loop that has ended."""
        if self.state is None:
            self.state = taken(loop, self._start)
