"""The kernels that usual runs need, for those who compile them before they are needed (`rnnfast doctor --warm-up`)."""

from itertools import product

import numpy as np

from rnnfast.catalogue import CELLS, LOSSES, OPTIMIZERS
from rnnfast.kernels.run.plan import REGISTER_ROWS, fits_registers
from rnnfast.kernels.run.predictor import Predictor
from rnnfast.kernels.run.trainer import Policy, Trainer
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout

# Units that differ in what is compiled: one bucket of the register engine each, and one tile of products each.
HIDDEN = (*REGISTER_ROWS, 32, 64)
OUTPUTS = 1
BATCHES = (1, 32)
LENGTHS = np.full(64, 2)  # sequences; their number and steps are no part of a kernel


def usual_kernels(cells):
    """Kernels of networks of these cells, of any width, with one output and float32, by all losses and optimizers."""
    for cell, hidden in product(cells, HIDDEN):
        architecture = Architecture.named(cell, 1, hidden, OUTPUTS)
        tensors = {name: np.zeros(shape) for name, shape in Layout(architecture).shapes().items()}
        yield from Predictor(architecture, Layout(architecture).flatten(tensors, architecture.dtype)).kernels()
        for policy in _policies(fits_registers(architecture)):
            yield from Trainer(architecture, tensors, None, policy, LENGTHS).kernels()


def _policies(registers):
    """Ways to train that differ in what is compiled."""
    losses = ("bce", "mse")
    if registers:
        for loss, batch in product(losses, BATCHES):
            yield Policy(loss, batch=batch)
    for loss in losses if registers else LOSSES:
        yield Policy(loss, batch=max(BATCHES), optimizer="adam")
    for optimizer in OPTIMIZERS:
        yield Policy("mse", batch=max(BATCHES), optimizer=optimizer)


def usual_cells():
    """Cells that have kernels without being asked for by their equations."""
    return tuple(CELLS)
