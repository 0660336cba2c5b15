"""Where the tensors of a network lie: padded, aligned, apart from each other, and back by PyTorch's names."""

import numpy as np
import pytest
import twin
from networks import draw_tensors

from rnnfast.network.alignment import ALIGNMENT, SPAN, Spans, aligned, row_distance
from rnnfast.network.architecture import Architecture
from rnnfast.network.front import Patch
from rnnfast.network.layout import Layout, padded

NETS = {
    "rnn": Architecture.named("rnn", 3, (5,), 1),
    "rnn of three widths, both ways": Architecture.named("rnn", 3, (5, 12, 33), 2, bidirectional=True),
    "gru of two layers": Architecture.named("gru", 29, (10, 10), 3),
    "lstm of crowded rows": Architecture.named("lstm", 3, (64, 32), 1, dtype="float64"),
    "mlp": Architecture.named("mlp", 7, (12, 5), 3, "swish"),
    "lstm, both ways, attention": Architecture.named("lstm", 3, (5, 12), 2, bidirectional=True, head="attention"),
    "rnn, both ways, all": Architecture.named("rnn", 3, (5,), 2, bidirectional=True, head="all"),
    "mlp, attention": Architecture.named("mlp", 7, (12, 5), 3, "swish", head="attention"),
    "gru on a front": Architecture.named("gru", 3, (5,), 1, front=(Patch(4, 1, 12), Patch(3, 2, 128))),
}
every_net = pytest.mark.parametrize("name", NETS)


@every_net
def test_tensors_come_back_by_the_names_of_pytorch(name):
    net, layout = NETS[name], Layout(NETS[name])
    tensors = draw_tensors(net)
    span = layout.flatten(tensors, "float64")
    back = layout.tensors(span)
    assert back.keys() == tensors.keys() == layout.shapes().keys()
    for key, tensor in tensors.items():
        np.testing.assert_array_equal(back[key], tensor)
        assert back[key].flags.c_contiguous
    twin.build(net, tensors)  # strict


@every_net
def test_no_two_numbers_share_a_place(name):
    """As many places are filled as there are numbers; all others are padding, which is 0."""
    layout = Layout(NETS[name])
    shapes = layout.shapes()
    count = sum(int(np.prod(shape)) for shape in shapes.values())
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
    numbers = np.split(np.arange(1.0, count + 1), ends[:-1])
    span = layout.flatten(
        {key: part.reshape(shapes[key]) for key, part in zip(shapes, numbers, strict=True)}, "float64"
    )
    assert sorted(span[span != 0]) == list(range(1, count + 1))
    assert len(span) == layout.size
    assert span.ctypes.data % ALIGNMENT == 0


@every_net
def test_matrices_lie_by_rows_of_inputs_and_gates_side_by_side(name):
    net, layout = NETS[name], Layout(NETS[name])
    tensors = draw_tensors(net)
    span = layout.flatten(tensors, "float64")
    at, weight = layout.directions[0], next(tensors[key] for key in tensors if not key.startswith("front."))
    gates = len(net.cell.x_gates)
    matrix = span[at.Wx : at.Wx + at.inputs * at.ldg].reshape(at.inputs, at.ldg)
    for k, gate in enumerate(np.split(weight, gates)):
        place = net.cell.x_order.index(net.cell.x_gates[k]) * at.width
        np.testing.assert_array_equal(matrix[:, place : place + at.hidden], gate.T)
        assert not matrix[:, place + at.hidden : place + at.width].any()


def test_the_rows_that_a_front_stacks_lie_one_after_the_other():
    layout, tensors = Layout(NETS["gru on a front"]), draw_tensors(NETS["gru on a front"])
    span = layout.flatten(tensors, "float64")
    for number, at in enumerate(layout.front):
        matrix = span[at.W : at.W + at.rows * at.ldx * at.ldw].reshape(at.rows, at.ldx, at.ldw)
        for k in range(at.rows):
            oldest_first = tensors[f"front.{number}.weight"][:, :, k]
            np.testing.assert_array_equal(matrix[k, : at.inputs, : at.units], oldest_first.T)
        assert np.count_nonzero(matrix) == tensors[f"front.{number}.weight"].size


@every_net
def test_offsets_are_aligned_and_follow_each_other(name):
    layout = Layout(NETS[name])
    offsets = [layout.head.Wy, layout.head.by, *([layout.head.query] if "attention" in name else [])]
    for at in layout.directions:
        offsets += [at.Wx, at.b_ih, *([at.Wh, at.b_hh] if layout.cell.recurrent else [])]
        assert at.width == padded(at.hidden) >= at.hidden
    assert all(offset % SPAN == 0 for offset in offsets)
    assert len(set(offsets)) == len(offsets)
    assert max(offsets) < layout.size


@pytest.mark.parametrize(("units", "width"), [(1, 8), (8, 8), (9, 16), (16, 16), (17, 32), (33, 48), (100, 112)])
def test_units_are_padded_to_whole_vectors(units, width):
    assert padded(units) == width


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_do_not_crowd_a_set_of_the_cache(dtype):
    itemsize = np.dtype(dtype).itemsize
    for width in range(8, 1025, 8):
        distance = row_distance(width, dtype)
        assert distance * itemsize % 512 != 0
        assert distance - width in (0, ALIGNMENT // itemsize)


def test_spans_are_handed_out_one_after_the_other():
    spans = Spans()
    assert [spans.take(count) for count in (1, 64, 65, 0, 7)] == [0, 64, 128, 256, 256]
    assert spans.size == 320


def test_memory_begins_on_a_cache_line():
    for size in (1, 17, 1000):
        array = aligned(size, "float32")
        assert (array.shape, array.ctypes.data % ALIGNMENT) == ((size,), 0)
        assert not array.any()
