"""What is said about files beside their names: the sign between cells, the names of the columns, the query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnnfast.errors import UsageError

WORDS = {"tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";", "bar": "|"}  # for a sign
NO_SIGNS = "\"'.+-\r\n"  # which cells begin or end with, or hold


@dataclass(frozen=True)
class FileOptions:
    """How files are opened.

    separator: between the cells of text; " " is any number of spaces and tabs; None: recognised. columns: names of the
    columns of text without a header line; a first line that holds all of them is one, and wins. query: of a database.
    sure: the user says so of these very files; False where a model remembers it of others, so that files that are
    written otherwise are read as they are.
    """

    separator: str | None = None
    columns: tuple[str, ...] = ()
    query: str | None = None
    sure: bool = True

    @classmethod
    def of(cls, sep: str | None, columns: Sequence[str], query: str | None, sure: bool) -> FileOptions:
        """Check what the options --sep, --columns and --query say. Raises UsageError."""
        sign = None if sep is None else WORDS.get(sep, sep)
        if sign is not None and (len(sign) != 1 or sign.isalnum() or sign in NO_SIGNS or not sign.isascii()):
            raise UsageError(f"--sep {sep!r}: give one sign, such as ';' or '|', or one of {', '.join(WORDS)}")
        again = next((name for place, name in enumerate(columns) if name in columns[:place]), None)
        if again is not None:
            raise UsageError(f"--columns: the name {again!r} is there twice; give each column its own")
        return cls(sign, tuple(columns), query, sure)


USUAL = FileOptions()  # nothing is said
