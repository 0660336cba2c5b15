"""Gradients of outputs with respect to the inputs, as Python sees them; compiled when they are first asked for."""

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from rnnfast.kernels.lanes.arguments import Arguments, records
from rnnfast.kernels.lanes.compiling import calling_entry
from rnnfast.kernels.lanes.linking import call, launch
from rnnfast.kernels.lanes.scalars import smaller
from rnnfast.kernels.lanes.span import Matrix, at
from rnnfast.kernels.lanes.specialisation import Specialisation
from rnnfast.kernels.packed import head
from rnnfast.kernels.packed.dropout import Dropout
from rnnfast.kernels.packed.equations import equations_of
from rnnfast.kernels.packed.front import ROWS, Rows, front_links
from rnnfast.kernels.packed.inputs import Inputs, front_inputs_link, to_inputs, transpose_inputs
from rnnfast.kernels.packed.layer import Weights, passes_of
from rnnfast.kernels.packed.packing import Slice
from rnnfast.kernels.packed.pool import packed_rows, pool_links
from rnnfast.kernels.packed.stack import (
    Carried,
    Network,
    backward,
    direction_at,
    packed,
    packed_outputs,
    states_of_top,
    steps_of_chunk,
)
from rnnfast.kernels.packed.static import static_inputs_links
from rnnfast.kernels.run.ahead import kernels_of
from rnnfast.kernels.run.engines import calls_of
from rnnfast.kernels.run.epoch import WHOLE
from rnnfast.kernels.run.memory import PAD, most_rows, no_front_work, packed_work, place, place_front
from rnnfast.kernels.run.plan import (
    CHUNK,
    CHUNK_BYTES,
    bytes_per_step,
    cell_of,
    lanes_of,
    layers_of,
    specialisation_of,
    tile_of,
)
from rnnfast.network.alignment import SPAN, aligned, on_cache_line
from rnnfast.network.front import steps_of
from rnnfast.network.layout import Layout


class Portion(NamedTuple):
    """Which sequences a thread computes."""

    order: np.ndarray  # (sequences,) int64 by falling length
    first: int
    stop: int
    chunk: int  # sequences at a time


class Links(NamedTuple):
    """What the way back calls beside the links of the network."""

    derive_front: Any
    front_inputs: Any
    static_inputs: Any


class Results(NamedTuple):
    """What is asked for, and where the answers go; all of them in the order of the rows of the table."""

    seeds: np.ndarray  # (rows * O,) what each output counts in the sum whose gradient is computed
    out: np.ndarray  # (rows * O,) outputs, where a step ends
    gradient: np.ndarray  # (rows * F,) gradients, of constant columns at the first row; of a front they are added


@calling_entry
def sensitivities(s, arguments):
    """Outputs of some sequences, and the gradient of their weighted sum with respect to the features.

    Takes:  Network; Weights; Rows; Portion; PackedWork; Inputs; Links; Results.
    Writes: the out and gradient of Results; weights.derived and weights.g, the work, Inputs.
    """
    network, weights, data, portion, work, inputs, links, results = records(arguments)
    top, order, states = network.head, portion.order, work.out
    O, front, dropout = top.outputs, network.front, Dropout(0.0, 0)
    for i in range(network.directions):
        call(network.calls.passes.derive, (network.table, i, weights.p, weights.derived))
    for k in range(front.layers):
        call(links.derive_front, (front.table, k, weights.p, weights.derived))
    if front.layers == 0:
        transpose_inputs(network, weights.p, inputs)
    for first in range(portion.first, portion.stop, portion.chunk):
        piece = Slice(order, first, smaller(portion.chunk, portion.stop - first), 0, WHOLE)
        nothing = Carried(states, 0, first)
        chunk = packed(network, data.offsets, piece, work, nothing)
        steps = steps_of_chunk(network, chunk, data, piece, weights.p)
        packed_outputs(s, network, weights, chunk, steps, nothing, dropout, work.out)
        for row in range(chunk.P):
            for o in range(O):
                i = work.pack.source[row] * O + o
                results.out[i] = work.out[row * O + o]
                work.dy[row * O + o] = results.seeds[i]
        head.backward(s, top, weights.p, chunk.P, work.dy, at(chunk.memory, top.dpooled))
        if top.pools:
            h, dh = states_of_top(network, chunk), direction_at(network.table, network.directions - 1).dh
            rows = packed_rows(chunk)
            call(network.calls.pool_back, (top, weights, rows, h, Matrix(at(chunk.memory, dh), h.ld)))
        backward(s, network, weights, chunk, steps, dropout)
        if front.layers > 0:
            call(
                links.front_inputs,
                (chunk.front.block, chunk.products, data, piece, weights.p, chunk.R, inputs, results.gradient),
            )
        else:
            to_inputs(s, network, chunk, inputs, results.gradient)
        if top.static.columns > 0:
            rows = packed_rows(chunk)
            call(
                links.static_inputs,
                (top.static, network.table, weights.p, data, piece, rows, work.dy, results.gradient),
            )


class Sensitivity:
    """Computes gradients of a network's outputs with respect to its inputs.

    A network without embeddings: their codes have none, see network/embedding.looked_up.
    parameters: the flat span in the kernels' layout; threads: that share the sequences.
    """

    def __init__(self, architecture, parameters, threads=1):
        self.architecture, self.layout = architecture, Layout(architecture)
        self.parameters, self.threads = parameters, threads
        self.specialisation = specialisation_of(self.layout, "packed")

    def gradients(self, x, offsets, seeds):
        """Outputs, and the gradient of the sum of seeds * outputs with respect to x.

        x: (rows, F) encoded features; offsets: (sequences + 1,); seeds: (rows, O), 0 at rows that end no step.
        Returns: outputs (rows, O), NaN at rows that end no step; gradient (rows, F), both of the architecture's dtype.
        """
        architecture, dtype = self.architecture, self.architecture.dtype
        offsets = np.ascontiguousarray(offsets, np.int64)
        data = Rows(on_cache_line(x, dtype), offsets)
        nothing = 0.0 if architecture.stride == 1 else np.nan
        rows = int(offsets[-1])
        out = np.full(rows * architecture.outputs + PAD, nothing, dtype)
        gradient = aligned(rows * architecture.features + PAD, dtype)
        calls = self._calls(data, Results(on_cache_line(seeds, dtype), out, gradient))
        if len(calls) == 1:
            launch(sensitivities, self.specialisation, calls[0])
        else:
            with ThreadPoolExecutor(len(calls)) as pool:
                list(pool.map(lambda arguments: launch(sensitivities, self.specialisation, arguments), calls))
        return out[:-PAD].reshape(rows, -1), gradient[:-PAD].reshape(rows, -1)

    def kernels(self):
        """The kernels that `gradients` needs."""
        numbers = np.zeros(1, self.architecture.dtype)
        calls = self._calls(Rows(numbers, np.array([0, 1])), Results(numbers, numbers, numbers))
        return kernels_of(sensitivities, self.specialisation, calls[0])

    @cached_property
    def _links(self):
        """The links of the network, with those of the way back, and those of this entry."""
        architecture, layout, lanes = self.architecture, self.layout, lanes_of(self.layout)
        dtype, calls = architecture.dtype, calls_of(self.layout)
        pool, pool_back = pool_links(
            Specialisation(W=lanes, head=architecture.head), layout.head, calls.products, dtype, training=True
        )
        front = front_links(lanes, layout)
        states, inputs = static_inputs_links(lanes, layout, calls.products)
        links = Links(front.derive, front_inputs_link(lanes, layout), inputs)
        cell = equations_of(cell_of(layout), dtype, training=True)
        passes = passes_of(layers_of(layout), calls.products, cell, no_front_work(dtype), training=True)
        static = calls.static._replace(states_back=states)
        training = calls._replace(pool=pool, pool_back=pool_back, front=front, passes=passes, cell=cell, static=static)
        return training, links

    def _calls(self, data, results):
        """Arguments for each thread: it computes some chunks."""
        layout, dtype = self.layout, self.architecture.dtype
        lengths = steps_of(np.diff(data.offsets), self.architecture.front)
        longest, chunk = int(lengths.max()), min(CHUNK, len(lengths))
        while chunk > 1 and chunk * longest * bytes_per_step(layout) > CHUNK_BYTES:
            chunk //= 2
        rows = most_rows(lengths, chunk)
        table, top, size, _ = place(layout, chunk, rows)
        front, _, _ = place_front(layout, chunk, rows)
        calls, links = self._links
        network = Network(front, table, len(layout.directions), top, layout.size, calls)
        order = np.argsort(-lengths, kind="stable")
        chunks = -(-len(lengths) // chunk)
        threads = max(1, min(self.threads, chunks))
        bounds = [min(len(lengths), -(-chunks * t // threads) * chunk) for t in range(threads + 1)]

        def arguments(t):
            # The way back adds gradients of weights, which nobody reads.
            weights = Weights(self.parameters, *(aligned(n, dtype) for n in (layout.derived_size, layout.size)))
            work = packed_work(layout, size, chunk, longest, rows)
            portion = Portion(order, bounds[t], bounds[t + 1], chunk)
            return Arguments(network, weights, data, portion, work, self._inputs(front, chunk, rows), links, results)

        return [arguments(t) for t in range(threads)]

    def _inputs(self, front, sequences, rows):
        """Allocate what the gradients of the inputs of such chunks are computed in; rows: packed ones."""
        layout, features, lanes = self.layout, self.architecture.features, tile_of(self.layout).W
        seen = features - self.architecture.static
        width, depth, stacked = seen, len(layout.directions) * layout.directions[0].Nx, 0
        if layout.front:
            lowest = layout.front[0]
            width, depth = lowest.rows * features, lowest.width
            outputs = rows
            for at in reversed(layout.front):
                outputs = outputs * at.stride + sequences * (at.rows - at.stride)
            rows, stacked = ROWS, outputs * features
        width = -(-width // lanes) * lanes
        sizes = (depth * width, rows * width + SPAN, stacked + SPAN)
        return Inputs(features, seen, width, *(aligned(size, self.architecture.dtype) for size in sizes))
