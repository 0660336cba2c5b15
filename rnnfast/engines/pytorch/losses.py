"""Losses of steps on tensors: of one output by its formula (equations/losses.py), of a step by PyTorch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from rnnfast.engines.pytorch.formulas import Program
from rnnfast.equations.graph import Node
from rnnfast.equations.losses import LOSSES

OUTPUT, TARGET = Node("input", "loss", "p"), Node("input", "loss", "y")
CROSS_ENTROPY = "ce"


class Losses:
    """The loss of steps, each with its weight.

    name: of the loss; soft: whether targets of ce are shares of the classes; mean: whether the loss of a batch is a
    mean over its labelled steps, else their sum. per_step: whether it is one number over all outputs of a step.
    """

    def __init__(self, name: str, soft: bool, mean: bool) -> None:
        self.name, self.soft, self.mean = name, soft, mean
        self.per_step = name == CROSS_ENTROPY
        self.program = None if self.per_step else Program([LOSSES[name](OUTPUT, TARGET)], [OUTPUT, TARGET])

    def __call__(self, outputs: Tensor, targets: Targets, mass: float) -> tuple[Tensor, Tensor]:
        """Return what an update makes small, and the sum of weight * loss that is reported.

        outputs: (P, O). mass: sum of the weights of the steps of the whole batch, over one target.
        """
        y, weight = targets
        if self.program is not None:
            (losses,), terms = self.program({OUTPUT: outputs, TARGET: y}), outputs.shape[1]
        else:
            logs, weight, terms = torch.log_softmax(outputs, 1), weight[:, :1], 1
            losses = -(y * logs).sum(1, keepdim=True) if self.soft else -logs.gather(1, y.long())
        total = (losses * weight).sum(dtype=torch.float64)
        return total / (terms * (mass if self.mean else 1.0)), total.detach()


class Targets(NamedTuple):
    """What the outputs of some steps are compared with. y: (P, C), C outputs, or 1, the index of a class; weight."""

    y: Tensor
    weight: Tensor
