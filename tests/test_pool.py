"""Pieces of work on threads: results in order, the first error, Ctrl-C for all, and the same bits for any number."""

import signal
import threading

import numpy as np
import pandas as pd
import pytest

import rnnfast
from rnnfast.errors import TrainingInterrupted
from rnnfast.kernels.lanes.clock import compile_clock
from rnnfast.reporter import EpochRecord, Reporter
from rnnfast.training.pool import one_at_a_time, run_pieces
from rnnfast.training.stopping import Interrupt, Phase, interruptible

NETWORKS = (
    {"cell": "rnn", "hidden": 3, "lr": 0.05},
    {"cell": "gru", "hidden": (5, 4), "dropout": 0.3, "optimizer": "adam"},
    {"cell": "lstm", "hidden": 3, "dtype": "float64", "bidirectional": True},
    {"cell": "mlp", "hidden": 4, "activation": "relu", "schedule": "cosine", "eval_every": 2},
)


@pytest.fixture(scope="module")
def table():
    x = np.random.default_rng(0).normal(size=(40, 6))
    names, steps = np.repeat(np.arange(40), 6), np.tile(np.arange(6), 40)
    frame = pd.DataFrame({"name": names, "t": steps, "x1": x.ravel(), "y1": 2 * x.ravel() - x[:, [0]].repeat(6)})
    return rnnfast.read_table(frame)


def trained(table, options):
    return lambda interrupt: rnnfast.train(table, epochs=4, threads=1, **options)


def test_networks_trained_at_once_have_the_bits_of_those_trained_alone(table):
    together = run_pieces([trained(table, options) for options in NETWORKS], 2, Interrupt())
    for options, result in zip(NETWORKS, together, strict=True):
        alone = rnnfast.train(table, epochs=4, threads=1, **options)
        assert result.history == alone.history
        for name, tensor in alone.model.parameters.items():
            np.testing.assert_array_equal(result.model.parameters[name], tensor)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_are_in_the_order_of_the_pieces(threads):
    later = threading.Event()
    pieces = [lambda _: later.wait(0.2), lambda _: later.set() or "b", lambda _: "c"]
    assert run_pieces(pieces, threads, Interrupt())[1:] == ["b", "c"]


def test_a_single_piece_runs_in_this_thread():
    interrupt = Interrupt()
    assert run_pieces([lambda own: (own, threading.current_thread())], 4, interrupt) == [
        (interrupt, threading.main_thread())
    ]


def test_the_first_error_in_order_is_raised_when_those_that_run_have_ended():
    second_failed, ended = threading.Event(), []

    def first(_):
        second_failed.wait(5)
        ended.append("first")
        raise ValueError("first")

    def second(_):
        second_failed.set()
        raise KeyError("second")

    with pytest.raises(ValueError, match="first"):
        run_pieces([first, second], 2, Interrupt())
    assert ended == ["first"]


def test_pieces_after_an_error_do_not_begin():
    begun = []

    def failing(_):
        begun.append(1)
        raise KeyError

    with pytest.raises(KeyError):
        run_pieces([failing] * 9, 1, Interrupt())
    assert begun == [1]


def test_ctrl_c_reaches_every_piece():
    """As after the first epoch: each ends by itself, and what it has done stays."""
    phases, training = [], threading.Barrier(2)

    def piece(interrupt):
        interrupt.phase = Phase.TRAINING
        if training.wait(5) == 0:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        while not interrupt.requested:
            pass
        interrupt.phase = Phase.SCORING
        return "saved"

    with interruptible(phases.append) as interrupt:
        assert run_pieces([piece, piece], 2, interrupt) == ["saved", "saved"]
    assert phases == ["training"]
    assert interrupt.phase is Phase.TRAINING


def test_ctrl_c_before_the_first_epoch_ends_all_pieces():
    pressed, compiling = threading.Event(), []

    def compile_kernels(interrupt):
        interrupt.phase = Phase.COMPILING
        compiling.append(interrupt)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        pressed.wait(5)
        interrupt.check()

    with interruptible(lambda phase: pressed.set()) as interrupt, pytest.raises(TrainingInterrupted):
        run_pieces([compile_kernels] * 5, 1, interrupt)
    assert len(compiling) == 1


def test_kernels_are_compiled_by_one_thread_at_a_time():
    inside, most = [], []

    def compile_kernels(_):
        with compile_clock():
            inside.append(1)
            most.append(len(inside))
            threading.Event().wait(0.01)
            inside.pop()

    run_pieces([compile_kernels] * 4, 4, Interrupt())
    assert most == [1, 1, 1, 1]


def test_reports_come_one_at_a_time(table):
    class Watching(Reporter):
        def __init__(self):
            self.inside, self.most, self.epochs = 0, 0, 0

        def epoch(self, record: EpochRecord) -> None:
            self.inside += 1
            threading.Event().wait(0.001)
            self.most, self.inside, self.epochs = max(self.most, self.inside), self.inside - 1, self.epochs + 1

    watching = Watching()
    reporter = one_at_a_time(watching)
    record = EpochRecord(1, 1, 0.5, None, True, 1, 0.0, 0.0, None)
    run_pieces([lambda _: [reporter.epoch(record) for _ in range(5)]] * 4, 4, Interrupt())
    assert (watching.most, watching.epochs) == (1, 20)
