"""Cells of the user's own: from a function, or a file, to a model file that needs neither."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from networks import draw_sequences, draw_tensors, predict
from tolerances import DIFFERENCE_MAX

import rnnfast
from rnnfast.cells import CHOOSE_ACTIVATION, EQUATIONS, built_in, parameter, sigmoid, tanh, where
from rnnfast.cli import run
from rnnfast.diagnose.gradients import check
from rnnfast.equations.cell import Cell
from rnnfast.equations.evaluate import evaluate
from rnnfast.equations.stored import cell_from
from rnnfast.equations.trace import traced
from rnnfast.errors import ModelError, UsageError
from rnnfast.network.architecture import Architecture
from rnnfast.network.cell import cell_of

ROOT = Path(__file__).parents[1]
CELLS_FILE = ROOT / "configs" / "cells.py"  # shown in docs/cells.md
NAMES = ("peephole", "minimal_gated_unit", "indrnn", "fastgrnn", "mingru")
LENGTHS = (7, 1, 4, 5)
OPTIONS = {"hidden": 6, "epochs": 3, "dtype": "float64", "patience": 0}


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


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "table.csv"
    rows = [f"{i // 8},{i % 8},{a:.4f},{b:.4f},{a * b:.4f}" for i, (a, b) in enumerate(rng.normal(size=(160, 2)))]
    path.write_text("\n".join(["id,t,x1,x2,y1", *rows]) + "\n", encoding="utf-8")
    return path


def own(word):
    return cell_of(f"{CELLS_FILE}:{word}", "tanh")


@pytest.mark.parametrize("hidden", [(5,), (5, 7)], ids=["one layer", "two layers"])
@pytest.mark.parametrize("name", [*NAMES, "mixed"])
def test_gradients_are_those_of_the_equations(name, hidden):
    cell = traced(mixed) if name == "mixed" else own(name)
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


@pytest.mark.parametrize("name", [*NAMES, "mixed"])
def test_outputs_are_those_of_the_equations(name):
    cell = traced(mixed) if name == "mixed" else own(name)
    net = Architecture(cell, 3, (5,), 2, "float64")
    tensors, sequences = draw_tensors(net, 1), draw_sequences(net, LENGTHS, "mse", 1)
    expected = np.concatenate([step_by_step(cell, tensors, x) for x, _ in sequences])
    np.testing.assert_allclose(predict(net, tensors, sequences), expected, rtol=1e-10, atol=1e-12)


def test_the_equations_of_the_gru_train_to_the_weights_of_the_gru(table):
    options = {**OPTIONS, "cell": own_gru}
    mine = rnnfast.train(str(table), **options).model
    theirs = rnnfast.train(str(table), **{**options, "cell": "gru"}).model
    assert mine.cell.digest == theirs.cell.digest  # and so they share their kernels
    for name, tensor in theirs.parameters.items():
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
    "an empty entry": lambda v: v["nodes"].__setitem__(2, []),
    "too many nodes": lambda v: v.__setitem__("nodes", v["nodes"] * 2000),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_equations_are_refused(name):
    with pytest.raises(ValueError, match="equations"):
        cell_from(plain_cell(DAMAGES[name]))


def test_equations_come_back_as_they_were():
    for cell in (traced(mixed), built_in("lstm"), built_in("rnn", "gelu"), *(own(name) for name in NAMES)):
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


MISTAKES = """\
import math
from rnnfast.cells import parameter, tanh, where

def control_flow(x, u, h):
    if x.h > 0:
        return h
    return tanh(x.h)

def unknown_function(x, u, h):
    return math.tanh(x.h + u.h)

def unused_gate(x, u, h):
    extra = tanh(x.q)
    return tanh(x.h + u.h)

def two_results(x, u, h):
    return tanh(x.h + u.h), h

def unused_state(x, u, h, c):
    return tanh(x.h + u.h), tanh(x.h)

def no_products(a, b, c):
    return a

def text(x, u, h):
    return tanh(x.h) + "a"

def no_input(x, u, h):
    return tanh(u.h)

def two_starts(x, u, h):
    return x.h + parameter("w", 1.0) * h + parameter("w", 2.0)

def condition(x, u, h):
    return where(x.h, h, 0)

def nothing(x, u, h):
    x.h
"""
TOLD = {
    "control_flow": (5, "where(condition, a, b)"),
    "unknown_function": (10, "rnnfast.cells"),
    "unused_gate": (13, "no result depends on x.q"),
    "two_results": (17, "2 results for 1 state (h)"),
    "unused_state": (20, "no result depends on the state 'c'"),
    "no_products": (22, "a cell takes (x, u, h)"),
    "text": (26, "'a' is neither a number"),
    "no_input": (29, "no result depends on x"),
    "two_starts": (32, "starts from 1 and from 2"),
    "condition": (35, "a comparison such as x > 0"),
    "nothing": (38, "None is neither a number"),
}


@pytest.mark.parametrize("name", TOLD)
def test_mistakes_are_told_with_their_line(name, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(MISTAKES, encoding="utf-8")
    line, text = TOLD[name]
    with pytest.raises(UsageError, match=re.escape(f"mine.py, line {line}, cell {name}: ")) as caught:
        cell_of(f"{file}:{name}", "tanh")
    assert text in str(caught.value)


def test_a_wrong_word_ends_before_the_table_is_read(tmp_path, capsys):
    (tmp_path / "broken.py").write_text("def f(x, u, h)\n", encoding="utf-8")
    for word, text in (
        (f"{CELLS_FILE}:peep", "has no function 'peep'; did you mean 'peephole'?"),
        (f"{tmp_path}/none.py:f", "no such file"),
        (f"{tmp_path}/broken.py:f", "line 1: SyntaxError"),
    ):
        assert run(["train", "--data", "missing.csv", "--cell", word]) == 2
        assert text in " ".join(capsys.readouterr().err.split())


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
