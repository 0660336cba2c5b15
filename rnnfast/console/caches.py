"""What is kept on disk, as a person sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from rnnfast.console.screen import WIDE, Screen, fields, table
from rnnfast.console.text import scaled

if TYPE_CHECKING:
    from rnnfast.diagnose.caches import Caches, Kept


def show_caches(screen: Screen, caches: Caches) -> None:
    """Print each cache with its size and place, and what was removed."""
    if caches.cleared:
        texts = [f"{each.entries:,} {each.what}, {scaled(each.bytes, 'B')}" for each in caches.cleared]
        screen.result(fields([("" if j else "Cleared", text) for j, text in enumerate(texts)]))
        return
    gap = 3 if screen.out.width >= WIDE else 1
    rows = [[each.what, f"{each.entries:,}", scaled(each.bytes, "B"), _limit(each)] for each in caches.caches]
    screen.result(table(["cache", "entries", "size", "limit"], rows, gap=gap), Text())
    places = [[each.what, each.directory] for each in caches.caches]
    screen.result(table(["cache", "directory"], places, left=2, gap=gap))
    if any(each.entries for each in caches.caches):
        screen.progress(Text(), fields([("Next", "rnnfast cache clear")]))


def _limit(cache: Kept) -> str:
    return "none" if cache.limit is None else scaled(cache.limit, "B")
