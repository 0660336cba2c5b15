"""Outputs of a network that workers of a cluster compute: pieces of whole sequences, each a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.cluster.shared import Shared
from rnnfast.cluster.task import Cluster, Task, Watch
from rnnfast.data.sequences.spans import ends, spans
from rnnfast.model.file import load
from rnnfast.model.members import Committee
from rnnfast.model.model import Model
from rnnfast.network.alignment import on_cache_line
from rnnfast.network.architecture import Architecture

Array = NDArray[Any]

PIECE = 1 << 22  # bytes of inputs that a task takes at most, unless a sequence is longer
LEAST = 1 << 16  # bytes that are worth a task


class Elsewhere(Committee):
    """Computes on a cluster what a Committee does, with the same bits."""

    def __init__(self, cluster: Cluster, model: Model) -> None:
        self._cluster = cluster
        self._networks = Shared(_Networks(model.architecture, model.members))

    def outputs_of(self, features: Array, offsets: NDArray[np.int64]) -> Array:
        """Return the outputs (members, rows, O) for encoded features, flat, and (sequences + 1,) offsets.

        A Predictor takes sequences by their length, so many at a time, and which ones stand together shows in the last
        bit: pieces are whole chunks of that order.
        """
        from rnnfast.kernels.run.predictor import SEQUENCES

        lengths, x = np.diff(offsets), features.reshape(int(offsets[-1]), -1)
        order = np.argsort(-lengths, kind="stable")
        after = ends(lengths[order]) * x.strides[0]  # bytes
        size = max(min(PIECE, -(-features.nbytes // self._cluster.slots)), LEAST)
        marks = np.searchsorted(after, np.arange(size, features.nbytes, size))
        borders = np.unique([0, *(marks // SEQUENCES * SEQUENCES).tolist(), len(order)])
        tasks, pieces = [], []
        for begin, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
            numbers = order[begin:end]
            rows = spans(offsets[numbers], lengths[numbers])
            pieces.append(rows)
            arguments = self._networks, x[rows], ends(lengths[numbers])
            tasks.append(Task(f"sequences {begin + 1:,} to {end:,}", _outputs, arguments))
        every = np.concatenate(self._cluster.run(tasks), axis=1)
        outputs = np.empty_like(every)
        outputs[:, np.concatenate(pieces)] = every
        return outputs


class _Networks:
    """What a worker keeps of a model to compute outputs."""

    def __init__(self, architecture: Architecture, members: Sequence[Mapping[str, Array]]) -> None:
        self._parts = architecture, members

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave what is compiled where it is."""
        return _Networks, self._parts

    @cached_property
    def committee(self) -> Committee:
        """What computes outputs."""
        return Committee(*self._parts)


def _outputs(networks: _Networks, x: Array, offsets: NDArray[np.int64], watch: Watch) -> Array:
    """Compute the outputs of a piece."""
    return networks.committee.outputs_of(on_cache_line(x, x.dtype), offsets)


def on_cluster(path: str | Path, cluster: Cluster | None) -> str | Path | Model:
    """Load a model whose outputs a cluster computes; without one, leave the path as it is."""
    if cluster is None:
        return path
    model = load(path)
    model.elsewhere = Elsewhere(cluster, model)
    return model
