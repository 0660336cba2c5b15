import io
import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from ids import cases
from rich.text import Text
from terminals import WIDTHS, Terminal, plain_environment, too_long

import rnnfast
from rnnfast.config.resolve import resolve
from rnnfast.config.sections import DataConfig
from rnnfast.console.columns import show_table
from rnnfast.console.screen import Screen
from rnnfast.console.training import TrainConsole
from rnnfast.console.views import show_bench, show_doctor, show_gradients, show_model
from rnnfast.data import read_table
from rnnfast.data.inspection import inspect_tables
from rnnfast.data.synth.generate import synth
from rnnfast.diagnose.benchmark import BenchReport, Machine, WorkloadSpeed
from rnnfast.diagnose.gradients import GradientReport, TensorError
from rnnfast.diagnose.machine import Check, Cores, Cpu, Examination, KernelCache, TableCache
from rnnfast.model.description import describe_model
from rnnfast.training.run import run

ESCAPE = "\x1b"
__all__ = ["plain_environment"]


@pytest.fixture
def tables(tmp_path: Path) -> dict[str, str]:
    made = {}
    for kind in ("creditcard", "temperature"):
        made[kind] = str(tmp_path / f"{kind}.csv")
        synth(kind, made[kind], sequences=30, steps=10)
    return made


def train(data: str, tmp_path: Path, **flags: str) -> None:
    flags = {"epochs": "30", "patience": "0", "split": "0.6,0.2", **flags}
    config = resolve({"data": (data,), "output": str(tmp_path / "run"), **flags}, None, {})
    with TrainConsole(Screen(), config) as console:
        result = run(config, console)
    console.show(result)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", ["creditcard", "temperature"])
def test_no_line_is_wider_than_the_terminal(
    kind: str,
    width: int,
    tables: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", str(width))
    train(Path(tables[kind]).name, Path())
    captured = capsys.readouterr()
    assert too_long(captured.out + captured.err, width) == []
    assert ESCAPE not in captured.out + captured.err
    assert not re.search(r" $", captured.out + captured.err, re.MULTILINE)
    for text in ("baseline", "always answering", "of the", "run/model.safetensors"):
        assert text in " ".join(captured.out.split())
    for text in ("30 sequences", "parameters", "steps/s in training", "30/30", "rnnfast inspect run"):
        assert text in " ".join(captured.err.split())
    details = "Confusion matrix" if kind == "creditcard" else "Residuals"
    assert details in captured.out


@pytest.mark.parametrize("width", WIDTHS)
def test_tables_and_models_fit(
    width: int, tables: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for path in tables.values():
        data = read_table(path)
        with ExitStack() as opened:
            inspection = inspect_tables([path], DataConfig(), opened)
            show_table(Screen(), inspection.data, inspection.description)
        show_model(Screen(), describe_model(rnnfast.train(data, epochs=0, preset="fast").model, "m.safetensors"))
    out = capsys.readouterr().out
    assert too_long(out, width) == []
    for text in ("feature", "Amount", "rnn.weight_ih_l0", "10 x 29", "Classes"):
        assert text in out


@pytest.mark.parametrize("width", WIDTHS)
def test_doctor_and_bench_fit(width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    machine = Examination(
        versions={"rnnfast": "0.1.0", "python": "3.11.7"},
        system="Linux",
        cpu=Cpu("A Processor With A Rather Long Name 9000", "x86_64", 256, None),
        cores=Cores(2, 4),
        threads={},
        cache=KernelCache("/home/somebody/.cache/rnnfast/kernels", "rnnfast", False),
        table_cache=TableCache("/home/somebody/.cache/rnnfast/tables", 3, 2_500_000_000),
        warm_up_seconds=0.5,
        checks=(
            Check("vectors", "ok", "256-bit registers"),
            Check("cache", "warning", "cannot be written to", "set NUMBA_CACHE_DIR"),
        ),
    )
    show_doctor(Screen(), machine)
    good = TensorError("rnn.0.weight_ih_l0_reverse", (192, 128), 100, 2.1e-10, 3e-11)
    bad = TensorError(good.name, good.shape, 100, 0.5, 3e-11)
    checked = GradientReport(
        "rnn", (64, 32), "leaky_relu", ((4, 4, 64),), True, 0.25, "max", (), (), "huber", 1e-6, False, (good, bad)
    )
    show_gradients(Screen(), checked)
    load = WorkloadSpeed("rnn10", "rnn", 10, "float32", 1, "register", 18.234, 15.7e6, 25.0, 0.09)
    report = BenchReport(Machine(machine.cpu.name, 1), {"float32": 270.0, "float64": 135.0}, (load, load))
    show_bench(Screen(), report)
    out = capsys.readouterr().out
    assert too_long(out, width) == []
    for text in ("warning", "set NUMBA_CACHE_DIR", "18.2", "9.00 %", "3 parsed tables, 2.50 GB"):
        assert text in " ".join(out.split())


def use_terminals(monkeypatch: pytest.MonkeyPatch) -> tuple[Terminal, Terminal]:
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    return out, err


def print_something(no_color: bool = False) -> None:
    screen = Screen(no_color=no_color)
    screen.result(Text("good", "green"))
    screen.notice("careful")


def test_colours_on_terminals_are_of_the_sixteen(
    monkeypatch: pytest.MonkeyPatch, tables: dict[str, str], tmp_path: Path
) -> None:
    out, err = use_terminals(monkeypatch)
    train(tables["creditcard"], tmp_path)
    codes = re.findall(r"\x1b\[([0-9;]*)m", out.getvalue() + err.getvalue())
    numbers = {int(part) for code in codes for part in code.split(";") if part}
    assert numbers <= {0, 1, 2, *range(30, 38), *range(90, 98)}
    assert {31, 32, 33} <= numbers


@pytest.mark.parametrize(
    "switch_off",
    cases(
        {
            "NO_COLOR": lambda patch: patch.setenv("NO_COLOR", "1"),
            "RNNFAST_NO_COLOR": lambda patch: patch.setenv("RNNFAST_NO_COLOR", "1"),
            "dumb terminal": lambda patch: patch.setenv("TERM", "dumb"),
            "NO_COLOR before FORCE_COLOR": lambda patch: (
                patch.setenv("NO_COLOR", "1"),
                patch.setenv("FORCE_COLOR", "1"),
            ),
        }
    ),
)
def test_colours_can_be_switched_off(
    switch_off: Callable[[pytest.MonkeyPatch], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, err = use_terminals(monkeypatch)
    switch_off(monkeypatch)
    print_something()
    assert ESCAPE not in out.getvalue() + err.getvalue()


def test_no_color_option_and_its_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = use_terminals(monkeypatch)
    print_something(no_color=True)
    assert ESCAPE not in out.getvalue() + err.getvalue()
    print_something()
    assert ESCAPE in out.getvalue()
    assert ESCAPE in err.getvalue()


def test_each_stream_is_looked_at_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = io.StringIO(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    print_something()
    assert ESCAPE not in out.getvalue()
    assert ESCAPE in err.getvalue()


@pytest.mark.parametrize(
    ("encoding", "errors"), [("ascii", "strict"), ("ascii", "backslashreplace"), ("cp1252", "strict")]
)
@pytest.mark.parametrize("kind", ["creditcard", "temperature"])
def test_streams_of_other_encodings(
    kind: str, encoding: str, errors: str, tables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors=errors)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    train(tables[kind], tmp_path)
    Screen().result(Text("日本語 \udcff"))
    stream.flush()
    text = raw.getvalue().decode(encoding)
    assert "* lowest" in text
    assert "\\u" not in text


def test_quiet_and_json_keep_to_their_streams(capsys: pytest.CaptureFixture[str]) -> None:
    for screen in (Screen(quiet=True), Screen(json=True)):
        screen.progress(Text("progress"))
        screen.notice("notice")
        screen.result(Text("result"))
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out == "result\n"
