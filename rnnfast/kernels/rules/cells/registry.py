"""The cells by name; a new one is a file like rnn.py and an entry here."""

from numba.extending import overload

from rnnfast.kernels.lanes.compiling import PART
from rnnfast.kernels.rules.cells import gru, lstm, mlp, rnn

CELLS = {"rnn": rnn, "gru": gru, "lstm": lstm, "mlp": mlp}


def step(s, u, p, previous, gates, extra, h, R, row, count, K):
    """One step forward of the cell that the shape names."""


def step_back(s, u, derived, same, previous, gates, extra, h, dh, carry, R, row, count):
    """One step back of the cell that the shape names."""


def add_recurrent(s, u, g, previous, gates, extra, h, first, P):
    """The gradient of its recurrent weights."""


@overload(step, jit_options=PART)
def _step(s, u, p, previous, gates, extra, h, R, row, count, K):
    return CELLS[s.dims["cell"]].step.py_func


@overload(step_back, jit_options=PART)
def _step_back(s, u, derived, same, previous, gates, extra, h, dh, carry, R, row, count):
    return CELLS[s.dims["cell"]].step_back.py_func


@overload(add_recurrent, jit_options=PART)
def _add_recurrent(s, u, g, previous, gates, extra, h, first, P):
    return CELLS[s.dims["cell"]].add_recurrent.py_func
