"""A linear part beside a network that answers with quantities, or with the logits of classes (--linear-part).

    answer_t = share N_t / temperature + A x_t + D (x_t - x_{t-1}) + C d_t + s_t + b

N are the outputs of the network, x its inputs; the change is 0 in the first row of a sequence. d are deviations of last
known targets from their exponential averages (averages.py), s is what all rows so far add, each by weights of its own,
where sequences with one quantity are equally long (places.py), or, of one class, in which shares of the rows so far
convolutions exceed thresholds (convolutions.py). Where levels leave what a network has seen, a linear part
goes on as before. It is fitted by itself, once the network is trained (training/linear_part.py); Lai et al. 2018
(LSTNet) train such a part with the network.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data import Encoder, SequenceData
from rnnfast.data.encoding.differences import last_known
from rnnfast.model.averages import Averages, firsts
from rnnfast.model.convolutions import Convolutions
from rnnfast.model.places import Places
from rnnfast.records import UNSET, Positive, Record, Share, UnsetType, fields_of, replace

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]

CHUNK_ROWS = 1 << 11  # that are computed at once: their changes stay in a cache


class LinearPart(Record, frozen=True):
    """share: of the outputs of the network; level, change: (O, F) A and D; bias: (O,); averages: of C, places and
    convolutions: of s, where there are some; all in the unit of outputs. temperature: of the logits of the network.
    """

    share: Share
    level: tuple[tuple[float, ...], ...]
    change: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]
    averages: Averages | UnsetType = UNSET
    places: Places | UnsetType = UNSET
    convolutions: Convolutions | UnsetType = UNSET
    temperature: Positive = 1.0

    @property
    def factor(self) -> float:
        """What outputs of the network are multiplied by."""
        return self.share / self.temperature

    def fits(self, features: int, outputs: int) -> bool:
        """Whether it has so many inputs and outputs."""
        matrices = self.level, self.change
        if not all(part.fits(features, outputs) for part in (self.averages, self.places, self.convolutions) if part):
            return False
        return len(self.bias) == outputs and all([len(row) for row in one] == [features] * outputs for one in matrices)

    def beside(self, share: float, temperature: float = 1.0) -> LinearPart:
        """Return what answers all by itself as the part beside a network with a share."""
        level, change = (
            tuple(tuple((1 - share) * value for value in row) for row in one) for one in (self.level, self.change)
        )
        more = {
            name: part and part.times(1 - share)
            for name, part in fields_of(self).items()
            if name in ("averages", "places", "convolutions")
        }
        bias = tuple((1 - share) * value for value in self.bias)
        return LinearPart(share, level, change, bias, temperature=temperature, **more)

    @property
    def of_two_rows(self) -> LinearPart:
        """What it adds by a row and the one before alone."""
        return replace(self, averages=UNSET, places=UNSET, convolutions=UNSET)

    def outputs(self, inputs: Floats, offsets: Integers) -> NDArray[np.float64]:
        """Return what is added to the outputs of the network, (rows, O), for inputs (rows, F) of sequences."""
        weights, bias = np.hstack([self.level, self.change]), np.array(self.bias)
        outputs = np.full((len(inputs), len(bias)), bias)
        # Places and convolutions stand alone: zeros would take as long as weights.
        for first in range(0, len(inputs) if weights.any() else 0, CHUNK_ROWS):
            before, stop = max(first - 1, 0), min(first + CHUNK_ROWS, len(inputs))
            ends = offsets[np.searchsorted(offsets, before, "right") - 1 : np.searchsorted(offsets, stop) + 1]
            both = with_changes(inputs[before:stop], ends.clip(before, stop) - before)
            outputs[first:stop] = linear(both[first - before :], weights, bias)
        if self.averages:
            outputs += self.averages.outputs(inputs, offsets)
        if self.places:
            outputs += self.places.sums(inputs, offsets)
        if self.convolutions:
            outputs += self.convolutions.outputs(inputs, offsets)
        return outputs

    def gradient(self, seeds: Floats, offsets: Integers) -> NDArray[np.float64]:
        """Return the gradient (rows, F) of the sum of seeds (rows, O) times `outputs`."""
        changes = np.asarray(seeds, np.float64) @ np.array(self.change)
        changes[firsts(offsets)] = 0
        gradient = seeds @ np.array(self.level) + changes
        gradient[:-1] -= changes[1:]
        if self.averages:
            gradient += self.averages.gradient(seeds, offsets, gradient.shape[1])
        if self.places:
            gradient += self.places.gradient(seeds, offsets)
        return np.asarray(gradient)


class Beside(NamedTuple):
    """What answers beside a network.

    encoder: of its inputs. unit: (O,) scale of the targets where its outputs are changes of them, else None; a change
    in the unit of its scaling, added to the last value in that unit, is the scaled target itself. linear_part: of a
    model that has one.
    """

    encoder: Encoder
    unit: Floats | None = None
    linear_part: LinearPart | None = None

    @classmethod
    def of(cls, model: Any) -> Beside:
        """Return that of a Model, whose module needs this one."""
        unit = model.target_scaler.scale if model.schema.difference else None
        return cls(model.encoder, unit, model.linear_part)

    def base(self, data: SequenceData, inputs: Floats, rows: Integers | slice = slice(None)) -> Floats | None:
        """Return what outputs are added to at some rows of sequences, (n, O), scaled as the targets; None for nothing.

        inputs: of all rows, encoded, flat or not.
        """
        base = None
        if self.unit is not None:
            last = last_known(data, self.encoder.rules, self.encoder.fills)[rows]
            base = np.asarray(np.tile(last, len(data.schema.ahead)) * self.unit)
        if self.linear_part is None:
            return base
        linear = self.linear_part.outputs(inputs.reshape(data.rows, -1), data.offsets)[rows]
        return linear if base is None else base + linear

    def added(self, outputs: Floats, base: Floats | None) -> Floats:
        """Return what outputs (.., n, O) of networks become with their base (n, O)."""
        if base is None:
            return outputs
        return np.asarray((outputs if self.linear_part is None else outputs * self.linear_part.factor) + base)


def linear(both: Floats, weights: Floats, bias: Floats) -> NDArray[np.float64]:
    """Return (n, O) for inputs and their changes side by side (n, 2 F), and A and D so (O, 2 F).

    A row has the same bits whatever stands beside it, which BLAS does not promise.
    """
    return np.asarray(np.einsum("nf,of->no", both, weights) + bias)


def with_changes(inputs: Floats, offsets: Integers) -> NDArray[np.float64]:
    """Return inputs (rows, F) and their changes since the row before side by side: (rows, 2 F)."""
    features = inputs.shape[1]
    both = np.empty((len(inputs), 2 * features))
    x, changes = both[:, :features], both[:, features:]
    x[:] = inputs
    np.subtract(x[1:], x[:-1], changes[1:])
    changes[firsts(offsets)] = 0
    return both
