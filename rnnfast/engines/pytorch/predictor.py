"""Outputs by PyTorch, with the face of kernels/run/predictor.py."""

from __future__ import annotations

import numpy as np
import torch

from rnnfast.engines.pytorch.devices import computing, tensor_of, worth_sharing
from rnnfast.engines.pytorch.network import Floats, Memory, Network
from rnnfast.engines.pytorch.pieces import Batch, Integers, groups
from rnnfast.network.architecture import Architecture

MOST_BYTES = 1 << 28  # of the widest matrix that holds the steps which are computed at a time


class TorchPredictor:
    """Computes the outputs of a network; `parameters`, a span in the kernels' layout, is read at each call.

    most: steps that are computed at a time, of several sequences or of one; None: as memory allows. Outputs do not
    depend on it but for rounding.
    """

    def __init__(
        self,
        architecture: Architecture,
        parameters: Floats,
        threads: int,
        device: torch.device,
        most: int | None = None,
    ) -> None:
        self.architecture, self.parameters, self.threads, self.device = architecture, parameters, threads, device
        self.network = Network(architecture, device)
        gates = max(1, len(architecture.cell.gates)) * max(architecture.hidden) * architecture.directions
        widest = max(gates, architecture.features) * np.dtype(architecture.dtype).itemsize
        self.most = max(1, MOST_BYTES // widest) if most is None else most

    def outputs_of(self, features: Floats, offsets: Integers) -> Floats:
        """Return the outputs (rows, O) of encoded features, flat; NaN at rows that end no step."""
        net = self.architecture
        nothing = 0.0 if net.stride == 1 else np.nan
        out = np.full((int(offsets[-1]), net.outputs), nothing, net.dtype)
        whole = Batch.of(np.asarray(offsets, np.int64), np.arange(len(offsets) - 1), net.stride)
        parts = list(groups(whole.steps, self.most))
        share = worth_sharing(net, max(part.stop - part.start for part in parts))
        with computing(self.device, self.threads if share else 1), torch.no_grad():
            self.network.load(self.parameters)
            x = tensor_of(features, self.device).view(-1, net.features)
            for part in parts:
                batch = whole.some(part)
                memory: Memory | None = None
                # The way back needs all steps of a sequence at once.
                for piece in batch.pieces(0 if net.bidirectional else max(1, self.most // len(batch.steps))):
                    before = None if memory is None else memory.of_first(piece.width)
                    outputs, memory = self.network(x, piece, before)
                    out[piece.rows] = outputs.cpu().numpy()
        return out
