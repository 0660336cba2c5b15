"""bench/: the parts of the sets do not overlap, columns of peers see no future, every score is of what a set scores."""

import sys
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

BENCH = Path(__file__).resolve().parents[1] / "bench"


@pytest.fixture(scope="module")
def bench() -> dict[str, ModuleType]:
    """Modules of bench/, which is no package."""
    sys.path.insert(0, str(BENCH))
    try:
        import defaults
        import inner
        import peer_columns
        import quality
        import scoring
        import sets
        import sets_made
        import sets_packages
        import wheels

        modules = (defaults, inner, peer_columns, quality, scoring, sets, sets_made, sets_packages, wheels)
        return {module.__name__: module for module in modules}
    finally:
        sys.path.remove(str(BENCH))


@pytest.fixture
def series(bench) -> object:
    """A set of one series with a forecast of two rows ahead."""
    return bench["sets"].QualitySet("s", "rmse", None, {"time": "t", "target": "x", "horizon": 2}, inner="time")


@pytest.fixture
def sequences(bench) -> object:
    """A set of sequences with one label."""
    return bench["sets"].QualitySet("c", "accuracy", None, {"id": "id", "time": "t", "target": "y"})


def series_table(rows: int = 40) -> pd.DataFrame:
    return pd.DataFrame({"t": np.arange(rows), "x": np.random.default_rng(0).normal(size=rows)})


def sequence_table(count: int = 12, steps: int = 5) -> pd.DataFrame:
    ids = np.repeat(np.arange(count), steps)
    x = np.random.default_rng(1).normal(size=count * steps)
    return pd.DataFrame({"id": ids, "t": np.tile(np.arange(steps), count), "x": x, "y": ids % 3})


@pytest.mark.parametrize("split", [0, 1, 2])
def test_an_inner_split_of_a_series_learns_from_what_is_earlier(bench, series, split: int) -> None:
    trains, rest = bench["inner"].inner_split(series, series_table(), split)
    assert len(rest) > 0
    assert trains["t"].max() < rest["t"].min()


@pytest.mark.parametrize("inner", ["ids", "blocks", "cut"])
def test_an_inner_split_of_sequences_shares_no_id(bench, inner: str) -> None:
    one = bench["sets"].QualitySet("c", "accuracy", None, {"id": "id", "target": "y"}, inner=inner)
    table = sequence_table(48)
    trains, rest = bench["inner"].inner_split(one, table, 0)
    assert set(trains["x"]).isdisjoint(rest["x"])
    assert set(trains["x"]) <= set(table["x"])


def test_the_same_number_gives_the_same_inner_split(bench, sequences) -> None:
    first, again, other = (bench["inner"].inner_split(sequences, sequence_table(), split)[0] for split in (3, 3, 4))
    assert first.equals(again)
    assert not first.equals(other)


def test_a_forecast_is_scored_where_its_truth_is_known(series) -> None:
    table = series_table(10)
    assert series.truth(table).tolist() == table["x"].tolist()[2:]


def test_a_sequence_is_scored_once(sequences) -> None:
    table = sequence_table(4)
    assert sequences.truth(table).tolist() == [0, 1, 2, 0]
    assert sequences.truth(table).index.tolist() == [4, 9, 14, 19]


def test_the_score_last_is_of_the_last_row_while_every_row_teaches(bench) -> None:
    one = bench["sets"].QualitySet("f", "rmse", None, {"id": "id", "target": "x"}, score="last")
    table = sequence_table(4)
    assert len(one.labels(table)) == 20
    assert one.truth(table).index.tolist() == [4, 9, 14, 19]


@pytest.mark.parametrize("change", [False, True], ids=["levels", "changes"])
def test_lags_see_no_later_row(bench, series, change: bool) -> None:
    table = series_table()
    later = table.assign(x=table["x"].where(table["t"] <= 20, 99.0))
    columns, same = (bench["peer_columns"].columns_of(series, one, change).loc[:20] for one in (table, later))
    pd.testing.assert_frame_equal(columns, same)


def test_rolling_columns_see_no_later_row_and_no_other_sequence(bench) -> None:
    one = bench["sets"].QualitySet("f", "rmse", None, {"id": "id", "time": "t", "target": "y"})
    table = sequence_table().assign(y=np.arange(60.0))
    later = table.assign(x=table["x"].where((table["id"] == 2) & (table["t"] <= 3), -99.0))
    columns, same = (bench["peer_columns"].columns_of(one, part).loc[10:13] for part in (table, later))
    pd.testing.assert_frame_equal(columns, same)


def test_columns_do_not_hold_the_target(bench, sequences) -> None:
    table = sequence_table()
    columns, same = (bench["peer_columns"].columns_of(sequences, t) for t in (table, table.assign(y=table["y"] * -1)))
    pd.testing.assert_frame_equal(columns, same)


def test_labels_that_are_whole_numbers_and_their_names_are_one_class(bench, sequences) -> None:
    table = sequence_table(3)
    index = sequences.truth(table).index
    answers = pd.DataFrame([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8], [0.0, 0.0, 1.0]], index=index, columns=["0", "1", "2"])
    assert bench["scoring"].score(sequences, table.astype({"y": float}), answers) == pytest.approx(2 / 3)


def test_a_perfect_score_leaves_half_a_case_of_error(bench, sequences, series) -> None:
    assert bench["scoring"].error(sequences, 1.0, 10) == 0.05
    assert bench["scoring"].error(series, 0.01, 10) == 0.01


def test_a_candidate_starts_from_its_base_and_differs_by_kind_of_target(bench, tmp_path, sequences, series) -> None:
    file = tmp_path / "candidates.toml"
    file.write_text('[a]\nhidden = 8\nlr = 0.1\nclasses.scale = "zscore"\n[b]\nbase = "a"\nhidden = 16\n')
    options = bench["defaults"].candidates(file)["b"]
    assert bench["defaults"].options_for(series, options) == {"hidden": 16, "lr": 0.1}
    assert bench["defaults"].options_for(sequences, options) == {"hidden": 16, "lr": 0.1, "scale": "zscore"}


@pytest.mark.parametrize("kind", ["cylinder_bell_funnel", "control_charts", "frequency"])
def test_a_made_table_is_the_same_each_time_with_other_sequences_to_test(bench, kind: str) -> None:
    train, test = getattr(bench["sets_made"], kind)(None)
    again, _ = getattr(bench["sets_made"], kind)(None)
    assert train.equals(again)
    assert set(train["id"]).isdisjoint(test["id"])


def test_a_method_is_behind_where_it_loses_by_more_than_the_seeds_of_auto_differ(bench, sequences, series) -> None:
    def scored(*scores: float) -> list[dict[str, float]]:
        return [{"score": score} for score in scores]

    results = {
        (sequences, "auto"): scored(0.8, 0.9),
        (sequences, "best"): scored(0.95),
        (series, "auto"): scored(1.0, 1.1),
        (series, "best"): scored(1.2),
    }
    text = bench["quality"].ahead(results, "best")
    assert text == "best is ahead of auto on 1 of 2 sets, level on 0; behind by more than its seeds differ: s"
    results[series, "best"] = scored(1.1)
    assert bench["quality"].ahead(results, "best") == "best is ahead of auto on 1 of 2 sets, level on 0"


@pytest.fixture
def shipped(tmp_path) -> dict[str, Path]:
    """A folder with a wheel that holds a table, a module with an array, and sequences."""
    files = {
        "some/t.csv": "day,v\n1,5\n2,6\n3,\n4,8\n5,9\n",
        "some/array.py": "few = [1]\ndef load():\n    return make([4.0, 5, None, 7.5])\n",
        "some/S_TRAIN.ts": "@problemName S\n@data\n1,2:3,?:0.5\n4,5:6,7:1.5\n",
        "some/S_TEST.ts": "@data\n1,2:3,4:2\n",
        "some/C_TRAIN.txt": " 2.0e+00  1 3\n1 4 5\n",
        "some/C_TEST.txt": "1 2 3\n",
    }
    with zipfile.ZipFile(tmp_path / "some-1.0-py3-none-any.whl", "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
    return {"wheels": tmp_path}


def test_tables_arrays_and_sequences_are_read_from_wheels(bench, shipped) -> None:
    early, late = bench["sets_packages"].series("some/t.csv", {"v": "value"}, shipped)
    assert (early["value"].tolist(), late["value"].tolist()) == ([5, 6, 8], [9])
    assert bench["wheels"].numbers_of(shipped, "some/array.py").tolist() == [4, 5, 7.5]
    train, test = bench["wheels"].archive("some/S", shipped)
    assert train[["id", "t", "x0", "y"]].to_numpy().tolist() == [
        [0, 0, 1, 0.5],
        [0, 1, 2, 0.5],
        [1, 0, 4, 1.5],
        [1, 1, 5, 1.5],
    ]
    assert np.isnan(train["x1"].iloc[1])
    assert len(test) == 2
    shapes, _ = bench["wheels"].rows_of("some/C", shipped)
    assert shapes.to_numpy().tolist() == [[0, 0, 1, 2], [0, 1, 3, 2], [1, 0, 4, 1], [1, 1, 5, 1]]
    assert shapes["y"].dtype.kind == "i"
    with pytest.raises(FileNotFoundError, match=r"other/t\.csv"):
        bench["wheels"].table_of(shipped, "other/t.csv")


def test_sets_of_packages_are_divided_into_two_halves(bench, tmp_path) -> None:
    ones = [one for one in bench["sets"].SETS if one.half]
    halves = {half: {one.name for one in ones if one.half == half} for half in ("mending", "judging")}
    assert halves["mending"] == bench["sets_packages"].MENDING
    assert len(halves["judging"]) > 20
    (tmp_path / "tecator_train.csv").touch()
    (tmp_path / "covid_train.csv").touch()
    assert [one.name for one in bench["sets"].selection("judging", tmp_path)] == ["covid"]
