"""`rnnfast doctor --gradients`: small errors for right gradients, large ones and code 1 for wrong ones."""

from pathlib import Path
from unittest.mock import patch

import pytest
from commands import fails, isolate, result
from ids import cases

from rnnfast.cli import run
from rnnfast.diagnose import gradients
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    isolate(monkeypatch, tmp_path)


def scaled_gradient(layout: Layout, span: object) -> dict[str, object]:
    """The tensors of a span, one of them a thousandth too large."""
    tensors = right_tensors(layout, span)
    tensors["head.weight"] *= 1.001
    return tensors


right_tensors = Layout.tensors
wrong_gradient = patch.object(Layout, "tensors", scaled_gradient)


def test_right_gradients_pass() -> None:
    net = Architecture.named("gru", 3, (5,), 1, "tanh", "float64")
    rows = gradients.check(net, "mse")
    names = ["rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0", "rnn.bias_hh_l0", "head.weight", "head.bias"]
    assert [row.name for row in rows] == names
    assert rows[0].shape == (15, 3)
    assert [row.entries for row in rows] == [45, 75, 15, 15, 5, 1]
    for row in rows:
        assert 0 <= row.mean_error <= row.max_error < 1e-8


def test_a_wrong_gradient_is_seen() -> None:
    net = Architecture.named("gru", 3, (5,), 1, "tanh", "float64")
    with wrong_gradient:
        errors = {row.name: row.max_error for row in gradients.check(net, "mse")}
    assert errors.pop("head.weight") == pytest.approx(1e-3, rel=0.01)
    assert max(errors.values()) < 1e-8


def test_a_step_over_a_kink_is_no_error() -> None:
    """A network of relu on many steps: some difference crosses a kink at the largest step, none at all of them."""
    net = Architecture.named("mlp", 3, (7, 12), 1, "leaky_relu", "float64")
    rows = gradients.check(net, "mae", lengths=(200, 150, 1, 100))
    assert max(row.max_error for row in rows) < gradients.TOLERANCE


def test_what_is_not_trained_is_not_checked() -> None:
    net = Architecture.named("gru", 3, (5, 5), 1, "tanh", "float64", recurrent_bias=False)
    assert not any("bias_hh" in row.name for row in gradients.check(net, "mse"))


def test_the_command_prints_a_row_per_tensor(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--gradients", "--cell", "gru", "--hidden", "5,12", "--bidirectional"]) == 0
    out = capsys.readouterr().out
    for text in ("gru with 5 + 12 hidden units, both ways, mse loss", "rnn.1.weight_hh_l0_reverse", "36 x 12", "ok"):
        assert text in out


def test_fronts_are_checked_too(capsys: pytest.CaptureFixture[str]) -> None:
    report = result(
        ["doctor", "--gradients", "--cell", "gru", "--hidden", "5", "--conv", "3", "--patch", "4,2"], capsys
    )
    assert report["passed"]
    assert report["front"] == [[3, 1, 5], [4, 2, 5]]
    assert [tensor["name"] for tensor in report["tensors"]][2] == "front.1.weight"


def test_embeddings_and_constant_columns_are_checked_too(capsys: pytest.CaptureFixture[str]) -> None:
    network = ["--cell", "gru", "--hidden", "5", "--static", "age", "--embed", "colour=3,town"]
    report = result(["doctor", "--gradients", *network], capsys)
    assert report["passed"]
    assert (report["static"], report["embed"]) == (["age"], ["colour=3", "town"])
    shapes = {tensor["name"]: tensor["shape"] for tensor in report["tensors"]}
    assert shapes["embed.0.weight"] == [6, 3]
    assert shapes["rnn.weight_ih_l0"] == [15, 10]  # 4 numbers and 3 + 3 of the tables
    assert shapes["static.l0.weight"] == [5, 1]


def test_json_and_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["doctor", "--gradients", "--cell", "gru", "--hidden", "5"]
    report = result(arguments, capsys)
    assert (report["cell"], report["hidden"], report["loss"], report["passed"]) == ("gru", [5], "mse", True)
    assert {tensor["name"] for tensor in report["tensors"]} >= {"rnn.weight_hh_l0", "head.bias"}
    with wrong_gradient:
        assert result(arguments, capsys, code=1)["passed"] is False
        assert run(arguments) == 1
    assert "error" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    cases(
        {
            "cell without gradients": (["--cell", "gru"], "add --gradients"),
            "no units": (["--gradients", "--hidden", "0"], "--hidden"),
            "mlp both ways": (["--gradients", "--cell", "mlp", "--bidirectional"], "no direction"),
        }
    ),
)
def test_wrong_options(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert says in fails(["doctor", *arguments], 2, capsys)
