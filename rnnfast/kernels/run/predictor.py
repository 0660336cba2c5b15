"""Predictions as Python sees them."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property

import numpy as np

from rnnfast.kernels.lanes.arguments import Arguments
from rnnfast.kernels.lanes.linking import launch
from rnnfast.kernels.packed.layer import Weights
from rnnfast.kernels.packed.stack import Network
from rnnfast.kernels.run import epoch
from rnnfast.kernels.run.ahead import kernels_of
from rnnfast.kernels.run.engines import calls_of
from rnnfast.kernels.run.epoch import Passage
from rnnfast.kernels.run.memory import most_rows, packed_work, place, place_front, sequence_work
from rnnfast.kernels.run.plan import CHUNK_BYTES, bytes_per_step, fits_registers, specialisation_of
from rnnfast.kernels.small import sequence
from rnnfast.network.alignment import aligned, on_cache_line
from rnnfast.network.front import steps_of
from rnnfast.network.layout import Layout

SEQUENCES = 32  # computed side by side: more share each row of weights, fewer leave room in cache for more steps


@cache
def _threads():
    """Threads beside those that ask, for all predictors: started anew each time they would take 1 ms."""
    return ThreadPoolExecutor()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_threads.cache_clear)  # threads stay with the parent


class Predictor:
    """Computes the outputs of a network; `parameters` is read at each call.

    window: steps that are computed at a time; None: as many as suit the cache. The result does not depend on it.
    """

    def __init__(self, architecture, parameters, threads=1, window=None):
        self.architecture, self.layout = architecture, Layout(architecture)
        self.parameters, self.threads, self.window = parameters, threads, window
        self.engine = "small" if fits_registers(architecture) else "packed"
        self.specialisation = specialisation_of(self.layout, self.engine)

    def outputs(self, x, offsets):
        """Outputs of all steps, before any inverse scaling.

        x: (rows, F) scaled features; offsets: (sequences + 1,). Returns: (rows, O) of the architecture's dtype; NaN at
        rows that end no step.
        """
        features = on_cache_line(x, self.architecture.dtype)
        return self.outputs_of(features, np.ascontiguousarray(offsets, np.int64))

    def outputs_of(self, features, offsets):
        """The same for features that are already flat and in the right precision."""
        # Of rows that end no step there is no output.
        nothing = 0.0 if self.architecture.stride == 1 else np.nan
        out = np.full(offsets[-1] * self.architecture.outputs, nothing, self.architecture.dtype)
        entry, (first, *others) = self._calls(features, offsets, out)
        elsewhere = [_threads().submit(launch, entry, self.specialisation, arguments) for arguments in others]
        launch(entry, self.specialisation, first)
        for one in elsewhere:
            one.result()
        return out.reshape(-1, self.architecture.outputs)

    def kernels(self):
        """The kernels that `outputs` needs."""
        one_step = np.zeros(self.architecture.features, self.architecture.dtype)
        out = np.zeros(self.architecture.outputs, self.architecture.dtype)
        entry, calls = self._calls(one_step, np.array([0, 1]), out)
        return kernels_of(entry, self.specialisation, calls[0])

    @cached_property
    def _links(self):
        return calls_of(self.layout)

    def _calls(self, features, offsets, out):
        """The kernel, and the arguments of each thread's call of it."""
        lengths = steps_of(np.diff(offsets), self.architecture.front)
        if self.engine == "packed":
            return epoch.predict, self._packed_calls(features, offsets, lengths, out)
        work = sequence_work(self.specialisation, int(lengths.max()), self.architecture.dtype)
        return sequence.predict, [Arguments(self.parameters, features, offsets, len(lengths), work, out)]

    def _packed_calls(self, features, offsets, lengths, out):
        """Arguments for each thread: it writes the outputs of some chunks."""
        dtype, longest, layout = self.architecture.dtype, int(lengths.max()), self.layout
        chunk = min(SEQUENCES, len(lengths))
        window = self._window(chunk, longest)
        rows = most_rows(lengths, chunk, window)
        table, head, size, carried = place(layout, chunk, rows, training=False)
        carried *= int(window < longest and self.architecture.remembers)
        front, _, _ = place_front(layout, chunk, rows, training=False)
        network = Network(front, table, len(layout.directions), head, layout.size, self._links)
        order = np.argsort(-lengths, kind="stable")
        chunks = -(-len(lengths) // chunk)
        threads = max(1, min(self.threads, chunks))
        bounds = [min(len(lengths), -(-chunks * t // threads) * chunk) for t in range(threads + 1)]

        def arguments(t):
            # No gradient is written.
            weights = Weights(self.parameters, aligned(layout.derived_size, dtype), self.parameters)
            work = packed_work(layout, size, chunk, window, rows, training=False)
            passage = Passage(order, bounds[t], bounds[t + 1], chunk, window, carried)
            states = aligned(max(1, chunk * carried), dtype)
            return Arguments(network, weights, features, offsets, passage, work, states, out)

        return [arguments(t) for t in range(threads)]

    def _window(self, chunk, longest):
        """Steps that are computed at a time: nothing but the states is kept of them, so the gates may stay in cache."""
        if self.architecture.bidirectional:
            return longest
        if self.window is not None:
            return min(longest, self.window)
        return min(longest, max(1, CHUNK_BYTES // (chunk * bytes_per_step(self.layout))))
