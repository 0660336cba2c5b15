"""What a loop is asked between two calls of the kernel where a run has checkpoints: whether it is time to save it."""

from __future__ import annotations

from rnnfast.checkpoint.keeper import Slot
from rnnfast.training.loop import Loop, Pauses
from rnnfast.training.state import put_back, start_of, taken


class Saver(Pauses):
    """Gives the states of a loop to the Keeper of its run. slot: its place there."""

    saves = True

    def __init__(self, slot: Slot) -> None:
        self._keeper, self._name = slot.keeper, slot.name
        self._start = ""

    def begin(self, loop: Loop) -> bool:
        """Put back the state that the run goes on from, where there is one."""
        self._start = start_of(loop)
        state = self._keeper.state(self._name)
        if state is not None:
            put_back(loop, state, self._start)
            if not state.trains:
                return True
        self._keeper.begin(self._name, loop.fit.epochs, loop.model.config)
        return False

    def pause(self, loop: Loop, now: bool = False) -> None:
        """Save the loop where it is time."""
        if now or self._keeper.due(self._name, loop.fit.epochs):
            self._keeper.give(self._name, taken(loop, self._start), now)

    def end(self, loop: Loop) -> None:
        """Note the weights that were chosen."""
        self._keeper.end(self._name, taken(loop, self._start))
