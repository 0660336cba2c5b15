"""How a table is stored: text, plain or packed by gzip, zstd or zip, or columns as in Parquet; told by its first bytes.

The name of a file plays no part, so that standard input and renamed files are read as well.
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from typing import IO, Any, cast

from rnnfast.data.sources.bounds import Bounds, buffered
from rnnfast.errors import DataError, RnnfastError

TEXT = ""
PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip", b"PK\x05\x06": "zip"}
COLUMNAR = {b"PAR1": "Parquet", b"ARROW1": "Feather", b"FEA1": "Feather"}
# First bytes of files that are often given by mistake, and what they are.
UTF16 = "UTF-16 text"
FOREIGN = {
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x89HDF": "an HDF5 file",
    b"\x89PNG": "an image",
    b"\xff\xfe": UTF16,
    b"\xfe\xff": UTF16,
}
SQLITE = b"SQLite format 3\0"
MAGIC_BYTES = 8  # at the start of a file, that tell its format
BOM = b"\xef\xbb\xbf"
FEED = 1 << 10  # bytes unpacked at a time, which come to 32 MB at most
HIDDEN = ("__MACOSX/", ".DS_Store")  # what macOS adds to archives

# Unpacking such a frame would take more than the 128 MB that zstd's own program allows.
HUGE_WINDOW = (
    "is packed by zstd with a window of more than 128 MB, which unpacking holds in memory; pack it without --long"
)

DAMAGED = (gzip.BadGzipFile, zipfile.BadZipFile, EOFError, zlib.error)  # what reading a damaged file raises


def kind_of(start: bytes) -> str:
    """Return "gzip", "zstd", "zip", "Parquet", "Feather" or TEXT for the first bytes of a file."""
    return next((kind for magic, kind in (PACKED | COLUMNAR).items() if start.startswith(magic)), TEXT)


def needs(extra: str, what: str) -> RnnfastError:
    """Build the error for a library that is not installed; extra: of rnnfast, which brings it."""
    return RnnfastError(f'{what} needs a library that is not installed; pip install "rnnfast[{extra}]"')


def open_text(name: str, content: bytes | None, kind: str, bounds: Bounds) -> IO[bytes]:
    """Open the text of a table as bytes, unpacked and without byte order mark.

    content: the stored bytes where they are in memory, else None; kind: as in `kind_of`; bounds: of a packed file.
    Raises DataError for a zip archive that does not hold exactly one table; the stream raises DAMAGED, and DataError
    where it exceeds the bounds.
    """
    unpacked = _unpacked(name, content, kind)
    stream: Any = unpacked if kind == TEXT else buffered(unpacked, bounds)
    try:
        if stream.peek(len(BOM))[: len(BOM)] == BOM:
            stream.read(len(BOM))
    except BaseException:
        stream.close()
        raise
    return cast(IO[bytes], stream)


def _unpacked(name: str, content: bytes | None, kind: str) -> Any:
    """Open a file for reading and looking ahead."""
    if kind == "zip":
        return _zip_member(name, content)
    stored: Any = io.BufferedReader(io.FileIO(name) if content is None else cast(Any, io.BytesIO(content)))
    if kind == "gzip":
        return _Gzip(stored)
    return _Zstd(stored, name) if kind == "zstd" else stored


class _Gzip(gzip.GzipFile):
    """A gzip stream that closes its file."""

    def __init__(self, stored: IO[bytes]) -> None:
        super().__init__(fileobj=stored, mode="rb")
        self.stored = stored

    def close(self) -> None:
        super().close()
        self.stored.close()


class _Zstd(io.RawIOBase):
    """A zstd stream, of one frame or several; one that ends too early raises EOFError, which `zstandard` would not."""

    def __init__(self, stored: IO[bytes], name: str) -> None:
        try:
            import zstandard
        except ImportError:
            stored.close()
            raise needs("zstd", f"{name}: text packed by zstd") from None
        self.name = name
        self._new = zstandard.ZstdDecompressor().decompressobj
        self._error = zstandard.ZstdError
        self.stored, self._frame, self._ready = stored, self._new(), memoryview(b"")
        self._inside = True  # a frame

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            packed = self._frame.unused_data or self.stored.read(FEED)
            if not packed:
                if self._inside:
                    raise EOFError("it ends inside the packed text")
                return 0
            if self._frame.eof:
                self._frame = self._new()
            try:
                self._ready = memoryview(self._frame.decompress(packed))
            except self._error as error:
                if "memory" in str(error):
                    raise DataError(f"{self.name}: {HUGE_WINDOW}") from None
                raise EOFError(str(error)) from None
            self._inside = not self._frame.eof
        part = self._ready[: len(buffer)]
        buffer[: len(part)] = part
        self._ready = self._ready[len(part) :]
        return len(part)

    def close(self) -> None:
        self.stored.close()
        super().close()


def position(stream: Any) -> int:
    """Return how many bytes of a packed file are read so far, 0 where it is not known."""
    packed = getattr(getattr(stream, "raw", stream), "unpacked", stream)
    return int(packed.stored.tell()) if isinstance(packed, (_Gzip, _Zstd)) else 0


def _zip_member(name: str, content: bytes | None) -> IO[bytes]:
    """Open the only file in a zip archive."""
    with zipfile.ZipFile(name if content is None else io.BytesIO(content)) as archive:
        names = [item.filename for item in archive.infolist() if not item.is_dir()]
        names = [member for member in names if not any(sign in member for sign in HIDDEN)]
        if len(names) != 1:
            inventory = f"{len(names)} files ({', '.join(names[:3])} ...)" if names else "no file"
            raise DataError(f"{name}: the zip archive holds {inventory}, not one table; unpack it and name the tables")
        try:
            return archive.open(names[0])
        except (RuntimeError, NotImplementedError):  # with a password, or packed by a method that Python lacks
            raise DataError(
                f"{name}: {names[0]} in the zip archive has a password or is packed in an unknown way; unpack it first"
            ) from None


def damaged(name: str, kind: str, error: Exception) -> DataError:
    """Build the error for a packed file that cannot be unpacked."""
    return DataError(f"{name}: is a damaged or incomplete {kind} file ({error}); pack it again, or save it as CSV")
