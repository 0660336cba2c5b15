"""Sequences that go on: outputs of new steps from the states before them, which are rows of one array.

Entries of their own, compiled when somebody streams. The register engine goes on with a state of W lanes and computes
the bits that `Predictor` does. The packed one goes on with what `exchange_states` carries from one window of steps to
the next: the states of all layers and the running values of a head that pools. It computes one step of one sequence at
a time, so that an answer does not depend on what else is asked at the same time; products of several rows, as
predictions have them, add up in another order.
"""

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from rnnfast.kernels.lanes.arguments import Arguments, records
from rnnfast.kernels.lanes.compiling import calling_entry, entry, inlined, part
from rnnfast.kernels.lanes.linking import call, load
from rnnfast.kernels.lanes.rows import load_rows, matvec
from rnnfast.kernels.lanes.vec import load as load_lanes
from rnnfast.kernels.lanes.vec import store, total
from rnnfast.kernels.packed.dropout import Dropout
from rnnfast.kernels.packed.front import Rows
from rnnfast.kernels.packed.layer import Chunk, Weights
from rnnfast.kernels.packed.packing import Slice, pack, steps_of
from rnnfast.kernels.packed.stack import (
    Carried,
    Network,
    exchange_states,
    packed_outputs,
    steps_of_chunk,
)
from rnnfast.kernels.rules.cell import state_of
from rnnfast.kernels.run.memory import packed_work, place, place_front
from rnnfast.kernels.run.predictor import Predictor
from rnnfast.kernels.small.sequence import project
from rnnfast.network.alignment import aligned

MAXIMA = {"max": 0, "all": 2}  # the block of a head's running values that holds maxima, which is its last


class Turns(NamedTuple):
    """Sequences whose turn it is.

    offsets: (sequences + 1,) rows; slot: (sequences,) row of the states; begin: (sequences,) rows before the new ones,
    which a front stacks; fresh: (sequences,) 1 where the state is that before the first step. All int64.
    """

    offsets: np.ndarray
    slot: np.ndarray
    begin: np.ndarray
    fresh: np.ndarray


class States(NamedTuple):
    """rows: (slots * width,) states; initial: (width,) that before the first step."""

    rows: Any
    initial: Any
    width: int


@inlined
def refresh(states, turns, q):
    """Begin anew where a sequence is fresh. Writes: its state."""
    if turns.fresh[q] > 0:
        for n in range(states.width):
            states.rows[turns.slot[q] * states.width + n] = states.initial[n]


@entry
def small_steps(s, arguments):
    """New steps of sequences through the register engine.

    Takes:  p; x (rows, F); Turns; count (1,) sequences; States; out (rows * O,). Writes: the last two.
    """
    p, x, turns, count, states, out = records(arguments)
    bias = load_lanes(p, s.b_ih, s) + load_lanes(p, s.b_hh, s)
    Wh = load_rows(p, s.Wh, "H", s)
    for q in range(count[0]):
        refresh(states, turns, q)
        state = load_lanes(states.rows, turns.slot[q] * s.W, s)
        for t in range(turns.offsets[q] + turns.begin[q], turns.offsets[q + 1]):
            state = state_of(matvec(state, Wh, project(s, p, x, t, bias)), s)
            for o in range(s.O):
                out[t * s.O + o] = total(state * load_lanes(p, s.Wy + o * s.W, s)) + p[s.by + o]
        store(states.rows, turns.slot[q] * s.W, state)


@part
def continued(network, offsets, piece, work, carried, resumed):
    """The chunk of a slice, with the states before it."""
    R, T, P = pack(offsets, network.front.stride, piece, work.pack)
    products, cell = network.calls.products, network.calls.cell
    chunk = Chunk(
        work.pack, work.memory, work.carry, R, T, P, resumed, resumed, work.training, products, cell, work.front
    )
    exchange_states(network, chunk, carried, not resumed)
    return chunk


@calling_entry
def packed_steps(s, arguments):
    """New steps of sequences through the packed engine.

    Takes:  Network; Weights; order (.., at least sequences) 0, 1, ..; PackedWork of one step; x (rows, F); Turns;
            count (1,) sequences; States; out (rows * O,).
    Writes: states.rows; out; weights.derived, the work.
    """
    network, weights, order, work, x, turns, count, states, out = records(arguments)
    O, resumed = network.head.outputs, states.width > 0
    for i in range(network.directions * int(count[0] == 0)):  # as is asked for once, as the weights stay
        call(network.calls.passes.derive, (network.table, i, weights.p, weights.derived))
    for q in range(count[0]):
        refresh(states, turns, q)
        # That of the sequence n lies in row n - first.
        carried = Carried(states.rows, states.width, q - turns.slot[q])
        for t in range(turns.begin[q], steps_of(turns.offsets, q, network.front.stride)):
            piece = Slice(order, q, 1, t, 1)
            chunk = continued(network, turns.offsets, piece, work, carried, resumed)
            steps = steps_of_chunk(network, chunk, Rows(x, turns.offsets), piece, weights.p)
            packed_outputs(s, network, weights, chunk, steps, carried, Dropout(0.0, 0), work.out)
            for o in range(O):
                out[work.pack.source[0] * O + o] = work.out[o]


class Stepper(Predictor):
    """Computes new steps of a network in one direction, whose weights stay as they are."""

    def __init__(self, architecture, parameters):
        super().__init__(architecture, parameters)
        self._order = np.zeros(0, np.int64)
        if self.engine == "packed":
            self._network, self._weights, self._work = self._packed()
            nothing = np.zeros(self.width, architecture.dtype)
            turns = Turns(*(np.zeros(1, np.int64) for _ in Turns._fields))
            self.call(turns, nothing, nothing, nothing, count=0)()  # derives

    @cached_property
    def width(self):
        """Numbers of a state."""
        return self.specialisation.W if self.engine == "small" else place(self.layout, 1, 1, training=False)[3]

    @cached_property
    def initial(self):
        """(width,) the state before the first step."""
        state, head = np.zeros(self.width, self.architecture.dtype), self.layout.head
        if self.engine == "packed" and head.pools:
            top = place(self.layout, 1, 1, training=False)[1]
            state[top.carried + top.width] = -np.inf  # the peak of the scores
            if (block := MAXIMA.get(self.architecture.head)) is not None:
                first = top.carried + block * (top.width // (block + 1))
                state[first : top.carried + top.width] = -np.inf
        return state

    def call(self, turns, features, states, out, count=None):
        """Prepare a call, which may be made again and again.

        turns: Turns; features: (rows * F,) on a cache line and in the right precision; states: (slots * width,); out:
        (rows * O,); all flat. count: sequences, None for all. A call writes states and out, but for rows before new
        ones.
        """
        count = np.array([len(turns.slot) if count is None else count])
        rows = States(states, self.initial, self.width)
        if self.engine == "small":
            return Call(small_steps, self.specialisation, Arguments(self.parameters, features, turns, count, rows, out))
        if len(self._order) < len(turns.slot):
            self._order = np.arange(2 * len(turns.slot))
        shared = (self._network, self._weights, self._order, self._work)
        return Call(packed_steps, self.specialisation, Arguments(*shared, features, turns, count, rows, out))

    def _packed(self):
        """What all calls of the packed engine share: Network, Weights and the work of one step."""
        layout, dtype = self.layout, self.architecture.dtype
        table, head, size, _ = place(layout, 1, 1, training=False)
        front, _, _ = place_front(layout, 1, 1, training=False)
        network = Network(front, table, len(layout.directions), head, layout.size, self._links)
        # No gradient is written.
        weights = Weights(self.parameters, aligned(layout.derived_size, dtype), self.parameters)
        return network, weights, packed_work(layout, size, 1, 1, 1, training=False)


class Call:
    """A kernel with its arguments. The dispatcher would look their types up, which takes longer than a step."""

    def __init__(self, entry, specialisation, arguments):
        signature = (specialisation.numba_type, arguments.numba_type)
        if not load(entry, signature):
            entry.compile(signature)
        self._run = entry.overloads[signature].entry_point
        self._specialisation, self._arguments = specialisation, arguments

    def __call__(self):
        """Run the kernel."""
        self._run(self._specialisation, self._arguments)
