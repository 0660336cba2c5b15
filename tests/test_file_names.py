"""Any name that the system allows, of tables, runs and what is written."""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import isolate, result
from ids import cases

from rnnfast.cli import run
from rnnfast.training.directory import table_name

LONGEST = 255  # bytes of a name
SHORT = ["--target", "y", "--hidden", "2", "--epochs", "1"]
NAMES = {
    "bytes that are not UTF-8": os.fsdecode(b"t\xff\x9b31m\xe9"),
    "ends of lines": "a\nrnnfast: done\r",
    "dash in front": "-t",
    "quotes and markup": "q'\"$(x) [bold]&<b>*?",
    "control signs": "e\x1b[31m\x9b\u202e",
    "spaces": "  ",
    "as long as it goes": "l" * (LONGEST - len(".csv")),
    "as long as it goes, of wide letters": "é" * ((LONGEST - len(".csv")) // 2),
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems allow fewer names")


@pytest.mark.parametrize("name", cases({name: (stem,) for name, stem in NAMES.items()}))
def test_every_command_takes_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    isolate(monkeypatch, tmp_path)
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.repeat(np.arange(20), 6), "t": np.tile(np.arange(6), 20)})
    frame["x"], frame["y"] = random.normal(size=120).round(3), random.integers(0, 2, 120)
    with Path(f"{name}.csv").open("w") as file:
        frame.to_csv(file, index=False)
    Path("out").mkdir()
    table, output = f"{name}.csv", f"out/{name}.csv"
    assert run(["inspect", "-q", "--", table]) == 0
    assert run(["train", "--data", table, *SHORT, "-q", "-o", name]) == 0
    assert run(["train", "--config", f"{name}/config.toml", "-q", "-o", "again"]) == 0
    assert Path("again/history.csv").read_bytes() == Path(name, "history.csv").read_bytes()
    assert result(["eval", "--model", name, "--data", table], capsys)["labelled_steps"] == 120
    assert run(["predict", "--model", name, "--data", table, "-q", "-o", output]) == 0
    assert run(["predict", "--model", name, "--data", table, "-q", "-f", "-o", output, "--memory", "600M"]) == 0
    assert [path.name for path in Path("out").iterdir()] == [f"{name}.csv"]
    capsys.readouterr()
    assert run(["inspect", "--", name]) == 0
    shown = capsys.readouterr()
    assert all(sign.isprintable() or sign == "\n" for sign in shown.out + shown.err)


def test_a_run_without_a_name_gets_one_that_the_system_takes() -> None:
    assert table_name("l" * 255) == "l" * 200
    assert table_name(f"{'é' * 125}.csv") == "é" * 100
    assert table_name(os.fsdecode(b"\xff.csv")) == "_"
