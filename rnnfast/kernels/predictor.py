"""Predictions as Python sees them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from rnnfast.kernels import epoch
from rnnfast.kernels.memory import aligned, most_rows, on_cache_line, packed_work, place, sequence_work
from rnnfast.kernels.plan import CHUNK_BYTES, fits_registers, layout_of, shape_of
from rnnfast.kernels.rules.cells.registry import CELLS
from rnnfast.kernels.small import sequence as rnn_sequence
from rnnfast.kernels.update import Network

SEQUENCES = 32  # computed side by side: more share each row of weights, fewer leave room in cache for more steps


class Predictor:
    """Computes the outputs of a network; `parameters` is read at each call."""

    def __init__(self, architecture, parameters, threads=1):
        self.architecture = architecture
        self.layout = layout_of(architecture)
        self.parameters = parameters
        self.threads = threads
        self.engine = "sequence" if fits_registers(architecture) else "packed"
        self.shape = shape_of(architecture, self.layout, self.engine, dropout=0)
        self.derived = aligned(self.layout.derived_size, architecture.dtype)

    def outputs(self, x, offsets):
        """Outputs of all steps, before any inverse scaling.

        x: (rows, F) scaled features; offsets: (sequences + 1,). Returns: (rows, O) of the architecture's dtype.
        """
        features = on_cache_line(x, self.architecture.dtype)
        return self.outputs_of(features, np.ascontiguousarray(offsets, np.int64))

    def outputs_of(self, features, offsets):
        """The same for features that are already flat and in the right precision."""
        dtype, outputs = self.architecture.dtype, self.architecture.outputs
        lengths = np.diff(offsets)
        longest = int(lengths.max())
        out = np.zeros(offsets[-1] * outputs, dtype)
        if self.engine == "sequence":
            work = sequence_work(self.shape, longest, dtype)
            rnn_sequence.predict(self.shape, self.parameters, features, offsets, work, out)
            return out.reshape(-1, outputs)
        cell = CELLS[self.architecture.cell]
        chunk = min(SEQUENCES, len(lengths))
        window = self._window(chunk, longest)
        rows = most_rows(lengths, chunk, window)
        table, size, width = place(self.layout, cell.EXTRA, chunk, rows, training=False)
        width *= int(window < longest and cell.RECURRENT)
        network = Network(table, len(self.layout.units), self.layout.head, self.layout.size)
        epoch.derive(self.shape, network, self.parameters, self.derived)
        order = np.argsort(-lengths, kind="stable")
        chunks = -(-len(lengths) // chunk)
        threads = max(1, min(self.threads, chunks))
        bounds = [min(len(lengths), -(-chunks * t // threads) * chunk) for t in range(threads + 1)]

        def call(t):
            work = packed_work(self.layout, size, chunk, window, rows, 1, dtype)
            epoch.predict(
                self.shape, network, self.parameters, self.derived, features, offsets, order, bounds[t], bounds[t + 1],
                chunk, window, width, work, aligned(max(1, chunk * width), dtype), out,
            )  # fmt: skip

        if threads == 1:
            call(0)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(call, range(threads)))
        return out.reshape(-1, outputs)

    def _window(self, chunk, longest):
        """Steps that are computed at a time: nothing but the states is kept of them, so the gates may stay in cache."""
        if self.architecture.bidirectional:
            return longest
        widest = max(unit.N for unit in self.layout.units) * np.dtype(self.architecture.dtype).itemsize
        return min(longest, max(1, CHUNK_BYTES // (chunk * widest)))
