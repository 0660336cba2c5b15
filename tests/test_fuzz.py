"""Tables broken at random: what is read is sound, and what is not ends with one clear error that names the file.

Everything before compiling runs, in this process: reading, splitting, fitting, encoding. Each case has its own seed, so
that a failure names the one to look at: `FUZZ_FIRST=1234 FUZZ_CASES=1 pytest tests/test_fuzz.py`.
"""

import gzip
import io
import os
import random
import warnings
import zipfile
from collections import Counter
from contextlib import ExitStack, suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commands import files_of, isolate

from rnnfast.cells import built_in
from rnnfast.cli import run
from rnnfast.config.resolve import Config
from rnnfast.data import SequenceData, read_table
from rnnfast.errors import DataError, UsageError
from rnnfast.reporter import Reporter
from rnnfast.training.prepare import initial_model
from rnnfast.training.tables import read_tables

FIRST = int(os.environ.get("FUZZ_FIRST", "0"))
CASES = int(os.environ.get("FUZZ_CASES", "1200"))
LONGEST = 1500  # characters of a message that a person still reads

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


def check_sound(data: SequenceData) -> None:
    """Assert what all later code relies on."""
    rows, schema = len(data.x), data.schema
    assert data.x.dtype == np.float64
    assert data.x.flags.c_contiguous
    assert data.x.shape == (rows, len(schema.columns))
    assert data.offsets.dtype == np.int64
    assert data.offsets[0] == 0
    assert data.offsets[-1] == rows
    assert (np.diff(data.offsets) > 0).all()
    assert len(data.ids) == len(data.offsets) - 1
    assert not np.isinf(data.x).any()
    assert not np.isinf(data.y).any()
    for name in ("y", "row", "time", "key", "weight", "label_row", "naive", "part"):
        assert (values := getattr(data, name)) is None or len(values) == rows, name
    assert (data.row >= 0).all()
    if schema.classes and data.y.shape[1]:
        labels = data.y[~np.isnan(data.y)]
        assert (labels == np.floor(labels)).all()
        assert ((labels >= 0) & (labels < len(schema.classes))).all()
    for name, texts in data.categories.items():
        codes = data.x[:, schema.columns.index(name)]
        codes = codes[~np.isnan(codes)]
        assert ((codes >= 0) & (codes < len(texts)) & (codes == np.floor(codes))).all()
    if data.weight is not None:
        assert (data.weight >= 0).all()
        assert np.isfinite(data.weight).all()


def prepare(path: Any, options: dict[str, Any], other: Path | None) -> None:
    """Do what training does before it compiles, then read another table as the model would; check all results."""
    config = Config().with_values(options, "fuzz")
    with ExitStack() as opened:
        table, parts, _ = read_tables(path, None, None, config, Reporter(), opened)
    check_sound(table)
    model = initial_model(parts.train, config, built_in("rnn"))
    assert np.isfinite(model.target_scaler.scale).all()
    for part in parts.named().values():
        check_sound(part)
        if part.weight is None or part.weight.any():
            check_inputs(model.encoder.transform(part, config.train.dtype), part, len(model.encoder.names))
    rows = [set(part.row.tolist()) for part in parts.named().values()]
    assert sum(map(len, rows)) == len(set().union(*rows)), "a row is in two parts"
    if other is not None:
        new = read_table(other, schema=model.schema, require_target=False)
        check_sound(new)
        check_inputs(model.encoder.transform(new), new, len(model.encoder.names))


def check_inputs(inputs: Any, part: SequenceData, width: int) -> None:
    """Assert that a network can take the inputs."""
    assert inputs.shape == (part.rows, width)
    assert not np.isnan(inputs).any()


def write_case(number: int, directory: Path) -> tuple[Path, Path | None, dict[str, Any]]:
    """Write the table of a case, and for some a second one; return them and the options."""
    draw = random.Random(number)
    rows = draw_table(draw)
    other = [list(row) for row in rows]
    break_cells(draw, rows)
    ending, content = pack(draw, break_bytes(draw, as_text(draw, rows)))
    path = directory / f"bad.{ending}"
    path.write_bytes(content)
    options = draw_options(draw)
    if draw.random() < 0.5:
        return path, None, options
    break_cells(draw, other)
    second = directory / "other.csv"
    second.write_bytes(break_bytes(draw, as_text(draw, other)))
    return path, second, options


def failure(number: int, directory: Path) -> tuple[str, str]:
    """Run a case. Returns: what came of it, in a word; what is wrong with that, "" for nothing."""
    path, other, options = write_case(number, directory)
    before = files_of(directory)
    outcome, wrong = outcome_of(path, options, other, (path.name, "other.csv"))
    if files_of(directory) != before:
        wrong += " (something was written)"
    for item in filter(None, (path, other)):
        item.unlink()
    return outcome, f"case {number} {options}: {wrong}" if wrong else ""


def outcome_of(table: Any, options: dict[str, Any], other: Path | None, names: tuple[str, ...]) -> tuple[str, str]:
    """Read a table and return what came of it and what is wrong with that; names: an error must have one of them."""
    try:
        prepare(table, options, other)
    except (DataError, UsageError) as error:
        text = str(error)
        named = isinstance(error, UsageError) or any(name in text for name in names)
        good = named and text.isprintable() and len(text) < LONGEST
        return type(error).__name__, "" if good else f"message: {text[:3000]!r}"
    except Exception as error:
        trace, place = error.__traceback__, ""
        while trace is not None:
            file = Path(trace.tb_frame.f_code.co_filename)
            place = f"{file.name}:{trace.tb_lineno}" if "rnnfast" in file.parts else place
            trace = trace.tb_next
        return "crash", f"{type(error).__name__} at {place}: {error}"[:300]
    return "read", ""


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


def test_odd_frames_are_read_or_refused() -> None:
    wrong = []
    for number in range(FIRST, FIRST + CASES // 5):
        draw = random.Random(number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pandas, about what the drawing does
            frame = draw_frame(draw)
        options = draw_options(draw)
        before = frame.copy()
        text = outcome_of(frame, options, None, ("<DataFrame>",))[1]
        assert frame.dtypes.equals(before.dtypes)
        wrong += [f"case {number} {options}: {text}"] if text else []
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:100])


def test_broken_tables_are_read_or_refused(tmp_path: Path) -> None:
    outcomes: Counter[str] = Counter()
    wrong = []
    for number in range(FIRST, FIRST + CASES):
        outcome, text = failure(number, tmp_path)
        outcomes[outcome] += 1
        wrong += [text] if text else []
    assert not wrong, f"{len(wrong)} of {CASES}:\n" + "\n".join(wrong[:100])
    if CASES >= 1000:  # the cases are worth something: neither all broken nor all good
        assert outcomes["read"] > CASES / 10
        assert outcomes["DataError"] > CASES / 10


def test_broken_tables_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    isolate(monkeypatch, tmp_path)
    codes: Counter[int] = Counter()
    for number in range(16):
        draw = random.Random(number)
        rows = draw_table(draw)
        for row in rows[1:]:
            row[-1] = draw.choice("01")  # one task, and with it one kernel to compile
        break_cells(draw, rows)
        Path("bad.csv").write_bytes(break_bytes(draw, as_text(draw, rows)))
        options = "--target y --id id --features a,b --hidden 3 --epochs 1 --task binary"
        code = run(["train", "bad.csv", *options.split(), "-o", f"run{number}"])
        captured = capsys.readouterr()
        assert code in (0, 3), captured.err
        assert "Traceback" not in captured.err
        assert Path(f"run{number}").exists() == (code == 0)
        assert code == 0 or captured.err.splitlines()[-1].startswith("rnnfast: error: bad.csv")
        codes[code] += 1
    assert codes[0]
    assert codes[3]
    assert {path.name for path in tmp_path.iterdir()} <= {"bad.csv", *(f"run{number}" for number in range(16))}
