"""Graphs run by ONNX Runtime on a sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.export.onnx.nodes import Array
from rnnfast.export.sample import Sample
from rnnfast.model.model import Model

Floats = NDArray[np.float64]
TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64}


def rows_of(model: Model, sample: Sample) -> Floats:
    """Return a sample as graphs take it: numbers in original units, other inputs as they are encoded."""
    encoder = model.encoder
    rows = sample.encoded.astype(np.float64)
    place = {name: j for j, name in enumerate(encoder.names)}
    for name in encoder.scaler.names:
        rows[:, place[name]] = sample.columns[:, encoder.place_of[name]]
    return rows


def answers_of(content: bytes, model: Model, sample: Sample) -> Floats | None:
    """Run a graph of sequences on all of a sample at once, padded; None where ONNX Runtime is not installed.

    NaN stands where no step of a front ends.
    """
    session = _session(content)
    if session is None:
        return None
    x, lengths = _padded(model, sample)
    results = session.run(["answers"], _feed(session, x, lengths))[0]
    stride, answers = model.architecture.stride, np.full((len(sample.encoded), results.shape[2]), np.nan)
    for k, (first, length) in enumerate(zip(sample.offsets, lengths, strict=False)):
        places = np.arange((length - 1) % stride, length, stride)
        answers[first + places] = results[k, : len(places)]
    return answers


def answers_of_steps(content: bytes, model: Model, sample: Sample) -> Floats | None:
    """Run a graph of one step on a sample, step by step, all sequences side by side."""
    session = _session(content)
    if session is None:
        return None
    x, lengths = _padded(model, sample)
    names = [one.name for one in session.get_outputs()]
    feed = _feed(session, x[:, 0], lengths)
    answers = np.full((len(sample.encoded), session.get_outputs()[0].shape[1]), np.nan)
    for t in range(x.shape[1]):
        results = dict(zip(names, session.run(None, {**feed, "x": x[:, t]}), strict=True))
        feed = {name: results.get(f"{name}_next", value) for name, value in feed.items()}
        running = lengths > t
        answers[sample.offsets[:-1][running] + t] = results["answers"][running]
    return answers


def _session(content: bytes) -> Any:
    try:
        import onnxruntime
    except ImportError:
        return None
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def _padded(model: Model, sample: Sample) -> tuple[Floats, NDArray[np.int64]]:
    """Return the sequences of a sample side by side, (batch, time, F) with zeros behind them, and their lengths."""
    rows, lengths = rows_of(model, sample), np.diff(sample.offsets)
    x = np.zeros((len(lengths), int(lengths.max()), rows.shape[1]))
    for k, (first, length) in enumerate(zip(sample.offsets, lengths, strict=False)):
        x[k, :length] = rows[first : first + length]
    return x, lengths


def _feed(session: Any, x: Floats, lengths: NDArray[np.int64]) -> dict[str, Array]:
    """Return what a graph takes, with states of zeros."""
    feed: dict[str, Array] = {}
    for one in session.get_inputs():
        if one.name == "x":
            feed["x"] = x
        elif one.name == "lengths":
            feed["lengths"] = lengths.astype(np.int32)
        else:
            feed[one.name] = np.zeros((len(lengths), one.shape[1]), TYPES[one.type])
    return feed
