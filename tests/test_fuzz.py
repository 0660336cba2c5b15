"""Tables broken at random: what is read is sound, and what is not ends with one clear error that names the file.

Everything before compiling runs, in this process: reading, splitting, fitting, encoding. Each case has its own seed, so
that a failure names the one to look at: `FUZZ_FIRST=1234 FUZZ_CASES=1 pytest tests/test_fuzz.py`.
"""

import os
import random
import warnings
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from broken_tables import as_text, break_bytes, break_cells, draw_frame, draw_options, draw_table, pack
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
