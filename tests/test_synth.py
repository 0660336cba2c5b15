"""Synthetic tables: the same bytes again, the promised columns and labels, and rules that need memory."""

import gzip
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from counting import lines_executed
from ids import cases
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score, roc_auc_score

from rnnfast.data.synth.generate import KINDS, synth
from rnnfast.errors import RnnfastError, UsageError

SAMPLES = Path(__file__).parent.parent / "data"
SAMPLE_FILES = {
    "creditcard": ("creditcard_sample.csv", 400, 10),
    "temperature": ("temperature_sample.csv", 100, 50),
    "parity": ("parity_sample.csv", 500, 10),
    "xor": ("xor.csv", 200, 1),
    "adding": ("adding_sample.csv", 1000, 20),
}


def made(kind, sequences=None, steps=None, seed=0):
    stream = io.BytesIO()
    synth(kind, "-", sequences, steps, seed, stream)
    return stream.getvalue()


def table(kind, sequences=None, steps=None, seed=0):
    return pd.read_csv(io.BytesIO(made(kind, sequences, steps, seed)))


def with_past(x, lags):
    """Rows (sequences, steps, F) beside their predecessors in the sequence, zeros before its start."""
    earlier = [np.pad(x, ((0, 0), (lag, 0), (0, 0)))[:, : x.shape[1]] for lag in range(lags + 1)]
    return np.concatenate(earlier, axis=2).reshape(-1, x.shape[2] * (lags + 1))


@pytest.mark.parametrize("kind", SAMPLE_FILES)
def test_samples_are_what_the_readme_says(kind):
    name, sequences, steps = SAMPLE_FILES[kind]
    expected = (SAMPLES / name).read_bytes()
    assert made(kind, sequences, steps) == expected
    assert made(kind) == expected  # the sizes are the defaults
    assert f"rnnfast synth {kind} -o {name} --sequences {sequences}" in (SAMPLES / "README.md").read_text(
        encoding="utf-8"
    )


def test_samples_are_small():
    sizes = {path.name: path.stat().st_size for path in SAMPLES.iterdir()}
    assert sizes["creditcard_sample.csv"] < 1.2e6
    assert sum(sizes.values()) < 3e6


@pytest.mark.parametrize("kind", KINDS)
def test_file_stream_and_gzip_hold_the_same(kind, tmp_path):
    expected = made(kind, 7, seed=3)
    result = synth(kind, tmp_path / "table.csv", 7, seed=3)
    assert (result.kind, result.path, result.sequences) == (kind, tmp_path / "table.csv", 7)
    assert result.rows == result.sequences * result.steps == expected.count(b"\n") - 1
    assert (tmp_path / "table.csv").read_bytes() == expected
    packed = []
    for name in ("a.csv.gz", "b.csv.gz"):
        synth(kind, str(tmp_path / name), 7, seed=3)
        packed.append((tmp_path / name).read_bytes())
    assert packed[0] == packed[1]
    assert gzip.decompress(packed[0]) == expected
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv.gz", "b.csv.gz", "table.csv"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "xor"])
def test_another_seed_is_another_table(kind):
    assert made(kind, 5, seed=0) != made(kind, 5, seed=1)


def test_standard_output_and_default_name(tmp_path, monkeypatch, capfdbinary):
    assert synth("xor", "-", 4).path is None
    assert capfdbinary.readouterr().out == made("xor", 4)
    monkeypatch.chdir(tmp_path)
    assert synth("xor").path == Path("xor.csv")
    assert (tmp_path / "xor.csv").exists()


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "table.csv"
    path.write_text("old")

    def fail(columns, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rnnfast.data.synth.generate._write", fail)
    with pytest.raises(RnnfastError, match=r"table\.csv: cannot be written: No space left on device"):
        synth("xor", path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_unwritable_places_are_named(tmp_path):
    with pytest.raises(RnnfastError, match="missing"):
        synth("xor", tmp_path / "missing" / "table.csv")
    with pytest.raises(RnnfastError, match="cannot be written"):
        synth("xor", tmp_path)


def test_devices_are_written_not_replaced(tmp_path):
    null = Path("/dev/null")
    if not null.is_char_device():
        pytest.skip("no /dev/null here")
    synth("xor", null)
    assert null.is_char_device()


@pytest.mark.parametrize(
    ("arguments", "message"),
    cases(
        {
            "misspelt kind": ({"kind": "xnor"}, "unknown kind 'xnor'; choose one of creditcard"),
            "no sequences": ({"kind": "parity", "sequences": 0}, "sequences is 0; it must be at least 1"),
            "no steps": ({"kind": "parity", "steps": 0}, "steps is 0; it must be at least 1"),
            "too few steps": ({"kind": "adding", "steps": 1}, "steps is 1; it must be at least 2"),
            "too many steps": ({"kind": "xor", "steps": 2}, "steps is 2; it can be at most 1"),
            "negative seed": ({"kind": "parity", "seed": -1}, "seed is -1; it must be at least 0"),
        }
    ),
)
def test_impossible_arguments_are_refused(arguments, message, tmp_path):
    with pytest.raises(UsageError, match=message):
        synth(path=tmp_path / "table.csv", **arguments)
    assert not list(tmp_path.iterdir())


def test_creditcard_has_the_columns_of_kaggle():
    header, first = made("creditcard").decode().split("\n")[:2]
    columns = ["Time", *(f"V{k}" for k in range(1, 29)), "Amount", "Class"]
    assert header == ",".join(f'"{name}"' for name in columns)
    assert first.endswith('"0"')
    rows = table("creditcard")
    assert rows.shape == (4000, 31)
    assert rows["Time"].is_monotonic_increasing
    assert rows["Amount"].between(0, 250).all()


@pytest.mark.parametrize("seed", range(4))
def test_frauds_are_rare(seed):
    assert 0.013 < table("creditcard", seed=seed)["Class"].mean() < 0.03


def test_frauds_follow_the_documented_rule():
    rows = table("creditcard", 300, 12, seed=5)
    memory = trend = 0.0
    for k, row in enumerate(rows.itertuples(index=False)):
        if k % 12 == 0:
            memory = trend = 0.0
        # A hair's breadth from the threshold the order of the sums decides.
        if abs(memory + 0.3 * trend - 1.4) > 1e-9:
            assert row.Class == (row.Amount > 60 and memory + 0.3 * trend > 1.4)
        memory = 0.8 * memory + (row.Amount < 2.5)
        trend = 0.6 * trend + (row.V4 + row.V11 - row.V10) / 3


def test_frauds_need_the_past():
    scores = []
    for lags in (0, 4):
        parts = []
        for sequences, seed in ((1000, 1), (400, 0)):
            rows = table("creditcard", sequences, seed=seed)
            x = rows.drop(columns=["Time", "Class"]).to_numpy()
            parts.append((with_past(x.reshape(sequences, 10, 29), lags), rows["Class"].to_numpy()))
        (x_train, y_train), (x_test, y_test) = parts
        centre, spread = x_train.mean(axis=0), x_train.std(axis=0)
        model = LogisticRegression(max_iter=1000).fit((x_train - centre) / spread, y_train)
        scores.append(roc_auc_score(y_test, model.decision_function((x_test - centre) / spread)))
    present, past = scores
    assert present < 0.85
    assert past > 0.93


def test_temperature_needs_the_past():
    rows = table("temperature")
    assert list(rows.columns) == ["name", "t", "x1", "x2", "x3", "x4", "x5", "x6", "y1"]
    assert (rows.groupby("name")["t"].diff().dropna() == 1).all()
    x, y = rows.iloc[:, 2:8].to_numpy().reshape(100, 50, 6), rows["y1"].to_numpy()
    scores = []
    for lags in (0, 20):
        features = with_past(x, lags)
        model = LinearRegression().fit(features[:4000], y[:4000])
        scores.append(r2_score(y[4000:], model.predict(features[4000:])))
    present, past = scores
    assert present < 0.65
    assert past > 0.95


def test_parity_labels_every_step():
    rows = table("parity", 50, 33, seed=2)
    assert list(rows.columns) == ["name", "t", "x1", "y1"]
    assert set(rows["x1"]) == {0, 1}
    assert (rows.groupby("name")["x1"].cumsum() % 2 == rows["y1"]).all()
    assert rows.groupby("name").size().tolist() == [33] * 50


def test_xor_has_the_four_cases():
    rows = table("xor", 8)
    assert rows[["x1", "x2", "y1"]].to_numpy().tolist() == [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]] * 2
    assert rows["name"].is_unique


@pytest.mark.parametrize("steps", [2, 3, 20, 101])
def test_adding_gives_the_sum_at_the_last_step(steps):
    rows = table("adding", 40, steps, seed=1)
    assert list(rows.columns) == ["name", "t", "x1", "x2", "y1"]
    assert rows["x1"].between(0, 1).all()
    value, mark, answer = (rows[name].to_numpy().reshape(40, steps) for name in ("x1", "x2", "y1"))
    assert np.isnan(answer[:, :-1]).all()
    np.testing.assert_allclose(answer[:, -1], (value * mark).sum(axis=1), rtol=0, atol=1e-12)
    half = steps // 2
    assert (mark[:, :half].sum(axis=1) == 1).all()
    assert (mark[:, half:].sum(axis=1) == 1).all()


def test_no_line_is_executed_for_each_step():
    def lines(steps):
        return lines_executed(lambda: synth("creditcard", "-", 300, steps, 0, io.BytesIO()))

    lines(10)
    assert lines(40) < 2 * lines(10)


@pytest.mark.parametrize("kind", KINDS)
def test_parquet_holds_the_rows_of_the_csv(kind, tmp_path):
    pytest.importorskip("pyarrow")
    synth(kind, tmp_path / "table.parquet", 40, seed=3)
    written, expected = pd.read_parquet(tmp_path / "table.parquet"), table(kind, 40, seed=3)
    assert list(written.columns) == list(expected.columns)
    for name in expected.columns:
        if name == "name":
            assert written[name].astype(str).tolist() == expected[name].astype(str).tolist()
        else:
            np.testing.assert_allclose(written[name].astype(float), expected[name], rtol=1e-6, atol=1e-6)
    assert all(kind in ("int8", "int64", "float32", "str", "object") for kind in written.dtypes.astype(str))


def test_row_groups_go_on_where_the_one_before_ended(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr("rnnfast.data.synth.parquet.GROUP_ROWS", 100)
    for kind in ("temperature", "sensors"):
        synth(kind, tmp_path / "table.parquet", 21, 10, seed=3)
        frame = pd.read_parquet(tmp_path / "table.parquet")
        names = [f"s{k + 1}" if kind == "temperature" else k + 1 for k in range(21)]
        assert frame["name"].tolist() == [name for name in names for _ in range(10)]
        assert not frame["x1"][:80].equals(frame["x1"][80:160].reset_index(drop=True))
    synth("creditcard", tmp_path / "table.parquet", 21, 10)
    assert pd.read_parquet(tmp_path / "table.parquet")["Time"].is_monotonic_increasing


def test_sensors_need_memory():
    frame = table("sensors", 300, 50)
    x = frame[[f"x{k + 1}" for k in range(8)]].to_numpy().reshape(300, 50, 8)
    y = frame["y1"].to_numpy()
    now = LogisticRegression().fit(x.reshape(-1, 8), y)
    past = LogisticRegression(max_iter=500).fit(with_past(x, 15), y)
    assert roc_auc_score(y, now.predict_proba(x.reshape(-1, 8))[:, 1]) < 0.85
    assert roc_auc_score(y, past.predict_proba(with_past(x, 15))[:, 1]) > 0.98
