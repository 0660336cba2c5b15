"""A linear part that sees convolutions, in every format of an export: it answers each row by the rows so far."""

import shutil
import subprocess
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from commands import isolate, result
from exported import frame, model_of, with_convolutions
from ids import cases
from networks import forced

import rnnfast
from rnnfast.cli import run
from rnnfast.export.c.compiled import compiler
from rnnfast.export.exporting import export
from rnnfast.export.sample import draw
from rnnfast.model.linear_part import LinearPart

TOOLS = {"c": compiler() is not None, "onnx": "onnxruntime", "torch": "torch"}
ENDINGS = {"c": "c", "onnx": "onnx", "torch": "py"}


@pytest.fixture(autouse=True)
def workplace(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)
    with forced("packed"):  # which is compiled for any size
        yield


def convolved(table=None, **options):
    """A model of one class for each sequence, with convolutions beside its network."""
    table = frame() if table is None else table
    return with_convolutions(model_of(table, predict="last", cell="gru", **options))


def needs(to):
    if TOOLS[to] is False:
        pytest.skip("no C compiler")
    if isinstance(TOOLS[to], str):
        pytest.importorskip(TOOLS[to])


def by_the_equations(model, inputs):
    """What convolutions add at each row (T, O) of a sequence, one sum after the other."""
    part = model.linear_part.convolutions
    added, weights = np.zeros((len(inputs), model.schema.outputs)), np.array(part.weights)
    for t in range(len(inputs)):
        shares = []
        for dilation, places, thresholds in zip(part.dilations, part.inputs, part.thresholds, strict=True):
            for chosen, place, limits in zip(combinations(range(9), 3), places, thresholds, strict=True):
                heights = [
                    sum(
                        (2 if j in chosen else -1) * inputs[row - (8 - j) * dilation, place]
                        for j in range(9)
                        if row >= (8 - j) * dilation
                    )
                    for row in range(t + 1)
                ]
                shares += [np.mean([height > limit for height in heights]) for limit in limits]
        added[t] = weights @ shares
    return added


def test_a_sample_is_answered_by_the_equations_row_by_row():
    model = convolved(dtype="float64")
    part = model.linear_part
    alone = replace(model, linear_part=LinearPart(part.share, part.level, part.change, part.bias, temperature=1.6))
    logits = []
    for one in (model, alone):
        sample = draw(one, (7, 11))
        logits.append(np.log(sample.answers / (1 - sample.answers)))
    expected = np.concatenate([by_the_equations(model, rows) for rows in np.split(sample.encoded, [7])])
    assert (np.abs(expected) > 1e-3).all()
    np.testing.assert_allclose(logits[0] - logits[1], expected, atol=1e-9)


MODELS = {
    "two classes": {},
    "three classes": {"table": frame("multiclass")},
    "doubles": {"dtype": "float64"},
    "two networks": {"ensemble": 2},
    "three classes, two networks": {"table": frame("multiclass"), "ensemble": 2, "head": "all"},
    "patches": {"patch": (4, 4), "head": "all"},
    "both directions": {"bidirectional": True},
    "patches in both directions, three classes, two networks": {
        "table": frame("multiclass"), "patch": (4, 4), "bidirectional": True, "ensemble": 2,
    },
    "constant columns": {"static": "age"},
    "gaps": {"table": frame(gaps=True, seed=1), "missing": "ffill", "missing_indicator": True},
}  # fmt: skip


@pytest.mark.parametrize("to", ENDINGS)
@pytest.mark.parametrize("options", cases(MODELS))
def test_exports_answer_as_the_model(to, options, tmp_path):
    needs(to)
    check = export(convolved(**options), to, tmp_path / f"net.{ENDINGS[to]}").check
    assert check.rows >= 10
    assert check.difference < (1e-10 if "dtype" in options else 1e-5)


def test_json_holds_them(tmp_path):
    model = convolved(frame("multiclass"))
    export(model, "json", tmp_path / "net.json")
    again, table = rnnfast.load(tmp_path / "net.json"), frame("multiclass")
    assert again.linear_part == model.linear_part
    np.testing.assert_array_equal(again.predict(table), model.predict(table))


def test_weights_of_16_bits_leave_them(tmp_path):
    needs("c")
    report = export(convolved(), "c", tmp_path / "net.c", weights="q15")
    assert report.check.difference < 1e-5
    assert 0 < report.rounding < 1e-3


def test_c_tells_the_bytes_that_they_take(capsys):
    model = convolved()
    model.save("model.safetensors")
    sizes = result(["export", "--model", "model.safetensors", "--to", "c", "-o", "net.c"], capsys)["sizes"]
    bias, dilations, kernels, shares = 8, 3 * 8, 3 * 84, 3 * 84 * 2
    assert sizes["linear_part"] == bias + dilations + kernels + shares * (4 + 4)  # thresholds and weights are floats
    alone = export(replace(model, linear_part=None), "c", "alone.c").sizes
    rows, sums = 8 * 3 + 1, 8
    assert sizes["state"] == alone["state"] + rows * len(model.encoder.names) * 4 + sums


COMPILERS = {
    "c++": ["g++", "-std=c++17", "-x", "c++"],
    "a microcontroller": ["arm-none-eabi-gcc", "-std=c99", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"],
    "floats as values": ["cc", "-std=c99", "-DNET_VALUE=float"],
}


@pytest.mark.parametrize("command", cases(COMPILERS))
@pytest.mark.parametrize("bidirectional", [False, True], ids=["row by row", "both directions"])
def test_other_compilers_take_the_file_without_a_warning(command, bidirectional, tmp_path):
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]}")
    export(convolved(frame("multiclass"), bidirectional=bidirectional), "c", tmp_path / "net.c")
    warnings = ("-O2", "-Wall", "-Wextra", "-Werror", "-pedantic")
    subprocess.run([*command, *warnings, "-c", "net.c", "-o", "net.o"], cwd=tmp_path, check=True)


def test_inspect_and_the_model_itself_tell_of_them(capsys):
    model = convolved()
    model.save("model.safetensors")
    assert run(["inspect", "model.safetensors"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    share = "the share of the network is 0.40, its logits divided by 1.60"
    assert f"a linear part of 504 shares of convolutions; {share}" in shown
    assert ", a linear part of convolutions," in repr(model)
