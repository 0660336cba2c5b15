"""Graphs of ONNX answer as the model does, by ONNX Runtime."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from commands import isolate
from exported import CELLS, ENCODINGS, frame, model_of, oscillator, with_convolutions
from ids import cases
from networks import forced

from rnnfast.export.exporting import export

runtime = pytest.importorskip("onnxruntime")


@pytest.fixture(autouse=True)
def workplace(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path)
    with forced("packed"):  # which is compiled for any size
        yield


ONNX = {name: ({}, options) for name, options in CELLS.items()} | {
    "both directions": ({}, {"cell": "lstm", "bidirectional": True, "hidden": (4, 3)}),
    "both directions of an own cell": ({}, {"cell": oscillator, "bidirectional": True, "head": "attention"}),
    "patches": ({}, {"cell": "gru", "patch": (4, 3), "conv": (2,), "predict": "last", "head": "all", "ensemble": 2}),
    "changes by patches": (
        {"task": "regression"},
        {"difference": True, "patch": (2, 2), "predict": "last", "horizon": 1, "window": 4},
    ),
    "score": ({}, {"cell": "rnn", "loss": "mse"}),
    "mlp of doubles": ({}, {"cell": "mlp", "activation": "gelu", "dtype": "float64"}),
} | {name: ENCODINGS[name] for name in (
    "several classes", "quantities of an ensemble", "classes of an ensemble", "carried gaps", "gaps as inputs", "ranks",
    "calendar", "last target", "changes of the target", "embedding", "constant columns of an lru", "all at once",
)}  # fmt: skip


@pytest.mark.parametrize(("table", "options"), cases(ONNX))
def test_graphs_of_onnx(table, options, tmp_path):
    """That of sequences, and that of one step unless the model needs the rows to come or remembers nothing."""
    model = model_of(frame(**table), **{"cell": "gru", **options})
    model = replace(model, temperature=1.3 if model.task.logits else 1.0)
    report = export(model, "onnx", tmp_path / "net.onnx")
    assert report.check.tool == "onnxruntime"
    assert report.check.difference < 1e-5
    goes_on = model.architecture.remembers and not options.get("bidirectional") and "patch" not in options
    assert (tmp_path / "net.step.onnx").exists() == goes_on


GOING_ON = {
    "lstm": {"cell": "lstm", "hidden": (4, 3)},
    "own cell": {"cell": oscillator, "head": "attention"},
    "every state": {"static": "age", "conv": (2,), "head": "all", "ensemble": 2, "missing": "ffill"},
    "convolutions beside it": {"predict": "last"},
}


@pytest.mark.parametrize("options", cases(GOING_ON))
def test_a_graph_of_onnx_goes_on_with_its_states(options, tmp_path):
    """Sequences of several lengths in pieces, each cut elsewhere, and after them one step by the other graph."""
    model = model_of(frame(gaps="missing" in options), **{"cell": "gru", **options})
    model = with_convolutions(model) if "predict" in options else model
    export(model, "onnx", tmp_path / "net.onnx")
    session, step = (runtime.InferenceSession(tmp_path / name) for name in ("net.onnx", "net.step.onnx"))
    outputs = [one.name for one in session.get_outputs()]
    x = np.random.default_rng(0).normal(size=(3, 6, len(model.encoder.names)))
    x[:, :, -1] = x[:, :1, -1]
    lengths, cuts = np.array([6, 3, 5], np.int32), np.array([[0, 0, 0], [4, 1, 3], [5, 2, 4]])
    types = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64}
    ends = session.get_inputs()[2:]
    assert [one.name for one in ends] == [one.name for one in step.get_inputs()[1:]]
    states = {one.name: np.zeros((3, one.shape[1]), types[one.type]) for one in ends}
    whole = session.run(["answers"], {"x": x, "lengths": lengths, **states})[0]
    for first, stop in pairwise(cuts):
        piece = np.full((3, 5, x.shape[2]), 7.0)  # anything behind the end
        for k in range(3):
            piece[k, : stop[k] - first[k]] = x[k, first[k] : stop[k]]
        feed = {"x": piece, "lengths": (stop - first).astype(np.int32), **states}
        results = dict(zip(outputs, session.run(None, feed), strict=True))
        for k in range(3):
            rows = slice(first[k], stop[k])
            np.testing.assert_allclose(results["answers"][k, : stop[k] - first[k]], whole[k, rows], atol=1e-6)
        states = {name: results[f"{name}_next"] for name in states}
    last = step.run(["answers"], {"x": x[range(3), cuts[-1]], **states})[0]
    np.testing.assert_allclose(last, whole[range(3), cuts[-1]], atol=1e-6)
