"""--augment mixup: what is mixed with what, in which shares, and where it cannot be."""

import numpy as np
import pandas as pd
import pytest
from ids import cases

import rnnfast
from rnnfast.config.resolve import Config
from rnnfast.errors import UsageError
from rnnfast.network.cell import cell_of
from rnnfast.training.mixing import Mixer, Shares
from rnnfast.training.prepare import initial_model, kernel_data

RUN = {"preset": "fast", "hidden": 4, "cell": "gru", "epochs": 3, "id": "id", "target": "y", "augment": "mixup"}


def table(ids=30, classes="uv"):
    """Sequences of 2 to 7 steps with a class each, a category and a constant column."""
    random = np.random.default_rng(0)
    lengths = random.integers(2, 8, ids)
    frame = pd.DataFrame({"id": np.repeat(np.arange(ids), lengths), "x": random.normal(size=lengths.sum())})
    frame["town"] = random.choice(list("abc"), len(frame))
    frame["age"] = frame["id"] % 7 + 0.5
    return frame.assign(y=np.array(list(classes))[frame["id"] % len(classes)])


def mixer_of(frame, **options):
    """A mixer, and the tensors that it mixes: labels as shares of the classes."""
    values = {**RUN, "batch_size": 4, "augment": "mixup=1", **options}
    reading = {name: values.pop(name) for name in ("id", "target", "categorical") if name in values}
    data = rnnfast.read_table(frame, **reading).predicting("last")
    model = initial_model(data, Config().with_values(values, "test"), cell_of("gru", "tanh"))
    return Mixer(model), kernel_data(model, data, Shares(model)), len(model.encoder.names)


def test_two_sequences_are_mixed_as_far_as_both_go_and_so_are_their_classes():
    frame = table(classes="uvw")[["id", "x", "y"]]
    mixer, data, _ = mixer_of(frame)
    before = data.x.copy()
    mixed = mixer.mixed(data, 3, epoch=1)
    np.testing.assert_array_equal(data.x, before)
    last = data.offsets[1:] - 1
    rows = last[-1] + 1
    y, q = data.y[: rows * 3].reshape(rows, 3), mixed.y[: rows * 3].reshape(rows, 3)
    np.testing.assert_allclose(q[last].sum(axis=1), 1, rtol=1e-6)
    own = q[last][y[last] == 1]
    assert (own >= 0.5).all(), "a sequence stays more itself than its partner"
    assert (own < 0.99).sum() > 10
    again, _, _ = mixer_of(frame)
    np.testing.assert_array_equal(again.mixed(data, 3, epoch=1).x, mixed.x)
    assert (again.mixed(data, 3, epoch=2).x != mixed.x).any()


def test_a_mixture_is_that_of_the_formula(monkeypatch):
    class Draws:
        def permutation(self, count):
            return np.roll(np.arange(count), 1)

        def beta(self, one, other, count):
            return np.full(count, 0.25)

    frame = table(3, "uvw")[["id", "x", "y"]]
    mixer, data, _ = mixer_of(frame)
    monkeypatch.setattr(np.random, "default_rng", lambda seed: Draws())
    mixed = mixer.mixed(data, 3, epoch=0)
    pieces = np.split(data.x, data.offsets[1:-1])
    for number, piece in enumerate(np.split(mixed.x, data.offsets[1:-1])):
        own, partner = pieces[number], pieces[number - 1]
        steps = min(len(own), len(partner))
        np.testing.assert_allclose(piece[:steps], 0.75 * own[:steps] + 0.25 * partner[:steps], rtol=1e-5)
        np.testing.assert_array_equal(piece[steps:], own[steps:])


def test_codes_and_constant_columns_stay_and_nothing_is_mixed_with_what_has_no_class():
    frame = table(classes="uvw")
    frame["y"] = frame["y"].where(frame["id"] % 2 == 0)
    mixer, data, features = mixer_of(frame, categorical="town", embed=("town=2",), static=("age",))
    mixed = mixer.mixed(data, 3, epoch=0)
    same = (mixed.x == data.x).reshape(-1, features).all(axis=0)
    assert same.tolist() == [False, True, True]
    labels = mixed.y[: int(data.offsets[-1]) * 3].reshape(-1, 3)[data.offsets[1:] - 1]
    np.testing.assert_allclose(labels[::2].sum(axis=1), 1, rtol=1e-6)


WAYS = {
    "two classes": {"classes": "uv"},
    "classes": {"classes": "uvw"},
    "an ensemble, trained again": {"classes": "uvw", "ensemble": 2, "refit": True},
    "one network for an ensemble": {"classes": "uvw", "ensemble": 2, "distil": True},
    "with dropped values": {"classes": "uv", "augment": "drop=0.2,mixup=1", "patch": (2,), "head": "all"},
}


@pytest.mark.parametrize("options", cases(WAYS))
def test_threads_have_no_say(options):
    options = dict(options)
    frame = table(classes=options.pop("classes"))
    one, two = (rnnfast.train(frame, **{**RUN, **options}, threads=count) for count in (1, 2))
    plain = rnnfast.train(frame, **{**RUN, **options, "augment": "off"}, threads=1)
    assert one.history == two.history
    assert one.history != plain.history
    assert one.model.predict(frame)["y_pred"].isin(frame["y"].unique()).all()


def test_what_cannot_be_mixed(tmp_path, monkeypatch):
    quantities = table().assign(y=lambda rows: rows["x"])
    with pytest.raises(UsageError, match="--augment mixup: mixup mixes whole sequences with a class each"):
        rnnfast.train(quantities, **RUN)
    path = tmp_path / "t.csv"
    table().to_csv(path, index=False)
    monkeypatch.setattr(rnnfast.data.reading.opening, "needs_store", lambda names, budget, options: True)
    with pytest.raises(UsageError, match="--memory holds a part of them at a time"):
        rnnfast.train(str(path), **RUN, memory="600M")
