"""Embeddings as users meet them: what the model file holds, what is refused, and that all else works beside them.

That outputs and gradients are right test_cells.py says, beside its oracles; how "(unseen)" learns, test_hiding.py.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import fails, isolate, result
from ids import cases

import rnnfast
from rnnfast.data.encoding.embedding import usual_units
from rnnfast.errors import DataError, UsageError

OPTIONS = {"id": "id", "time": "t", "target": "y", "epochs": 2, "cell": "gru", "hidden": 4, "patience": 0}


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """Sixty series with a town and a kind in each row, of which the town tells the target."""
    isolate(monkeypatch, tmp_path)
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.repeat(np.arange(60), 5), "t": np.tile(np.arange(5), 60)})
    town = random.integers(0, 9, len(frame))
    frame["x1"] = random.normal(size=len(frame))
    frame["town"], frame["kind"] = np.array(list("abcdefghi"))[town], random.integers(0, 3, len(frame))
    frame["y"] = (town % 2 == 0).astype(int)
    frame.to_csv("table.csv", index=False)
    return frame


def train(table, **options):
    return rnnfast.train(table, **OPTIONS | options).model


def test_each_category_is_a_row_of_a_table_that_torch_would_take(table):
    model = train(table, embed=("town=3", "kind"))
    assert model.encoder.names == ("x1", "town", "kind")
    assert model.parameters["embed.0.weight"].shape == (10, 3)  # with "(unseen)"
    assert model.parameters["embed.1.weight"].shape == (4, 2)
    assert model.parameters["rnn.weight_ih_l0"].shape == (12, 1 + 3 + 2)
    assert model.header.architecture.embeddings == ((10, 3), (4, 2))


def test_answers_are_those_of_the_rows_of_the_table_in_the_place_of_the_column(table):
    """A model of numbers with the same weights answers the same."""
    model = train(table, embed="town=2", ignore="kind", dtype="float64")
    units = model.parameters["embed.0.weight"][[ord(town) - ord("a") for town in table["town"]]]
    looked_up = table.drop(columns="town").assign(u1=units[:, 0], u2=units[:, 1])
    plain = train(looked_up, ignore="kind", dtype="float64", scale=("minmax", "u*=none"), epochs=0)
    plain.parameters = {name: tensor for name, tensor in model.parameters.items() if name != "embed.0.weight"}
    np.testing.assert_allclose(model.predict(table)["y_prob"], plain.predict(looked_up)["y_prob"], rtol=1e-9)


@pytest.mark.parametrize(("categories", "units"), [(1, 1), (2, 1), (3, 2), (9, 5), (98, 49), (1000, 50)])
def test_units_that_nobody_says_are_half_the_categories_and_fifty_at_most(categories, units):
    assert usual_units(categories) == units


def test_a_town_that_nobody_knows_is_unseen_and_has_learned(table):
    initial, trained = (train(table, embed="town=3", categorical="kind", epochs=epochs) for epochs in (0, 2))
    assert (initial.parameters["embed.0.weight"][-1] == 0).all()
    assert (np.abs(initial.parameters["embed.0.weight"][:-1]) > 0).all()
    assert (trained.parameters["embed.0.weight"][-1] != 0).all()
    answers = [trained.predict(table.assign(town=town))["y_prob"] for town in ("nowhere", "elsewhere")]
    pd.testing.assert_series_equal(*answers)


def test_an_unknown_town_is_refused_where_that_is_asked_for(table):
    model = train(table, embed="town=3", unseen="error")
    assert model.parameters["embed.0.weight"].shape == (9, 3)
    with pytest.raises(DataError, match="'nowhere' is a category that the training rows lack"):
        model.predict(table.assign(town="nowhere"))


def test_an_empty_cell_is_as_a_fill_says(table):
    holes = table.assign(town=table["town"].where(table["t"] != 2))
    model = train(holes, embed="town=3", missing=("error", "town=zero"))
    assert (model.encoder.transform(rnnfast.read_table(holes, schema=model.schema))[2::5, -1] == 0).all()
    assert model.predict(holes)["y_prob"].notna().all()


@pytest.mark.parametrize(
    "options",
    cases(
        {
            "both directions": {"bidirectional": True, "cell": "lstm", "hidden": (4, 3)},
            "a front and a head": {"conv": 3, "head": "attention"},
            "without state": {"cell": "mlp"},
            "windows of backpropagation": {"tbptt": 2},
            "windows of rows": {"id": None, "time": None, "window": 6, "ignore": "id"},
            "an ensemble of bags": {"ensemble": 2, "bag": True},
            "float64": {"dtype": "float64"},
            "lags": {"lag_target": True, "horizon": 1},
            "dropout": {"hidden": (4, 4), "dropout": 0.3},
            "another training": {"refit": True},
        }
    ),
)
def test_it_works_beside_every_option_and_with_any_number_of_threads(table, options):
    one, two = (train(table, **{"embed": "town=3", "threads": threads, **options}) for threads in (1, 2))
    for name, tensor in one.parameters.items():
        np.testing.assert_array_equal(tensor, two.parameters[name])
    one.save("m.safetensors")
    again = rnnfast.load("m.safetensors")
    pd.testing.assert_frame_equal(one.predict(table), again.predict(table))


def test_a_table_on_disk_trains_the_same_network(table, monkeypatch):
    monkeypatch.setattr(rnnfast.data.reading.opening, "needs_store", lambda names, budget, options: True)
    whole, blocks = train("table.csv", embed="town=3"), train("table.csv", embed="town=3", memory="900M")
    for name, tensor in whole.parameters.items():
        np.testing.assert_array_equal(tensor, blocks.parameters[name])


@pytest.mark.parametrize(
    ("options", "message"),
    cases(
        {
            "no column": ({"embed": "twon=3"}, "twon"),
            "no number": ({"embed": "town=wide"}, r"--embed town=wide: give COLUMN, or COLUMN=K .* as in region=8"),
            "no units": ({"embed": "town=0"}, r"--embed town=0: give COLUMN"),
            "twice": ({"embed": ("town=3", "town")}, r"town is there twice"),
            "the id": ({"embed": "id"}, "id"),
        }
    ),
)
def test_what_has_no_meaning_is_refused(table, options, message):
    with pytest.raises((UsageError, DataError), match=message):
        train(table, **options)


def test_sequences_that_were_read_name_their_categories(table):
    data = rnnfast.read_table(table, id="id", time="t", target="y", categorical="town")
    assert rnnfast.train(data, embed="town=2", epochs=1).model.header.architecture.embeddings == ((10, 2),)
    with pytest.raises(UsageError, match=r"no column of categories 'kind'.* they are town; --categorical kind makes"):
        rnnfast.train(data, embed="kind=2", epochs=1)


def test_the_command_line_trains_and_shows_it(table, capsys):
    run = ["train", "--data", "table.csv", "--id", "id", "--time", "t", "--target", "y", "--epochs", "1", "-o", "run"]
    result([*run, "--embed", "town=3,kind"], capsys)
    shown = result(["inspect", "run"], capsys)
    assert shown["embedded"] == {"town": 3, "kind": 2}
    assert "--embed town=x" in fails([*run, "--force", "--embed", "town=x"], 2, capsys)


def test_a_start_from_a_model_takes_its_tables(table):
    first = train(table, embed="town=3")
    first.save("m.safetensors")
    again = train(table, embed="town=3", init_from="m.safetensors", epochs=0)
    np.testing.assert_array_equal(first.parameters["embed.0.weight"], again.parameters["embed.0.weight"])
