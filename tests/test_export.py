"""Exported models answer as the model does: C by a compiler, modules of PyTorch, JSON that is read back."""

import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from exported import CELLS, ENCODINGS, frame, model_of, oscillator, with_random_weights
from ids import cases
from networks import forced

import rnnfast
from rnnfast.cli import run
from rnnfast.export import exporting
from rnnfast.export.c.compiled import compiler
from rnnfast.export.exporting import ENDINGS, export

needs_compiler = pytest.mark.skipif(compiler() is None, reason="no C compiler")


@pytest.fixture(autouse=True)
def workplace(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)
    with forced("packed"):  # which is compiled for any size
        yield


@needs_compiler
@pytest.mark.parametrize("options", cases(CELLS))
def test_every_network_in_c(options, tmp_path):
    report = export(model_of(frame(), **options), "c", tmp_path / "net.c")
    assert report.check.rows > 60


@needs_compiler
@pytest.mark.parametrize(("table", "options"), cases(ENCODINGS))
def test_every_encoding_in_c(table, options, tmp_path):
    report = export(model_of(frame(**table), **{"cell": "gru", **options}), "c", tmp_path / "net.c")
    assert report.check.rows > 60


SMALL = {
    "stack": {"cell": "lstm", "hidden": (7, 4)},
    "own cell": {"cell": oscillator},
    "float64": {"cell": "gru", "dtype": "float64"},
    "windows": {"cell": "gru", "bidirectional": True, "patch": (3, 2), "predict": "last"},
    "all at once": {"static": "age", "embed": "colour=2", "conv": (2,), "head": "attention", "ensemble": 2},
}


@needs_compiler
@pytest.mark.parametrize("options", cases(SMALL))
def test_weights_of_16_bits_in_c(options, tmp_path):
    """The file answers as the model of its weights, and how far that one is from the model is told."""
    model = model_of(frame(), **{"cell": "gru", **options})
    exact, small = (
        export(model, "c", tmp_path / f"{weights}.c", weights=weights, force=True) for weights in ("exact", "q15")
    )
    assert exact.rounding is None
    assert small.check.difference < 1e-6
    assert 1e-7 < small.rounding < 1e-3
    assert small.sizes["weights"] < 0.75 * exact.sizes["weights"]


def test_weights_of_16_bits_are_of_c_alone(tmp_path):
    with pytest.raises(rnnfast.UsageError, match="--to c alone"):
        export(model_of(frame(), cell="gru"), "json", tmp_path / "net.json", weights="q15")


WINDOWS = {
    "both directions": ({"task": "multiclass"}, {"cell": "lstm", "bidirectional": True, "hidden": (4, 3)}),
    "both directions of everything": (
        {"gaps": True},
        {"cell": oscillator, "bidirectional": True, "static": "age", "embed": "colour=2", "conv": (2,), "head": "all",
         "missing": "ffill"},
    ),
    "attention both ways": ({}, {"cell": "lru", "bidirectional": True, "head": "attention", "ensemble": 2}),
    "patches": ({}, {"cell": "gru", "patch": (4, 3), "conv": (2,), "predict": "last", "static": "age", "ensemble": 2}),
    "patches without recurrence": ({}, {"cell": "mlp", "patch": (3, 3), "predict": "last"}),
    "time since": ({"dates": True}, {"cell": "gru", "bidirectional": True, "time_delta": "log", "calendar": True}),
    "changes of the target": (
        {"task": "regression", "gaps": True},
        {
            "cell": "gru", "difference": True, "bidirectional": True, "horizon": 1, "missing": "ffill", "window": 4,
            "predict": "last",
        },
    ),
}  # fmt: skip


@needs_compiler
@pytest.mark.parametrize(("table", "options"), cases(WINDOWS))
def test_what_needs_the_rows_to_come_answers_windows_in_c(table, options, tmp_path):
    report = export(model_of(frame(**table), **options), "c", tmp_path / "net.c")
    text = (tmp_path / "net.c").read_text()
    assert report.check.rows > 20
    assert "int net_window(" in text
    assert "net_step" not in text


WINDOW_PROGRAM = """
#include "net.c"
#include <stdio.h>
int main(void)
{
    static net_state state;
    double inputs[(NET_ROWS + 1) * NET_INPUTS], answers[NET_ROWS * NET_ANSWERS];
    int i, n = 0;
    while (n < (NET_ROWS + 1) * NET_INPUTS && scanf("%lf", inputs + n) == 1) n++;
    i = net_window(&state, inputs, n / NET_INPUTS, answers);
    if (i) printf("refused %d\\n", i);
    else for (i = 0; i < n / NET_INPUTS; i++) printf("%.9g\\n", answers[i]);
    return net_self_test();
}
"""


@needs_compiler
@pytest.mark.parametrize("command", cases({"c": ["cc", "-std=c99"], "c plus plus": ["g++", "-std=c++17", "-x", "c++"]}))
def test_a_window_answers_as_predict_does(command, tmp_path):
    """And refuses a cell by its place, and more rows than it has memory for; reads no memory that is not its own."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]}")
    table = frame().drop(columns="colour")
    model, one = (
        with_random_weights(
            rnnfast.train(
                table, id="id", time="t", target="y", split=0.7, epochs=0, cell="gru", hidden=5, bidirectional=True
            ).model
        ),
        table[table["id"] == 2],
    )
    export(model, "c", tmp_path / "net.c")
    rows = one[["x1", "x2", "age"]].map(repr).agg(" ".join, axis=1).tolist()
    wrapper = ("valgrind", "-q", "--error-exitcode=1") if shutil.which("valgrind") else ()
    command = (*command, "-DNET_ROWS=24")
    answers = run_program(tmp_path, "\n".join(rows), command, wrapper=wrapper, text=WINDOW_PROGRAM)
    np.testing.assert_allclose([*map(float, answers)], model.predict(one)["y_prob"], rtol=1e-5)
    assert run_program(tmp_path, " ".join([*rows[:2], "1 nan 3"]), command, text=WINDOW_PROGRAM) == ["refused 8"]
    assert run_program(tmp_path, " ".join(rows * 4), command, text=WINDOW_PROGRAM)[0] == "refused -1"


PROGRAM = """
#include "net.c"
#include <stdio.h>
int main(void)
{
    net_state state;
    double inputs[NET_INPUTS], answers[NET_ANSWERS];
    net_reset(&state);
    while (scanf("%lf%lf%lf%lf", inputs, inputs + 1, inputs + 2, inputs + 3) == 4) {
        const int refused = net_step(&state, inputs, answers);
        if (refused) printf("refused %d\\n", refused);
        else printf("%.9g %d\\n", answers[0], net_alarm(answers[0]));
    }
    return net_self_test();
}
"""


def run_program(folder, lines, command=("cc", "-std=c99"), file="main.c", wrapper=(), text=PROGRAM):
    (folder / file).write_text(text)
    flags = ("-Wall", "-Wextra", "-Werror", "-pedantic", "-O2")
    program = str(folder / "program")
    subprocess.run([*command, *flags, "-o", program, str(folder / file), "-lm"], check=True)
    done = subprocess.run([*wrapper, program], input=lines, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@needs_compiler
def test_a_program_answers_a_table_as_predict_does(tmp_path):
    """Rows of one id, a category by its number, with a threshold and a temperature."""
    table = frame()
    model, one = replace(model_of(table, cell="gru"), temperature=1.7), table[table["id"] == 2]
    model = replace(model, threshold=float(np.median(model.predict(one)["y_prob"])))  # between two of them
    export(model, "c", tmp_path / "net.c")
    codes = one["colour"].map({text: k for k, text in enumerate(model.encoder.categories["colour"])}).fillna(99)
    lines = "\n".join(
        f"{a!r} {b!r} {c} {d}" for a, b, c, d in zip(one["x1"], one["x2"], codes, one["age"], strict=True)
    )
    answers = [line.split() for line in run_program(tmp_path, lines)]
    expected = model.predict(one)
    np.testing.assert_allclose([float(answer) for answer, _ in answers], expected["y_prob"], rtol=1e-5)
    assert [int(alarm) for _, alarm in answers] == expected["y_pred"].tolist()
    assert len({alarm for _, alarm in answers}) == 2


@needs_compiler
def test_a_refused_row_changes_nothing(tmp_path):
    export(model_of(frame(), cell="gru", unseen="error"), "c", tmp_path / "net.c")
    rows = "0.5 1010 1 30\n{}1.5 1020 2 30\n"
    refused = run_program(tmp_path, rows.format("0.1 nan 1 30\n0.1 1010 7 30\ninf 1010 1 30\n"))
    assert refused[1:4] == ["refused 2", "refused 3", "refused 1"]
    assert [refused[0], refused[4]] == run_program(tmp_path, rows.format(""))


@needs_compiler
@pytest.mark.parametrize(
    "options", cases({"ensemble": {"ensemble": 2, "head": "attention"}, "calendar": {"calendar": True}})
)
def test_the_file_is_c_plus_plus_too(options, tmp_path):
    if shutil.which("g++") is None:
        pytest.skip("no g++")
    model = model_of(frame(dates="calendar" in options), cell="lstm", **options)
    export(model, "c", tmp_path / "net.c")
    run_program(tmp_path, "", ("g++", "-std=c++17"), "main.cc")


@needs_compiler
def test_the_file_reads_no_memory_that_is_not_its_own(tmp_path):
    if shutil.which("valgrind") is None:
        pytest.skip("no valgrind")
    export(model_of(frame(gaps=True), cell="gru", missing="ffill", conv=(3,), head="all"), "c", tmp_path / "net.c")
    run_program(tmp_path, "0.5 1010 1 30\n0.5 nan 1 30\n", wrapper=("valgrind", "-q", "--error-exitcode=1"))


def test_the_file_fits_a_microcontroller(tmp_path):
    compile_for = shutil.which("arm-none-eabi-gcc")
    if compile_for is None:
        pytest.skip("no arm-none-eabi-gcc")
    export(model_of(frame(), cell="gru"), "c", tmp_path / "net.c")
    flags = (
        "-std=c99",
        "-mcpu=cortex-m4",
        "-mfpu=fpv4-sp-d16",
        "-mfloat-abi=hard",
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
    )
    subprocess.run([compile_for, *flags, "-c", "net.c", "-o", "net.o"], cwd=tmp_path, check=True)


@needs_compiler
def test_names_of_columns_cannot_leave_their_comment(tmp_path):
    names = {"x1": "a */ #error", "x2": "/* b \\", "colour": "c\n??/ ü"}
    table = frame().rename(columns=names)
    model = rnnfast.train(table, id="id", time="t", target="y", split=0.7, epochs=0, cell="gru", hidden=5).model
    assert export(model, "c", tmp_path / "int.c").check.rows > 60


TORCH = {
    "stack": ({}, {"cell": "gru", "hidden": (6, 6)}),
    "unequal widths": ({}, {"cell": "lstm", "hidden": (7, 4), "dtype": "float64"}),
    "both directions": ({"task": "multiclass"}, {"cell": "gru", "bidirectional": True, "hidden": (4, 3)}),
    "quantities": ({"task": "regression"}, {"cell": "rnn", "activation": "relu", "dtype": "float64"}),
    "mlp": ({}, {"cell": "mlp", "activation": "gelu", "hidden": (5, 4)}),
    "every pool": ({}, {"cell": "gru", "head": "all"}),
    "attention": ({}, {"cell": "gru", "head": "attention"}),
    "ensemble": ({}, {"cell": "gru", "ensemble": 2}),
    "ensemble of classes": ({"task": "multiclass"}, {"cell": "gru", "ensemble": 2}),
    "activation": ({}, {"cell": "rnn", "activation": "elu", "hidden": (5, 5), "bidirectional": True}),
    "own cell": ({}, {"cell": oscillator, "dtype": "float64"}),
    "own cell, unequal widths": ({}, {"cell": oscillator, "hidden": (6, 4), "dtype": "float64"}),
    "lru": ({}, {"cell": "lru", "hidden": (5, 5), "static": "age", "dtype": "float64"}),
    "mingru both ways": ({}, {"cell": "mingru", "bidirectional": True}),
    "embedding": ({}, {"cell": "gru", "embed": "colour=2"}),
    "constant columns": ({}, {"cell": "lstm", "static": "age", "hidden": (5, 3), "bidirectional": True}),
    "constant columns of a stack": ({}, {"cell": "gru", "static": "age", "embed": "colour=2", "hidden": (5, 5)}),
    "constant columns, mlp": ({}, {"cell": "mlp", "static": "age"}),
    "convolutions": ({}, {"cell": "gru", "conv": (3, 2), "embed": "colour=2", "dtype": "float64"}),
    "patches": ({}, {"cell": "lstm", "patch": (4, 3), "conv": (2,), "predict": "last"}),
    "patches, mlp": ({}, {"cell": "mlp", "patch": (3, 1), "head": "mean"}),
    "changes of the target": ({"task": "regression"}, {"cell": "gru", "difference": True, "horizon": (1, 3)}),
    "changes of the target, constant columns": (
        {"task": "regression"},
        {"cell": "lstm", "difference": True, "horizon": 1, "static": "age", "dtype": "float64"},
    ),
    "changes of the target, carried gaps": (
        {"task": "regression", "gaps": True},
        {"cell": "gru", "difference": True, "horizon": 1, "missing": "ffill", "ensemble": 2, "dtype": "float64"},
    ),
    "changes of the target at patches": (
        {"task": "regression"},
        {"cell": "gru", "difference": True, "horizon": 1, "patch": (4, 3), "predict": "last", "window": 6},
    ),
}


@pytest.mark.parametrize(("table", "options"), cases(TORCH))
def test_a_module_of_pytorch(table, options, tmp_path):
    pytest.importorskip("torch")
    model = replace(model_of(frame(**table), **options), temperature=1.0 if table.get("task") == "regression" else 1.3)
    report = export(model, "torch", tmp_path / "net.py")
    assert report.check.tool == "torch"
    assert {path.name for path in tmp_path.iterdir()} >= {"net.py", "net.safetensors"}


def test_the_module_needs_no_rnnfast(tmp_path):
    pytest.importorskip("torch")
    model = model_of(frame(), cell="gru")
    export(model, "torch", tmp_path / "net.py")
    shape = (2, 3, len(model.encoder.names))
    program = f"import sys, net, torch; print(net.load()(torch.zeros{shape}).shape, 'rnnfast' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "torch.Size([2, 3, 1]) False\n"


def test_json_is_a_model_again(tmp_path):
    table = frame(gaps=True)
    model = model_of(table, cell=oscillator, missing="ffill", ensemble=2)
    export(model, "json", tmp_path / "net.json")
    again = rnnfast.load(tmp_path / "net.json")
    pd.testing.assert_frame_equal(again.predict(table), model.predict(table))


@pytest.mark.parametrize(
    "text",
    cases({"list": "[]", "cut off": '{"rnnfast": {', "ragged": '{"rnnfast": {"architecture": {"dtype": "float32"}}}'}),
)
def test_json_of_something_else_is_no_model(text, tmp_path, capsys):
    (tmp_path / "net.json").write_text(text)
    assert "export --to json" in fails(["export", "--model", "net.json", "--to", "json", "-o", "b.json"], 4, capsys)


REFUSED = {
    "changes of ranks in torch": (
        "torch",
        {"cell": "gru", "difference": True, "lag_target": True, "horizon": 1, "task": "regression", "scale": "rank"},
        "--difference",
    ),
}


@pytest.mark.parametrize(("to", "options", "reason"), cases(REFUSED))
def test_what_a_format_cannot_hold_is_refused(to, options, reason, tmp_path):
    with pytest.raises(rnnfast.UsageError, match=reason):
        export(model_of(frame(), **options), to, tmp_path / f"net{ENDINGS[to]}")
    assert list(tmp_path.iterdir()) == []


@needs_compiler
def test_what_answers_otherwise_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(
        exporting.Compiled, "answers", lambda self, source, rows, offsets: np.zeros((len(rows), source.outputs))
    )
    with pytest.raises(rnnfast.RnnfastError, match="nothing is written"):
        export(model_of(frame(), cell="gru"), "c", tmp_path / "net.c")
    assert list(tmp_path.iterdir()) == []


def test_without_a_compiler_it_is_written_and_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(exporting, "compiler", lambda: None)
    model_of(frame(), cell="gru").save("model.safetensors")
    assert run(["export", "--model", "model.safetensors", "--to", "c", "-o", "net.c"]) == 0
    assert "Compared  no, a C compiler (set CC) is not there" in capsys.readouterr().out


def test_the_command_reports(tmp_path, capsys):
    model_of(frame(), cell="gru").save("model.safetensors")
    command = ["export", "--model", "model.safetensors", "--to", "json", "-o", "net.json"]
    report = result(command, capsys)
    assert report["files"] == {"net.json": (tmp_path / "net.json").stat().st_size}
    assert report["parameters"] > 100
    assert "--force" in fails(command, 2, capsys)
    assert "net.c" in fails([*command[:4], "c", "-o", "net.h"], 2, capsys)
