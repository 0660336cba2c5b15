"""Random networks as C and ONNX against their equations in NumPy (forward.py), which need no kernels.

Some of them in each run; RNNFAST_EXPORTED_NETWORKS=1000 draws more. A file of C holds several networks, as compiling is
what takes the time.
"""

import ctypes
import os
from dataclasses import replace
from itertools import pairwise

import autodiff as ad
import forward
import numpy as np
import pandas as pd
import pytest
from exported import with_convolutions
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from networks import draw_tensors

import rnnfast
from rnnfast.cells import built_in, sigmoid, tanh
from rnnfast.config.resolve import Config
from rnnfast.equations.trace import traced
from rnnfast.export.c.compiled import Compiled, compiler
from rnnfast.export.c.source import source_of
from rnnfast.export.inputs import unit_of_answers
from rnnfast.export.onnx.graph import graph_of
from rnnfast.export.onnx.running import answers_of, answers_of_steps
from rnnfast.export.sample import draw
from rnnfast.model import Model
from rnnfast.model.members import joined
from rnnfast.training.prepare import initial_model

TOGETHER = 8  # networks in a file
DRAWN = int(os.environ.get("RNNFAST_EXPORTED_NETWORKS", "16"))
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}  # of the largest answer, or of its unit
LENGTHS = (7, 1, 4)


def mgu(x, u, h):
    """The minimal gated unit (Zhou et al. 2016), a cell that is not in the catalogue."""
    f = sigmoid(x.f + u.f)
    return h + f * (tanh(x.n + f * u.n) - h)


def mgu_step(Wi, Wh, bi, bh, x, h, c, activation):
    """The same on the nodes of autodiff.py."""
    (fi, ni), (fh, nh) = forward.split(Wi @ x + bi, 2), forward.split(Wh @ h + bh, 2)
    f = ad.sigmoid(fi + fh)
    return h + f * (ad.tanh(ni + f * nh) - h), c


class Equations:
    """Answers in the place of a Committee of kernels."""

    def __init__(self, model):
        self.net, self.members = model.architecture, model.members

    def outputs_of(self, features, offsets):
        x = np.asarray(features, np.float64).reshape(-1, self.net.features)
        out = np.full((len(self.members), len(x), self.net.outputs), np.nan)
        for k, tensors in enumerate(self.members):
            params = {name: ad.Node(np.asarray(tensor, np.float64)) for name, tensor in tensors.items()}
            for first, stop in pairwise(offsets):
                places = first + forward.last_rows(stop - first, self.net.stride)
                out[k, places] = forward.outputs(self.net, params, x[first:stop]).value
        return out


@pytest.fixture(scope="module", autouse=True)
def equations():
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Model, "committee", lambda self: Equations(self))
        patched.setitem(forward.CELLS, "mgu", (mgu_step, forward.PRODUCTS))
        yield


def some(*values):
    return st.sampled_from(values)


NETWORKS = st.fixed_dictionaries(
    {
        "cell": some("rnn", "gru", "lstm", "lru", "mingru", "mgu", "mlp"),
        "activation": some(*forward.ACTIVATIONS),
        "hidden": st.lists(st.integers(1, 70), min_size=1, max_size=3).map(tuple),
        "numbers": st.integers(1, 70),
        "task": some("binary", "multiclass", "regression"),
        "colours": some("none", "inputs", "codes"),
        "missing": some("error", "zero", "mean", "ffill"),
        "missing_indicator": st.booleans(),
        "scale": some("minmax", "zscore", "robust", "rank"),
        "head": some("last", "mean", "max", "all", "attention"),
        "front": some({}, {}, {"conv": (3, 2)}, {"patch": (4, 3)}, {"patch": (2, 2), "conv": (2,)}),
        "bidirectional": st.booleans(),
        "static": st.booleans(),
        "ensemble": some(1, 1, 2),
        "dilations": st.lists(st.integers(1, 9), max_size=3, unique=True).map(tuple),
        "dtype": some("float32", "float32", "float64"),
        "temperature": some(1.0, 0.4, 2.5),
        "threshold": st.floats(0.05, 0.95),
        "seed": st.integers(0, 10**6),
    }
)


def table_of(numbers, task, gaps, seed):
    rng, n = np.random.default_rng(seed), 24
    table = pd.DataFrame(rng.normal(size=(n, numbers)), columns=[f"x{j}" for j in range(numbers)])
    if gaps:
        table = table.mask(rng.random(table.shape) < 0.2)
        table.loc[0], table.loc[1] = 0.5, -0.5  # each column has a range
    table["id"], table["colour"] = np.repeat(np.arange(4), 6), rng.choice(["red", "green", "blue"], n)
    table["age"] = 20.0 + 7 * table["id"]
    turn = np.arange(n) + table["id"]  # the last rows of ids differ too
    table["y"] = {"binary": turn % 2, "multiclass": turn % 3, "regression": rng.normal(size=n)}[task]
    if task == "multiclass":
        table["y"] = table["y"].map({0: "calm", 1: "busy", 2: "wild"})
    return table


def model_of(network):
    """A model of random weights, whose encoder is fitted to a table of 24 rows."""
    drawn = dict(network)
    numbers, task, colours, seed = (drawn.pop(name) for name in ("numbers", "task", "colours", "seed"))
    temperature, threshold, front = (drawn.pop(name) for name in ("temperature", "threshold", "front"))
    dilations = drawn.pop("dilations")
    word, gaps = drawn["cell"], drawn["missing"] != "error"
    table = table_of(numbers, task, gaps, seed)
    options = {**drawn, **front, "missing_indicator": gaps and drawn["missing_indicator"], "loss": "auto"}
    options |= {"cell": "gru" if word == "mgu" else word, "bidirectional": drawn["bidirectional"] and word != "mlp"}
    options |= {"static": ("age",) if drawn["static"] else (), "embed": ("colour=3",) if colours == "codes" else ()}
    config = Config().with_values(options, "the test")
    read = {"id": "id", "target": "y", **({"ignore": "colour"} if colours == "none" else {"categorical": "colour"})}
    read |= {"missing": drawn["missing"], "predict": "last" if "patch" in front else "every"}
    data = rnnfast.read_table(table, **read)
    cell = traced(mgu) if word == "mgu" else built_in(word, drawn["activation"])
    model = initial_model(data, config, cell)
    tensors = [draw_tensors(model.architecture, seed + k) for k in range(drawn["ensemble"])]
    tensors = [{name: one.astype(drawn["dtype"]) for name, one in each.items()} for each in tensors]
    if not model.schema.classes:
        return replace(model, parameters=joined(tensors))
    model = with_convolutions(model, dilations, seed=seed) if dilations and colours != "codes" else model
    return replace(model, parameters=joined(tensors), temperature=temperature, threshold=threshold)


def assert_same(model, sample, answers, what):
    expected = np.asarray(sample.answers)
    np.testing.assert_array_equal(np.isnan(answers), np.isnan(expected), err_msg=what)
    most = np.maximum(np.nanmax(np.abs(expected), axis=0), unit_of_answers(model))
    difference = np.nanmax(np.abs(answers - expected) / most)
    assert difference < TOLERANCE[model.config.train.dtype], f"{what}: {difference:.2e}"


HYPOTHESIS = settings(
    max_examples=max(1, DRAWN // TOGETHER),
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # a smaller example of eight networks would take minutes to find
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.skipif(compiler() is None, reason="no C compiler")
@HYPOTHESIS
@given(st.lists(NETWORKS, min_size=TOGETHER, max_size=TOGETHER))
def test_random_networks_in_c(networks):
    models = [model_of(network) for network in networks]
    sources = [source_of(model, f"net{'abcdefgh'[k]}.c") for k, model in enumerate(models)]
    with Compiled("\n".join(source.text for source in sources), compiler()) as program:
        for model, source in zip(models, sources, strict=True):
            sample = draw(model, LENGTHS)
            assert program.self_test(source) == 0
            answers = program.answers(source, sample.rows, sample.offsets)
            assert_same(model, sample, answers, str(model.config.model))
            if model.task.threshold() is not None:
                alarm = getattr(program.library, f"{source.name}_alarm")
                alarm.argtypes = [ctypes.c_double]
                for probability in (*answers[~np.isnan(answers)], model.threshold):
                    assert alarm(probability) == (probability >= model.threshold)


@HYPOTHESIS
@given(st.lists(NETWORKS, min_size=TOGETHER, max_size=TOGETHER))
def test_random_networks_in_onnx(networks):
    pytest.importorskip("onnxruntime")
    for network in networks:
        model = model_of(network)
        sample = draw(model, LENGTHS)
        for step, run in ((False, answers_of), (True, answers_of_steps)):
            content = graph_of(model, step)
            if content is not None:
                assert_same(model, sample, run(content, model, sample), str(model.config.model))
