"""Texts from outside as they can be shown; objects that show themselves in a few lines, never their arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib import import_module
from typing import Any

LARGE = 1000  # from which on a sum of weights needs no digits after the point
WIDTH = 90  # characters of a text, beside what it is about
# Signs that command a terminal, or turn the direction of what follows; lines may end.
COMMANDS = (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
HALVES = range(0xD800, 0xE000)  # of characters, which no stream takes
BYTES = range(0xDC80, 0xDD00)  # those of them that stand for bytes of a file's name that are not UTF-8
ESCAPES = {code: repr(chr(code))[1:-1] for code in (*COMMANDS, *HALVES)} | {
    code: f"\\x{code - 0xDC00:02x}" for code in BYTES
}
LINE_ENDS = {ord("\n"): r"\n", ord("\t"): r"\t"}


def printable(text: str) -> str:
    """Return a text, of which parts may come from a file, with escapes for signs that command a terminal."""
    return text.translate(ESCAPES)


def on_one_line(text: str) -> str:
    """Return the same of a name, which has a line of its own or shares one."""
    return printable(text).translate(LINE_ENDS)


class Displayed:
    """Base of what a user sees by its name alone. Two such objects are equal only where they are one: comparing models
    or tables number by number has no meaning that fits all, and the arrays are there to be compared.
    """

    def display(self) -> tuple[str, Mapping[str, str]]:
        """Return what the object is in a phrase, and up to four lines about it by what they are about."""
        raise NotImplementedError

    def __repr__(self) -> str:
        phrase, lines = self.display()
        width = max(map(len, lines), default=0)
        texts = (f"  {name:<{width}}  {_shortened(text)}" for name, text in lines.items())
        return "\n".join((f"{type(self).__name__}: {_shortened(phrase)}", *texts))

    def _repr_html_(self) -> str:
        phrase, lines = self.display()
        left = 'style="text-align: left"'
        rows = "".join(
            f"<tr><th {left}>{escape(name)}</th><td {left}>{escape(_shortened(text))}</td></tr>"
            for name, text in lines.items()
        )
        caption = f"<b>{type(self).__name__}</b>: {escape(_shortened(phrase))}"
        return f"<table><caption {left}>{caption}</caption>{rows}</table>"


def table_html(names: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> str:
    """Return a table of texts; a column without any text is left out. caption: stands below."""
    shown = [j for j in range(len(names)) if any(row[j] for row in rows)]
    head = "".join(f"<th>{escape(names[j])}</th>" for j in shown)
    lines = ("".join(f"<td>{escape(printable(row[j]))}</td>" for j in shown) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    below = f'<caption style="caption-side: bottom; text-align: left">{escape(printable(caption))}</caption>'
    return f"<table>{below}<tr>{head}</tr>{body}</table>"


class Plotted(Displayed):
    """A result with figures."""

    def figures_of(self) -> tuple[Any, ...]:
        """Return what `rnnfast.report.notebook.Plot` takes."""
        raise NotImplementedError

    @property
    def plot(self) -> Any:
        """Figures by Altair, of the extra `report`: plot.pr(), roc(), learning(), confusion(), reliability(), ..

        Reports stand above what they draw, so they are imported by name when they are asked for.
        """
        return import_module("rnnfast.report.notebook").Plot(*self.figures_of())


def _shortened(text: str) -> str:
    """Return what fits, on one line."""
    text = on_one_line(text)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 3]}..."


def amount(number: float) -> str:
    """Return a number of rows, or a sum of their weights, with thousands separators."""
    if float(number).is_integer():
        return f"{int(number):,}"
    return f"{number:,.0f}" if number >= LARGE else f"{number:.4g}"


def counted(number: float, thing: str) -> str:
    """Return "1 row" or "2 rows"."""
    return f"{amount(number)} {thing if number == 1 else thing + 's'}"
