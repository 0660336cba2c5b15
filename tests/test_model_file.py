"""The model file: nothing is lost, PyTorch reads it, and what is no model is refused with a message."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ids import cases
from safetensors import safe_open
from safetensors.numpy import save_file
from tolerances import FLOAT32_OUTPUTS

import rnnfast
from rnnfast.errors import ModelError, RnnfastError

RULE = {"preset": "fast", "hidden": 10, "batch_size": 1, "lr": 0.05, "epochs": 20, "patience": 0, "dtype": "float32"}


def frame(task="binary", count=60, length=4, seed=0):
    rng = np.random.default_rng(seed)
    names, steps = np.repeat(np.arange(count), length), np.tile(np.arange(length), count)
    x = rng.normal(size=(count, length))
    y = 100 + 50 * x.cumsum(1) if task == "regression" else (x.cumsum(1) + rng.normal(size=x.shape) > 0).astype(int)
    return pd.DataFrame({"name": names, "t": steps, "x1": x.ravel(), "y1": y.ravel()})


def table(task="binary", seed=0):
    return rnnfast.read_table(frame(task, seed=seed))


@pytest.fixture(scope="module", params=["binary", "regression"])
def result(request):
    return rnnfast.train(table(request.param), **RULE)


@pytest.fixture(scope="module")
def model():
    return rnnfast.train(table(), **RULE).model


@pytest.fixture
def path(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path)
    return path


def read(path):
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["rnnfast"])  # noqa: SIM118


def rewrite(path, tensors=None, **changes):
    """Write the file again with other tensors or other entries of its header; ... leaves one out."""
    kept, header = read(path)
    header = {name: value for name, value in (header | changes).items() if value is not ...}
    save_file(kept if tensors is None else tensors, path, metadata={"rnnfast": json.dumps(header)})


# --- nothing is lost ---


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_round_trip_is_exact(result, tmp_path, dtype):
    model = result.model
    if dtype == "float64":
        model = rnnfast.train(table(result.task), **(RULE | {"dtype": dtype, "epochs": 0})).model
    model.save(tmp_path / "model.safetensors")
    for place in (tmp_path, tmp_path / "model.safetensors", str(tmp_path)):
        loaded = rnnfast.load(place)
        assert loaded.parameters.keys() == model.parameters.keys()
        for name, tensor in model.parameters.items():
            assert loaded.parameters[name].dtype == np.dtype(dtype)
            np.testing.assert_array_equal(loaded.parameters[name], tensor)
        for name in ("schema", "config", "loss", "target_mean", "threshold"):
            assert getattr(loaded, name) == getattr(model, name), name
        assert loaded.encoder.to_json() == model.encoder.to_json()
        assert loaded.target_scaler.to_json() == model.target_scaler.to_json()
        data = table(result.task, seed=1)
        np.testing.assert_array_equal(loaded.predict(data), model.predict(data))
        assert loaded.evaluate(data).metrics == model.evaluate(data).metrics
    loaded.save(tmp_path / "again.safetensors")
    assert read(tmp_path / "again.safetensors")[1] == read(tmp_path / "model.safetensors")[1]


def test_the_header_tells_everything(result, tmp_path):
    path = tmp_path / "model.safetensors"
    result.model.save(path)
    _, header = read(path)
    assert header["format_version"] == 1
    assert header["architecture"] == {
        "cell": "rnn", "features": 1, "hidden": [10], "outputs": 1, "activation": "tanh", "dtype": "float32",
        "recurrent_bias": True, "bidirectional": False, "dropout": 0.0, "head": "last", "front": [],
            "embeddings": [], "static": 0,
    }  # fmt: skip
    assert header["task"] == result.task
    assert header["columns"]["features"] == ["x1"]
    assert header["columns"]["targets"] == ["y1"]
    assert header["columns"]["classes"] == ([0, 1] if result.task == "binary" else [])
    assert header["scaler"]["names"] == header["inputs"] == ["x1"]
    assert header["categories"] == {}
    assert header["missing"] == {"rules": {"x1": "error"}, "fills": {}, "indicator": False}
    assert header["target_scaler"]["kinds"] == ["none" if result.task == "binary" else "minmax"]
    assert header["threshold"] == 0.5
    assert header["config"]["train"]["lr"] == RULE["lr"]
    assert header["metrics"]["valid"]["loss"] == pytest.approx(result.metrics["valid"]["loss"])
    assert {"rnnfast", "numba", "numpy"} <= header["versions"].keys()
    assert header["data_digest"] == table(result.task).digest


def test_fortran_ordered_tensors_are_stored_right(model, tmp_path):
    from dataclasses import replace

    parameters = {name: np.asfortranarray(tensor) for name, tensor in model.parameters.items()}
    parameters["rnn.weight_hh_l0"] = np.ascontiguousarray(parameters["rnn.weight_hh_l0"].T).T
    replace(model, parameters=parameters).save(tmp_path / "model.safetensors")
    tensors, _ = read(tmp_path / "model.safetensors")
    for name, tensor in model.parameters.items():
        np.testing.assert_array_equal(tensors[name], tensor)


@pytest.mark.parametrize("existing", [False, True])
def test_nothing_is_half_written(model, tmp_path, monkeypatch, existing):
    path = tmp_path / "model.safetensors"
    if existing:
        path.write_bytes(b"the old one")

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(RnnfastError, match="No space left"):
        model.save(path)
    monkeypatch.undo()
    assert [file.name for file in tmp_path.iterdir()] == (["model.safetensors"] if existing else [])
    assert not existing or path.read_bytes() == b"the old one"


def test_a_missing_directory_is_told(model, tmp_path):
    with pytest.raises(RnnfastError, match="cannot be written"):
        model.save(tmp_path / "nowhere" / "model.safetensors")


# --- PyTorch reads it ---


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_tensors_are_a_state_dict(tmp_path, activation):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle of this test; install the extra 'oracle'")
    from safetensors.torch import load_file

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = torch.nn.RNN(1, 10, nonlinearity=activation, batch_first=True)
            self.head = torch.nn.Linear(10, 1)

        def forward(self, x):
            return self.head(self.rnn(x)[0])

    data = table("regression")
    model = rnnfast.train(data, **(RULE | {"activation": activation, "epochs": 3})).model
    model.save(tmp_path / "model.safetensors")
    net = Net()
    net.load_state_dict(load_file(tmp_path / "model.safetensors"), strict=True)
    with torch.no_grad():
        expected = net(torch.from_numpy(model.encoder.transform(data, np.float32)).reshape(-1, 4, 1))
    np.testing.assert_allclose(model.outputs(data), expected.reshape(-1, 1).numpy(), rtol=0, atol=FLOAT32_OUTPUTS)


# --- what is no model is refused ---


def assert_refused(path, match):
    with pytest.raises(ModelError, match=match) as raised:
        rnnfast.load(path)
    assert raised.value.exit_code == 4
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_files_that_are_no_models(path, tmp_path):
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    assert_refused(tmp_path / "missing.safetensors", "no such model file")
    (tmp_path / "empty").mkdir()
    assert_refused(tmp_path / "empty", "no such model file")
    for name, damaged in {
        "nothing": b"",
        "text": b"name,t,x1,y1\n1,0,0.5,1\n",
        "cut header": content[: 8 + length // 2],
        "cut tensors": content[:-5],
        "longer": content + b"more",
        "endless header": b"\xff" * 8 + content[8:],
        "header not JSON": content[:8] + b"x" * length + content[8 + length :],
    }.items():
        file = tmp_path / f"{name}.safetensors"
        file.write_bytes(damaged)
        assert_refused(file, "safetensors file, or a damaged one")
    (tmp_path / "rows.csv").write_bytes(b"name,t,x1,y1\n1,0,0.5,1\n")
    assert_refused(tmp_path / "rows.csv", "rows.csv: is no model; give a model.safetensors")
    save_file({"weight": np.zeros(3)}, path)
    assert_refused(path, "another program")
    save_file({"weight": np.zeros(3)}, path, metadata={"rnnfast": "no JSON"})
    assert_refused(path, "damaged")
    save_file({"weight": np.zeros(3)}, path, metadata={"rnnfast": "[1]"})
    assert_refused(path, "damaged")
    save_file({"weight": np.zeros(3)}, path, metadata={"rnnfast": "[" * 100_000})
    assert_refused(path, "damaged")


def test_a_directory_of_runs_is_answered_with_the_runs_in_it(path, tmp_path):
    for name in ("tx", "load"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "model.safetensors").write_bytes(path.read_bytes())
    runs = tmp_path / "runs"
    assert_refused(runs, "the directory of a run; runs in .*runs are load, tx$")
    assert_refused(runs / "laod", r"the directory of a run; did you mean 'load'\?$")


@pytest.mark.parametrize("found", [2, 99, "1"], ids=["next", "far", "text"])
def test_newer_formats(path, found):
    rewrite(path, format_version=found)
    assert_refused(path, "format .*; update rnnfast or train again")


@pytest.mark.parametrize(
    "name",
    [
        "architecture",
        "columns",
        "inputs",
        "scaler",
        "missing",
        "unseen",
        "target_scaler",
        "config",
        "loss",
        "target_mean",
        "threshold",
    ],
)
def test_damaged_headers(path, name):
    for value in (..., None, [None], "text", {}, []):
        rewrite(path, **{name: value})
        assert_refused(path, "damaged")


def test_headers_that_contradict_themselves(path):
    _, header = read(path)
    for change in (
        {"scaler": header["scaler"] | {"names": ["x1", "x2"], "shift": [0.0, 0.0], "scale": [1.0, 1.0]}},
        {"target_scaler": header["target_scaler"] | {"names": [], "shift": [], "scale": []}},
        {"categories": None},
        {"categories": {"x1": ["a"]}},
        {"categories": {"x2": []}},
        {"inputs": ["x2"]},
        {"missing": header["missing"] | {"rules": {"x1": "guess"}}},
        {"missing": header["missing"] | {"rules": {"x1": "mean"}}},
        {"missing": header["missing"] | {"rules": {"x1": "mean"}, "fills": {"x1": None}}},
        {"missing": header["missing"] | {"rules": {"x1": "error", "x2": "error"}}},
        {"target_mean": [0.1, 0.2]},
        {"loss": "hinge"},
        {"columns": header["columns"] | {"task": "cooking"}},
        {"config": header["config"] | {"model": header["config"]["model"] | {"hidden": [4, 4]}}},
        {"config": header["config"] | {"model": header["config"]["model"] | {"colour": "red"}}},
    ):
        rewrite(path, **(header | change))
        assert_refused(path, "damaged")
        rewrite(path, **header)


@pytest.mark.parametrize(
    ("change", "message"),
    cases(
        {
            "text for a number": ({"threshold": "high"}, "threshold is 'high': expected float"),
            "number for a text": ({"loss": 3}, "loss is 3: expected str"),
            "a nested field": ({"target_scaler": {"kinds": ["none"], "names": ["y1"], "shift": [None], "scale": [1]}},
                               "target_scaler.shift[0] is None: expected float"),
            "a field that is missing": ({"target_mean": ...}, "lacks the field target_mean"),
            "a task that does not exist": ({"columns": {"task": "cooking"}}, "columns lacks the field id"),
        }
    ),
)  # fmt: skip
def test_a_damaged_field_is_named_with_what_it_holds(path, change, message):
    rewrite(path, **change)
    with pytest.raises(ModelError) as raised:
        rnnfast.load(path)
    assert message in str(raised.value)


def test_tensors_that_do_not_fit(path):
    tensors, _ = read(path)
    head = tensors["head.weight"]
    for change, match in (
        ({"head.weight": ...}, "missing"),
        ({"extra": head}, "unknown"),
        ({"head.weight": head.T.copy()}, "shape"),
        ({"head.weight": head * np.nan}, "NaN"),
        ({"head.weight": head.astype(np.float64)}, "float64"),
        ({"head.weight": head.astype(np.int32)}, "int32"),
    ):
        changed = {name: tensor for name, tensor in (tensors | change).items() if tensor is not ...}
        rewrite(path, changed)
        assert_refused(path, match)
        rewrite(path, tensors)


def test_the_command_line_prints_no_traceback(path, tmp_path):
    path.write_bytes(path.read_bytes()[:-5])
    data = tmp_path / "table.csv"
    frame().to_csv(data, index=False)
    command = [sys.executable, "-m", "rnnfast", "eval", "--model", str(path), "--data", str(data)]
    root = Path(rnnfast.__file__).parent.parent
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, env=os.environ | {"NO_COLOR": "1"})
    assert done.returncode == 4
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "model.safetensors" in done.stderr.replace("\n", "")
