"""The two streams: results on stdout, everything else on stderr, each with its own colours, width and encoding."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from rnnfast.console.terminal import is_dumb, is_terminal, takes_animation, takes_colour
from rnnfast.console.text import ASCII, UNBROKEN, aligned, counted, scaled, with_units
from rnnfast.display import on_one_line, printable

# The 16 colours of every terminal, in its own palette; each only repeats what a word or sign says. Sentences keep the
# colour of the terminal: yellow and green are hard to read on white.
GOOD = "green"
BAD = "red"
CAUTION = "yellow"
LABEL = "bold"
FAINT = "dim"

WIDE = 60  # columns from which tables get more air and more columns
WIDEST = 110  # columns of text: longer lines are hard to read
LABELS = 10  # columns of labels beside text
PADDING = re.compile(r" +$", re.MULTILINE)
DEFAULT_HEIGHT = 25  # lines; rich asks for both or takes 80 columns on a dumb terminal


class _Stream:
    """A text stream that writes any text: signs that its encoding lacks are replaced by ASCII ones of equal width."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = is_terminal(stream)

    def write(self, text: str) -> int:
        """Write a text, never failing over its characters; files get no padding at the ends of lines."""
        text = text.replace(UNBROKEN, " ")
        if not self._is_terminal:
            text = PADDING.sub("", text)
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        try:
            text.encode(encoding)  # stderr itself would not fail but write escapes such as \u2605
        except UnicodeEncodeError:
            text = text.translate(ASCII).encode(encoding, "replace").decode(encoding)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Console(Console):
    """A console that leaves a broken pipe to the caller, or goes quiet where nobody is left to see progress."""

    goes_quiet = False

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """Lay out what is printed; whatever it is, texts command no terminal. rich's own commands are no texts."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)

    def on_broken_pipe(self) -> None:
        """Handle that the reader of the stream is gone."""
        if not self.goes_quiet:
            raise BrokenPipeError
        self.quiet = True


class Screen:
    """Where commands print.

    quiet: only results. verbose: 0, 1 or more. json: stdout belongs to one JSON object, and progress is shown to
    people alone.
    """

    def __init__(self, *, quiet: bool = False, verbose: int = 0, no_color: bool = False, json: bool = False) -> None:
        self.verbose = verbose
        self.json = json
        self.shows_progress = not quiet and (not json or is_terminal(sys.stderr))
        self.animated = self.shows_progress and takes_animation(sys.stderr)
        self.out = _console(sys.stdout, no_color)
        self.err = _console(sys.stderr, no_color)
        self.err.goes_quiet = True

    def result(self, *parts: RenderableType) -> None:
        """Print a result on stdout, unless JSON goes there."""
        if not self.json:
            for part in parts:
                _print(self.out, part)

    def progress(self, *parts: RenderableType) -> None:
        """Print what is going on on stderr."""
        if self.shows_progress:
            for part in parts:
                _print(self.err, part)

    def reading(self, paths: Sequence[str]) -> None:
        """Name tables that are about to be read."""
        self.progress(fields([("Reading", ", ".join(with_size(str(path)) for path in paths))]))

    def waiting(self, text: str) -> None:
        """Say what takes a while."""
        self.progress(Text(text, FAINT))

    def written(self, path: str, rows: int) -> None:
        """Name a table that was written."""
        self.progress(fields([("Written", f"{with_size(path)}, {counted(rows, 'row')}")]))

    def notice(self, text: str) -> None:
        """Print a thing worth knowing on stderr."""
        self.progress(fields([(Text("Note", CAUTION), text)]))


def _console(stream: TextIO, no_color: bool) -> _Console:
    colour = takes_colour(stream, no_color)
    return _Console(
        file=_Stream(stream),  # type: ignore[arg-type]  # a duck-typed stream
        force_terminal=colour or is_terminal(stream),
        # Without a colour system rich writes no escape sequence at all, not even bold.
        color_system=("auto" if sys.platform == "win32" else "standard") if colour else None,
        no_color=not colour,
        height=DEFAULT_HEIGHT if is_dumb() else None,
        highlight=False,
        markup=False,
        emoji=False,
    )


def _print(console: Console, part: RenderableType) -> None:
    """Print a part; sentences end early on a wide terminal, tables take the room that they need."""
    if isinstance(part, Text | str):
        console.print(_harmless(part), width=min(console.width, WIDEST))
    else:
        console.print(part)


def _harmless(cell: str | Text) -> str | Text:
    """Return a text without signs that command a terminal or end a line, which names of files and columns may hold."""
    if isinstance(cell, str):
        return on_one_line(cell)
    shown = on_one_line(cell.plain)
    if shown != cell.plain:
        cell = cell.copy()
        cell.plain = shown
    return cell


def with_size(path: str) -> str:
    """Return a path as it is shown, with the size of its file, where it is one."""
    file, name = Path(path), on_one_line(path)
    return f"{name} ({scaled(file.stat().st_size, 'B')})" if path != "-" and file.is_file() else name


def fields(rows: Iterable[tuple[str | Text, str | Text | Sequence[str]]]) -> Table:
    """Lay out labels with texts beside them that wrap within their own column; a sequence has a line for each text."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style=LABEL, no_wrap=True, min_width=8)
    grid.add_column(overflow="fold", max_width=WIDEST - LABELS)
    for label, text in rows:
        if not isinstance(text, Text):  # which drops some of the signs instead of escaping them
            shown: str | Text = Text(with_units("\n".join(map(on_one_line, [text] if isinstance(text, str) else text))))
        else:
            shown = _harmless(text)
        grid.add_row(_harmless(label), shown)
    return grid


def table(headers: Iterable[str], rows: Iterable[Iterable[str | Text]], *, left: int = 1, gap: int = 2) -> Table:
    """Lay out a table without lines: the first `left` columns are text, the others numbers by their decimal points."""
    # Only the space to the right: none before the first column, and rich drops it after the last.
    grid = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, header_style=LABEL)
    lines = [[_harmless(cell) for cell in row] for row in rows]
    columns = [[line[j] for line in lines] for j in range(len(lines[0]) if lines else 0)]
    for j, header in enumerate(map(on_one_line, headers)):
        if j >= left and lines:
            columns[j] = _numbers(header, columns[j])
            header = f"{header:>{len(columns[j][0])}}"
        grid.add_column(header, overflow="fold", no_wrap=j >= left)
    for line in zip(*columns, strict=True):
        grid.add_row(*line)
    return grid


def _numbers(header: str, cells: Sequence[str | Text]) -> list[str | Text]:
    """Pad the cells of a column to one width, that of the header at least; styles stay."""
    texts = aligned([str(cell) for cell in cells])
    width = max(len(header), *map(len, texts))
    return [_padded(cell, f"{text:>{width}}") for text, cell in zip(texts, cells, strict=True)]


def _padded(cell: str | Text, text: str) -> str | Text:
    """Return a cell with the spaces that a text has around it."""
    if isinstance(cell, str):
        return text
    padded = cell.copy()
    before = text.index(str(cell))
    padded.pad_left(before)
    padded.pad_right(len(text) - before - len(cell))
    return padded
