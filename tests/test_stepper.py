"""Sequences that go on: the steps of a stream have the bits of a prediction of whole sequences."""

import numpy as np
import pytest
from ids import cases
from networks import draw_sequences, draw_tensors
from tolerances import FLOAT32_OUTPUTS, SUMS

from rnnfast.kernels.run.predictor import Predictor
from rnnfast.kernels.run.stepper import Stepper, Turns
from rnnfast.network.alignment import on_cache_line
from rnnfast.network.architecture import Architecture
from rnnfast.network.front import Patch
from rnnfast.network.layout import Layout

LENGTHS = (7, 1, 4, 7, 3, 5)
REACH = 3  # rows before its own that a step of the front sees
TOLERANCE = {"float32": FLOAT32_OUTPUTS, "float64": SUMS}

registers = pytest.mark.parametrize(
    "net",
    cases(
        {
            "tanh": (Architecture.named("rnn", 3, 5, 2),),
            "sigmoid in float64": (Architecture.named("rnn", 29, 10, 1, "sigmoid", "float64"),),
            "relu": (Architecture.named("rnn", 29, 10, 1, "relu"),),
        }
    ),
)

networks = pytest.mark.parametrize(
    "net",
    cases(
        {
            "registers": (Architecture.named("rnn", 3, 5, 2),),
            "rnn in tiles": (Architecture.named("rnn", 3, (20,), 1),),
            "stack of gru": (Architecture.named("gru", 3, (5, 4), 2),),
            "lstm": (Architecture.named("lstm", 3, (5,), 2, dtype="float64"),),
            "mlp": (Architecture.named("mlp", 3, (5,), 1),),
            "mean": (Architecture.named("gru", 3, (5,), 2, head="mean"),),
            "max": (Architecture.named("gru", 3, (5,), 2, head="max"),),
            "all": (Architecture.named("gru", 3, (5,), 2, head="all"),),
            "attention": (Architecture.named("gru", 3, (5,), 2, head="attention"),),
            "front": (Architecture.named("gru", 3, (5,), 2, front=(Patch(3, 1, 4), Patch(2, 1, 4))),),
        }
    ),
)


def flat(net, rows):
    return on_cache_line(np.concatenate(rows), net.dtype)


def drawn(net):
    parameters = Layout(net).flatten(draw_tensors(net), net.dtype)
    return parameters, [x for x, _ in draw_sequences(net, LENGTHS)]


def whole(net, parameters, xs):
    """The outputs of a Predictor for each sequence."""
    offsets = np.append(0, np.cumsum([len(x) for x in xs]))
    return np.split(Predictor(net, parameters).outputs_of(flat(net, xs), offsets), offsets[1:-1])


def in_portions(net, parameters, xs, size):
    """The outputs of a Stepper for each sequence, so many rows of each at a time; slots are turned around."""
    stepper = Stepper(net, parameters)
    states = np.full(len(xs) * stepper.width, np.nan, net.dtype)
    pieces = [[] for _ in xs]
    for first in range(0, max(LENGTHS), size):
        turn = np.array([q for q, x in enumerate(xs) if len(x) > first])
        begin = np.full(len(turn), min(first, REACH))
        rows = [xs[q][max(first - REACH, 0) : first + size] for q in turn]
        offsets = np.append(0, np.cumsum([len(x) for x in rows]))
        turns = Turns(offsets, len(xs) - 1 - turn, begin, np.full(len(turn), int(first == 0)))
        out = np.zeros(offsets[-1] * net.outputs, net.dtype)
        stepper.call(turns, flat(net, rows), states, out)()
        for q, piece in zip(turn, np.split(out.reshape(-1, net.outputs), offsets[1:-1]), strict=True):
            pieces[q].append(piece[begin[0] :])
    return [np.concatenate(piece) for piece in pieces]


@networks
def test_new_steps_are_those_of_whole_sequences(net):
    parameters, xs = drawn(net)
    for answers, steps in zip(whole(net, parameters, xs), in_portions(net, parameters, xs, 1), strict=True):
        np.testing.assert_allclose(steps, answers, atol=TOLERANCE[net.dtype])


@networks
def test_a_step_does_not_depend_on_what_else_is_asked(net):
    parameters, xs = drawn(net)
    alone, together = (in_portions(net, parameters, xs, size) for size in (1, 3))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


@registers
def test_the_register_engine_has_the_bits_of_a_prediction(net):
    parameters, xs = drawn(net)
    for answers, steps in zip(whole(net, parameters, xs), in_portions(net, parameters, xs, 1), strict=True):
        np.testing.assert_array_equal(steps, answers)
