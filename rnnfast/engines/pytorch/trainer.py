"""Training by PyTorch, with the face of kernels/run/trainer.py: the same batches, rates, losses and reasons to stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from rnnfast.engines.pytorch.devices import computing, described, tensor_of, worth_sharing
from rnnfast.engines.pytorch.dropout import Dropout
from rnnfast.engines.pytorch.losses import Losses, Targets
from rnnfast.engines.pytorch.network import Floats, Memory, Network
from rnnfast.engines.pytorch.optimizers import Optimizer
from rnnfast.engines.pytorch.pieces import Batch, Integers, Piece
from rnnfast.network.architecture import Architecture
from rnnfast.network.front import steps_of


class TorchTrainer:
    """Trains one network on one set of sequences.

    parameters, state: spans in the kernels' layout, read before and written after each call. where: epoch and update
    of a call in which training diverged, from 0. threads: of the CPU.
    """

    def __init__(
        self, architecture: Architecture, tensors: Mapping[str, Floats], data: Any, policy: Any, lengths: Integers,
        device: torch.device,
    ) -> None:  # fmt: skip
        """data, policy, lengths: as of the kernels' Trainer."""
        self.architecture, self.policy, self.device = architecture, policy, device
        self.network = Network(architecture, device)
        self.layout = self.network.layout
        self.parameters = self.layout.flatten(tensors, architecture.dtype)
        steps = steps_of(lengths, architecture.front)
        self.sequences, self.batch = len(steps), min(int(policy.batch), len(steps))
        self.window = policy.window if 0 < policy.window < int(steps.max()) else 0
        self.mean, self.where = policy.reduction == "mean", np.zeros(2, np.int64)
        self.threads = policy.threads if worth_sharing(architecture, self.batch) else 1
        self.losses = Losses(policy.loss, policy.soft, self.mean)
        self.optimizer = Optimizer(policy, self.network)
        self.state = self.optimizer.state
        self._bound: tuple[Tensor, Targets] | None = None
        self.data = data

    @property
    def kernel(self) -> str:
        """Name of the engine, for those who want to know."""
        return f"PyTorch {torch.__version__} on {described(self.device)}"

    def load(self, data: Any, sequences: int) -> None:
        """Train on another block of the set from now on: `sequences` of those in data, which orders name."""
        self.data, self.sequences, self._bound = data, sequences, None

    def updates_per_epoch(self) -> int:
        """Batches of an epoch."""
        return -(-self.sequences // self.batch)

    def tensors(self) -> dict[str, Floats]:
        """Copies of the parameters by PyTorch's names."""
        return self.layout.tensors(self.parameters)

    def run(self, orders: ArrayLike, epochs: int, rates: ArrayLike) -> NDArray[np.float64] | None:
        """Train epochs, as the kernels' Trainer does. Returns: (epochs,) sums of the loss; None where it diverged."""
        if not epochs:
            return np.zeros(0)
        rows, updates = np.asarray(orders, np.int64).reshape(-1, self.sequences), self.updates_per_epoch()
        per_epoch = updates if self.policy.per_update else 1
        courses = np.broadcast_to(np.asarray(rates, np.float64), epochs * per_epoch).reshape(epochs, per_epoch)
        losses = np.zeros(epochs)
        with computing(self.device, self.threads):
            self.network.load(self.parameters)
            self.optimizer.load()
            for epoch in range(epochs):
                by_batch = self._epoch(rows[epoch % len(rows)], np.broadcast_to(courses[epoch], updates))
                wrong = np.flatnonzero(~np.isfinite(np.cumsum(by_batch)))
                if len(wrong) or not self.network.finite():
                    self.where[:] = epoch, wrong[0] if len(wrong) else updates - 1
                    return None
                losses[epoch] = by_batch.sum()
            self.network.store(self.parameters)
            self.optimizer.store()
        return losses

    def _epoch(self, order: Integers, rates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Train the batches of an epoch. Returns: (updates,) the sum of the loss of each.

        The device is asked for them once, at the end: until then it never waits for Python to read a number.
        """
        batches = [order[first : first + self.batch] for first in range(0, len(order), self.batch)]
        losses = [self._update(batch, rate) for batch, rate in zip(batches, rates.tolist(), strict=True)]
        return torch.stack(losses).cpu().numpy()

    def _update(self, sequences: Integers, rate: float) -> Tensor:
        """Train a batch, of truncated BPTT window by window. Returns the sum of its loss."""
        x, targets = self._on_device()
        batch = Batch.of(self.data.offsets, sequences, self.architecture.stride)
        memory: Memory | None = None
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        for piece in batch.pieces(self.window):
            mass = self._mass(piece)
            share = self.architecture.dropout
            dropout = Dropout(share, self.policy.seed, int(self.state.updates[1])) if share else None
            self.state.updates[1] += 1
            with torch.set_grad_enabled(mass > 0):
                carried = None if memory is None else memory.of_first(piece.width).detached()
                outputs, memory = self.network(x, piece, carried, dropout)
                rows = self.network.device_of(piece.rows)
                of_piece = Targets(targets.y[rows], targets.weight[rows])
                if mass > 0:  # else nothing is labelled: the states go on, nothing is learnt
                    loss, reported = self.losses(outputs, of_piece, mass)
                    total = total + reported
                    self.optimizer.step(loss, rate)
        return total

    def _mass(self, piece: Piece) -> float:
        """Sum of the weights, over one target, of the steps of a piece."""
        if not self.window:
            return float(self.data.mass[piece.batch.sequences].sum())
        width = self._targets
        return float(self.data.weight[piece.rows * width].sum(dtype=np.float64))

    @property
    def _targets(self) -> int:
        """Numbers that a step is compared with."""
        return 1 if self.losses.per_step and not self.policy.soft else self.architecture.outputs

    def _on_device(self) -> tuple[Tensor, Targets]:
        """Return the inputs (rows, F) and the targets (rows, C) of the block that trains."""
        if self._bound is None:
            rows, F, C = int(self.data.offsets[-1]), self.architecture.features, self._targets
            x = tensor_of(self.data.x[: rows * F], self.device).view(rows, F)
            y, weight = (tensor_of(values[: rows * C], self.device).view(rows, C)
                         for values in (self.data.y, self.data.weight))  # fmt: skip
            self._bound = x, Targets(y, weight)
        return self._bound
