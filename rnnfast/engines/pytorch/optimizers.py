"""The optimizers of the catalogue as torch.optim has them, by which the kernels' are tested."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnfast.engines.pytorch.network import Floats, Network
from rnnfast.network.alignment import aligned


class Rule(NamedTuple):
    """An optimizer of PyTorch.

    kind: its class; more: what it is told beside rate and decay; m, v: what it calls the moments of State, "" where it
    has none; counts: whether it counts its steps.
    """

    kind: Any
    more: dict[str, Any]
    m: str = ""
    v: str = ""
    counts: bool = True


MOMENTUM = "momentum_buffer"
CLIP_EPS = 1e-6  # of PyTorch's clip_grad_norm_
OPTIMIZERS = {
    "sgd": Rule(torch.optim.SGD, {}, counts=False),
    "momentum": Rule(torch.optim.SGD, {}, m=MOMENTUM, counts=False),
    "nesterov": Rule(torch.optim.SGD, {"nesterov": True}, m=MOMENTUM, counts=False),
    "adam": Rule(torch.optim.Adam, {}, m="exp_avg", v="exp_avg_sq"),
    "adamw": Rule(torch.optim.AdamW, {}, m="exp_avg", v="exp_avg_sq"),
    "rmsprop": Rule(torch.optim.RMSprop, {}, v="square_avg"),
    "adagrad": Rule(torch.optim.Adagrad, {}, v="sum"),
}


class State(NamedTuple):
    """What an optimizer keeps between updates, as the kernels' State has it (kernels/rules/optimizers.py).

    m, v: (size,) moments, spans in the kernels' layout; (1,) where the rule has none. updates: (3,) its steps; batches
    and windows seen, which choose what drops out; steps whose gradient was clipped.
    """

    m: Floats
    v: Floats
    updates: NDArray[np.int64]


class Optimizer:
    """Updates the tensors of a network by the rule of a policy (kernels/run/trainer.py)."""

    def __init__(self, policy: Any, network: Network) -> None:
        self.rule, self.network, self.clip_norm = OPTIMIZERS[policy.optimizer], network, policy.clip_norm
        more = self.rule.more
        if self.rule.m == MOMENTUM:
            # Without momentum both are plain SGD, and PyTorch refuses to call it Nesterov's.
            more = {**more, "momentum": policy.momentum} if policy.momentum else {}
        self.optimizer = self.rule.kind(network.trained.values(), lr=1.0, weight_decay=policy.weight_decay, **more)
        size, dtype = network.layout.size, network.architecture.dtype
        m, v = (aligned(size if name else 1, dtype) for name in (self.rule.m, self.rule.v))
        self.state = State(m, v, np.zeros(3, np.int64))
        self.clipped: Tensor | None = None  # such steps of a call, on the device: nobody waits to read them

    def load(self) -> None:
        """Take the moments and the number of steps from the state."""
        for word, span in self._moments():
            values = self.network.layout.tensors(span)
            for name, tensor in self.network.trained.items():
                self.optimizer.state[tensor][word] = torch.from_numpy(values[name]).to(tensor)
        if self.rule.counts:
            for tensor in self.network.trained.values():
                self.optimizer.state[tensor]["step"] = torch.tensor(float(self.state.updates[0]))

    def store(self) -> None:
        """Write the moments, and what was clipped, to the state."""
        if self.clipped is not None:
            self.state.updates[2] += int(self.clipped)
            self.clipped = None
        for word, span in self._moments():
            moments = {
                name: self.optimizer.state[tensor].get(word, torch.zeros_like(tensor))
                for name, tensor in self.network.tensors.items()
            }
            self.network.store(span, moments)

    def _moments(self) -> list[tuple[str, Floats]]:
        """PyTorch's names of the moments that the rule has, and their spans."""
        return [(word, span) for word, span in ((self.rule.m, self.state.m), (self.rule.v, self.state.v)) if word]

    def step(self, loss: Tensor, rate: float) -> None:
        """Make a step against the gradient of a loss."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        for tensor in self.network.trained.values():
            if tensor.grad is None:  # moments act without a gradient too, and PyTorch would leave the tensor out
                tensor.grad = torch.zeros_like(tensor)
        if self.clip_norm:
            norm = torch.nn.utils.clip_grad_norm_(self.network.trained.values(), self.clip_norm)
            clipped = (self.clip_norm / (norm + CLIP_EPS) < 1.0).to(torch.int64)
            self.clipped = clipped if self.clipped is None else self.clipped + clipped
        self.optimizer.step()
        self.state.updates[0] += 1
