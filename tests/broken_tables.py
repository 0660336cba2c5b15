"""Tables, options and frames drawn at random, and broken."""

import gzip
import io
import random
import zipfile
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

ODD_CELLS = (
    *("1e400", "-1e400", "0x10", "1_000", "inf", "-inf", "nan", "NaN", "NA", "None", "null", "١٢", "1,5", "1.234,5"),
    *("", " ", "-1", "-0", "1e-320", "1e308", "-1e308", "9223372036854775808", "18446744073709551616", "1" * 400),
    *("2024-13-40", "2024-01-31", "2024-01-31T12:00:00Z", "2024-01-31 12:00:00+05:30", "31.01.2024", "9999-12-31"),
    *("0001-01-01", "1677-01-01", "99999-01-01", "24:00", "yes", "true", "False", "+5", "5.", ".5", "1e5", "1d5", "५"),
    *('"', '""', '"a', 'a"b', "'", "a\nb", "a\rb", "\ud7ff", "\u2028", "\x85", "\x0b", "\x1b[31m", "\x1f", "\x1c"),
    *("\ufeff", "\u00a0", "ß", "train", "VALID", "nowhere", "1j", "1e", "e1", "--1", "1-1", "1 2", "%", "1%", "٫", "∞"),
)

ODD_BYTES = (
    *(b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\n", b"\r\n", b"\n\n", b'"', b'""', b",", b";", b"\t"),
    *(b"|", b" ", b"\x1a", b"\x1f", b"\xc3", b"\xe2\x80\xa8", b"\\", b"#", b"'", b"\n,,,\n", b"\n \n", b'"\n', b"\r\r"),
)

NAMES = ("id", "t", "a", "b", "shop", "w", "part", "y")


def draw_table(draw: random.Random) -> list[list[str]]:
    """Return header and rows of a good table, in the order of NAMES."""
    kind = draw.choice(("binary", "text", "number", "several"))
    dates = draw.random() < 0.2
    rows = [list(NAMES)]
    for sequence in range(draw.randint(1, 9)):
        part = draw.choice(("train", "train", "valid", "test"))
        for step in range(draw.randint(1, 7)):
            y = {
                "binary": lambda: str(draw.randint(0, 1)),
                "text": lambda: draw.choice(("no", "yes")),
                "number": lambda: f"{draw.gauss(5, 3):.4g}",
                "several": lambda: draw.choice(("red", "green", "blue")),
            }[kind]()
            time = f"2024-01-{step + 1:02}" if dates else str(step)
            a, b = f"{draw.gauss(0, 1):.6g}", str(draw.randint(-5, 99))
            shop, w = draw.choice(("x", "y", "z", "007")), draw.choice(("1", "0.5", "0", "3"))
            rows.append([f"s{sequence}", time, a, b, shop, w, part, y])
    if draw.random() < 0.3:
        body = rows[1:]
        draw.shuffle(body)
        rows[1:] = body
    return rows


def break_cells(draw: random.Random, rows: list[list[str]]) -> None:
    """Change, drop or double some cells, rows or columns in place."""
    for _ in range(draw.choice((0, 0, 0, 0, 1, 1, 2, 5))):
        row = draw.choice(rows[1:] if draw.random() < 0.9 and len(rows) > 1 else rows)
        place = draw.randrange(len(row)) if row else 0
        match draw.randrange(20):
            case 0 | 1 | 2 | 3 | 4 | 14 | 15 | 16 | 17 | 18 | 19 if row:
                row[place] = draw.choice(ODD_CELLS)
            case 5 if row:
                del row[place]
            case 6:
                row.insert(place, draw.choice(ODD_CELLS))
            case 7:
                rows.append(list(row))
            case 8:
                rows.remove(row)
            case 9:  # a whole column
                value = draw.choice(ODD_CELLS)
                for other in rows[1:]:
                    if place < len(other) and draw.random() < 0.9:
                        other[place] = value
            case 10 if len(rows[0]) > 1:  # a name
                rows[0][draw.randrange(len(rows[0]))] = draw.choice((*NAMES, *ODD_CELLS, "n" * 999))
            case 11:
                for other in rows:
                    other.insert(place, draw.choice(("", "5")) if other is not rows[0] else draw.choice(("", "z")))
            case 12 if row:
                row[place] = draw.choice(("7", "é", '"', "x y")) * draw.choice((100, 70_000, 140_000))
            case 13:
                row.clear()
            case _:
                pass
        if not rows:
            rows.append([])


def as_text(draw: random.Random, rows: list[list[str]]) -> bytes:
    """Write rows with some separator, line end and encoding, seldom mixed."""
    separator = draw.choice((",",) * 12 + (";", ";", "\t", "\t", "|", "|", " "))
    end = draw.choice(("\n", "\n", "\n", "\r\n", "\r"))
    mixed, quoted = draw.random() < 0.04, draw.random() < 0.1
    lines = []
    for row in rows:
        cells = [f'"{cell}"' if quoted or separator in cell else cell for cell in row]
        sign = draw.choice(",;\t|") if mixed else separator
        lines.append(sign.join(cells) + (draw.choice(("\n", "\r\n", "\r", "")) if mixed else end))
    text = "".join(lines)
    if draw.random() < 0.05:
        text = text.rstrip(end)
    encoding = draw.choice(("utf-8",) * 60 + ("utf-8-sig", "utf-16", "utf-16-le", "latin-1", "utf-32"))
    return text.encode(encoding, errors="replace")


def break_bytes(draw: random.Random, content: bytes) -> bytes:
    """Flip, insert, remove or repeat some bytes."""
    broken = bytearray(content)
    for _ in range(draw.choice((0,) * 12 + (1, 1, 2, 8))):
        place = draw.randint(0, len(broken))
        match draw.randrange(6):
            case 0 if place < len(broken):
                broken[place] ^= 1 << draw.randrange(8)
            case 1 | 2:
                broken[place:place] = draw.choice(ODD_BYTES)
            case 3:
                del broken[place : place + draw.choice((1, 1, 3, 20))]
            case 4:
                broken[place:place] = broken[place : place + draw.choice((1, 10, 100))]
            case 5 if draw.random() < 0.2:
                del broken[place:]
            case _:
                pass
    return bytes(broken)


def pack(draw: random.Random, content: bytes) -> tuple[str, bytes]:
    """Return the end of a name and the bytes as stored, seldom packed and then often damaged."""
    kind = draw.choice(("csv",) * 16 + ("tsv", "gz", "zst", "zip", "parquet", "feather"))
    stream = io.BytesIO()
    match kind:
        case "gz":
            packed = gzip.compress(content, 1, mtime=0)
        case "zst":
            packed = pytest.importorskip("zstandard").compress(content)
        case "zip":
            with zipfile.ZipFile(stream, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
                for number in range(draw.choice((0, 1, 1, 1, 1, 2))):
                    archive.writestr(zipfile.ZipInfo(f"t{number}.csv"), content)
            packed = stream.getvalue()
        case "parquet" | "feather":
            pytest.importorskip("pyarrow")
            try:
                separator = chr(max(b",;\t|", key=content[:50].count))
                frame = pd.read_csv(io.BytesIO(content), sep=separator)
                frame.to_parquet(stream) if kind == "parquet" else frame.to_feather(stream)
            except (ValueError, OverflowError, pd.errors.ParserWarning):  # too broken already
                return "csv", content
            packed = stream.getvalue()
        case _:
            return kind, content
    return kind, break_bytes(draw, packed) if draw.random() < 0.7 else packed


def draw_options(draw: random.Random) -> dict[str, Any]:
    """Return options that mostly fit the table of `draw_table`."""
    options: dict[str, Any] = {"target": "y", "hidden": "3"}
    choices: dict[str, tuple[float, tuple[Any, ...]]] = {
        "id": (0.5, ("id",)),
        "time": (0.5, ("t",) * 6 + ("a",)),
        "features": (0.2, ("a", "a,b", "b", "*", "a,shop", "b,w")),
        "ignore": (0.2, ("t", "shop", "w,part", "b")),
        "categorical": (0.3, ("shop", "shop,b", "s*", "part")),
        "unseen": (0.2, ("error",)),
        "task": (0.15, ("binary", "multiclass", "regression")),
        "predict": (0.2, ("every", "last")),
        "window": (0.3, (1, 2, 3, 5, 100)),
        "stride": (0.15, (1, 2, 4, 50)),
        "horizon": (0.25, (1, 2, 3, 50, "1..3", "1,4")),
        "lag_target": (0.2, (True,)),
        "difference": (0.1, (True,)),
        "delta": (0.1, (True,)),
        "season": (0.1, (2, 7)),
        "missing": (0.5, ("mean", "zero", "ffill", "mean,a=error", "zero,s*=ffill", "b=mean")),
        "missing_indicator": (0.3, (True,)),
        "weight": (0.25, ("w", "w", "b")),
        "scale": (0.4, ("zscore", "robust", "none", "zscore,a=none", "minmax,y=robust", "rank")),
        "scale_target": (0.1, (False,)),
        "split": (0.3, ("1", "0.5", "0.6,0.2", "0.01", "0.99", "0.4,0.4")),
        "split_by": (0.35, ("time", "column:part", "column:part", "column:w")),
        "class_weight": (0.1, ("balanced",)),
        "dtype": (0.2, ("float64",)),
        "seed": (0.2, (1, 2)),
    }
    for name, (share, values) in choices.items():
        if draw.random() < share:
            options[name] = draw.choice(values)
    if draw.random() < 0.03:
        del options["target"]
    if draw.random() < 0.9:  # what goes with nothing else is refused at once
        idle = {"stride": "window", "season": "horizon"}
        idle |= {"split": "split_by"} if options.get("split_by") == "time" else {}
        for name in [name for name, needed in idle.items() if needed not in options]:
            options.pop(name, None)
        if "column:" in options.get("split_by", ""):
            options.pop("split", None)
    return options


ODD_VALUES = (
    *(None, np.nan, pd.NA, pd.NaT, np.inf, 10**30, 10**400, 1e400, 1 + 2j, Decimal("1.5"), Fraction(1, 3), True, False),
    *(b"bytes", [1, 2], (1,), {"a": 1}, "", " ", "text", "5", "\x1b[0m", np.float32(3), np.int8(4), np.bool_(True)),
    *(date(2024, 1, 31), datetime(2024, 1, 31, 12), datetime(2024, 1, 31, tzinfo=UTC), timedelta(1), object()),
    *(pd.Timestamp("2024-01-31"), pd.Timestamp("2024-01-31", tz="Asia/Tokyo"), pd.Timedelta(1), pd.Period("2024-01")),
)

TYPES = ("object", "str", "string", "category", "float32", "Float64", "Int64", "boolean", "bool", "datetime64[s]")


def draw_frame(draw: random.Random) -> pd.DataFrame:
    """Return a table with odd types and odd Python objects."""
    rows = draw_table(draw)
    frame = pd.DataFrame(rows[1:], columns=rows[0]).convert_dtypes(dtype_backend="numpy_nullable")
    for name in ("t", "a", "b", "w", "y"):
        with suppress(ValueError):
            frame[name] = pd.to_numeric(frame[name].astype(object))
    for _ in range(draw.choice((0, 1, 1, 2))):
        name, kind = draw.choice(NAMES), draw.choice(TYPES)
        with suppress(ValueError, TypeError, OverflowError):
            frame[name] = frame[name].astype(kind)
    for _ in range(draw.choice((0, 0, 1, 2))):
        name, value = draw.choice(NAMES), draw.choice(ODD_VALUES)
        cells = frame[name].astype(object).tolist()
        for place in range(len(cells)) if draw.random() < 0.2 else [draw.randrange(len(cells))]:
            cells[place] = value
        with suppress(ValueError, TypeError, OverflowError):
            frame[name] = pd.Series(cells, dtype=draw.choice((None, "object")))
    return frame
