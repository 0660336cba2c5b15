"""Numbers, durations, sizes and commands as people read them."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Sequence
from typing import Any

from rnnfast.display import counted as counted  # for its neighbours

DIGITS = 4  # significant digits of a metric
UNDEFINED = "–"

# Below and above these a number is written with an exponent.
LEAST_FIXED = 1e-4
MOST_FIXED = 1e9

# One character for one, so that nothing moves, where a stream's encoding lacks the original.
ASCII = str.maketrans(
    {
        "–": "-", "·": "-", "…": ".", "²": "2", "±": "+", "×": "x", "★": "*", "→": ">", "✓": "+", "━": "=", "╸": "-",
        "─": "-", "█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "=", "▍": "=", "▎": "-", "▏": "-",
        "▁": "_", "▂": "_", "▃": "-", "▄": "-", "▅": "=", "▆": "=", "▇": "#",
    }
)  # fmt: skip


def number(value: Any, digits: int = DIGITS) -> str:
    """Text of a number with that many significant digits; thousands separators, an exponent at the extremes."""
    if value is None:
        return UNDEFINED
    value = float(value)
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    if not LEAST_FIXED <= abs(value) < MOST_FIXED:
        return f"{value:.{digits - 1}e}"
    # Rounding first: 9.9996 with 4 digits is 10.00.
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = max(digits - 1 - math.floor(math.log10(abs(rounded))), 0)
    return f"{value:,.{decimals}f}"


def count(value: float) -> str:
    """Text of a whole number with thousands separators; medians may end in .5."""
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,.1f}"


def percent(share: float) -> str:
    """Text of a share of 1 in percent."""
    return f"{number(100 * share, 3)} %"


def duration(seconds: float) -> str:
    """Text of a time span: 38 ms, 4.21 s, 3 min 12 s, 1 h 05 min."""
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 99.95:
        return f"{number(seconds, 3)} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60:02d} min"


def scaled(value: float, unit: str) -> str:
    """Text with a decimal prefix: 12.3 M steps/s, 4.20 kB."""
    for power, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= power:
            return f"{number(value / power, 3)} {prefix}{'' if unit == 'B' else ' '}{unit}"
    return f"{value:.0f} {unit}"


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names with commas; of many, the first ones, the last and how many there are."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[: most - 2])}, … {names[-1]} ({len(names):,})"


def classes_listed(classes: Sequence[Any]) -> str:
    """Return "classes no and yes", or of more than two their number and their names."""
    names = [shortened(str(name), 20) for name in classes]
    return f"classes {' and '.join(names)}" if len(names) == 2 else f"{len(names):,} classes: {listed(names)}"


def shortened(text: str, width: int) -> str:
    """Cut a text to a width, with an ellipsis for what is lost."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def command(words: Iterable[str], width: int) -> str:
    """Text of a command to copy: quoted for a shell, continued with backslashes where a line would be too long."""
    lines: list[str] = []
    for word in map(shlex.quote, words):
        if lines and len(lines[-1]) + 1 + len(word) <= width - 2:
            lines[-1] += " " + word
        else:
            lines.append(("  " if lines else "") + word)
    return " \\\n".join(lines)
