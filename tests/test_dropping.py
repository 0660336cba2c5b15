"""--augment drop: which values are dropped, what takes their place, and that it is undone."""

import numpy as np
import pandas as pd
import pytest
from ids import cases

import rnnfast
from rnnfast.config.resolve import Config
from rnnfast.errors import UsageError
from rnnfast.network.cell import cell_of
from rnnfast.training.dropping import ROWS, Dropper
from rnnfast.training.hiding import show
from rnnfast.training.prepare import initial_model

RUN = {"preset": "fast", "hidden": 4, "cell": "gru", "epochs": 3, "id": "id", "target": "y"}


def table(ids=40, steps=6):
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.repeat(np.arange(ids), steps), "x": random.normal(5, 1, ids * steps)})
    frame["town"] = random.choice(list("abc"), len(frame))
    frame["age"] = frame["id"] % 7
    return frame.assign(y=(frame.groupby("id")["x"].transform("sum") > 30).astype(int))


def dropper_of(share=0.25, categorical=None, **options):
    data = rnnfast.read_table(table(), id="id", target="y", categorical=categorical)
    config = Config().with_values({"preset": "fast", "augment": f"drop={share}", "batch_size": 4, **options}, "test")
    model = initial_model(data, config, cell_of("gru", "tanh"))
    return Dropper(model, data), model.encoder.transform(data, "float32"), model.encoder


def test_dropped_values_are_the_means_of_their_columns_and_come_back():
    dropper, inputs, _ = dropper_of()
    before = inputs.copy()
    dropped = dropper.drop(inputs, epoch=3)
    changed = inputs != before
    assert 0.2 < changed.mean() < 0.3
    means = np.broadcast_to(before.mean(axis=0, dtype=np.float64), before.shape)
    np.testing.assert_allclose(inputs[changed], means[changed], rtol=1e-6)
    show(inputs, dropped)
    np.testing.assert_array_equal(inputs, before)


def test_a_draw_belongs_to_a_row_and_an_epoch(monkeypatch):
    dropper, inputs, _ = dropper_of()
    whole, pieces, later = inputs.copy(), inputs.copy(), inputs.copy()
    dropper.drop(whole, epoch=1)
    dropper.drop(later, epoch=2)
    monkeypatch.setattr("rnnfast.training.dropping.ROWS", 7)
    for first, stop in ((30, 40), (0, 30)):
        dropper.drop(pieces[first * 6 : stop * 6], epoch=1, first=first)
    assert len(inputs) < ROWS
    np.testing.assert_array_equal(whole, pieces)
    assert (whole != later).any()


def test_codes_and_constant_columns_stay():
    dropper, inputs, encoder = dropper_of(categorical="town", embed=("town=2",), static=("age",))
    before = inputs.copy()
    dropper.drop(inputs, epoch=0)
    assert [name for name, kept in zip(encoder.names, (inputs == before).all(axis=0), strict=True) if not kept] == ["x"]


def test_training_differs_and_scores_see_all_values():
    plain, dropped = (
        rnnfast.train(table(), **RUN, split=1.0, patience=0, augment=augment) for augment in ("off", "drop")
    )
    assert plain.model.config.train.augment == ()
    assert any((plain.model.parameters[name] != array).any() for name, array in dropped.model.parameters.items())
    assert dropped.metrics["train"] == dropped.model.evaluate(table()).metrics


@pytest.mark.parametrize("options", cases({"one network": {}, "an ensemble": {"ensemble": 2}}))
def test_threads_have_no_say(options):
    one, two = (rnnfast.train(table(), **RUN, augment="drop=0.3", threads=n, **options) for n in (1, 2))
    assert one.history == two.history


REFUSED = {
    "another word": "noise",
    "no share": "drop=2",
    "nothing": "drop=",
    "none at all": "mixup=0",
    "twice": "drop,drop=0.2",
}


@pytest.mark.parametrize("text", cases(REFUSED))
def test_what_is_no_augmentation(text):
    with pytest.raises(UsageError, match=rf"--augment {text}: give drop, mixup, shift or several"):
        rnnfast.train(table(), **RUN, augment=text)
