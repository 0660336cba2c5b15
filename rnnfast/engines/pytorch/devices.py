"""Devices of PyTorch: which there are, what they are called, and how arrays get there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnfast.errors import RnnfastError
from rnnfast.network.architecture import Architecture

SHARED_WORK = 1_000_000  # multiply-adds, as of an update of the kernels (kernels/run/plan.py)


def described(device: torch.device) -> str:
    """Name a device as a person knows it: cpu, cuda (NVIDIA H200)."""
    return f"cuda ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else device.type


def tensor_of(values: NDArray[Any], device: torch.device) -> Tensor:
    """Return an array on a device; on the CPU it is the memory of the array itself, where that can be written."""
    return torch.from_numpy(values if values.flags.writeable else np.array(values)).to(device)


def worth_sharing(architecture: Architecture, sequences: int) -> bool:
    """Whether the product of a step, of so many sequences at a time, is enough work for several threads of the CPU.

    PyTorch's threads meet after every product, and wait for each other by spinning: one without a core costs the others
    more than the product takes.
    """
    gates, units = max(1, len(architecture.cell.gates)), max(architecture.hidden)
    return sequences * gates * units * units >= SHARED_WORK


@contextmanager
def computing(device: torch.device, threads: int) -> Iterator[None]:
    """Compute with so many threads on the CPU, and in full precision on a GPU, where PyTorch would use TF32 for RNNs.

    What was set before is set again. Raises RnnfastError where the memory of a GPU does not suffice.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        if device.type == "cuda":
            with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                yield
        else:
            yield
    except torch.OutOfMemoryError as error:
        raise RnnfastError(
            f"--engine torch: {described(device)} has not enough memory; use a smaller --batch-size, or for long "
            f"sequences --tbptt ({str(error).partition('.')[0]})"
        ) from None
    finally:
        torch.set_num_threads(before)
