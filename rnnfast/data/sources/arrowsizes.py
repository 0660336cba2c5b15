"""How many bytes the columns of a Parquet or Feather file take once they are unpacked, told without unpacking them.

A Feather file is a sequence of messages. The header of one is a flatbuffer (https://arrow.apache.org/docs/format/
Columnar.html, "RecordBatch message"), and each packed buffer begins with the bytes that it unpacks to.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import Any

MAGIC = 8  # bytes of a Feather file before its first message
VALUE = 8  # bytes in memory of a value, or more
BATCH, DICTIONARY = 3, 2  # types of messages that hold rows, and texts that rows refer to
HEADER_TYPE, HEADER, DATA, LENGTH, BUFFERS, COMPRESSION = 1, 2, 1, 0, 2, 3  # numbers of fields in their tables
NOT_PACKED = -1  # in place of the size of a buffer


def parquet_pieces(metadata: Any, columns: Collection[str]) -> list[tuple[int, int]]:
    """Return (rows, bytes) of each row group. A list counts as often as it has values."""
    names, pieces = set(columns), []
    for j in range(metadata.num_row_groups):
        group, size = metadata.row_group(j), 0
        for k in range(group.num_columns):
            column = group.column(k)
            if column.path_in_schema.split(".")[0] in names or column.path_in_schema in names:
                size += max(int(column.total_uncompressed_size), VALUE * int(column.num_values))
        pieces.append((int(group.num_rows), size))
    return pieces


def feather_pieces(stored: Any) -> list[tuple[int, int]]:
    """Return (rows, bytes) of each message of a Feather file, all columns together; stored: opened by pyarrow.

    What rows refer to has no rows of its own.

    Raises ValueError for a header that is none.
    """
    from pyarrow import ipc

    stored.seek(MAGIC)
    sizes = []
    try:
        for message in ipc.MessageReader.open_stream(stored):
            sizes.append(_piece(memoryview(message.metadata), memoryview(message.body or b"")))
    except (struct.error, IndexError) as error:
        raise ValueError(f"the header of a batch is damaged: {error}") from None
    return sizes


def _piece(header: memoryview, body: memoryview) -> tuple[int, int]:
    """Return the rows of a message and the bytes that its buffers unpack to."""
    root = struct.unpack_from("<I", header, 0)[0]
    kind = _field(header, root, HEADER_TYPE)
    batch = _reference(header, root, HEADER)
    if batch is None or kind is None or header[kind] not in (BATCH, DICTIONARY):
        return 0, 0
    length = None
    if header[kind] == BATCH:
        length = _field(header, batch, LENGTH)
    else:
        batch = _reference(header, batch, DATA)
    rows = 0 if length is None else struct.unpack_from("<q", header, length)[0]
    buffers = None if batch is None else _reference(header, batch, BUFFERS)
    if batch is None or buffers is None:
        return rows, 0
    packed, size = _field(header, batch, COMPRESSION) is not None, 0
    for place in range(buffers + 4, buffers + 4 + 16 * struct.unpack_from("<I", header, buffers)[0], 16):
        offset, stored = struct.unpack_from("<qq", header, place)
        whole = struct.unpack_from("<q", body, offset)[0] if packed and stored >= 8 else NOT_PACKED
        size += stored if whole == NOT_PACKED else whole
    return rows, size


def _field(header: memoryview, table: int, number: int) -> int | None:
    """Return the place of a field of a flatbuffer's table; None where it has its default."""
    entries = table - struct.unpack_from("<i", header, table)[0]
    place = entries + 4 + 2 * number
    if place >= entries + struct.unpack_from("<H", header, entries)[0]:
        return None
    offset = struct.unpack_from("<H", header, place)[0]
    return table + offset if offset else None


def _reference(header: memoryview, table: int, number: int) -> int | None:
    """Return the place of the table or vector that a field refers to."""
    place = _field(header, table, number)
    return None if place is None else place + struct.unpack_from("<I", header, place)[0]
