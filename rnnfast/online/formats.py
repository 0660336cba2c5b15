"""Rows of a stream as CSV or as JSON lines, and answers as either."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from rnnfast.data.columns.schema import Schema
from rnnfast.data.reading.live import LiveRows, plain_rows, read_live
from rnnfast.data.reading.plainlines import plain_lines
from rnnfast.data.sources.formats import TEXT, kind_of
from rnnfast.data.sources.opening import open_content
from rnnfast.data.sources.options import FileOptions
from rnnfast.data.sources.source import Source
from rnnfast.errors import DataError
from rnnfast.model.csvlines import lines_of
from rnnfast.model.predictions import Numbers, number_texts
from rnnfast.records import json_line, parsed_line

NAME = "<stdin>"
CONTROL = "control"  # key of a JSON line that is no row
WORDS = ("reset", "drop", "stats")


class CsvRows:
    """Lines of CSV, the first of which names the columns; a line "#reset", "#drop ID" or "#stats" is no row."""

    quoted, header_lines = True, 1

    def __init__(self, header: bytes, name: str, options: FileOptions) -> None:
        self.header, self.name, self.options = header if header.endswith(b"\n") else header + b"\n", name, options
        self._source: Source | None = None

    def read(self, lines: bytes, schema: Schema, before: int = 0) -> LiveRows:
        """Read rows; before: blank lines in front of them, so that messages count lines as the stream has them."""
        if self._source is None:
            self._source = open_content(self.header + lines, self.name, self.options)
        source = replace(self._source, content=self.header + b"\n" * before + lines)
        rows = plain_lines(lines, source, schema) if not before else None
        return rows or read_live(source, schema)

    def command(self, line: bytes) -> tuple[str, str | None] | None:
        """Return word and id of a line that is no row, None of a row."""
        if not line.startswith(b"#"):
            return None
        word, _, name = line[1:].decode("utf-8", "replace").strip().partition(" ")
        return (word, name or None) if word in WORDS else None

    @staticmethod
    def has_others(lines: bytes) -> bool:
        """Whether lines may hold some that are no rows; blank ones, which `read` leaves out, aside."""
        return any(
            sign in lines and (lines.startswith(sign) or b"\n" + sign in lines)
            for sign in (b"#", b"\t")  # a line of tabs may seem a row of empty cells
        )


class JsonRows:
    """JSON lines; an object with the key "control" is no row: {"control": "drop", "id": ID}."""

    quoted, header_lines = False, 0

    def __init__(self, name: str, options: FileOptions) -> None:
        self.name, self.options = name, options

    def read(self, lines: bytes, schema: Schema, before: int = 0) -> LiveRows:
        """Read rows, as of CsvRows."""
        with suppress(ValueError, RecursionError):  # a table says what is wrong
            plain = plain_rows([parsed_line(line) for line in lines.splitlines() if line.strip()], schema)
            if plain is not None:
                return plain
        source = open_content(b"\n" * before + lines, self.name, self.options)
        # A key that no line has is a column of empty cells, as one that some lines lack.
        columns = (*source.columns, *(name for name in schema.features if name not in source.columns))
        return read_live(replace(source, columns=columns), schema)

    def command(self, line: bytes) -> tuple[str, str | None] | None:
        """Return word and id of a line that is no row, None of a row."""
        try:
            value = parsed_line(line)
        except ValueError:
            return None
        if not isinstance(value, dict) or value.get(CONTROL) not in WORDS:
            return None
        return str(value[CONTROL]), None if "id" not in value else str(value["id"])

    @staticmethod
    def has_others(lines: bytes) -> bool:
        """Whether lines may hold some that are no rows, as of CsvRows."""
        return b'"control"' in lines


Rows = CsvRows | JsonRows


def check_text(start: bytes, name: str) -> None:
    """Raise DataError for what is packed, or a file of columns. start: its first bytes."""
    if (kind := kind_of(start)) != TEXT:
        raise DataError(f"{name}: is no text but {kind}; send rows as CSV or JSON lines, as they are")


def rows_format(first: bytes, name: str, options: FileOptions) -> Rows:
    """Tell the format of a stream by its first line. Raises DataError for what is packed, or no text."""
    check_text(first, name)
    return JsonRows(name, options) if first.lstrip().startswith(b"{") else CsvRows(first, name, options)


class CsvAnswers:
    """Answers as CSV: a header first, an empty cell for what is not there. raw: texts are written as they are."""

    def __init__(self, names: Sequence[str], raw: bool = False) -> None:
        self.names, self.raw = names, raw
        self.start = self.lines([[name] for name in names])

    def lines(self, columns: Iterable[Sequence[Any]]) -> str:
        """Return a line for each row; columns: in the order of the names."""
        columns = list(columns)
        texts = [j for j, cells in enumerate(columns) if not isinstance(cells, Numbers)]
        return "".join(lines_of(columns, texts, self.raw))

    @staticmethod
    def numbers(values: Any, dtype: str) -> list[Any]:
        """Return (rows,) answers as cells: texts of the digits that tell numbers of that precision apart."""
        return number_texts(values, dtype)

    @staticmethod
    def age(seconds: float) -> Any:
        """Return the age of a state as a cell; below 0 is none."""
        return "" if seconds < 0 else f"{seconds:.3f}"

    def refusal(self, message: str) -> str:
        """Return the line of a row that has no answer."""
        return self.lines([[cell] for cell in (*[""] * (len(self.names) - 1), f"refused: {message}")])

    def stats(self, stats: dict[str, int]) -> str:
        """Return the line that answers a question for figures."""
        return f"#stats {json_line(stats)}"


class JsonAnswers:
    """Answers as JSON lines."""

    start = ""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def lines(self, columns: Iterable[Sequence[Any]]) -> str:
        """Return a line for each row; what is not there has no key."""
        lines = []
        for cells in zip(*columns, strict=True):
            row = {name: cell for name, cell in zip(self.names, cells, strict=True) if cell not in (None, "")}
            lines.append(json_line(row))
        return "".join(lines)

    @staticmethod
    def numbers(values: Any, dtype: str) -> list[Any]:
        """Return (rows,) answers as cells: numbers of the digits that tell those of that precision apart."""
        return values.tolist() if dtype == "float64" else [float(text) for text in number_texts(values, dtype)]

    @staticmethod
    def age(seconds: float) -> Any:
        """Return the age of a state as a cell; below 0 is none."""
        return "" if seconds < 0 else round(seconds, 3)

    def refusal(self, message: str) -> str:
        """Return the line of a row that has no answer."""
        return json_line({self.names[-1]: f"refused: {message}"})

    def stats(self, stats: dict[str, int]) -> str:
        """Return the line that answers a question for figures."""
        return json_line({"stats": stats})
