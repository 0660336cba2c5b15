"""JSON lines: an object on each line, whose keys are the columns. Read line by line, packed or plain."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import IO, Any

from rnnfast.data.sources.formats import DAMAGED, damaged
from rnnfast.data.sources.typedfile import RowFile
from rnnfast.errors import DataError
from rnnfast.records import parsed_line

SAMPLE_LINES = 1000  # whose keys are the columns of the table
LONGEST_LINE = 1 << 26  # bytes, which take a hundred times as much when a line is made an object


class JsonLines(RowFile):
    """A table of JSON lines. open_text: opens its text; whether all rows will be in memory is its argument."""

    unit = "line"

    def __init__(self, name: str, open_text: Callable[[bool], IO[bytes]]) -> None:
        self.name, self.kind, self._open_text = name, "JSON lines", open_text

    def columns(self) -> list[str]:
        """Return the keys of the first lines, in the order of their first appearance; later ones are ignored."""
        names: dict[str, None] = {}
        for _, row in islice(self._objects(False), SAMPLE_LINES):
            names.update(dict.fromkeys(row))
        return list(names)

    def records(self, columns: Sequence[str], whole: bool) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Yield (line, cells) of each object; a key that it lacks is an empty cell, lists and objects become text."""
        for line, row in self._objects(whole):
            yield line, tuple(_cell(row.get(name)) for name in columns)

    def _objects(self, whole: bool) -> Iterator[tuple[int, dict[str, Any]]]:
        try:
            with self._open_text(whole) as stream:
                line = 0
                while text := stream.readline(LONGEST_LINE + 1):
                    line += 1
                    if len(text) > LONGEST_LINE:
                        raise self.error(line, f"is longer than {LONGEST_LINE:,} bytes; write one row on each line")
                    if stripped := text.strip():
                        yield line, self._object(line, stripped)
        except DAMAGED as error:
            raise damaged(self.name, "packed", error) from None

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
