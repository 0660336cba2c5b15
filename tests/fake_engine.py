"""A stand-in for the training engine: it reads and splits the table as the engine does, then pretends to train."""

import sys
import types
from pathlib import Path
from typing import Any

import numpy as np

from rnnfast import metrics
from rnnfast.config import Config
from rnnfast.data import SequenceData, read_table, split
from rnnfast.errors import DivergedError
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.reporter import EpochRecord, Reporter, RunInfo
from rnnfast.training.result import TrainResult


class FakeModel:
    """Predicts from the first feature alone."""

    def __init__(self, data: SequenceData, config: Config) -> None:
        self.schema = data.schema
        self.config = config
        self.threshold = 0.5
        self.scaler = self.target_scaler = None
        self.parameters = {"rnn.weight_ih_l0": np.arange(10.0).reshape(10, 1), "head.bias": np.zeros(1)}
        self.parameter_count = 11
        self.metadata: dict[str, Any] = {"data_digest": data.digest, "metrics": {}, "versions": {"rnnfast": "0.1.0"}}

    def predict(self, data: SequenceData) -> np.ndarray:
        outputs = len(self.schema.targets)
        raw = np.repeat(data.x[:, :1], outputs, axis=1)
        return 1 / (1 + np.exp(-raw)) if self.schema.task == "binary" else raw

    def evaluate(self, data: SequenceData) -> Evaluation:
        mask = data.labelled
        y, p = data.y[mask], self.predict(data)[mask]
        if self.schema.task == "binary":
            return Evaluation(
                task="binary",
                labelled_steps=int(mask.sum()),
                metrics={"loss": 0.25} | metrics.binary(y[:, 0], p[:, 0]),
                confusion=metrics.confusion(y[:, 0], p[:, 0]),
                baseline=metrics.baseline_binary(y[:, 0], y[:, 0]),
            )
        return Evaluation(
            task="regression",
            labelled_steps=int(mask.sum()),
            metrics={"loss": 0.25} | metrics.regression(y, p),
            baseline=metrics.baseline_regression(y, y),
            residuals=y - p,
        )

    def trained_on(self, data: SequenceData) -> bool:
        return bool(self.metadata["data_digest"] == data.digest)

    def part_of(self, data: SequenceData, part: str) -> SequenceData:
        return data.take(np.arange(data.sequences // 2))


def records(epochs: int, best: int, key: str) -> list[EpochRecord]:
    """Epochs that get better until `best`."""
    found = []
    for epoch in range(1, epochs + 1):
        loss = 1 / epoch if epoch <= best else 1 / best + 0.01 * (epoch - best)
        found.append(
            EpochRecord(
                epoch=epoch,
                epochs=epochs,
                train_loss=1 / epoch,
                valid={"loss": loss, key: 0.5},
                best=epoch <= best,
                best_epoch=min(epoch, best),
                elapsed=0.01 * epoch,
                timesteps_per_second=12.3e6,
                eta=0.01 * (epochs - epoch),
            )
        )
    return found


def run(config: Config, reporter: Reporter | None = None, force: bool = False) -> TrainResult:
    """Do what the engine does, without training. RNNFAST_ variables of the tests choose how it ends."""
    import os

    reporter = reporter or Reporter()
    reporter.reading(config.data.data)
    data = read_table(list(config.data.data), target=config.data.target, window=config.data.window)
    reporter.table(data)
    parts = split(data, config.data.split, config.train.seed)
    reporter.split(parts)
    train = config.train
    reporter.start(
        RunInfo(
            cell="rnn",
            hidden=config.model.hidden,
            activation="tanh",
            parameters=411,
            dtype=train.dtype,
            threads=2,
            seed=train.seed,
            optimizer=train.optimizer,
            lr=train.lr,
            batch_size=train.batch_size,
            loss="bce",
            epochs=train.epochs,
        )
    )
    reporter.compiling()
    best = max(train.epochs - 13, 1)
    ending = os.environ.get("FAKE_ENDING", "epochs")
    for record in records(train.epochs, best, "auprc" if data.schema.task == "binary" else "r2"):
        reporter.epoch(record)
        if record.epoch == 3 and ending == "diverged":
            raise DivergedError("the loss became NaN in epoch 3, step 7; lower --lr", 3, 7)
        if record.epoch == 3 and ending == "bug":
            raise ZeroDivisionError("an oversight")
        if record.epoch == 3 and ending == "ctrl-c":
            raise KeyboardInterrupt
    reporter.notice("the fake engine does not train")
    model = FakeModel(data, config)
    named = {"train": parts.train, "valid": parts.valid, "test": parts.test}
    directory = Path(config.output.output or "runs/fake")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "model.safetensors").write_bytes(b"0" * 4200)
    result = TrainResult(
        model=model,  # type: ignore[arg-type]
        task=data.schema.task,
        history=[],
        epochs=train.epochs,
        best_epoch=best,
        stopped="interrupted" if ending == "interrupted" else "epochs",
        parameters=411,
        rows=data.rows,
        sequences={name: part.sequences for name, part in named.items() if part is not None},
        seconds={"load": 0.123, "compile": 1.5, "train": 12.3, "eval": 0.01},
        timesteps_per_second=12.3e6,
        evaluations={name: model.evaluate(part) for name, part in named.items() if part is not None},
        files={"model": directory / "model.safetensors"},
    )
    reporter.finished(result)
    return result


def load(path: str) -> FakeModel:
    """Return a model for the table that stands where the model file would."""
    return FakeModel(read_table(str(path)), Config())


def module() -> types.ModuleType:
    """Return a stand-in for rnnfast.training."""
    made = types.ModuleType("rnnfast.training")
    made.__path__ = [str(Path(__file__).parent.parent / "rnnfast" / "training")]  # result.py stays reachable
    made.run = run  # type: ignore[attr-defined]
    return made


def install() -> None:
    """Put the fakes where the command line imports the engine from, for a whole process."""
    import rnnfast.model

    sys.modules["rnnfast.training"] = module()
    rnnfast.model.load = load  # type: ignore[attr-defined]
