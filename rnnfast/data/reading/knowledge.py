"""What only reading a table shows, and reading it in one pass needs to know: then it is read again."""

from __future__ import annotations

from dataclasses import dataclass

TIME_BYTES = 32  # of a time as text; longer ones take another pass


class Misread(Exception):
    """The table is to be read again, with what is known of it now. Attribute: knowledge."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge


@dataclass(frozen=True)
class Knowledge:
    """What only reading shows, and reading needs to know.

    text: whether the target holds text; fractions: whether times do; dates: whether times are dates though some look
    like numbers; time_bytes: of the longest time as text; dayfirst: whether the day stands before the month in times.
    """

    text: bool = False
    fractions: bool = False
    dates: bool = False
    time_bytes: int = TIME_BYTES
    dayfirst: bool | None = None
