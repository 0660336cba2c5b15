"""Model files broken at random: loaded, or refused with exit code 4 and one short message that names the file.

Each case has its own seed: `FUZZ_FIRST=1234 FUZZ_CASES=1 pytest tests/test_fuzz_models.py`. By hand with
FUZZ_CASES=20000, some minutes: what loads then also scores and predicts.
"""

import json
import os
import random
import struct
import warnings
from collections import Counter
from pathlib import Path

import pytest
from commands import isolate
from ids import cases
from mutations import EVIL, joined, mutated, split

import rnnfast
from rnnfast.cli import run
from rnnfast.display import printable
from rnnfast.errors import ModelError
from rnnfast.model.file import load

FIRST = int(os.environ.get("FUZZ_FIRST", "0"))
CASES = int(os.environ.get("FUZZ_CASES", "250"))
USUAL = 250  # cases: of more, those that load answer a table as well
LONGEST = 1500  # characters of a message that a person still reads
FOLDER = Path(__file__).parent / "models"
OLDER = ("gru-multiclass-categories", "lstm-several-targets", "rnn-windows-binary", "mlp-tanh-binary-float64")
FILES = [*sorted((FOLDER / "current").glob("*")), *(FOLDER / f"{name}.safetensors" for name in OLDER)]
ANSWERS = ("eval", "predict")


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, tmp_path)


def wrong(words: list[str], codes: tuple[int, ...], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command as the command line does. Returns what is wrong with its end, "" for nothing."""
    capsys.readouterr()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        code = run(words)
    captured = capsys.readouterr()
    text = captured.out + captured.err
    good = code in codes and printable(text) == text and "Warning" not in captured.err
    good &= not code or (len(captured.err) < LONGEST and captured.err.splitlines()[-1].startswith("rnnfast: error: "))
    return "" if good else f"{words[0]} ended with {code}: {captured.err[-500:]!r}"


def test_broken_models_are_loaded_or_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    networks = {file: load(file).architecture for file in FILES}
    outcomes: Counter[str] = Counter()
    findings = []
    for number in range(FIRST, FIRST + CASES):
        draw = random.Random(number)
        file, path = draw.choice(FILES), tmp_path / "m.safetensors"
        path.write_bytes(mutated(file.read_bytes(), draw))
        texts = [wrong(["inspect", str(path)], (0, 4), capsys)]
        try:
            model = load(path)
        except ModelError:
            outcomes["refused"] += 1
        else:
            outcomes["loaded"] += 1
            data = ["--model", str(path), "--data", str(FOLDER / "table.csv"), "--no-cache"]
            known = model.architecture == networks[file]  # another one would be compiled
            for command in ANSWERS if known and CASES > USUAL else ():
                texts.append(wrong([command, *data], (0, 2, 3, 4), capsys))
        findings += [f"case {number}, {file.stem}: {text}" for text in texts if text]
    assert not findings, f"{len(findings)}:\n" + "\n".join(findings[:50])
    assert CASES < USUAL or min(outcomes["refused"], outcomes["loaded"]) > CASES / 10, outcomes


def test_files_of_today_load() -> None:
    """An ensemble with embeddings, a linear baseline and a threshold; a front with ranks; a cell of the user's own."""
    models = {file.stem: rnnfast.load(file) for file in (FOLDER / "current").glob("*.safetensors")}
    assert len(models["ensemble"].members) == 2
    assert models["ensemble"].linear is not None
    assert models["front"].config.model.front
    assert models["own_cell"].cell.name == "forgetful"


def changed(directory: Path, place: str, value: object) -> Path:
    """Write a model file with another value at a dotted place of its header."""
    header, tensors = split((FOLDER / "current" / "front.safetensors").read_bytes())
    values = json.loads(header["__metadata__"]["rnnfast"])
    *path, last = place.split(".")
    holder = values
    for key in path:
        holder = holder[key]
    holder[last] = value
    header["__metadata__"]["rnnfast"] = json.dumps(values)
    file = directory / "changed.safetensors"
    file.write_bytes(joined(header, tensors))
    return file


@pytest.mark.parametrize(
    ("place", "value", "message"),
    cases(
        {
            "a size of nothing": ("columns.season", 0, "columns.season is 0: expected int >= 1"),
            "a horizon of ages": ("columns.horizon", 10**9, "columns.horizon is 1000000000: expected int <= 100000"),
            "a window without stride": ("columns.window", 4, "stride is None: expected a number"),
            "not a number": ("threshold", float("nan"), "malformed"),
            "a count beyond any machine": ("split.parts.train.rows", 2**60, "expected int <= 281474976710656"),
            "a share above one": ("split.shares", [2.0], "split.shares[0] is 2.0: expected float <= 1.0"),
            "ten thousand layers": ("config.model.hidden", [4] * 10_000, "10,000 layers are too many"),
            "a value that goes on": ("loss", ["x" * 10_000], "loss is ['xxxxxxxxxx"),
            "a name that commands a terminal": ("columns.predict", EVIL, r"predict is '\x1b[31mred\x9b2J\u202e'"),
            "a finding of no kind": (
                "judgement",
                {"findings": [dict.fromkeys(("code", "title", "severity", "message", "advice"), "x")], "verdict": ""},
                "judgement.findings[0].severity is 'x'",
            ),
            "figures for a figure": ("metrics", {"train": {"loss": {"a": {}}}}, "metrics.train.loss is {'a': {}}"),
            "a column twice": ("columns.features", ["x1", "x1"], "features is ['x1', 'x1']: expected each once"),
            "no learning rate": ("config.train.lr", None, "config: does not fit the rest"),
        }
    ),
)
def test_a_field_out_of_range_is_named(place: str, value: object, message: str, tmp_path: Path) -> None:
    file = changed(tmp_path, place, value)
    with pytest.raises(ModelError) as raised:
        load(file)
    assert message in str(raised.value)
    assert str(file) in str(raised.value)
    assert len(str(raised.value)) < LONGEST


def test_a_file_larger_than_memory_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "large.safetensors"
    header = json.dumps({"x": {"dtype": "F32", "shape": [2**42], "data_offsets": [0, 2**44]}}).encode()
    with file.open("wb") as stream:
        stream.write(struct.pack("<Q", len(header)) + header)
        stream.truncate(8 + len(header) + 2**43)  # holes, which take no room on the disk
    with pytest.raises(ModelError, match=r"takes .* GB of memory, and .* are available"):
        load(file)


def test_members_without_number_take_no_time_in_its_square(tmp_path: Path) -> None:
    header, _ = split((FOLDER / "current" / "ensemble.safetensors").read_bytes())
    names = {f"members.{k}.x": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for k in range(20_000)}
    file = tmp_path / "many.safetensors"
    file.write_bytes(joined({"__metadata__": header["__metadata__"], **names}, b""))
    with pytest.raises(ModelError, match="members"):
        load(file)
