"""`--engine torch`: the same command, split, encoder, files and scores as the kernels; what it cannot do is refused."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import twin
from commands import fails, files_of, isolate, result
from ids import cases
from tolerances import RETRAINED

import rnnfast
from rnnfast.catalogue import OPTIMIZERS, Optimizer
from rnnfast.engines import choice
from rnnfast.engines.kernels import KERNELS
from rnnfast.errors import UsageError

RULE = {"preset": "fast", "cell": "gru", "hidden": 5, "epochs": 4, "dtype": "float64", "cache": False}
needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
with_torch = {"engine": "torch"}


@pytest.fixture(autouse=True)
def _directory(tmp_path, monkeypatch):
    isolate(monkeypatch, tmp_path)
    monkeypatch.setenv("RNNFAST_CACHE_DIR", str(tmp_path / "cache"))


def frame(target="two classes", seed=0):
    """Sequences of unequal lengths with a category that is new at the end, and gaps."""
    random = np.random.default_rng(seed)
    lengths = random.integers(2, 15, 60)
    rows = lengths.sum()
    data = pd.DataFrame({"name": np.repeat(np.arange(60), lengths), "t": np.arange(rows)})
    data["x1"], data["x2"] = random.normal(size=rows), np.where(random.random(rows) < 0.1, np.nan, random.random(rows))
    data["kind"] = np.array(["a", "b", "c"])[random.integers(0, 3, rows)]
    data["age"] = random.normal(size=60)[data["name"]]
    total = data.groupby("name")["x1"].cumsum() + data["age"]
    labels = {"two classes": (total > 0).astype(int), "classes": np.sign(total).map({-1: "low", 1: "high", 0: "no"})}
    labels["a class each"] = data["name"].map(lambda name: "uvw"[name % 3])
    data["y1"] = labels.get(target, total)
    return data


def train(target="two classes", **options):
    columns = {"id": "name", "time": "t", "target": "y1", "missing": "mean"}
    return rnnfast.train(frame(target), **{**RULE, **columns, **options})


def assert_same_runs(one, other):
    """Histories, weights, and scores of each part."""
    assert [row["epoch"] for row in other.history] == [row["epoch"] for row in one.history]
    for row, expected in zip(other.history, one.history, strict=True):
        assert row["loss"] == pytest.approx(expected["loss"], rel=RETRAINED)
    for name, tensor in one.model.parameters.items():
        np.testing.assert_allclose(other.model.parameters[name], tensor, rtol=0, atol=RETRAINED, err_msg=name)
    assert other.best_epoch == one.best_epoch
    for part, metrics in one.metrics.items():
        for name, value in metrics.items():
            if isinstance(value, float):
                assert other.metrics[part][name] == pytest.approx(value, rel=1e-6), (part, name)


@needs_torch
@pytest.mark.parametrize(
    ("target", "options"),
    cases(
        {
            "two classes": ("two classes", {"class_weight": "balanced", "categorical": "kind"}),
            "classes": ("classes", {"optimizer": "adamw", "schedule": "onecycle", "batch_size": 4}),
            "quantity": ("quantity", {"optimizer": "rmsprop", "schedule": "plateau", "clip_norm": 0.5, "lr": 0.01}),
            "an embedding whose categories are hidden": (
                "quantity", {"categorical": "kind", "embed": "kind=2", "hidden": (5, 12), "dropout": 0.2},
            ),
            "constant columns": ("quantity", {"static": "age", "bidirectional": True}),
            "patches": ("quantity", {"patch": (2, 1), "conv": (3,), "head": "all"}),
            "random starts": ("quantity", {"random_start": True, "batch_size": 4}),
            "dropped values": ("quantity", {"augment": "drop=0.2", "batch_size": 4}),
            "mixed sequences": ("a class each", {"augment": "mixup=1"}),
            "windows of steps": ("two classes", {"tbptt": 3, "optimizer": "adam", "split": (0.7, 0.15)}),
            "an ensemble": ("two classes", {"ensemble": 2, "bag": True}),
            "one network for an ensemble": ("classes", {"ensemble": 2, "distil": True}),
            "trained again": ("quantity", {"refit": True, "average": 1}),
            "changes": ("quantity", {"difference": True, "lag_target": True, "horizon": 1}),
            "few epochs are watched": ("two classes", {"eval_every": 2, "patience": 2, "epochs": 5}),
        }
    ),
)  # fmt: skip
def test_a_run_is_that_of_the_kernels(target, options):
    assert_same_runs(train(target, **options), train(target, **options, **with_torch))


@needs_torch
def test_a_table_in_blocks_is_trained_alike(monkeypatch):
    """Tables that would fit into memory are read in blocks as well."""
    import rnnfast.data.reading.opening
    from rnnfast.data.sequences.budget import Budget

    monkeypatch.setattr(rnnfast.data.reading.opening, "needs_store", lambda names, budget, options: True)
    whole = Budget.of_phase.fget
    monkeypatch.setattr(Budget, "of_phase", property(lambda budget: whole(budget)._replace(block=8_000)))
    frame().to_csv("table.csv", index=False)
    options = {**RULE, "id": "name", "time": "t", "target": "y1", "missing": "mean", "memory": "900M", "batch_size": 4}
    assert_same_runs(rnnfast.train("table.csv", **options), rnnfast.train("table.csv", **options, **with_torch))


@needs_torch
def test_a_cell_of_ones_own_trains_alike():
    own = f"{Path(rnnfast.__file__).parents[1] / 'configs' / 'cells.py'}:peephole"
    assert_same_runs(train(cell=own), train(cell=own, **with_torch))


@needs_torch
def test_folds_and_trials_train_alike():
    columns = {"id": "name", "time": "t", "target": "y1", "missing": "mean", **RULE, "epochs": 2}
    one, other = (rnnfast.cv(frame(), folds=2, **columns, engine=engine) for engine in ("numba", "torch"))
    for name, summary in one.mean.items():
        assert other.mean[name] == pytest.approx(summary, rel=1e-6), name


ARGUMENTS = [
    "train", "--data", "table.csv", "--cell", "gru", "--hidden", "5", "--epochs", "2", "--dtype", "float64",
    "--missing", "mean", "--target", "y1", "--id", "name", "--time", "t",
]  # fmt: skip


@needs_torch
def test_the_command_writes_the_same_files_and_its_configuration_trains_again(capsys):
    frame().to_csv("table.csv", index=False)
    reports = [result([*ARGUMENTS, "--engine", engine, "-o", engine], capsys) for engine in ("numba", "torch")]
    assert files_of(Path("torch")) == files_of(Path("numba"))
    same = ("task", "epochs", "best_epoch", "stopped", "parameters", "rows", "sequences")
    assert [reports[1][name] for name in same] == [reports[0][name] for name in same]
    rows = [pd.read_csv(Path(engine, "history.csv"))[["epoch", "split"]] for engine in ("numba", "torch")]
    pd.testing.assert_frame_equal(*rows)
    answers = []
    for engine in ("numba", "torch"):
        result(["predict", "--model", engine, "--data", "table.csv", "-o", f"{engine}.csv"], capsys)
        answers.append(pd.read_csv(f"{engine}.csv")["y1_prob"])
    np.testing.assert_allclose(answers[1], answers[0], rtol=0, atol=RETRAINED)
    again = result(["train", "--config", "torch/config.toml", "-o", "again"], capsys)
    assert again["metrics"] == reports[1]["metrics"]


@needs_torch
def test_a_model_that_was_read_answers_by_the_kernels(capsys):
    """So that a model which PyTorch trained needs none."""
    model = train(**with_torch).model
    model.save("model.safetensors")
    read = rnnfast.load("model.safetensors")
    assert read.engine is KERNELS
    assert model.engine is not KERNELS
    np.testing.assert_allclose(read.predict(frame())["y1_prob"], model.predict(frame())["y1_prob"], atol=RETRAINED)


@needs_torch
def test_the_screen_names_engine_and_device(capsys):
    frame().to_csv("table.csv", index=False)
    assert rnnfast.cli.run([*ARGUMENTS, "--engine", "torch"]) == 0
    torch = twin.import_torch()
    assert f"PyTorch {torch.__version__} on cpu" in capsys.readouterr().err


@needs_torch
def test_divergence_is_told_alike(capsys):
    frame("quantity").to_csv("table.csv", index=False)
    wild = [*ARGUMENTS, "--lr", "1e300", "--optimizer", "sgd"]
    errors = [fails([*wild, "--engine", engine, "-o", engine], 6, capsys) for engine in ("numba", "torch")]
    assert errors[1] == errors[0].replace("numba", "torch")


@needs_torch
def test_a_gpu_that_is_too_small_is_an_error_with_a_way_out(monkeypatch, capsys):
    from rnnfast.engines.pytorch.network import Network

    def full(*arguments):
        raise twin.import_torch().OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has ..")

    monkeypatch.setattr(Network, "__call__", full)
    frame().to_csv("table.csv", index=False)
    error = fails([*ARGUMENTS, "--engine", "torch", "-o", "run"], 1, capsys)
    assert "cpu has not enough memory; use a smaller --batch-size" in error
    assert error.endswith("(CUDA out of memory)")
    assert not Path("run").exists()


@needs_torch
@pytest.mark.parametrize(
    ("options", "says"),
    cases(
        {
            "a GPU that is not there": (["--engine", "torch", "--device", "cuda"], "--device cuda: PyTorch"),
            "a device of the kernels": (["--device", "cuda"], "--device cuda has no effect: --engine numba"),
        }
    ),
)
def test_what_it_cannot_do_is_refused_before_the_table_is_read(options, says, monkeypatch, capsys):
    torch = twin.import_torch()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert says in fails(["train", "--data", "missing.csv", *options], 2, capsys)


@needs_torch
def test_a_rule_of_the_kernels_alone_is_refused_by_its_name(monkeypatch):
    monkeypatch.setitem(OPTIMIZERS, "other", Optimizer("other"))
    says = "--optimizer other is a rule of the kernels that --engine torch does not have; it has auto, sgd, momentum"
    with pytest.raises(UsageError, match=says):
        rnnfast.train("missing.csv", optimizer="other", **with_torch)


def test_without_pytorch_the_error_names_the_extra(monkeypatch, capsys):
    monkeypatch.setattr(choice, "find_spec", lambda name: None)
    error = fails(["train", "--data", "missing.csv", "--engine", "torch"], 2, capsys)
    assert error.endswith("--engine torch needs PyTorch, which is not installed: pip install 'rnnfast[torch]'")
