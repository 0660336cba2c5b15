"""What a page is made of: sections of texts, tables and panels. A panel is the numbers behind a figure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.display import on_one_line
from rnnfast.records import Record, field

POINTS = 500  # rows of a panel at most
DIGITS = 6  # significant ones of a number that is drawn
WORD_SHOWN, TEXT_SHOWN = 60, 1000  # characters of a name from outside, and of a longer text


class Panel(Record, frozen=True):
    """The numbers behind a figure.

    kind: which figure draws it. name: of files and places on a page, unique there. caption: what the figure says, for
    those who see it and those who do not. columns: name -> values, all of one length; headings: name -> what people
    call it. facts: numbers and words that are no column.
    """

    kind: str
    name: str
    title: str
    caption: str
    columns: dict[str, tuple[Any, ...]]
    headings: dict[str, str]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The same row by row."""
        return [dict(zip(self.columns, values, strict=True)) for values in zip(*self.columns.values(), strict=True)]


class Table(Record, frozen=True):
    """A small table of texts; the first column names the rows."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Section(Record, frozen=True):
    """A part of a page; one without content is left out."""

    name: str
    title: str
    texts: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    panels: tuple[Panel, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.texts or self.tables or self.panels)


class Slider(Record, frozen=True):
    """What each of k thresholds does, the highest first: labelled rows by what they are and what is said of them.

    threshold: (k,). tp, fp: (k,), and positives, negatives of all rows, by their weights. alarms: (k,) of rows, of so
    many `rows`, each once. at: the number of the model's own threshold. positive: the class that is an alarm.
    """

    threshold: tuple[float, ...]
    tp: tuple[int | float, ...]
    fp: tuple[int | float, ...]
    alarms: tuple[int, ...]
    rows: int
    positives: int | float
    negatives: int | float
    at: int
    positive: str


class Content(Record, frozen=True):
    """Everything that a page says. lead: what to know before the figures; slider: of two classes."""

    title: str
    verdict: str
    lead: tuple[str, ...]
    sections: tuple[Section, ...]
    slider: Slider | None = None

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The numbers behind all figures, in the order of the page."""
        return tuple(panel for section in self.sections for panel in section.panels)


def numbers(values: Any, digits: int = DIGITS) -> tuple[float | int | None, ...]:
    """Return numbers as JSON has them, rounded; None for what is not finite."""
    array = np.asarray(values)
    if array.dtype.kind in "iub":
        return tuple(array.astype(np.int64).tolist())
    return tuple(_rounded(value, digits) for value in array.astype(np.float64).tolist())


def _rounded(value: float, digits: int) -> float | None:
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def word(value: Any, most: int = WORD_SHOWN) -> str:
    """Return a name from outside as a page shows it: on one line, not too long, without signs that command."""
    text = on_one_line(str(value))
    return text if len(text) <= most else f"{text[: most - 3]}..."


def words(values: Iterable[Any]) -> tuple[str, ...]:
    """Return names from outside as a page shows them."""
    return tuple(map(word, values))


def thinned(count: int, most: int = POINTS) -> NDArray[np.int64]:
    """Return which of so many points are drawn: all, or `most` of them evenly taken with the first and the last."""
    if count <= most:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.int64))


def shown(value: Any, digits: int = 4) -> str:
    """Return a number as a text of a page has it: thousands separators, significant digits, a dash for none."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    if not 1e-4 <= abs(value) < 1e9:
        return f"{value:.{digits - 1}e}"
    decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{decimals}f}"
