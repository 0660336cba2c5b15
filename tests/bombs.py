"""Packed bombs: files of some kilobytes that unpack to as many bytes as one likes, of every format that is read.

`python tests/bombs.py DIRECTORY [GIGABYTES] [NAME...]` writes them, tries each on the command line and prints what
became of it: the table of docs/security.md.
"""

import gzip
import io
import multiprocessing
import os
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

BLOCK = 1 << 20  # bytes of text that are packed once and repeated
HEADER = b"name,t,x1,y1\n"
ROW = b"a,1,0,0\n"
ADDRESSES = 2_000_000_000  # bytes that a process may have in place of all that this machine has

Pieces = Iterable[tuple[bytes, int]]  # texts, and how often each is there


def rows(size: int) -> Pieces:
    """As many rows as fit."""
    return [(HEADER, 1), (ROW * (BLOCK // len(ROW)), size // BLOCK)]


def endless(sign: bytes, begin: bytes = HEADER + ROW + b"a,2,") -> Callable[[int], Pieces]:
    """One text again and again, after a beginning that looks like a table."""
    return lambda size: [(begin, 1), (sign * (BLOCK // len(sign)), size // BLOCK)]


def many_columns(size: int) -> Pieces:
    """A header of very many names, and a row."""
    names = b",".join(b"x%d" % number for number in range(min(size // 12, 1_000_000)))
    return [(names + b"\n", 1), (b"1" + b",1" * names.count(b",") + b"\n", 1)]


def objects(size: int) -> Pieces:
    """JSON lines, all of one key."""
    return [(b'{"x1": 1, "y1": 0}\n' * (BLOCK // 19), size // BLOCK)]


def keys(size: int) -> Pieces:
    """JSON lines of which each has a key of its own."""
    return [(b"".join(b'{"k%d": 1, "y1": 0}\n' % number for number in range(min(size // 20, 1_000_000))), 1)]


def gzipped(pieces: Pieces) -> bytes:
    """A gzip file of a member for each piece."""
    packed = [(gzip.compress(text, 9, mtime=0), count) for text, count in pieces]
    return b"".join(member * count for member, count in packed)


def zstandard(pieces: Pieces) -> bytes:
    """A zstd file of a frame for each piece."""
    from zstandard import compress

    packed = [(compress(text, 19), count) for text, count in pieces]
    return b"".join(frame * count for frame, count in packed)


def deflated(pieces: Pieces) -> tuple[bytes, int, int]:
    """Return a deflate stream, the check sum and the number of bytes of its text; equal pieces are packed once."""
    stream, check, size = [], 0, 0
    for text, count in pieces:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        stream.append((packer.compress(text) + packer.flush(zlib.Z_FULL_FLUSH)) * count)
        for _ in range(count):
            check = zlib.crc32(text, check)
        size += len(text) * count
    return b"".join(stream) + b"\x03\x00", check, size


def zipped(*members: tuple[str, Pieces], declared: int | None = None) -> bytes:
    """A zip archive; declared: the size that its headers give in place of the true one."""
    content, directory = b"", b""
    for name, pieces in members:
        stream, check, size = deflated(pieces)
        facts = (20, 0, 8, 0, 0x21, check, len(stream), size if declared is None else declared)
        ends = struct.pack("<HH", len(name), 0)
        directory += b"PK\x01\x02" + struct.pack("<H5HIII", 20, *facts) + ends + bytes(10)
        directory += struct.pack("<I", len(content)) + name.encode()
        content += b"PK\x03\x04" + struct.pack("<5HIII", *facts) + ends + name.encode() + stream
    end = struct.pack("<4HIIH", 0, 0, len(members), len(members), len(directory), len(content), 0)
    return content + directory + b"PK\x05\x06" + end


def zstd_runs(size: int, window_log: int = 17) -> bytes:
    """A zstd frame by hand: a table's first rows, then blocks of 4 bytes that stand for 128 kB each."""
    blocks = [(0, len(HEADER + ROW), HEADER + ROW), *[(1, 1 << 17, b"7")] * (size >> 17)]
    frame = b"\x28\xb5\x2f\xfd" + bytes([0, (window_log - 10) << 3])
    for number, (kind, count, stored) in enumerate(blocks, 1):
        frame += ((count << 3) | (kind << 1) | (number == len(blocks))).to_bytes(3, "little") + stored
    return frame


SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
FIRST = "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in ("name", "t", "x1", "y1"))
CELLS = '<c t="inlineStr"><is><t>a</t></is></c><c><v>1</v></c><c><v>0</v></c><c><v>0</v></c>'
SHARED = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {after} "{f"&{name};" * 10}">' for name, after in zip("abcdefgh", "bcdefghi", strict=True)
)


def workbook(sheet: Pieces, texts: Pieces | None = None) -> bytes:
    """A workbook of one sheet; texts: its shared ones."""
    import openpyxl

    stream = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(["text"])
    book.save(stream)
    parts: dict[str, Pieces] = {}
    with zipfile.ZipFile(stream) as archive:
        parts = {name: [(archive.read(name), 1)] for name in archive.namelist()}
    parts["xl/worksheets/sheet1.xml"] = sheet
    if texts is not None:
        parts["xl/sharedStrings.xml"] = texts
    return zipped(*parts.items())


def sheet(row: str, size: int, first: str = FIRST) -> Pieces:
    """A sheet whose header is followed by one row again and again."""
    many = f"<row>{row}</row>".encode() * (BLOCK // (11 + len(row)))
    return [
        (f"{SHEET}<row>{first}</row>".encode(), 1),
        (many, max(size // len(many), 1)),
        (b"</sheetData></worksheet>", 1),
    ]


def long_text(size: int) -> Pieces:
    """A sheet with one endless text in a cell."""
    begin = f'{SHEET}<row>{FIRST}</row><row><c t="inlineStr"><is><t>'
    return [(begin.encode(), 1), (b"7" * BLOCK, size // BLOCK), (b"</t></is></c></row></sheetData></worksheet>", 1)]


def long_row(size: int) -> Pieces:
    """A sheet with one endless row."""
    cell = b"<c><v>1</v></c>"
    begin = f"{SHEET}<row>{FIRST}</row><row>".encode()
    return [(begin, 1), (cell * (BLOCK // len(cell)), size // BLOCK), (b"</row></sheetData></worksheet>", 1)]


def shared(size: int) -> bytes:
    """A workbook of very many shared texts, of which one is used."""
    item = b"<si><t>a</t></si>"
    texts = [(SHARED.encode(), 1), (item * (BLOCK // len(item)), size // BLOCK), (b"</sst>", 1)]
    return workbook(sheet('<c t="s"><v>0</v></c>', 1000), texts)


def laughs(size: int) -> bytes:
    """A workbook whose texts stand for texts that stand for texts."""
    text = f"{LAUGHS}]>{SHARED}<si><t>&i;</t></si></sst>".encode()
    return workbook(sheet('<c t="s"><v>0</v></c>', 100), [(text, 1)])


def written(write: Callable[[io.BytesIO], None]) -> bytes:
    """What a function writes to a stream."""
    stream = io.BytesIO()
    write(stream)
    return stream.getvalue()


def parquet(columns: Callable[[int], dict[str, object]]) -> Callable[[int], bytes]:
    """A Parquet file of columns of so many bytes."""

    def content(size: int) -> bytes:
        import pyarrow as pa
        from pyarrow import parquet as format_

        table = pa.table(columns(size))
        return written(lambda stream: format_.write_table(table, stream, compression="zstd"))

    return content


def feather(columns: Callable[[int], dict[str, object]]) -> Callable[[int], bytes]:
    """A Feather file of columns of so many bytes, packed."""

    def content(size: int) -> bytes:
        import pyarrow as pa
        from pyarrow import feather as format_

        return written(lambda stream: format_.write_feather(pa.table(columns(size)), stream, compression="zstd"))

    return content


def zeros(size: int) -> dict[str, object]:
    """Two columns of zeros."""
    import pyarrow as pa

    column = pa.repeat(pa.scalar(0, pa.int8()), size // 2)
    return {"x1": column, "y1": column}


def texts(size: int) -> dict[str, object]:
    """A column of one long text, stored once."""
    import pyarrow as pa

    count = max(size // 100_000, 1)
    column = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), count), pa.array(["7" * 100_000]))
    return {"x1": column, "y1": pa.repeat(0, count)}


def nested(size: int) -> dict[str, object]:
    """A column of lists, of which one is very long."""
    import pyarrow as pa

    values = pa.repeat(pa.scalar(0, pa.int8()), size)
    offsets = pa.array([0, 0, 0, size], pa.int32() if size < 2**31 else pa.int64())
    kind = pa.ListArray if size < 2**31 else pa.LargeListArray
    return {"x1": kind.from_arrays(offsets, values), "y1": pa.array([0, 1, 0])}


def one(size: int) -> dict[str, object]:
    """A single text."""
    import pyarrow as pa

    return {"x1": pa.array(["7" * size], pa.large_string()), "y1": pa.array([0])}


def wide(size: int) -> dict[str, object]:
    """Very many columns of one row."""
    import pyarrow as pa

    column = pa.array([0], pa.int8())
    return {f"x{number}": column for number in range(min(size // 10_000, 100_000))}


def packed(*ends: str) -> Iterator[tuple[str, Callable[[int], bytes]]]:
    """The same texts in several packings."""
    pack = {
        "gz": gzipped,
        "zst": zstandard,
        "zip": lambda pieces: zipped(("table.csv", pieces)),
    }
    contents = {
        "rows": rows,
        "line": endless(b"1"),
        "commas": endless(b","),
        "header": endless(b"1", b"name"),
        "columns": many_columns,
        "quote": endless(b"1\n", HEADER + ROW + b'a,2,"'),
        "blank": endless(b"\n", HEADER + ROW),
        "returns": endless(b"a,1,0,0\r", b"name,t,x1,y1\r"),
        "zeros": endless(b"\0", HEADER + ROW),
        "objects": objects,
        "keys": keys,
        "deep": endless(b"[", b'{"x1": 1, "y1": 0}\n{"x1": '),
        "object": endless(b"1", b'{"x1": 1, "y1": 0}\n{"x1": "'),
    }
    for end in ends:
        name, packing = end.split(".")
        yield end, lambda size, name=name, packing=packing: pack[packing](contents[name](size))  # type: ignore[misc]


BOMBS: dict[str, Callable[[int], bytes]] = {
    **dict(packed("rows.gz", "rows.zst", "rows.zip", "line.gz", "line.zst", "line.zip", "commas.gz", "header.gz")),
    **dict(packed("columns.gz", "quote.gz", "blank.gz", "returns.gz", "zeros.gz")),
    **dict(packed("objects.gz", "keys.gz", "deep.gz", "object.gz")),
    "little.zip": lambda size: zipped(("table.csv", rows(size)), declared=10),
    "much.zip": lambda size: zipped(("table.csv", rows(BLOCK)), declared=2**32 - 2),
    "zip.zip": lambda size: zipped(("table.zip", [(zipped(("table.csv", rows(size))), 1)])),
    "gz.gz": lambda size: gzipped([(gzipped(rows(size)), 1)]),
    "runs.zst": zstd_runs,
    "window.zst": lambda size: zstd_runs(1 << 20, window_log=31),
    "cells.xlsx": lambda size: workbook(sheet(CELLS, size)),
    "text.xlsx": lambda size: workbook(long_text(size)),
    "row.xlsx": lambda size: workbook(long_row(size)),
    "shared.xlsx": shared,
    "laughs.xlsx": laughs,
    "empty.xlsx": lambda size: workbook(sheet("", size)),
    "zeros.parquet": parquet(zeros),
    "texts.parquet": parquet(texts),
    "nested.parquet": parquet(nested),
    "one.parquet": parquet(one),
    "wide.parquet": parquet(wide),
    "zeros.feather": feather(zeros),
    "one.feather": feather(one),
    "nested.feather": feather(nested),
}

CHILD = """
import sys
if sys.argv[1] != "0":
    import resource, numpy, pandas, pyarrow, zstandard, openpyxl
    used = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmSize")) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[1]), used + int(sys.argv[1])))
from rnnfast.cli import main
sys.argv = ["rnnfast", *sys.argv[2:]]
main()
"""


def tried(path: Path, memory: str | None) -> tuple[int, float, float, str]:
    """Train from a bomb. Returns: exit code, processor seconds, peak in MB, the last line that was said."""
    words = ["train", str(path), "--target", "y1", "--features", "x1", "--hidden", "4", "--epochs", "1"]
    words += ["--preset", "fast", "--no-cache", "-q", "-f", "-o", str(path.parent / "run")]
    words += ["--memory", memory] if memory else []
    read, write = os.pipe()
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", CHILD, "0" if memory else str(ADDRESSES), *words],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, write, 2), (os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_CLOSE, read)],
    )
    os.close(write)
    with os.fdopen(read, errors="replace") as stream:
        lines = stream.read().splitlines() or [""]
    _, status, used = os.wait4(child, 0)
    return os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss / 1000, lines[-1]


def write(path: Path, size: int) -> None:
    """Write a bomb."""
    path.write_bytes(BOMBS[path.name](size))


def main() -> None:
    """Write bombs into a directory, try each and print a line about it."""
    directory, size = Path(sys.argv[1]), int(float(next(islice(sys.argv, 2, None), "3")) * 10**9)
    directory.mkdir(exist_ok=True)
    for name in sys.argv[3:] or BOMBS:
        path = directory / name
        if not path.exists():
            writer = multiprocessing.Process(target=write, args=(path, size))  # whose memory is not that of a trial
            writer.start()
            writer.join()
        for memory in (None, "600M"):
            code, seconds, peak, line = tried(path, memory)
            facts = (
                f"{name:15} {path.stat().st_size:>10,} {memory or '2 GB':5} exit {code} {seconds:6.1f} s {peak:5.0f} MB"
            )
            print(f"{facts} {line.replace(str(directory), '')[:110]}", flush=True)


if __name__ == "__main__":
    main()
