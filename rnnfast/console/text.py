"""Numbers, durations, sizes and commands as people read them."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from rnnfast.catalogue import HEADS
from rnnfast.display import amount

DIGITS = 4  # significant digits of a metric
RANGE_DIGITS = 3  # significant ones of the width of a range
# Between a number and its unit, where no line is broken; the screen writes a space for it. A no-break space would not
# do: rich breaks lines there as well.
UNBROKEN = "\ue000"
COUNTED = re.compile(r"(\d) (steps?|rows?|epochs?|sequences?|features?|units?|ids?|labels?|evaluations?)\b")
UNDEFINED = "–"
INDENT, CONTINUED = "  ", " \\"  # of a command on several lines
LOSS_WHOLE, LOSS_WIDTH = 2, 10  # columns of a loss before its point, and of all of it

# Below and above these a number is written with an exponent.
LEAST_FIXED = 1e-4
LEADING = re.compile(r"(\s*[-+]?[\d,]*)(.*)", re.DOTALL)  # the digits before a decimal point, and the rest
MOST_FIXED = 1e9

# One character for one, so that nothing moves, where a stream's encoding lacks the original.
ASCII = str.maketrans(
    {
        "–": "-", "·": "-", "…": ".", "²": "2", "±": "+", "×": "x", "★": "*", "→": ">", "✓": "+", "━": "=", "╸": "-",
        "─": "-", "█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "=", "▍": "=", "▎": "-", "▏": "-",
        "≤": "<", "▲": "+", "▼": "-", "▁": "_", "▂": "_", "▃": "-", "▄": "-", "▅": "=", "▆": "=", "▇": "#",
    }
)  # fmt: skip


class Network(Protocol):
    """What a network is called by. activation: None where the cell leaves no choice."""

    @property
    def cell(self) -> str:
        """Its recurrent cell."""

    @property
    def hidden(self) -> Sequence[int]:
        """Units of each layer."""

    @property
    def activation(self) -> str | None:
        """The activation that was chosen."""

    @property
    def head(self) -> str:
        """What its outputs see of the states."""

    @property
    def front(self) -> Sequence[tuple[int, int, int]]:
        """Layers before the cell: rows that are stacked, stride, units."""


def network_text(network: Network, members: int = 1) -> str:
    """Name a network, or an ensemble: 'gru with 32 + 16 hidden units, steps of 4 rows every 4, mean of the states'."""
    units = " + ".join(str(units) for units in network.hidden)
    activation = "" if network.activation is None else f" ({network.activation})"
    several = f"ensemble of {members} networks, " if members > 1 else ""
    stacked = (f"{rows} rows" + (f" every {stride}" if stride > 1 else "") for rows, stride, _ in network.front)
    front = f", steps of {', '.join(stacked)}" if network.front else ""
    head = HEADS[network.head]
    pool = f", {head.phrase}" if head.pools else ""
    return f"{several}{network.cell} with {units} hidden units{activation}{front}{pool}"


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


def loss_text(value: float) -> str:
    """Text of a loss in 10 columns, whatever it is: decimal points below each other from 0.0001 to 99.99."""
    text = number(value)
    if len(text) > LOSS_WIDTH:
        text = f"{value:.{DIGITS - 1}e}"
    whole = len(text.partition(".")[0])
    return f"{' ' * (LOSS_WHOLE - whole)}{text}".ljust(LOSS_WIDTH)


def title(things: str, part: str) -> str:
    """Return "Residuals of valid", of all of a table "Residuals"."""
    return f"{things} of {part}" if part else things


def count(value: float) -> str:
    """Text of a whole number with thousands separators; medians may end in .5."""
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,.1f}"


def counted(value: float, thing: str) -> str:
    """Return "1 row" or "2 rows"; of rows that weigh, their weight."""
    return f"{amount(value)}{UNBROKEN}{thing if value == 1 else thing + 's'}"


def percent(share: float, digits: int = 3) -> str:
    """Text of a share of 1 in per cent."""
    return f"{number(100 * share, digits)}{UNBROKEN}%"


def aligned(texts: Sequence[str]) -> list[str]:
    """Pad numbers to one width, with their decimal points one below the other; units follow the numbers."""
    pairs = [match.groups() for text in texts if (match := LEADING.fullmatch(text))]
    heads, tails = (max((len(pair[side]) for pair in pairs), default=0) for side in (0, 1))
    return [f"{head:>{heads}}{tail:<{tails}}" for head, tail in pairs]


def duration(seconds: float) -> str:
    """Text of a time span: 38 ms, 4.21 s, 3 min 12 s, 1 h 05 min."""
    if seconds < 0.9995:
        return f"{1000 * seconds:.0f}{UNBROKEN}ms"
    if seconds < 99.95:
        return f"{number(seconds, 3)}{UNBROKEN}s"
    whole = round(seconds)
    words = (f"{whole // 60}", "min", f"{whole % 60:02d}", "s")
    if whole >= 3600:
        words = (f"{whole // 3600:,}", "h", f"{whole % 3600 // 60:02d}", "min")
    return UNBROKEN.join(words)


def scaled(value: float, unit: str) -> str:
    """Text with a decimal prefix: 12.3 M steps/s, 4.20 kB."""
    for power, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= power:
            return f"{number(value / power, 3)}{UNBROKEN}{prefix}{'' if unit == 'B' else UNBROKEN}{unit}"
    return f"{value:.0f}{UNBROKEN}{unit}"


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


def with_units(text: str) -> str:
    """Return prose whose counts stay beside what they count where a line ends."""
    return COUNTED.sub(rf"\1{UNBROKEN}\2", text)


def cut_inside(text: str, width: int) -> str:
    """Cut a name to a width so that its end is left, which tells "load+1" and "load+24" apart."""
    end = min(6, width // 2)
    return text if len(text) <= width else f"{text[: width - end - 1]}…{text[-end:]}"


def command(words: Iterable[str], width: int) -> list[str]:
    """Lines of a command to copy: quoted for a shell, continued with backslashes where a line would be too long."""
    room = width - len(CONTINUED)
    lines: list[str] = []
    for unit in _with_values(words, room - len(INDENT)):
        if lines and len(lines[-1]) + 1 + len(unit) <= room:
            lines[-1] += " " + unit
        else:
            lines.append((INDENT if lines else "") + unit)
    return [*(line + CONTINUED for line in lines[:-1]), *lines[-1:]]


def _with_values(words: Iterable[str], room: int) -> Iterator[str]:
    """Yield quoted words, an option together with its value where there is room for both."""
    option = ""
    for word in map(shlex.quote, words):
        if option and not word.startswith("-") and len(option) + 1 + len(word) <= room:
            yield f"{option} {word}"
            option = ""
            continue
        if option:
            yield option
        option = word if word.startswith("-") else ""
        if not option:
            yield word
    if option:
        yield option


def span(low: float, high: float) -> str:
    """Text of a range: with the digits that tell its ends apart, but no more than they have."""
    width, largest = high - low, max(abs(low), abs(high))
    if not math.isfinite(width) or (largest and not LEAST_FIXED <= largest < MOST_FIXED):
        return number(low) if low == high else f"{number(low)} to {number(high)}"
    decimals = max(_decimals(low), _decimals(high))
    if width:
        decimals = min(decimals, max(RANGE_DIGITS - 1 - math.floor(math.log10(width)), 0))
    texts = [f"{value:,.{decimals}f}" for value in (low, high)]
    texts = [text if text.strip("-0.,") else text.lstrip("-") for text in texts]
    return texts[0] if low == high else " to ".join(texts)


def to_digits_of(value: float, deviation: float) -> str:
    """Text of a number to the last of three significant digits of its deviation, as more of them mean little."""
    if not LEAST_FIXED <= deviation < MOST_FIXED or not math.isfinite(value) or abs(value) >= MOST_FIXED:
        return number(value)
    text = f"{value:,.{max(RANGE_DIGITS - 1 - math.floor(math.log10(deviation)), 0)}f}"
    return text if text.strip("-0.,") else text.lstrip("-")


def _decimals(value: float) -> int:
    """Digits after the point of the shortest text of a number."""
    _, _, digits = f"{value:.10f}".rstrip("0").partition(".")
    return len(digits)
