"""The optimizers of the catalogue as torch.optim has them, by which the kernels' are tested."""

from __future__ import annotations

from typing import Any

import torch

# name: (class, what it is told beside rate and decay)
OPTIMIZERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "sgd": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {}),
    "nesterov": (torch.optim.SGD, {"nesterov": True}),
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "adagrad": (torch.optim.Adagrad, {}),
}


def optimizer_of(policy: Any, tensors: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """Make the optimizer of a policy (kernels/run/trainer.py); rates are set before each step."""
    kind, more = OPTIMIZERS[policy.optimizer]
    if policy.optimizer in ("momentum", "nesterov"):
        # Without momentum both are plain SGD, and PyTorch refuses to call it Nesterov's.
        more = {**more, "momentum": policy.momentum} if policy.momentum else {}
    optimizer: torch.optim.Optimizer = kind(tensors, lr=1.0, weight_decay=policy.weight_decay, **more)
    return optimizer
