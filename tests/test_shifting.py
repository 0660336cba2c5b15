"""--augment shift: which levels move and by how much, what stays, and that it is undone."""

import numpy as np
import pandas as pd
import pytest
from ids import cases
from test_linear_part import Blocks

import rnnfast
from rnnfast.config.resolve import Config
from rnnfast.network.cell import cell_of
from rnnfast.training.hiding import show
from rnnfast.training.prepare import initial_model
from rnnfast.training.shifting import Shifter, moments

RUN = {"preset": "fast", "hidden": 4, "cell": "gru", "epochs": 3, "id": "id", "target": "y"}
STEPS = 8


def table(ids=60):
    """Days whose level differs, noise whose level does not, a town at each row and an age of each day."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.repeat(np.arange(ids), STEPS)})
    frame["level"] = np.repeat(random.normal(size=ids), STEPS) + random.normal(0, 0.5, len(frame))
    frame["noise"] = random.normal(size=len(frame))
    frame["town"] = random.choice(list("abc"), len(frame))
    frame["age"] = frame["id"] % 7
    return frame.assign(y=(random.random(len(frame)) < 0.5).astype(int))


def shifter_of(amount=1.0, frame=None, **options):
    data = rnnfast.read_table(table() if frame is None else frame, id="id", target="y", categorical="town")
    options = {"preset": "fast", "augment": f"shift={amount}", "scale": "none", "batch_size": 4, **options}
    model = initial_model(data, Config().with_values(options, "test"), cell_of("gru", "tanh"))
    return Shifter(model, data), model.encoder.transform(data, "float32"), data.offsets, model.encoder


def shifts(amount, epochs=200, **options):
    """Names of inputs, and by how much (epochs, sequences, F) each is shifted in some epochs."""
    shifter, inputs, offsets, encoder = shifter_of(amount, **options)
    before, every = inputs.copy(), []
    for epoch in range(epochs):
        hidden = shifter.shift(inputs, offsets, epoch)
        every.append((inputs - before).reshape(-1, STEPS, inputs.shape[1]))
        show(inputs, hidden)
        np.testing.assert_array_equal(inputs, before)
    every = np.array(every)
    np.testing.assert_allclose(every, every[:, :, :1].repeat(STEPS, axis=2), atol=1e-5)  # one number for all steps
    return list(encoder.names), every[:, :, 0]


@pytest.mark.parametrize("amount", [0.5, 2.0])
def test_levels_move_by_how_far_they_differ(amount):
    names, every = shifts(amount)
    levels = table().groupby("id")[["level", "noise"]]
    between, within = levels.mean().var(), levels.var(ddof=0).mean()
    expected = amount * np.sqrt(between) * between / (between + within)
    measured = [every[..., names.index(name)].std() for name in ("level", "noise")]
    np.testing.assert_allclose(measured, expected, rtol=0.03)
    np.testing.assert_allclose(every.mean(axis=(0, 1)), 0, atol=0.03 * amount)


def test_categories_and_constant_columns_stay():
    names, every = shifts(1.0, epochs=1, static=("age",))
    assert [name for name, moves in zip(names, every.any(axis=(0, 1)), strict=True) if moves] == ["level", "noise"]


def test_a_draw_belongs_to_a_sequence_and_an_epoch():
    shifter, inputs, offsets, _ = shifter_of()
    whole, pieces, later = inputs.copy(), inputs.copy(), inputs.copy()
    shifter.shift(whole, offsets, epoch=1)
    shifter.shift(later, offsets, epoch=2)
    for first, stop in ((30, 60), (0, 30)):
        shifter.shift(pieces[first * STEPS : stop * STEPS], offsets[: stop - first + 1], epoch=1, first=first)
    np.testing.assert_array_equal(whole, pieces)
    assert (whole != later).any()


@pytest.mark.parametrize("count", [1, 7])
def test_blocks_do_not_change_a_bit_of_how_far_levels_differ(count):
    data = rnnfast.read_table(table(), id="id", target="y", categorical="town")
    *_, encoder = shifter_of()
    np.testing.assert_array_equal(moments(Blocks(data, count), encoder, 1), moments(data, encoder, 1))


def test_one_sequence_has_no_level_to_differ_from():
    shifter, inputs, offsets, _ = shifter_of(frame=table(1).assign(y=[0, 1] * (STEPS // 2)))
    assert shifter.shift(inputs, offsets, epoch=0) == []


def test_training_differs_and_scores_see_levels_as_they_are():
    plain, shifted = (
        rnnfast.train(table(), **RUN, split=1.0, patience=0, augment=augment) for augment in ("off", "shift")
    )
    assert any((plain.model.parameters[name] != array).any() for name, array in shifted.model.parameters.items())
    assert shifted.metrics["train"] == shifted.model.evaluate(table()).metrics


@pytest.mark.parametrize("options", cases({"one network": {}, "an ensemble": {"ensemble": 2}}))
def test_threads_have_no_say(options):
    one, two = (rnnfast.train(table(), **RUN, augment="shift,drop", threads=n, **options) for n in (1, 2))
    assert one.history == two.history
