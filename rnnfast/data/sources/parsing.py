"""Text tables through pandas' C parser: one call per file, or one batch of rows after the other, and cheap checks."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from rnnfast.data.sources.bounds import Portions, buffered
from rnnfast.data.sources.formats import DAMAGED, TEXT, damaged
from rnnfast.data.sources.source import SPACES, Source, plain, short
from rnnfast.data.sources.texts import compact_type
from rnnfast.errors import DataError

# Cells that count as empty; pandas' own list without "None" and other words that may be a class.
EMPTY = ("", "NA", "N/A", "n/a", "<NA>", "#N/A", "#NA", "nan", "NaN", "-nan", "-NaN", "null", "NULL")
MANY = 1000  # columns, from which on pandas would spend more on what is empty in each than on parsing it


def parse(source: Source, text: Collection[str], keys: Collection[str]) -> pd.DataFrame:
    """Run pandas' parser over one file."""
    plain = source.content is None and source.kind == TEXT and len(source.columns) <= MANY
    with source.stream(rows=True) as stream, _strict():
        # Given the path of a plain file, newer pandas parses it with several threads.
        source.reading = None if plain else stream
        frame: pd.DataFrame = pd.read_csv(Path(source.name) if plain else stream, **_arguments(source, text, keys))
        source.reading = None
    if texts := _texts_apart(source, text):
        with source.stream() as stream:
            frame = _with_texts(frame, pd.read_csv(stream, **_arguments(source, text, keys, texts)))
    source.parsed = True
    return frame


def chunks(source: Source, text: Collection[str], rows: int, bounded: bool) -> Iterator[pd.DataFrame]:
    """Parse one file, `rows` rows at a time; raises what pandas does. bounded: as of `batches`."""
    texts = _texts_apart(source, text)
    with source.stream(rows=bounded) as stream, source.stream() as again:
        source.reading = stream
        portions = Portions(source.name)
        reader = pd.read_csv(buffered(stream, portions), chunksize=rows, **_arguments(source, text))
        beside = pd.read_csv(again, chunksize=rows, **_arguments(source, text, (), texts)) if texts else None
        while True:
            with _strict():  # not while the caller works on the rows
                frame = next(reader, None)
                if frame is None:
                    source.reading = None
                    return
                if beside is not None:
                    frame = _with_texts(frame, next(beside))
            portions.taken(len(frame))
            yield frame


def _texts_apart(source: Source, text: Collection[str]) -> list[str]:
    """Return the columns that keep their text where these are read for themselves: those of a table of many columns.

    What counts as empty is then told for all columns at once: pandas takes 10 kB to tell it for each.
    """
    names = set(text)
    return [name for name in source.columns if name in names] if len(source.columns) > MANY else []


def _with_texts(frame: pd.DataFrame, texts: pd.DataFrame) -> pd.DataFrame:
    """Return the frame, in few pieces, with columns of another one in place of its own."""
    frame = frame.copy()
    for name in texts.columns:
        frame[name] = texts[name]
    return frame


def _arguments(
    source: Source, text: Collection[str], keys: Collection[str] = (), texts: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the arguments of pandas' parser; texts: of these columns alone, in which no cell is empty."""
    columns, text = source.columns, set(text)
    types = dict.fromkeys(text, object) | dict.fromkeys(keys, compact_type())
    if texts or not text or len(columns) > MANY:
        empty: Any = list(EMPTY)
    else:
        empty = {name: list(EMPTY) for name in columns if name not in text}
    return {
        "sep": r"\s+" if source.delimiter == SPACES else source.delimiter,
        "decimal": source.decimal,
        "header": None if source.headerless else 0,
        "names": list(columns),
        "usecols": texts or None,
        "dtype": {name: types[name] for name in columns if name in types},
        "keep_default_na": False,
        "na_values": empty,
        "na_filter": not texts,
        "encoding": "utf-8",
        "compression": None,
        "engine": "c",
        "low_memory": len(columns) <= MANY,  # pieces of a few rows that would be joined column by column
        "index_col": False,  # else a first row with a cell too many would turn the first column into row labels
    }


@contextmanager
def readable(source: Source) -> Iterator[None]:
    """Turn what parsing a file raises into a DataError that names the place, or at least the file."""
    try:
        yield
    except UnicodeDecodeError:
        raise source.not_utf8() from None
    except DAMAGED as error:
        raise damaged(source.name, source.kind, error) from None
    except (OSError, ValueError, OverflowError, pd.errors.ParserWarning) as error:  # ParserError is a ValueError
        check_cells(source)
        check_cells(source, spare=False)
        raise DataError(f"{source.name}: cannot be read as a table: {plain(str(error).strip())}") from None


@contextmanager
def _strict() -> Iterator[None]:
    """Turn what pandas only warns of into errors where it means damage."""
    with warnings.catch_warnings():
        # Chunks of different type in one column (DtypeWarning): the columns are checked afterwards.
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        warnings.simplefilter("error", pd.errors.ParserWarning)  # cells beyond the header's
        yield


def even(source: Source) -> bool:
    """Tell quickly whether every line has the header's number of cells; False where quotes make that unsure."""
    separator, cells = source.delimiter.encode(), len(source.columns)
    with source.stream() as stream:
        for line in stream:
            count = len(line.split()) - 1 if source.delimiter == SPACES else line.count(separator)
            if b'"' in line or (count != cells - 1 and line.strip()):
                return False
    return True


def check_cells(source: Source, spare: bool = True) -> None:
    """Raise DataError for the first row with fewer cells than the header, or with more.

    spare: empty ones may be too many, as where each line of a table ends in a separator.
    """
    columns, last = source.columns, short(source.columns[-1])
    width = f"{'--columns names' if source.headerless else 'the header has'} {len(columns)}"
    for line, cells in source.records():
        if len(cells) == len(columns) or (spare and len(cells) > len(columns) and not any(cells[len(columns) :])):
            continue
        place = f"{source.name}, line {line}"
        if len(cells) < len(columns):
            raise DataError(
                f"{place}, column {short(columns[len(cells)])!r}: it ends after {len(cells)} cells "
                f"({short(cells[-1])!r}), {width}; complete it or remove it"
            )
        raise DataError(
            f"{place}, column {last!r}: the row has {len(cells)} cells, {width} (the first "
            f"too many is {short(cells[len(columns)])!r}); quote text with {source.delimiter!r}, or remove the cell"
        )
