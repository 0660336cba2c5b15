"""Training sequences that begin at a random step, held to a table that is cut there by hand."""

import numpy as np
import pandas as pd
import pytest
from ids import cases

import rnnfast
from rnnfast.errors import UsageError
from rnnfast.kernels.run.memory import training_data
from rnnfast.training.starts import LEAST_SHARE, begun, draws

RUN = {
    "preset": "fast",
    "hidden": 3,
    "seed": 4,
    "split": 1.0,
    "dtype": "float64",
    "scale": "none",
    "scale_target": False,
}
COLUMNS = {"id": "id", "time": "t", "target": "y", "features": "x", "task": "regression"}


def rows(lengths=(9, 1, 14, 6), seed=0):
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.repeat(np.arange(len(lengths)), lengths)})
    frame["t"] = frame.groupby("id").cumcount()
    frame["x"] = random.normal(size=len(frame))
    return frame.assign(y=frame["x"].cumsum())


def tensors(weights, lengths):
    """Tensors of a kernel with these weights of the steps."""
    count = len(weights)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    return training_data(np.zeros((count, 1)), np.zeros((count, 2)), np.asarray(weights, float), offsets, "float64")


def test_starts_are_uniform_and_leave_labels():
    lengths = [30, 4, 5]
    weights = np.concatenate((np.ones(30), [0, 0.5, 0, 0], np.zeros(5)))
    data, order, firsts = tensors(weights, lengths), np.array([2, 0, 1]), []
    for epoch in range(2000):
        chosen = begun(data, order, 2, draws(7, epoch, [(0, 3)]))
        assert chosen.order.tolist() == [5, 1, 3]
        start = chosen.data.offsets[chosen.order]
        assert (chosen.data.offsets[chosen.order + 1] == data.offsets[order + 1]).all()
        assert start[0] == 34  # without labels nothing is cut
        assert start[2] in (30, 31)
        np.testing.assert_allclose(chosen.data.mass[chosen.order], [0, 30 - start[1], 0.5])
        assert chosen.mass == 30 - start[1] + 0.5
        assert chosen.steps == 39 - start[1] + 34 - start[2] - 34 + 30
        firsts.append(int(start[1]))
    counts = np.bincount(firsts)
    assert len(counts) == 30 - int(np.ceil(30 * LEAST_SHARE)) + 1  # the last start leaves a tenth
    assert counts.min() > 0.5 * 2000 / len(counts)


def test_a_draw_belongs_to_a_sequence_and_an_epoch():
    whole = draws(3, 5, [(0, 10)])
    np.testing.assert_array_equal(np.concatenate((whole[2:4], whole[7:])), draws(3, 5, [(2, 4), (7, 10)]))
    assert not np.isin(draws(3, 6, [(0, 10)]), whole).any()


@pytest.mark.parametrize(
    "options",
    cases(
        {
            "one sequence": {"batch_size": 1},
            "batch": {"batch_size": 3, "optimizer": "adam"},
            "gru": {"cell": "gru", "batch_size": 2},
            "sum": {"batch_size": 2, "reduction": "sum", "lr": 0.001},
            "windows of bptt": {"cell": "lstm", "batch_size": 2, "tbptt": 4},
            "weights": {"batch_size": 2, "weight": "w"},
            "last step": {"batch_size": 2, "predict": "last"},
        }
    ),
)
def test_an_epoch_is_that_of_a_table_that_begins_there(options):
    frame = rows()
    frame["w"] = 1 + frame["t"] % 3
    options = {**COLUMNS, **RUN, "epochs": 1, "shuffle": False, **options}
    model = rnnfast.train(frame, random_start=True, **options).model
    length = frame.groupby("id")["t"].transform("size").to_numpy()
    labels = 1 if options.get("predict") == "last" else length
    latest = length - np.maximum(np.ceil(LEAST_SHARE * np.asarray(labels)), 1)
    start = np.floor(draws(RUN["seed"], 0, [(0, 4)])[frame["id"]] * (latest + 1))
    by_hand = frame[frame["t"] >= start]
    assert 4 < len(by_hand) < len(frame)
    other = rnnfast.train(by_hand, **options).model
    for name, tensor in model.parameters.items():
        np.testing.assert_allclose(tensor, other.parameters[name], rtol=1e-12, err_msg=name)


def test_the_same_bits_for_any_number_of_threads():
    frame = rows(np.random.default_rng(1).integers(1, 60, 90))
    options = {**COLUMNS, **RUN, "epochs": 3, "cell": "gru", "hidden": 32, "batch_size": 60, "random_start": True}
    one, two = (rnnfast.train(frame, threads=threads, **options) for threads in (1, 2))
    for name, tensor in one.model.parameters.items():
        np.testing.assert_array_equal(tensor, two.model.parameters[name], err_msg=name)
    assert one.history == two.history


def test_reported_losses_are_means_over_the_steps_that_trained():
    frame = rows().assign(y=1.0)
    frame.loc[0, "y"] = 1.5
    options = {**COLUMNS, **RUN, "epochs": 6, "lr": 1e-12, "batch_size": 1, "loss": "mae", "predict": "every"}
    whole, cut = (rnnfast.train(frame, random_start=start, **options).history for start in (False, True))
    bound = max(row["loss"] for row in whole) * 3
    losses = [row["loss"] for row in cut if row["split"] == "train"]
    assert len(set(losses)) > 3
    assert all(0 < loss < bound for loss in losses)


def test_without_a_state_there_is_nothing_to_cut():
    with pytest.raises(UsageError, match=r"--random-start on has no effect: mlp has no state"):
        rnnfast.train(rows(), cell="mlp", random_start=True, epochs=1, **COLUMNS)
