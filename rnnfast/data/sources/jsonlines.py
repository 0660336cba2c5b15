"""JSON lines: an object on each line, whose keys are the columns. Read line by line, packed or plain."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice, repeat
from typing import IO, Any

import pandas as pd

from rnnfast.data.sources.bounds import CHUNK, pieces
from rnnfast.data.sources.formats import DAMAGED, damaged
from rnnfast.data.sources.typedfile import LARGEST, RowFile
from rnnfast.errors import DataError
from rnnfast.records import parsed_line, parsed_lines

SAMPLE_LINES = 1000  # whose keys are the columns of the table
LONGEST_LINE = 1 << 26  # bytes, which take a hundred times as much when a line is made an object
NUMBERS = frozenset((int, float, type(None)))
CELLS = frozenset((str, int, float, bool, type(None)))  # types of values that are cells as they are


class JsonLines(RowFile):
    """A table of JSON lines. open_text: opens its text; whether all rows will be in memory is its argument."""

    unit = "line"

    def __init__(self, name: str, open_text: Callable[[bool], IO[bytes]]) -> None:
        self.name, self.kind, self._open_text = name, "JSON lines", open_text

    def columns(self) -> list[str]:
        """Return the keys of the first lines, in the order of their first appearance; later ones are ignored."""
        names: dict[str, None] = {}
        for row in islice(chain.from_iterable(objects for _, objects in self._objects(False)), SAMPLE_LINES):
            names.update(dict.fromkeys(row))
        return list(names)

    def frame(self, columns: Sequence[str]) -> pd.DataFrame:
        """Read columns of all rows. Lines are counted before they are parsed: that takes a tenth of the time, and
        refuses a packed file whose rows memory cannot hold.
        """
        with self._text(True) as stream:
            for _ in pieces(stream):
                pass
        return super().frame(columns)

    def records(self, columns: Sequence[str], whole: bool) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Yield (line, cells) of each object; a key that it lacks is an empty cell, lists and objects become text."""
        for lines, objects in self._objects(whole):
            cells = [_cells([row.get(name) for row in objects]) for name in columns]
            yield from zip(lines, zip(*cells, strict=True) if cells else repeat(()), strict=False)

    @contextmanager
    def _text(self, whole: bool) -> Iterator[IO[bytes]]:
        """Open the text; raises DataError where it cannot be unpacked."""
        try:
            with self._open_text(whole) as stream:
                yield stream
        except DAMAGED as error:
            raise damaged(self.name, "packed", error) from None

    def _objects(self, whole: bool) -> Iterator[tuple[Sequence[int], list[dict[str, Any]]]]:
        """Yield (numbers of lines, their objects), some lines at a time."""
        first = 1
        with self._text(whole) as stream:
            while text := stream.read(CHUNK):
                text += b"" if text.endswith(b"\n") else stream.readline(LONGEST_LINE + 1)
                lines = text.removesuffix(b"\n").split(b"\n")
                if len(lines[-1]) > LONGEST_LINE:
                    message = f"is longer than {LONGEST_LINE:,} bytes; write one row on each line"
                    raise self.error(first + len(lines) - 1, message)
                objects = parsed_lines(lines)
                if objects is not None and len(objects) == len(lines):
                    yield range(first, first + len(lines)), objects
                else:
                    yield self._one_by_one(first, lines)
                first += len(lines)

    def _one_by_one(self, first: int, lines: list[bytes]) -> tuple[list[int], list[dict[str, Any]]]:
        """Return the same of lines that are empty here and there, or hold what only Python's parser knows."""
        rows = [(number, text) for number, line in enumerate(lines, first) if (text := line.strip())]
        return [number for number, _ in rows], [self._object(number, text) for number, text in rows]

    def _object(self, line: int, text: bytes) -> dict[str, Any]:
        try:
            value = parsed_line(text)
        except UnicodeDecodeError:
            raise self.error(line, "is not UTF-8 text; save the table as UTF-8") from None
        except UnicodeEncodeError as error:
            half = f"\\u{ord(error.object[error.start]):04x}"
            raise self.error(line, f"{half} is half of a character; write both halves, or leave it out") from None
        except (ValueError, RecursionError) as error:
            raise self.error(line, f"is no JSON ({error}); each line holds one object such as {{...}}") from None
        if not isinstance(value, dict):
            raise self.error(line, f"holds a {type(value).__name__}; each line holds one object with a key per column")
        return value


def _cells(values: list[Any]) -> list[Any]:
    """Return the values of a column as its cells, looking at each only where some are no cells as they are."""
    types = set(map(type, values))
    if int in types and types <= NUMBERS:
        whole = [value for value in values if value is not None] if len(types) > 1 else values
        plain = min(whole) >= -LARGEST and max(whole) <= LARGEST
    else:
        plain = int not in types and types <= CELLS
    return values if plain else [_cell(value) for value in values]


def _cell(value: Any) -> Any:
    """Return a value of one cell: lists and objects as text, whole numbers beyond 64 bits as floats."""
    if isinstance(value, dict | list):
        return json.dumps(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value) if abs(value) < 2**1023 else float("inf")
    return value


def looks_like_json(start: bytes) -> bool:
    """Whether a text begins with an object on its first line, or with one that goes on after it.

    Raises nothing; a CSV header does not begin with a brace and a quote.
    """
    text = start.lstrip()
    return text[:1] == b"{" and text[1:].lstrip()[:1] in (b'"', b"}")


def looks_like_array(start: bytes) -> bool:
    """Whether a text begins with a list of JSON objects."""
    text = start.lstrip()
    return text[:1] == b"[" and text[1:].lstrip()[:1] in (b"{", b"[")


def no_lines(name: str) -> DataError:
    """Build the error about JSON that is one list."""
    return DataError(
        f"{name}: is a JSON list; write one object on each line (JSON lines), for example with jq -c '.[]' FILE"
    )
