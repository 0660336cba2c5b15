"""The gradients of the kernels beside finite differences of their loss: `rnnfast doctor --gradients`.

A network in float64 with random weights sees a few random sequences of unequal length, some steps unlabelled. Training
kernels give both sides: the loss from an epoch that moves nothing, the gradient from one update of plain SGD.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import CLASSES, LOSSES, QUANTITIES
from rnnfast.config.forms import embedding_of
from rnnfast.config.sections import check_directions
from rnnfast.diagnose.differences import TOLERANCE, relative_errors
from rnnfast.records import Record

if TYPE_CHECKING:
    from rnnfast.config.resolve import Config
    from rnnfast.network.architecture import Architecture

Floats = NDArray[np.float64]

FEATURES, OUTPUTS = 4, 3  # of the network that the command line describes
CATEGORIES = 6  # of each column that it embeds
LENGTHS = (9, 1, 7, 12, 2, 5, 5, 8, 3, 1, 10, 4)
UNLABELLED = 0.2  # share of the steps
PROBES = 100  # entries of a tensor that are looked at


class TensorError(Record, frozen=True):
    """Errors of the gradient of one tensor, relative to its largest entry; entries: so many were looked at."""

    name: str
    shape: tuple[int, ...]
    entries: int
    max_error: float
    mean_error: float


class GradientReport(Record, frozen=True):
    """What `doctor --gradients` shows; activation: None for a cell that has none to choose."""

    cell: str
    hidden: tuple[int, ...]
    activation: str | None
    front: tuple[tuple[int, int, int], ...]
    bidirectional: bool
    dropout: float
    head: str
    static: tuple[str, ...]
    embed: tuple[str, ...]
    loss: str
    tolerance: float
    passed: bool
    tensors: tuple[TensorError, ...]


def check(
    architecture: Architecture, loss: str, *, lengths: Sequence[int] = LENGTHS, seed: int = 0, probes: int = PROBES
) -> list[TensorError]:
    """Compare the gradient of every trained tensor with central differences.

    architecture: its dtype does not count. lengths: steps of the sequences, all of them one batch.
    """
    from rnnfast.kernels.run.memory import training_data
    from rnnfast.kernels.run.trainer import Policy, Trainer
    from rnnfast.network.layout import Layout

    architecture = replace(architecture, dtype="float64")
    generator = np.random.default_rng([seed, 17])
    layout = Layout(architecture)
    tensors = _draw_tensors(layout.shapes(), architecture, generator)
    data = training_data(*_draw_data(architecture, loss, lengths, generator), "float64")
    trainer = Trainer(architecture, tensors, data, Policy(loss, batch=len(lengths), seed=seed))
    terms = float(data.mass.sum()) * (1 if LOSSES[loss].per_step else architecture.outputs)

    def run(parameters: Floats, rate: float) -> float:
        trainer.state.updates[:] = 0  # the same entries drop out every time
        trainer.parameters[:] = parameters
        losses = trainer.run(np.arange(len(lengths)), 1, rate)
        return float(losses[0]) / terms if losses is not None else float("nan")

    start = layout.flatten(tensors, "float64")
    run(start, 1.0)
    gradients = layout.tensors(start - trainer.parameters)
    if not architecture.recurrent_bias:
        gradients = {name: gradient for name, gradient in gradients.items() if "bias_hh" not in name}
    errors = relative_errors(
        lambda moved: run(layout.flatten(moved, "float64"), 0.0),
        tensors,
        gradients,
        probes=probes,
        generator=generator,
    )
    return [
        TensorError(name, tensors[name].shape, len(each), float(each.max()), float(each.mean()))
        for name, each in errors.items()
    ]


def report(config: Config) -> GradientReport:
    """Check the network that a configuration describes, on data of the size that this module sets."""
    from rnnfast.data.encoding.embedding import usual_units
    from rnnfast.network.architecture import Architecture
    from rnnfast.network.cell import cell_of
    from rnnfast.network.embedding import Embedding
    from rnnfast.network.front import Patch

    model, loss = config.model, "mse" if config.train.loss == "auto" else config.train.loss
    equations = cell_of(model.cell, model.activation)
    check_directions(model, equations.recurrent)
    units = (embedding_of(item)[1] or usual_units(CATEGORIES) for item in model.embed)
    embeddings = tuple(Embedding(CATEGORIES, each) for each in units)
    architecture = Architecture(
        cell=equations,
        features=FEATURES + len(embeddings) + len(model.static),
        hidden=model.hidden,
        outputs=OUTPUTS,
        bidirectional=model.bidirectional,
        dropout=model.dropout,
        head=model.head,
        static=len(model.static),
        embeddings=embeddings,
        front=tuple(Patch(*layer) for layer in model.front),
    )
    rows = check(architecture, loss, seed=config.train.seed)
    return GradientReport(
        cell=model.cell,
        hidden=model.hidden,
        activation=model.chosen_activation,
        front=model.front,
        bidirectional=model.bidirectional,
        dropout=model.dropout,
        head=model.head,
        static=model.static,
        embed=model.embed,
        loss=loss,
        tolerance=TOLERANCE,
        passed=all(row.max_error <= TOLERANCE for row in rows),  # NaN is not
        tensors=tuple(rows),
    )


def _draw_tensors(
    shapes: dict[str, tuple[int, ...]], architecture: Architecture, generator: np.random.Generator
) -> dict[str, Floats]:
    """Weights and biases that keep states of about 1 alive over a few steps."""
    tensors = {
        name: generator.uniform(-1.0, 1.0, shape) / np.sqrt(np.prod(shape[1:] or shape))
        for name, shape in shapes.items()
    }
    if not architecture.recurrent_bias:
        tensors |= {name: np.zeros(shape) for name, shape in shapes.items() if "bias_hh" in name}
    return tensors


def _draw_data(
    architecture: Architecture, loss: str, lengths: Sequence[int], generator: np.random.Generator
) -> tuple[Floats, Floats, NDArray[np.bool_], NDArray[np.int64]]:
    """Features, targets that suit the loss, whether a step is labelled, and offsets of the sequences."""
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    rows = int(offsets[-1])
    x = generator.normal(size=(rows, architecture.features))
    first = architecture.features - architecture.static - len(architecture.embeddings)
    for column, (categories, _) in enumerate(architecture.embeddings, first):
        x[:, column] = generator.integers(0, categories + 1, rows)
    labels = LOSSES[loss].labels
    if CLASSES in labels:
        y = generator.integers(0, architecture.outputs, (rows, 1)).astype(np.float64)
    elif QUANTITIES not in labels:
        y = generator.integers(0, 2, (rows, architecture.outputs)).astype(np.float64)
    else:
        y = generator.normal(size=(rows, architecture.outputs))
    labelled = generator.random(rows) >= UNLABELLED
    labelled[0] = True
    return x, y, labelled, offsets
