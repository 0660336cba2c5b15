"""The networks of an ensemble: their tensors side by side, and all of them asked at once.

A single network has PyTorch's names. Those of member k of an ensemble stand under `members.k.`, from 0, as in a module
whose ModuleList is called `members`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rnnfast.diagnose.machine import cores
from rnnfast.engines.engine import Engine
from rnnfast.engines.kernels import KERNELS
from rnnfast.network.architecture import Architecture
from rnnfast.network.layout import Layout

T = TypeVar("T")

NAME = re.compile(r"members\.(\d{1,9})\.(.+)")


def joined(members: Sequence[Mapping[str, T]]) -> dict[str, T]:
    """Put what tensors have by name side by side: of a single network as it is, of several under their prefixes."""
    if len(members) == 1:
        return dict(members[0])
    return {f"members.{k}.{name}": value for k, member in enumerate(members) for name, value in member.items()}


def separated(tensors: Mapping[str, T]) -> tuple[dict[str, T], ...]:
    """Return the tensors of each network by PyTorch's names: undo `joined`."""
    members: dict[int, dict[str, T]] = {}
    for name, value in tensors.items():
        match = NAME.fullmatch(name)
        if match is None:
            return (dict(tensors),)
        members.setdefault(int(match[1]), {})[match[2]] = value
    return tuple(members[k] for k in sorted(members))


class Committee:
    """Computes the outputs of several networks of one architecture, as a Predictor does those of one.

    threads: networks at a time, None: as there are cores. engine: computes them.
    """

    def __init__(
        self,
        architecture: Architecture,
        members: Sequence[Mapping[str, NDArray[Any]]],
        threads: int | None = 1,
        engine: Engine = KERNELS,
    ) -> None:
        self.threads = min(threads or cores(), len(members))
        layout, dtype = Layout(architecture), architecture.dtype
        spans = [layout.flatten(tensors, dtype) for tensors in members]
        self.predictors = [engine.predictor(architecture, span, threads=1) for span in spans]

    def outputs_of(self, features: NDArray[Any], offsets: NDArray[np.int64]) -> NDArray[Any]:
        """Return the outputs (members, rows, O) for encoded features, flat, and (sequences + 1,) offsets."""
        if self.threads == 1:
            return np.stack([predictor.outputs_of(features, offsets) for predictor in self.predictors])
        with ThreadPoolExecutor(self.threads) as pool:
            return np.stack(list(pool.map(lambda predictor: predictor.outputs_of(features, offsets), self.predictors)))
