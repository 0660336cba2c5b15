import io
import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ids import cases
from rich.cells import cell_len
from rich.text import Text
from terminals import Terminal

import rnnfast
from rnnfast.config.resolve import resolve
from rnnfast.config.sections import DataConfig
from rnnfast.console.columns import show_table
from rnnfast.console.metrics import shown_metrics
from rnnfast.console.residuals import binned
from rnnfast.console.scores import score_sheet
from rnnfast.console.screen import Screen, table
from rnnfast.console.text import (
    UNBROKEN,
    aligned,
    command,
    count,
    cut_inside,
    duration,
    number,
    percent,
    scaled,
    to_digits_of,
)
from rnnfast.console.training import TrainConsole
from rnnfast.console.views import show_bench, show_doctor, show_gradients, show_model
from rnnfast.data import read_table
from rnnfast.data.inspection import inspect_tables
from rnnfast.data.synth.generate import synth
from rnnfast.diagnose.benchmark import BenchReport, Machine, WorkloadSpeed
from rnnfast.diagnose.gradients import GradientReport, TensorError
from rnnfast.diagnose.machine import Check, Cores, Cpu, Examination, KernelCache, TableCache
from rnnfast.metrics.evaluation import Baseline, Evaluation, Scores
from rnnfast.model.description import describe_model
from rnnfast.training.run import run

WIDTHS = (40, 80, 120)
ESCAPE = "\x1b"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "RNNFAST_NO_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


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


def too_long(text: str, width: int) -> list[str]:
    return [line for line in text.splitlines() if cell_len(line) > width]


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


def render(evaluations: dict[str, Evaluation], targets: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    screen = Screen()
    screen.result(*score_sheet(evaluations, (), targets, screen.out.width))
    return capsys.readouterr().out


@pytest.mark.parametrize("width", WIDTHS)
def test_several_targets_get_a_line_each(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    names = tuple(f"a_target_with_a_long_name_{j}" for j in range(20))
    scores = {"rmse": 12345.678, "mae": 1.5, "r2": None}
    evaluation = Evaluation(
        task="regression",
        labelled_steps=100,
        metrics=Scores(1.0, scores, per_target=dict.fromkeys(names, scores)),
        residuals=np.random.default_rng(0).normal(size=(100, 20)),
    )
    shown = render({"train": evaluation, "valid": evaluation}, names, capsys)
    assert too_long(shown, width) == []
    assert "and 8 targets more" in shown
    assert "12,346" in shown
    assert "–" in shown


@pytest.mark.parametrize(
    "values",
    [np.zeros(5), np.array([1e300, -1e300]), np.array([np.nan, 1.0]), np.array([np.nan])],
    ids=["zeros", "huge", "nan and one", "nan alone"],
)
def test_residuals_of_any_kind(values: np.ndarray, capsys: pytest.CaptureFixture[str]) -> None:
    evaluation = Evaluation("regression", 5, Scores(float("nan"), {}), residuals=values)
    assert "Residuals" in render({"valid": evaluation}, ("y",), capsys)


def test_numbers_have_fixed_significant_digits() -> None:
    texts = {
        0.5: "0.5000", 9.9996: "10.00", 12345.67: "12,346", 0: "0", 0.00012: "0.0001200", 1e-7: "1.000e-07",
        -1234.5: "-1,234", 1e12: "1.000e+12", float("nan"): "nan", float("-inf"): "-inf", 99999.9: "100,000",
    }  # fmt: skip
    for value, text in texts.items():
        assert number(value) == text
    assert number(None) == "–"
    assert [duration(s).replace(UNBROKEN, " ") for s in (0.0, 0.038, 0.42, 4.2, 192, 3900)] == [
        "0 ms", "38 ms", "420 ms", "4.20 s", "3 min 12 s", "1 h 05 min",
    ]  # fmt: skip
    assert [scaled(n, "B").replace(UNBROKEN, " ") for n in (12, 4200, 3.4e6)] == ["12 B", "4.20 kB", "3.40 MB"]
    assert scaled(12.34e6, "steps/s").replace(UNBROKEN, " ") == "12.3 M steps/s"
    assert percent(0.00172).replace(UNBROKEN, " ") == "0.172 %"
    assert (count(1234), count(2.5)) == ("1,234", "2.5")


def test_decimal_points_stand_one_below_the_other() -> None:
    assert aligned(["0.5", "12,346", "–", "98.1 %"]) == ["     0.5  ", "12,346    ", "      –   ", "    98.1 %"]
    assert aligned([]) == []


def test_no_line_ends_between_a_number_and_its_unit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for width in range(20, 60):
        monkeypatch.setenv("COLUMNS", str(width))
        Screen().notice(f"a share of {percent(0.7)} in {duration(4)} of {scaled(5e6, 'B')}, and {percent(0.1)} more")
        text = capsys.readouterr().err
        assert not re.search(r"\d\s*\n\s*(%|s|MB)\b", text)
        assert UNBROKEN not in text


def test_sentences_end_early_on_a_wide_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    Screen().notice("word " * 100)
    assert max(map(len, capsys.readouterr().err.splitlines())) <= 110


def test_scores_name_what_matters_first_and_what_is_better(capsys: pytest.CaptureFixture[str]) -> None:
    model = {"accuracy": 0.9, "specificity": 0.8, "auprc": 0.5, "log_loss": 0.2, "f1": None}
    naive = {"accuracy": 0.8, "specificity": 1.0, "auprc": 0.5, "log_loss": 0.3, "f1": 0.0}
    evaluation = Evaluation(
        "binary", 10, Scores(0.2, model, threshold=0.5), baseline=Baseline(Scores(0.3, naive)), loss_title=""
    )
    lines = render({"valid": evaluation}, ("y",), capsys).splitlines()
    words = {line.split()[0]: line.split() for line in lines}
    assert lines[1].startswith("auprc")
    assert words["accuracy"] == ["accuracy", "90.00", "%", "80.00", "%", "▲"]
    assert words["specificity"][-1] == "▼"
    assert words["log_loss"][-1] == "▲"
    assert words["auprc"][-1] == "0.5000"
    assert words["f1"][-1] == "0"
    assert "loss" not in words
    assert "than always answering the majority class" in lines[-1]


@pytest.mark.parametrize(
    ("y", "loss", "shown"),
    [([1.0, 2.0, 3.0], "loss (mse)", True), ([-1.0, 0.0, 3.0], "loss (mse)", False)],
    ids=["one sign", "both signs"],
)
def test_relative_errors_are_shown_where_the_target_keeps_its_sign(y: list[float], loss: str, shown: bool) -> None:
    frame = pd.DataFrame({"id": np.repeat(range(6), 3), "x": np.arange(18.0), "y": np.tile(y, 6)})
    result = rnnfast.train(frame, id="id", target="y", task="regression", hidden=3, epochs=1, scale_target=False)
    evaluation = result.evaluations["valid"]
    assert evaluation.metrics["mape"] is not None
    assert ("mape" in shown_metrics(evaluation)) == shown
    assert evaluation.loss_title == loss


@pytest.mark.parametrize(
    ("spread", "step"), [(1.0, 0.1), (44.0, 5.0), (2e-7, 2e-8), (1e9, 1e8)], ids=["one", "tens", "tiny", "huge"]
)
def test_bins_are_round_numbers(spread: float, step: float) -> None:
    middles, counts = binned(np.linspace(-spread / 2, spread / 2, 10_001))
    assert np.diff(middles) == pytest.approx(step)
    assert 0.0 in middles
    assert counts.sum() == 10_001


@pytest.mark.parametrize("width", [20, 40, 200])
def test_commands_can_be_copied(width: int) -> None:
    words = ["rnnfast", "predict", "--data", "my file.csv", "-o", "out.csv"]
    text = "\n".join(command(words, width))
    import shlex

    assert shlex.split(text.replace("\\\n", " ")) == words
    assert too_long(text, width) == []


def test_an_option_stays_with_its_value() -> None:
    words = ["rnnfast", "eval", "--model", "runs/tx", "--data", "a_table.csv", "--last", "--part", "valid"]
    assert command(words, 48) == [
        "rnnfast eval --model runs/tx \\",
        "  --data a_table.csv --last --part valid",
    ]


@pytest.mark.parametrize(
    ("value", "deviation", "text"),
    cases(
        {
            "a mean near 0": (-0.0123456, 1.234, "-0.01"),
            "rounded to 0": (-0.0000001, 1.234, "0.00"),
            "large": (2929.123, 1701.0, "2,929"),
            "small deviation": (641.2178, 0.0123, "641.2178"),
            "no deviation": (5.25, 0.0, "5.250"),
        }
    ),
)
def test_a_mean_has_the_digits_of_its_deviation(value: float, deviation: float, text: str) -> None:
    assert to_digits_of(value, deviation) == text


def test_cells_of_numbers_keep_their_colours() -> None:
    cell = Text("1.5").append(" ▲", "green")
    column = table(["name", "score"], [["a", cell], ["b", "12"]]).columns[1]
    styled = [str(each) for each in column.cells], [each.spans for each in column.cells if isinstance(each, Text)]
    assert styled[0] == [" 1.5 ▲", "12    "]
    assert [(span.start, span.end, span.style) for span in styled[1][0]] == [(4, 6, "green")]


def test_names_of_several_answers_keep_their_ends():
    names = [cut_inside(f"Consumption (kWh)+{step}", 12) for step in (1, 2, 24)]
    assert names == ["Consu…kWh)+1", "Consu…kWh)+2", "Consu…Wh)+24"]
    assert cut_inside("load+24", 12) == "load+24"
