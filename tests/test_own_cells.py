"""Cells of the user's own: from a function, or a file, to a model file that needs neither."""

import json
import re

import numpy as np
import pytest
from networks import draw_sequences, draw_tensors, predict
from own_cells import CELLS_FILE, ROOT
from tolerances import DIFFERENCE_MAX

import rnnfast
from rnnfast.cells import (
    CHOOSE_ACTIVATION,
    EQUATIONS,
    built_in,
    clamp,
    cos,
    exp,
    expm1,
    parameter,
    sigmoid,
    sin,
    sqrt,
    tanh,
    where,
)
from rnnfast.cli import run
from rnnfast.diagnose.gradients import check
from rnnfast.equations.cell import Cell
from rnnfast.equations.evaluate import evaluate
from rnnfast.equations.stored import cell_from
from rnnfast.equations.trace import traced
from rnnfast.errors import ModelError, UsageError
from rnnfast.model.initialise import initial_tensors
from rnnfast.network.architecture import Architecture
from rnnfast.network.cell import cell_of
from rnnfast.network.layout import Layout

NAMES = ("peephole", "minimal_gated_unit", "indrnn", "fastgrnn")
LENGTHS = (7, 1, 4, 5)
OPTIONS = {"preset": "fast", "hidden": 6, "epochs": 3, "dtype": "float64", "patience": 0}


def own_gru(x, u, h):
    r = sigmoid(x.r + u.r)
    z = sigmoid(x.z + u.z)
    n = tanh(x.n + r * u.n)
    return n + z * (h - n)


def mixed(x, u, h, c):
    """Gates apart before shared ones, a gate without x, one without u, a vector, a choice, padding that is not 0."""
    a = tanh(x.a * u.a)
    b = sigmoid(x.b + u.b)
    c = where(a > 0.1, b * c, a + parameter("w", 0.5) * c)
    return sigmoid(c + x.d) + u.e, c


def root(x, u, h):
    """A state that is not 0 in padding, with a derivative by the value that is infinite at 0."""
    return sqrt(x.h * x.h + u.h * u.h + 1.0)


def leaky(x, u, h):
    """Reads its state beside the product: none for registers, though h = f(x.h + u.h) is near."""
    return 0.5 * h + 0.5 * tanh(x.h + u.h)


def linear(x, u, h):
    return 0.5 * h + 0.5 * (x.h + u.h)


def swapped(x, u, h, c):
    return c, tanh(x.h + u.h + h)


def limited(x, u, h):
    return clamp(x.h + u.h, -0.5) + clamp(u.k, high=0.5) * x.k


def damped(x, u, h):
    """Coefficients of vectors alone: one within another, a bare vector, numbers that are drawn."""
    rate = exp(parameter("rate", -1.0, 1.0))
    size, offset = exp(-rate), parameter("offset", 0.5)
    return size * h + sqrt(-expm1(-2.0 * rate)) * sin(x.h + offset) + rate * cos(u.h)


OTHERS = {
    "damped": damped,
    "mixed": mixed,
    "root": root,
    "leaky": leaky,
    "linear": linear,
    "swapped": swapped,
    "limited": limited,
}


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "table.csv"
    rows = [f"{i // 8},{i % 8},{a:.4f},{b:.4f},{a * b:.4f}" for i, (a, b) in enumerate(rng.normal(size=(160, 2)))]
    path.write_text("\n".join(["id,t,x1,x2,y1", *rows]) + "\n", encoding="utf-8")
    return path


def own(word):
    return traced(OTHERS[word]) if word in OTHERS else cell_of(f"{CELLS_FILE}:{word}", "tanh")


@pytest.mark.parametrize("hidden", [(5,), (5, 7)], ids=["one layer", "two layers"])
@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_gradients_are_those_of_the_equations(name, hidden):
    cell = own(name)
    net = Architecture(cell, 3, hidden, 2, bidirectional=len(hidden) > 1)
    for tensor in check(net, "mse", lengths=LENGTHS, probes=20):
        assert tensor.max_error < DIFFERENCE_MAX, tensor.name


def step_by_step(cell, tensors, x):
    """Outputs of one sequence by the equations alone, in NumPy."""
    H = tensors["head.weight"].shape[1]
    states = {name: np.zeros(H) for name in cell.states}
    outputs = []
    for row in x:
        Wx = np.split(tensors["rnn.weight_ih_l0"] @ row + tensors["rnn.bias_ih_l0"], len(cell.x_gates))
        values = dict(zip(nodes(cell, "x", cell.x_gates), Wx, strict=True))
        if cell.u_gates:
            h = states[cell.states[0]]
            Wh = np.split(tensors["rnn.weight_hh_l0"] @ h + tensors["rnn.bias_hh_l0"], len(cell.u_gates))
            values |= dict(zip(nodes(cell, "u", cell.u_gates), Wh, strict=True))
        values |= {node: tensors[f"rnn.{node.args[1]}_l0"] for node in cell.vectors}
        values |= dict(zip(cell.before, states.values(), strict=True))
        states = dict(zip(cell.states, evaluate(cell.after, values), strict=True))
        outputs.append(tensors["head.weight"] @ states[cell.states[0]] + tensors["head.bias"])
    return np.array(outputs)


def nodes(cell, group, names):
    by_name = {node.args: node for node in cell.nodes if node.kind == "input"}
    return [by_name[group, name] for name in names]


@pytest.mark.parametrize("name", [*NAMES, *OTHERS])
def test_outputs_are_those_of_the_equations(name):
    cell = own(name)
    net = Architecture(cell, 3, (5,), 2, "float64")
    tensors, sequences = draw_tensors(net, 1), draw_sequences(net, LENGTHS, "mse", 1)
    expected = np.concatenate([step_by_step(cell, tensors, x) for x, _ in sequences])
    np.testing.assert_allclose(predict(net, tensors, sequences), expected, rtol=1e-10, atol=1e-12)


def test_the_equations_of_the_gru_train_to_the_weights_of_the_gru(table):
    options = {**OPTIONS, "cell": own_gru}
    mine = rnnfast.train(str(table), **options).model
    built_in_model = rnnfast.train(str(table), **{**options, "cell": "gru"}).model
    assert mine.cell.digest == built_in_model.cell.digest  # and so they share their kernels
    for name, tensor in built_in_model.parameters.items():
        np.testing.assert_array_equal(mine.parameters[name], tensor)


def test_a_model_answers_after_its_source_is_gone(table, tmp_path, capsys):
    source = tmp_path / "mine.py"
    source.write_text(CELLS_FILE.read_text(encoding="utf-8"), encoding="utf-8")
    model = tmp_path / "run"
    options = ["--hidden", "6", "--epochs", "2", "--dtype", "float64"]
    assert run(["train", "--data", str(table), "--cell", f"{source}:peephole", *options, "-o", str(model), "-q"]) == 0
    predicted = []
    for _ in range(2):
        capsys.readouterr()
        assert run(["predict", "--model", str(model), "--data", str(table), "-o", "-"]) == 0
        predicted.append(capsys.readouterr().out)
        source.unlink(missing_ok=True)
    assert predicted[0] == predicted[1]
    assert len(predicted[0].splitlines()) == 161
    assert run(["eval", "--model", str(model), "--data", str(table)]) == 0
    assert run(["inspect", str(model)]) == 0
    assert "rnn.p_i_l0" in capsys.readouterr().out


def test_loading_runs_nothing_and_gives_the_same_graph(table, tmp_path):
    model = rnnfast.train(str(table), **OPTIONS, cell=mixed).model
    model.save(tmp_path / "m.safetensors")
    loaded = rnnfast.load(tmp_path / "m.safetensors")
    assert (loaded.cell.digest, loaded.cell.name) == (model.cell.digest, "mixed")
    assert loaded.cell.after == model.cell.after


def plain_cell(change):
    values = json.loads(json.dumps(traced(mixed).to_json()))
    change(values)
    return values


DAMAGES = {
    "an unknown operation": lambda v: v["nodes"].__setitem__(2, ["evil", 0]),
    "a value that comes later": lambda v: v["nodes"].__setitem__(2, ["tanh", 2]),
    "a place that is text": lambda v: v["nodes"].__setitem__(2, ["tanh", "0"]),
    "too many arguments": lambda v: v["nodes"].__setitem__(2, ["tanh", 0, 1]),
    "an input that is none": lambda v: v["nodes"].__setitem__(0, ["input", "x", "zz"]),
    "a gate that nothing uses": lambda v: v["gates"].append("zz"),
    "a gate twice": lambda v: v["gates"].append("a"),
    "fewer results than states": lambda v: v["after"].pop(),
    "a result that is not there": lambda v: v["after"].__setitem__(0, 1000),
    "a start that is not finite": lambda v: v["parameters"].__setitem__("w", float("inf")),
    "a range from high to low": lambda v: v["parameters"].__setitem__("w", [1.0, 0.0]),
    "an empty entry": lambda v: v["nodes"].__setitem__(2, []),
    "too many gates": lambda v: v["gates"].extend(f"g{k}" for k in range(400_000)),
    "a vector with the name of a tensor": lambda v: v["parameters"].__setitem__("bias_hh", 0.0),
    "too many nodes": lambda v: v.__setitem__("nodes", v["nodes"] * 2000),
}


def test_names_and_starts_do_not_matter_to_the_kernels():
    def first(x, u, h):
        return tanh(x.a + u.a) * parameter("p", 1.0)

    def second(x, u, state):
        return tanh(x.b + u.b) * parameter("q", 2.0)

    assert traced(first).digest == traced(second).digest != traced(leaky).digest
    assert traced(first) != traced(second)


def test_what_follows_from_vectors_alone_is_no_work_of_a_step():
    cell = traced(damped)
    assert [node.kind for node in cell.coefficients] == ["exp", "exp", "sqrt", "input"]
    assert not {"exp", "expm1", "sqrt"} & {node.kind for node in cell.step.nodes}
    assert built_in("gru").step is built_in("gru")


def test_vectors_start_where_the_equations_say():
    net = Architecture(traced(damped), 3, (50,), 2)
    first, again, other = (initial_tensors(Layout(net).entries(), "xavier", k, None, True) for k in (0, 0, 1))
    rates = first["rnn.rate_l0"]
    assert -1.0 <= rates.min() < -0.8 < 0.8 < rates.max() <= 1.0
    assert (first["rnn.offset_l0"] == 0.5).all()
    np.testing.assert_array_equal(rates, again["rnn.rate_l0"])
    assert (rates != other["rnn.rate_l0"]).all()


def test_a_file_is_run_as_python_runs_it(tmp_path):
    (tmp_path / "beside.py").write_text("from rnnfast.cells import tanh\nhalf = 0.5\n", encoding="utf-8")
    source = """\
from __future__ import annotations
from dataclasses import dataclass
from beside import half, tanh

@dataclass
class Settings:
    rate: float = half

def cell(x, u, h):
    return tanh(x.h + u.h) * Settings().rate
"""
    (tmp_path / "mine.py").write_text(source, encoding="utf-8")
    assert cell_of(f"{tmp_path}/mine.py:cell", "tanh").gates == ("h",)
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)\n", encoding="utf-8")
    with pytest.raises(UsageError, match="SystemExit: 3"):
        cell_of(f"{tmp_path}/leaves.py:cell", "tanh")


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_equations_are_refused(name):
    with pytest.raises(ValueError, match="equations"):
        cell_from(plain_cell(DAMAGES[name]))


def test_equations_come_back_as_they_were():
    for cell in (traced(mixed), built_in("lstm"), built_in("rnn", "gelu"), *map(own, (*NAMES, *OTHERS))):
        again = cell_from(json.loads(json.dumps(cell.to_json())))
        assert again == cell
        assert again.after == cell.after


def test_a_file_without_its_equations_is_damaged(table, tmp_path):
    from safetensors import safe_open
    from safetensors.numpy import save_file

    rnnfast.train(str(table), **OPTIONS, cell=own_gru).model.save(tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", framework="numpy") as file:
        names = list(file.keys())
        tensors, header = {name: file.get_tensor(name) for name in names}, json.loads(file.metadata()["rnnfast"])
    del header["equations"]
    save_file(tensors, tmp_path / "m.safetensors", metadata={"rnnfast": json.dumps(header)})
    with pytest.raises(ModelError, match=r"architecture\.cell"):
        rnnfast.load(tmp_path / "m.safetensors")


def test_the_document_shows_the_cells_that_are_shipped():
    text = (ROOT / "docs" / "cells.md").read_text(encoding="utf-8")
    source = CELLS_FILE.read_text(encoding="utf-8")
    for name in NAMES:
        (function,) = re.findall(rf"^def {name}\(.*?(?=^def |\Z)", source, re.M | re.S)
        code = re.sub(r'    """.*?"""\n', "", function.rstrip(), flags=re.S)
        assert code in text, name
        assert len(code.splitlines()) < 10


def test_every_cell_of_the_catalogue_has_equations():
    from rnnfast.catalogue import CELLS

    assert CELLS.keys() == EQUATIONS.keys() | CHOOSE_ACTIVATION.keys()
    assert all(isinstance(built_in(name), Cell) for name in CELLS)
    assert {name for name, facts in CELLS.items() if facts.activation} == CHOOSE_ACTIVATION.keys()
    assert {name for name, facts in CELLS.items() if facts.recurrent} == {
        name for name in CELLS if built_in(name).recurrent
    }
