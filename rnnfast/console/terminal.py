"""Whether a stream takes colour and animation."""

from __future__ import annotations

import os
from typing import TextIO


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a person watches the stream; False for a closed one."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def is_dumb() -> bool:
    """Tell whether the terminal can neither colour nor move its cursor."""
    return os.environ.get("TERM", "").lower() in ("dumb", "unknown")


def takes_colour(stream: TextIO | None, no_color: bool = False) -> bool:
    """Tell whether to colour: on terminals, and elsewhere with FORCE_COLOR.

    Never with --no-color, NO_COLOR, RNNFAST_NO_COLOR (each counts when it is not empty) or TERM=dumb.
    """
    if no_color or os.environ.get("NO_COLOR") or os.environ.get("RNNFAST_NO_COLOR") or is_dumb():
        return False
    return is_terminal(stream) or bool(os.environ.get("FORCE_COLOR"))


def takes_animation(stream: TextIO | None) -> bool:
    """Tell whether a line may be redrawn in place."""
    return is_terminal(stream) and not is_dumb()
