"""Packed files that unpack to more than memory: refused with their size, whatever their headers say."""

import gzip
import io
import struct
import subprocess
import sys
import zipfile
from contextlib import ExitStack

import numpy as np
import pytest
from bombs import BOMBS
from commands import fails, isolate
from ids import cases

import rnnfast.data.sources.bounds
from rnnfast.config.sections import DataConfig
from rnnfast.data import read_table
from rnnfast.data.reading.opening import CELL_BYTES, ROW_BYTES, bytes_in_memory, open_table
from rnnfast.data.reading.request import Request
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sources.arrowsizes import feather_pieces
from rnnfast.data.sources.batches import batches, open_files
from rnnfast.data.sources.bounds import Bounds
from rnnfast.data.sources.columnar import Columnar
from rnnfast.data.sources.jsonlines import JsonLines
from rnnfast.errors import DataError
from rnnfast.memory import available_memory, limited

HEADER = b"name,t,x1,y1\n"
ROWS = 400_000  # of 4 columns, which take more than LIMIT
LIMIT = 60_000_000  # bytes of memory, of which fewer rows than these need more
SPARE = 500_000_000  # bytes of addresses that a process may take beyond what it has


def rows(count=ROWS):
    return HEADER + b"a,1,0,0\n" * count


def zipped(content, declared=None):
    """A zip archive; declared: the size that its headers give in place of the true one."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("table.csv", content)
    packed = bytearray(stream.getvalue())
    if declared is not None:
        for signature, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
            struct.pack_into("<I", packed, packed.rindex(signature) + place, declared)
    return bytes(packed)


def zstd(content):
    return pytest.importorskip("zstandard").compress(content)


def zstd_frame(window_log, *blocks):
    """A zstd frame by hand. blocks: bytes as they are, or (byte, count) of a run."""
    frame = b"\x28\xb5\x2f\xfd" + bytes([0, (window_log - 10) << 3])
    for j, block in enumerate(blocks):
        kind, count, stored = (0, len(block), block) if isinstance(block, bytes) else (1, block[1], block[0])
        frame += ((count << 3) | (kind << 1) | (j == len(blocks) - 1)).to_bytes(3, "little") + stored
    return frame


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr(rnnfast.data.sources.bounds, "available_memory", lambda: LIMIT)


PACKED = {"gzip": lambda content: gzip.compress(content, 1), "zip": zipped, "zstd": zstd}


@pytest.mark.parametrize("pack", PACKED.values(), ids=list(PACKED))
def test_rows_that_memory_cannot_hold(tmp_path, little_memory, pack):
    path = tmp_path / "bomb.packed"
    path.write_bytes(pack(rows()))
    assert path.stat().st_size < 100_000
    message = r"(kB|bytes) that unpack to .* MB or more: .* rows of 4 columns so far .* --memory"
    with pytest.raises(DataError, match=message):
        read_table(path)


@pytest.mark.parametrize("pack", PACKED.values(), ids=list(PACKED))
def test_one_endless_line(tmp_path, little_memory, pack):
    path = tmp_path / "bomb.packed"
    path.write_bytes(pack(HEADER + b"a,1,0,0\na," + b"1" * 20_000_000))
    with pytest.raises(DataError, match=r"line 3: is longer than 3.* MB"):
        read_table(path)


def test_endless_header(tmp_path, little_memory):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b"1" * 20_000_000, 1))
    with pytest.raises(DataError, match="line 1: is longer than"):
        read_table(path)


def test_rows_that_fit_are_read(tmp_path, little_memory):
    path = tmp_path / "table.gz"
    path.write_bytes(gzip.compress(HEADER + b"".join(b"a,%d,0,%d\n" % (j, j % 2) for j in range(1000))))
    assert read_table(path).rows == 1000


@pytest.mark.parametrize("declared", [10, 2**31], ids=["too little", "too much"])
def test_zip_that_lies_about_its_size(tmp_path, little_memory, declared):
    path = tmp_path / "table.zip"
    path.write_bytes(zipped(rows(), declared))
    with pytest.raises(DataError, match=r"damaged or incomplete zip file|unpack to"):
        read_table(path)


def test_zstd_with_a_huge_window(tmp_path):
    pytest.importorskip("zstandard")
    path = tmp_path / "table.zst"
    path.write_bytes(zstd_frame(31, HEADER + b"a,1,0,0\n"))
    with pytest.raises(DataError, match="window of more than 128 MB"):
        read_table(path)


def test_zstd_of_runs(tmp_path, little_memory):
    """Four bytes that stand for 128 kB, many of them."""
    pytest.importorskip("zstandard")
    path = tmp_path / "table.zst"
    path.write_bytes(zstd_frame(17, HEADER, *[(b"7", 1 << 17)] * 200))
    with pytest.raises(DataError, match="is longer than"):
        read_table(path)


def test_parquet_of_runs(tmp_path, monkeypatch):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "bomb.parquet"
    zeros = pa.repeat(pa.scalar(0, pa.int8()), 2_000_000)
    parquet.write_table(pa.table({"x1": zeros, "y1": zeros}), path)
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(rnnfast.data.sources.bounds, "available_memory", lambda: LIMIT)
    with pytest.raises(
        DataError, match=r"a Parquet file of 2,000,000 rows, of which 2 columns take 296 MB .* --memory"
    ):
        read_table(path, target=("y1",))


def test_parquet_of_one_long_text(tmp_path, monkeypatch):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "bomb.parquet"
    text = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), 20_000), ["long" * 2000])
    parquet.write_table(pa.table({"name": text.cast(pa.string()), "x1": range(20_000), "y1": range(20_000)}), path)
    monkeypatch.setattr("rnnfast.data.sources.columnar.available_memory", lambda: LIMIT)
    with pytest.raises(DataError, match=r"whose columns take .* or more of memory"):
        read_table(path, target=("y1",), id="name")


def test_parquet_of_one_long_text_in_blocks(tmp_path, monkeypatch):
    """It is unpacked a few rows at a time, whatever the size of a batch."""
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path, largest = tmp_path / "bomb.parquet", []
    text = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), 20_000), ["long" * 2000])
    parquet.write_table(pa.table({"name": text.cast(pa.string())}), path)
    monkeypatch.setattr("rnnfast.data.sources.columnar.TEXT_ROWS", 100)
    monkeypatch.setattr(rnnfast.data.sources.bounds, "available_memory", lambda: LIMIT)
    monkeypatch.setattr("rnnfast.data.sources.columnar._frame", lambda table, **_: largest.append(table.num_rows))
    with pytest.raises(DataError, match=r"of which a single piece takes 6.* MB of memory"):
        list(Columnar(str(path), "Parquet", None).frames(["name"], 20_000))
    assert not largest


@pytest.mark.parametrize("rows", [1, 7, 100, 1000, 5000])
def test_batches_of_texts_have_so_many_rows(tmp_path, monkeypatch, rows):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    names = [f"n{j}" for j in range(1000)]
    parquet.write_table(pa.table({"name": names}), tmp_path / "t.parquet", row_group_size=130)
    monkeypatch.setattr("rnnfast.data.sources.columnar.TEXT_ROWS", 30)
    frames = list(Columnar(str(tmp_path / "t.parquet"), "Parquet", None).frames(["name"], rows))
    assert [name for frame in frames for name in frame["name"]] == names
    assert {len(frame) for frame in frames[:-1]} <= {rows}


def test_endless_standard_input(monkeypatch, little_memory):
    stdin = io.TextIOWrapper(io.BytesIO(b"a,b\n" * 10_000_000))
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(DataError, match=r"<stdin>: goes on after 30.* save it as a file"):
        read_table("-")


def test_a_budget_of_memory_sees_what_a_packed_file_holds(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(rows(), 1))
    assert bytes_in_memory([str(path)]) < 10**6  # without a budget its size as stored has to do
    assert 50 * 10**6 < bytes_in_memory([str(path)], most=50 * 10**6) < 60 * 10**6  # unpacked as far as it matters
    assert bytes_in_memory([str(path)], most=10**12) == (ROWS + 1) * (CELL_BYTES * 4 + ROW_BYTES)


def test_limits_are_counted_over_pieces_of_text():
    bounds = Bounds("table.gz", 1, columns=2, rows=True, limit=1000)
    for piece in (b"a,b", b"\n1,", b"2\n3", b",4\n"):
        bounds.add(piece)
    assert (bounds.bytes, bounds.lines, bounds.line) == (12, 3, 0)
    with pytest.raises(DataError, match="7 rows"):
        bounds.add(b"\n" * 4)


def test_a_line_of_commas_is_refused_within_a_budget(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(HEADER + b"a,1,0,0\n" + b"," * 40_000_000, 1))
    with ExitStack() as opened, pytest.raises(DataError, match="line 3: is longer than"):
        open_table(str(path), Request(DataConfig(cache=False)), Budget(500_000_000), opened)


def test_more_columns_than_memory_holds(tmp_path, little_memory):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b",".join(b"x%d" % j for j in range(50_000)) + b"\n", 1))
    with pytest.raises(DataError, match=r"has 50,000 columns, which take 750 MB of memory, and 60 MB are available"):
        read_table(path)


def test_lines_of_json_are_counted_before_they_are_parsed(tmp_path, little_memory, monkeypatch):
    """A few bytes of many objects are refused by their lines, which take no time beside the objects."""
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b'{"x1": 1, "y1": 0}\n' * ROWS * 2, 1))
    (source,) = open_files([str(path)])
    monkeypatch.setattr(JsonLines, "_objects", None)
    with pytest.raises(DataError, match=r"that unpack to .* rows of 2 columns so far take .* --memory"):
        source.file.frame(["x1", "y1"])


def test_memory_is_limited_for_a_while():
    with limited(1000):
        assert available_memory() == 1000
    assert available_memory() != 1000


@pytest.mark.parametrize("name", cases({name: name for name in BOMBS}))
def test_every_bomb_is_refused(name, tmp_path, monkeypatch, capsys):
    """All formats in small: what is no table, or none that memory holds, ends with 3 and one line."""
    pytest.importorskip("pyarrow")
    pytest.importorskip("zstandard")
    pytest.importorskip("openpyxl")
    isolate(monkeypatch, tmp_path)
    monkeypatch.setattr("rnnfast.data.sources.workbook.NO_BOMB", 1_000_000)
    (tmp_path / name).write_bytes(BOMBS[name](10_000_000))
    with limited(LIMIT // 4):
        error = fails(["train", name, "--target", "y1", "--features", "x1", "--no-cache"], 3, capsys)
    assert name in error
    assert len(error) < 1500


def test_sizes_of_feather_are_those_of_its_columns():
    pa = pytest.importorskip("pyarrow")
    from pyarrow import feather

    table = pa.table({"x": pa.array(np.arange(100_000.0)), "s": pa.array(["ab"] * 100_000)})
    for compression in ("uncompressed", "zstd", "lz4"):
        stream = io.BytesIO()
        feather.write_feather(table, stream, compression=compression)
        pieces = feather_pieces(pa.BufferReader(stream.getvalue()))
        assert sum(rows for rows, _ in pieces) == 100_000
        assert table.nbytes <= sum(size for _, size in pieces) < 1.01 * table.nbytes


def test_a_quote_that_is_never_closed_takes_no_memory_in_blocks(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(HEADER + b'a,1,0,0\na,2,"' + b"1\n" * 8_000_000, 1))
    (source,) = open_files([str(path)])
    with limited(40_000_000), pytest.raises(DataError, match=r"the rows after row 0 are too long .* close the quote"):
        list(batches([source], (), None, 10**6))


def test_a_piece_of_a_file_of_columns_must_fit(tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "bomb.feather"
    path.write_bytes(BOMBS["one.feather"](10_000_000))
    (source,) = open_files([str(path)])
    with limited(15_000_000), pytest.raises(DataError, match="of which a single piece takes 20 MB of memory"):
        list(batches([source], (), None, 10**6))


CHILD = """
import resource, sys
import numpy, pandas, pyarrow, zstandard
from rnnfast.cli import main
from rnnfast.data import read_table
from rnnfast.data.reading.opening import CELL_BYTES, ROW_BYTES, bytes_in_memory
from rnnfast.memory import available_memory
used = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmSize")) * 1024
resource.setrlimit(resource.RLIMIT_AS, (used + {spare}, used + {spare}))
sys.argv = ["rnnfast", "inspect", sys.argv[1]]
main()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of addresses are Linux's")
@pytest.mark.parametrize("pack", PACKED.values(), ids=list(PACKED))
def test_exit_code_of_a_process_with_little_memory(tmp_path, pack):
    """Nothing is patched here: the process knows its own limit, and stays below it."""
    pytest.importorskip("pyarrow")
    path = tmp_path / "bomb"
    path.write_bytes(pack(rows(8 * ROWS)))
    child = [sys.executable, "-c", CHILD.format(spare=SPARE), str(path)]
    done = subprocess.run(child, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "that unpack to" in done.stderr
    assert "--memory" in done.stderr
    assert "Traceback" not in done.stderr
