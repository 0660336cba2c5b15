"""Models with a linear part beside the network, exported."""

import pytest
from commands import isolate
from ids import cases
from linear_parts import OPTIONS, balanced, trained

from rnnfast.export.exporting import export


@pytest.fixture(autouse=True)
def _directory(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)


@pytest.mark.parametrize("to", ["c", "onnx", "json"])
@pytest.mark.parametrize(
    "name",
    [
        "windows",
        "changes",
        "two networks",
        "several horizons",
        "ids",
        "two classes",
        "two classes, two networks",
        "three classes",
        "three classes, two networks",
        "all values",
        "all values, two networks",
    ],
)
def test_exports_answer_as_the_model(to, name):
    if to == "onnx":
        pytest.importorskip("onnx")
    check = export(balanced(trained(**OPTIONS[name])), to, f"model.{to}").check
    assert check.tool is None or check.difference < 1e-5


def test_a_graph_of_all_values_runs_over_rows_for_the_network_and_for_these_alone():
    onnx = pytest.importorskip("onnx")
    export(trained(**OPTIONS["all values"]), "onnx", "model.onnx")
    assert [node.op_type for node in onnx.load("model.onnx").graph.node].count("Scan") == 2


@pytest.mark.parametrize(
    "options",
    cases(
        {
            **{name: one for name, one in OPTIONS.items() if name != "the labels of last rows"},
            "lstm behind convolutions": {"cell": "lstm", "conv": (3, 2), "horizon": (1, 3), "window": 20},
            "a gru of equal changes": {"cell": "gru", "difference": True, "ensemble": 2, "dtype": "float32"},
        }
    ),
)
def test_a_module_of_pytorch_answers_as_the_model(options):
    pytest.importorskip("torch")
    check = export(balanced(trained(**options)), "torch", "model.py").check
    assert (check.tool, check.rows) == ("torch", 40)


def test_a_module_of_pytorch_answers_padded_sequences_as_alone(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.syspath_prepend(".")
    export(trained(**OPTIONS["changes"]), "torch", "padded.py")
    module = __import__("padded").load()
    long, short = torch.rand(2, 9, 2, dtype=torch.float64)
    with torch.no_grad():
        padded = module(torch.stack([long, torch.cat([short[:4], torch.full((5, 2), 9.0)])]))
        torch.testing.assert_close(padded[0], module(long[None])[0])
        torch.testing.assert_close(padded[1, :4], module(short[None, :4])[0])
