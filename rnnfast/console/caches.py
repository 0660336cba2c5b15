"""What is kept on disk, as a person sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnfast.console.screen import Screen, fields, table
from rnnfast.console.text import scaled

if TYPE_CHECKING:
    from rnnfast.diagnose.caches import Caches, Kept


def show_caches(screen: Screen, caches: Caches) -> None:
    """Print each cache with its size and place, and what was removed."""
    if caches.cleared:
        texts = [f"{each.entries:,} {each.what}, {scaled(each.bytes, 'B')}" for each in caches.cleared]
        screen.result(fields([("" if j else "Cleared", text) for j, text in enumerate(texts)]))
        return
    rows = [[each.what, f"{each.entries:,}", scaled(each.bytes, "B"), _limit(each)] for each in caches.caches]
    screen.result(table(["kept", "entries", "size", "limit"], rows, gap=3))
    places = dict.fromkeys(each.directory for each in caches.caches)
    screen.result(fields([("Place" if j == 0 else "", place) for j, place in enumerate(places)]))
    screen.progress(fields([("Next", "rnnfast cache clear")]))


def _limit(cache: Kept) -> str:
    return "none" if cache.limit is None else scaled(cache.limit, "B")
