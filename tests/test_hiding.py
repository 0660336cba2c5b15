"""Categories hidden in training: the weights of "(unseen)" start at 0 and learn, and its answers do not go astray."""

import numpy as np
import pandas as pd
import pytest
from commands import isolate
from ids import cases

import rnnfast
from rnnfast.cells import built_in
from rnnfast.config.resolve import Config
from rnnfast.data.sequences.spans import ends
from rnnfast.errors import DivergedError
from rnnfast.training import loop
from rnnfast.training.hiding import SHARE, Hider, show
from rnnfast.training.prepare import initial_model

OPTIONS = {"id": "id", "time": "t", "target": "y", "categorical": "plan", "cache": False, "predict": "last"}


def customers(count=200, steps=4, seed=0):
    """Customers with a plan that tells most about the answer."""
    random = np.random.default_rng(seed)
    plan = random.integers(0, 3, count)
    answer = random.random(count) < np.array([0.1, 0.4, 0.8])[plan]
    frame = pd.DataFrame({"id": np.repeat(np.arange(count), steps), "t": np.tile(np.arange(steps), count)})
    frame["plan"] = np.array(["basic", "plus", "pro"])[plan[frame["id"]]]
    return frame.assign(x1=random.normal(size=len(frame)), y=answer[frame["id"]].astype(int))


def unseen_weights(model):
    """Weights of "plan=(unseen)" in each tensor that sees the inputs."""
    place = model.encoder.names.index("plan=(unseen)")
    inputs = len(model.encoder.names)
    first = [name for name in model.parameters if "weight_ih_l0" in name or name == "mlp.0.weight"]
    return [model.parameters[name][:, place] for name in first if model.parameters[name].shape[1] == inputs]


def lone_gate(x, u, h):
    """A cell of the user's own."""
    return h + 0.1 * (x.a + u.a)


CELLS = {
    "rnn": {"cell": "rnn"},
    "both directions": {"cell": "gru", "bidirectional": True},
    "several layers": {"cell": "lstm", "hidden": (4, 3)},
    "layers of one width": {"cell": "gru", "hidden": (4, 4)},
    "without state": {"cell": "mlp", "hidden": (4, 3)},
    "uniform init": {"cell": "rnn", "init": "uniform"},
    "float64": {"cell": "rnn", "dtype": "float64"},
    "the user's own": {"cell": lone_gate},
}


@pytest.mark.parametrize("options", cases(CELLS))
def test_weights_of_unseen_start_at_zero_and_learn(options):
    options = {"hidden": 4, **options}
    frame = customers(60)
    initial = rnnfast.train(frame, **OPTIONS, **options, epochs=0).model
    trained = rnnfast.train(frame, **OPTIONS, **options, epochs=2).model
    columns = unseen_weights(initial)
    assert len(columns) == 1 + bool(options.get("bidirectional"))
    for before, after in zip(columns, unseen_weights(trained), strict=True):
        assert (before == 0).all()
        assert (after != 0).any()


def test_other_initial_weights_do_not_depend_on_it():
    """Only the columns of (unseen) are set to 0; the rest is drawn as ever."""
    data = rnnfast.read_table(customers(), **{name: OPTIONS[name] for name in ("id", "time", "target", "categorical")})
    weights = initial_model(data, Config().with_values({"hidden": 5}, "test"), built_in("rnn")).parameters
    drawn = weights["rnn.weight_ih_l0"]
    assert (np.abs(drawn).min(axis=0) > 0).tolist() == [True, True, True, True, False]


def test_weights_to_start_from_stay_as_they_are(tmp_path):
    frame = customers(60)
    trained = rnnfast.train(frame, **OPTIONS, hidden=3, epochs=3).model
    trained.save(tmp_path / "model.safetensors")
    start = rnnfast.train(frame, **OPTIONS, hidden=3, epochs=0, init_from=str(tmp_path / "model.safetensors")).model
    for name, tensor in trained.parameters.items():
        np.testing.assert_array_equal(start.parameters[name], tensor)


def test_answers_to_unseen_values_are_near_the_base_rate():
    """With weights that never train they were anywhere: 0.00 to 0.64 by the seed alone."""
    frame, new = customers(300), customers(100, seed=1).assign(plan="enterprise")
    base = frame["y"].mean()
    for seed in range(3):
        model = rnnfast.train(frame, **OPTIONS, seed=seed, threads=1).model
        data = rnnfast.read_table(new, schema=model.schema, require_target=False)
        assert abs(model.predict(data)[data.offsets[1:] - 1].mean() - base) < 0.25


@pytest.mark.parametrize(
    ("unseen", "categorical", "hides"),
    cases(
        {"bucket": ("bucket", "plan", True), "error": ("error", "plan", False), "numbers alone": ("bucket", (), False)}
    ),
)
def test_only_what_has_an_input_for_it_is_hidden(unseen, categorical, hides, monkeypatch):
    calls = []
    hide = Hider.hide
    monkeypatch.setattr(Hider, "hide", lambda *a: calls.append(a) or hide(*a))
    rnnfast.train(customers(40), **{**OPTIONS, "categorical": categorical}, unseen=unseen, hidden=3, epochs=2)
    assert bool(calls) == hides


def test_validation_and_scores_hide_nothing():
    options = {**OPTIONS, "hidden": 3, "epochs": 1, "patience": 0, "linear_part": False}
    result = rnnfast.train(customers(100), **options)
    last = [row for row in result.history if row["split"] == "valid"][-1]
    assert last["loss"] == pytest.approx(result.metrics["valid"]["loss"], rel=1e-6)


# --- the draw ---


def one_hot(sequences=400, steps=6, categories=3, seed=0):
    """Inputs of one number and a column of categories with its (unseen); some cells have no category."""
    random = np.random.default_rng(seed)
    rows = sequences * steps
    inputs = np.zeros((rows, 1 + categories + 1), np.float32)
    inputs[:, 0] = random.normal(size=rows)
    inputs[np.arange(rows), 1 + random.integers(0, categories, rows)] = 1
    inputs[random.random(rows) < 0.1, 1:] = 0
    return inputs, ends(np.full(sequences, steps))


COLUMN = slice(1, 5)


def test_a_category_is_hidden_wherever_it_occurs_in_its_sequence():
    inputs, offsets = one_hot()
    before = inputs.copy()
    Hider([COLUMN], seed=1).hide(inputs, offsets, epoch=0)
    np.testing.assert_array_equal(inputs[:, 0], before[:, 0])
    np.testing.assert_array_equal(inputs[:, COLUMN].sum(axis=1), before[:, COLUMN].sum(axis=1))
    hidden = np.flatnonzero(inputs[:, 4])
    sequences = np.unique(hidden // 6)
    assert SHARE / 2 < len(sequences) / 400 < 2 * SHARE
    for k in sequences:
        rows = slice(6 * k, 6 * k + 6)
        (category,) = np.unique(before[rows, 1:4][inputs[rows, 4] == 1].argmax(axis=1))
        np.testing.assert_array_equal(before[rows, 1 + category] == 1, inputs[rows, 4] == 1)


def test_a_step_without_category_hides_none():
    """The first category stood for empty cells: it was hidden four times as often as the others."""

    def hidden(category):
        inputs = np.zeros((4000, 3))
        inputs[3::4, category] = 1  # of four steps the last one alone has a category
        Hider([slice(0, 3)], seed=0).hide(inputs, ends(np.full(1000, 4)), epoch=0)
        return np.flatnonzero(inputs[:, 2])

    assert 0 < len(hidden(0)) < 1000 * SHARE / 2
    np.testing.assert_array_equal(hidden(0), hidden(1))


def test_hiding_is_undone():
    inputs, offsets = one_hot()
    before = inputs.copy()
    hidden = Hider([COLUMN], seed=1).hide(inputs, offsets, epoch=3)
    assert (inputs != before).any()
    show(inputs, hidden)
    np.testing.assert_array_equal(inputs, before)


def test_a_draw_depends_on_seed_epoch_and_sequence_alone():
    def drawn(seed=1, epoch=0, pieces=(400,)):
        inputs, offsets = one_hot()
        hider, first = Hider([COLUMN], seed), 0
        for stop in np.cumsum(pieces).tolist():
            rows = slice(offsets[first], offsets[stop])
            hider.hide(inputs[rows], offsets[first : stop + 1] - offsets[first], epoch, first)
            first = stop
        return inputs[:, 4]

    np.testing.assert_array_equal(drawn(), drawn())
    np.testing.assert_array_equal(drawn(), drawn(pieces=(1, 99, 300)))
    assert (drawn() != drawn(seed=2)).any()
    assert (drawn() != drawn(epoch=1)).any()


def test_columns_are_drawn_apart():
    inputs, offsets = one_hot()
    both = np.concatenate((inputs, inputs[:, 1:]), axis=1)
    Hider([COLUMN, slice(5, 9)], seed=1).hide(both, offsets, epoch=0)
    assert (both[:, 4] != both[:, 8]).any()


@pytest.mark.parametrize("batch", [1, 16])
def test_threads_do_not_change_the_bits(batch):
    frame = customers(200)
    one, two = (
        rnnfast.train(frame, **OPTIONS, hidden=16, cell="gru", batch_size=batch, epochs=2, threads=k).model
        for k in (1, 2)
    )
    for name, tensor in one.parameters.items():
        np.testing.assert_array_equal(tensor, two.parameters[name])


@pytest.mark.parametrize(
    "more", cases({"constant": {}, "a rate per update": {"schedule": "onecycle", "shuffle": False}})
)
def test_epochs_of_a_call_do_not_change_the_bits(more, monkeypatch):
    """Without validation in between several epochs are asked for at once; each hides its own categories."""
    runs = []
    for seconds in (0.0, 10.0):
        monkeypatch.setattr(loop, "CALL_SECONDS", seconds)
        options = {**OPTIONS, "hidden": 3, "epochs": 6, "eval_every": 3, "patience": 0, "threads": 1}
        runs.append(rnnfast.train(customers(60), **options, **more))
    one, other = runs
    for name, tensor in one.model.parameters.items():
        np.testing.assert_array_equal(tensor, other.model.parameters[name])
    assert [row["loss"] for row in one.history] == [row["loss"] for row in other.history]


def test_divergence_names_its_epoch(monkeypatch):
    monkeypatch.setattr(loop, "CALL_SECONDS", 10.0)
    with pytest.raises(DivergedError) as error:
        rnnfast.train(customers(60).assign(y=1e30), **OPTIONS, task="regression", scale_target=False, hidden=3, lr=1e30)
    assert (error.value.epoch, error.value.step) == (1, 1)


def test_a_table_on_disk_hides_the_same(tmp_path, monkeypatch):
    """Rows of ids interleaved, in many blocks in the order of the table."""
    isolate(monkeypatch, tmp_path)
    monkeypatch.setenv("RNNFAST_CACHE_DIR", str(tmp_path / "cache"))
    customers(200).sample(frac=1, random_state=0).to_csv("table.csv", index=False)
    from test_blocks import ENOUGH, assert_same_run, blocks_of, trained_in_blocks

    options = {**OPTIONS, "preset": "fast", "hidden": 3, "epochs": 3, "patience": 0}
    for budget, more in ((ENOUGH, {}), (blocks_of(10), {"shuffle": False})):
        memory = rnnfast.train("table.csv", **options, **more)
        assert_same_run(memory, trained_in_blocks("table.csv", {**options, **more}, budget))
