"""Gradients of outputs with respect to the inputs: against finite differences, and PyTorch."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import twin
from ids import cases
from networks import draw_sequences, draw_tensors, joined
from tolerances import DIFFERENCE_MAX, FLOAT32_GRADIENTS, GRADIENTS

from rnnfast.catalogue import CELLS, HEADS
from rnnfast.kernels.run.predictor import Predictor
from rnnfast.kernels.run.sensitivity import Sensitivity
from rnnfast.network.architecture import Architecture
from rnnfast.network.front import Patch
from rnnfast.network.layout import Layout

LENGTHS = (9, 1, 7, 2, 5, 5)
STEP = 1e-5


def gru(hidden=(5,), outputs=2, **settings):
    return Architecture.named("gru", 3, hidden, outputs, dtype="float64", **settings)


NETWORKS = cases(
    {
        **{cell: (Architecture.named(cell, 3, (5,), 1, dtype="float64"),) for cell in CELLS},
        "two layers": (gru((5, 12)),),
        "both directions": (gru(bidirectional=True),),
        "stack of both directions": (gru((5, 5), bidirectional=True),),
        "wide": (gru((64,)),),
        **{f"head {head}": (gru(head=head),) for head in HEADS if head != "last"},
        "patches": (gru(front=(Patch(3, 3, 6),)),),
        "overlapping patches": (gru(front=(Patch(4, 2, 6),), bidirectional=True),),
        "convolutions": (gru(front=(Patch(3, 1, 5), Patch(2, 1, 7)), head="mean"),),
        "convolution and patches": (gru(front=(Patch(3, 1, 5), Patch(2, 2, 7))),),
        "rows that no step of a short sequence has": (gru(front=(Patch(8, 4, 5),)),),
        **{
            f"constant columns, {cell}": (Architecture.named(cell, 5, (5,), 1, dtype="float64", static=2),)
            for cell in CELLS
        },
        "constant columns, stack of both directions": (
            Architecture.named("lstm", 5, (5, 5), 2, dtype="float64", static=2, bidirectional=True),
        ),
        "constant columns, mean": (Architecture.named("gru", 4, (5,), 2, dtype="float64", static=1, head="mean"),),
        "constant columns, patches": (
            Architecture.named("gru", 5, (5,), 2, dtype="float64", static=2, front=(Patch(3, 3, 6),)),
        ),
        "constant columns, convolution and patches": (
            Architecture.named("gru", 5, (5,), 2, dtype="float64", static=2, front=(Patch(3, 1, 5), Patch(2, 2, 7))),
        ),
    }
)


def drawn(net, lengths=LENGTHS):
    """Tensors, inputs, offsets, and what each output counts; 0 where no step ends."""
    tensors = draw_tensors(net, 1)
    x, _, offsets = joined(draw_sequences(net, lengths, seed=1))
    seeds = np.random.default_rng(3).normal(size=(len(x), net.outputs))
    last = np.repeat(offsets[1:], lengths) - 1 - np.arange(len(x))
    seeds[last % net.stride != 0] = 0.0
    return tensors, x, offsets, seeds


def gradients(net, tensors, x, offsets, seeds, **settings):
    return Sensitivity(net, Layout(net).flatten(tensors, net.dtype), **settings).gradients(x, offsets, seeds)


@pytest.mark.parametrize("net", NETWORKS)
def test_gradients_are_the_slopes_of_the_outputs(net):
    tensors, x, offsets, seeds = drawn(net)
    predictor = Predictor(net, Layout(net).flatten(tensors, net.dtype))

    def total(moved):
        return float(np.nansum(predictor.outputs(moved, offsets) * seeds))

    slopes = np.empty_like(x)
    for place in np.ndindex(x.shape):
        moved = x.copy(), x.copy()
        moved[0][place] += STEP
        moved[1][place] -= STEP
        slopes[place] = (total(moved[0]) - total(moved[1])) / (2 * STEP)
    outputs, gradient = gradients(net, tensors, x, offsets, seeds)
    np.testing.assert_allclose(outputs, predictor.outputs(x, offsets), rtol=GRADIENTS, atol=GRADIENTS)
    np.testing.assert_allclose(gradient, slopes, rtol=0, atol=DIFFERENCE_MAX * np.abs(slopes).max())


@pytest.mark.parametrize("net", NETWORKS)
def test_gradients_are_those_of_pytorch(net):
    torch = twin.import_torch()
    if net.cell.name not in ("mlp", *twin.MODULES):
        pytest.skip("PyTorch has no such cell")
    tensors, x, offsets, seeds = drawn(net)
    module, inputs = twin.build(net, tensors), torch.tensor(x, requires_grad=True)
    total = torch.zeros((), dtype=torch.float64)
    for first, stop in pairwise(offsets):
        outputs, _ = twin.outputs(net, module, inputs[first:stop])
        ends = np.arange(first, stop)[(stop - 1 - first) % net.stride :: net.stride]
        total = total + (outputs * torch.tensor(seeds[ends])).sum()
    total.backward()
    _, gradient = gradients(net, tensors, x, offsets, seeds)
    expected = inputs.grad.numpy()
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=GRADIENTS * np.abs(expected).max())


def test_float32_is_near_float64():
    net = gru()
    tensors, x, offsets, seeds = drawn(net)
    _, expected = gradients(net, tensors, x, offsets, seeds)
    _, gradient = gradients(replace(net, dtype="float32"), tensors, x, offsets, seeds)
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=FLOAT32_GRADIENTS * np.abs(expected).max())


@pytest.mark.parametrize("front", cases({"no front": ((),), "patches": ((Patch(4, 2, 6),),)}))
def test_chunks_and_threads_do_not_change_a_bit(front):
    net = gru(front=front)
    lengths = tuple(np.random.default_rng(5).integers(1, 12, 200).tolist())
    tensors, x, offsets, seeds = drawn(net, lengths)
    outputs, gradient = gradients(net, tensors, x, offsets, seeds)
    others = gradients(net, tensors, x, offsets, seeds, threads=2)
    np.testing.assert_array_equal(others[0], outputs)
    np.testing.assert_array_equal(others[1], gradient)
    chosen = slice(offsets[70], offsets[71])
    alone = gradients(net, tensors, x[chosen], np.array([0, lengths[70]]), seeds[chosen])
    np.testing.assert_allclose(gradient[chosen], alone[1], rtol=GRADIENTS, atol=GRADIENTS)


def test_an_output_that_counts_nothing_has_no_gradient():
    net = gru()
    tensors, x, offsets, seeds = drawn(net)
    seeds[offsets[2] :] = 0.0
    _, gradient = gradients(net, tensors, x, offsets, seeds)
    assert (gradient[: offsets[2]] != 0).any()
    assert (gradient[offsets[2] :] == 0).all()
