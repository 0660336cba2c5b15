"""What usual runs need, for those who compile it before it is needed (`rnnfast doctor --warm-up`).

Networks in registers have kernels for their very columns and units, which nobody knows beforehand: of them only what
they share with others is here.
"""

from itertools import product

import numpy as np

from rnnfast.catalogue import HEADS, LOSSES, OPTIMIZERS
from rnnfast.kernels.run.plan import fits_registers
from rnnfast.kernels.run.predictor import Predictor
from rnnfast.kernels.run.trainer import Policy, Trainer
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout

HIDDEN = (8, 16, 32, 64)  # units that differ in what is compiled: one for each tile of products
OUTPUTS = 1
BATCH = 32
LENGTHS = np.full(64, 2)  # sequences; their number and steps are no part of a kernel


def usual_kernels(cells):
    """Kernels of networks of these cells, of any width, with one output and float32, by all losses and optimizers."""
    for cell, hidden, head in product(cells, HIDDEN, HEADS):
        architecture = Architecture.named(cell, 1, hidden, OUTPUTS, head=head)
        if fits_registers(architecture):
            continue
        tensors = {name: np.zeros(shape) for name, shape in Layout(architecture).shapes().items()}
        yield from Predictor(architecture, Layout(architecture).flatten(tensors, architecture.dtype)).kernels()
        for policy in _policies() if head == "last" else [Policy("mse", batch=BATCH)]:
            yield from Trainer(architecture, tensors, None, policy, LENGTHS).kernels()


def _policies():
    """Ways to train that differ in what is compiled."""
    for loss in LOSSES:
        yield Policy(loss, batch=BATCH, optimizer="adam")
    for optimizer in OPTIMIZERS:
        yield Policy("mse", batch=BATCH, optimizer=optimizer)
