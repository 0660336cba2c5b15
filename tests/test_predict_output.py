"""What `predict` writes beside the predictions, for which rows, and in which formats; in memory and in blocks alike."""

import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from commands import fails, isolate, result, start
from ids import cases

import rnnfast
from rnnfast.cli import run
from rnnfast.config.sections import DataConfig
from rnnfast.data.reading.carried import Carried
from rnnfast.data.reading.stores import stored_table
from rnnfast.data.sequences.budget import Budget, Phases
from rnnfast.data.sources.opening import open_sources
from rnnfast.model.predictions import part_of, predict_table, prediction_request, write_predictions

NO_CACHE = DataConfig(cache=False)
BLOCKS = Budget(10**9, phases=Phases(batch=10**5, bucket=10**4, block=1000, sample=10**7))
NOTES = ["plain", "with, comma", 'a "quote"', "two\nlines", "NA", "", "007", "Ä"]


@pytest.fixture(autouse=True)
def tables(tmp_path, monkeypatch):
    """Thirty engines; in mixed.csv the rows are in no order."""
    isolate(monkeypatch, tmp_path)
    random = np.random.default_rng(0)
    lengths = random.integers(8, 30, 30)
    frame = pd.DataFrame({"id": np.repeat(np.arange(30), lengths), "t": np.concatenate([*map(np.arange, lengths)])})
    frame["x"] = random.normal(size=len(frame)).round(3)
    frame["y"] = frame.groupby("id")["x"].cumsum().round(4)
    frame["good"] = (frame["y"] > 0).astype(int)
    frame["amount"] = [f"{value:.2f}" for value in random.normal(size=len(frame))]
    frame["note"] = random.choice(NOTES, len(frame))
    frame.to_csv("sorted.csv", index=False)
    frame.sample(frac=1, random_state=1).to_csv("mixed.csv", index=False)
    frame.drop(columns=["id", "t"]).to_csv("plain.csv", index=False)


def trained(table, **options):
    settings = {"preset": "fast", "target": "y", "features": "x", "hidden": 3, "epochs": 2, "cache": False}
    rnnfast.train(table, **settings | options).model.save("m.safetensors")
    return rnnfast.load("m.safetensors")


def texts_of(path, **options):
    return pd.read_csv(path, dtype=str, keep_default_na=False, **options)


READ = {
    "rows in order": ("sorted.csv", {}),
    "rows mixed": ("mixed.csv", {}),
    "windows": ("mixed.csv", {"window": 5}),
    "overlapping windows": ("mixed.csv", {"window": 6, "stride": 4}),
    "no id": ("plain.csv", {"window": 8}),
    "no id, overlapping": ("plain.csv", {"window": 8, "stride": 3}),
    "last step": ("mixed.csv", {"predict": "last"}),
}


@pytest.mark.parametrize(("name", "options"), cases(READ))
@pytest.mark.parametrize("part", ["all", "valid"])
def test_columns_of_the_table_stand_beside_the_predictions(name, options, part):
    model = trained(name, **options)
    keep = ("note", "amount", "y", "x")
    count = predict_table("m.safetensors", [name], "out.csv", part=part, keep=keep, config=NO_CACHE).rows
    written, table = texts_of("out.csv"), texts_of(name)
    key = ["id", "t"] if "id" in table else ["row"]
    assert list(written) == [*key, *keep, "y_pred"]
    assert count == len(written)
    table["row"] = [str(row) for row in range(len(table))]
    there = written.merge(table, on=key, suffixes=("", "_table"))
    assert len(there) == len(written)
    for column in keep:
        assert there[column].tolist() == there[f"{column}_table"].tolist()
    if part == "all" and options.get("predict") != "last":
        assert len(written) == len(table)
        assert written[key].to_numpy().tolist() == table[key].to_numpy().tolist()
    with (
        stored_table([name], prediction_request(model, NO_CACHE, part), BLOCKS) as blocks,
        Carried(open_sources(name), keep) as carried,
    ):
        chosen = blocks if part == "all" else part_of(model, blocks, part)
        assert len(chosen.runs().first) > 1
        assert write_predictions(model, chosen, "blocks.csv", carried).rows == count
    assert texts_of("blocks.csv").equals(written)


def test_all_columns_may_be_kept(capsys):
    trained("mixed.csv")
    words = ["predict", "--model", "m.safetensors", "--data"]
    assert run([*words, "mixed.csv", "--keep", "all", "-o", "out.csv", "-q"]) == 0
    written, table = texts_of("out.csv"), texts_of("mixed.csv")
    assert set(written) == {*table, "y_pred"}
    assert written[list(table)].equals(table)
    table.assign(all="1").to_csv("named.csv", index=False)
    assert run([*words, "named.csv", "--keep", "all", "-o", "named_out.csv", "-q"]) == 0
    assert list(texts_of("named_out.csv")) == ["id", "t", "all", "y_pred"]


@pytest.mark.parametrize("options", cases({"by id": ({},), "by time": ({"split_by": "time"},)}))
def test_a_part_is_that_which_eval_scores(options, capsys):
    trained("mixed.csv", **options)
    words = ["--model", "m.safetensors", "--data", "mixed.csv", "--part", "valid"]
    scored = result(["eval", *words], capsys)
    assert run(["predict", *words, "--keep", "y", "-o", "out.csv"]) == 0
    assert "predicted is its valid part" in " ".join(capsys.readouterr().err.split())
    written = pd.read_csv("out.csv")
    assert len(written) == scored["labelled_steps"]
    assert np.sqrt(((written.y - written.y_pred) ** 2).mean()) == pytest.approx(scored["metrics"]["rmse"], rel=1e-5)
    assert "is not the table" in fails(["predict", *words[:3], "sorted.csv", *words[4:], "-o", "o.csv"], 2, capsys)


def test_the_table_of_the_training_is_said_to_be_it(capsys):
    trained("mixed.csv")
    assert run(["predict", "--model", "m.safetensors", "--data", "mixed.csv", "-o", "out.csv"]) == 0
    assert "--part valid predicts what it has not seen" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("name", ["mixed.csv", "plain.csv"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parquet_has_the_numbers_of_csv(name, dtype):
    model = trained(name, target="good", dtype=dtype, **({} if name == "mixed.csv" else {"window": 8}))
    predict_table("m.safetensors", [name], "out.csv", keep=("note", "amount"), config=NO_CACHE)
    count = predict_table("m.safetensors", [name], "out.parquet", keep=("note", "amount"), config=NO_CACHE).rows
    table, lines = pq.read_table("out.parquet"), texts_of("out.csv")
    kinds = {name: str(kind) for name, kind in zip(table.column_names, table.schema.types, strict=True)}
    key = {"id": "int64", "t": "int64"} if name == "mixed.csv" else {"row": "int64"}
    precision = {"float32": "float", "float64": "double"}[dtype]
    assert kinds == {**key, "note": "string", "amount": "double", "good_pred": "int64", "good_prob": precision}
    assert count == table.num_rows == len(lines)
    columns = table.to_pydict()
    assert columns["note"] == lines["note"].tolist()
    assert np.array(columns["good_prob"]).tolist() == lines["good_prob"].astype(dtype).tolist()
    names = (*(name for name in key if name != "row"), "note", "amount")
    with (
        stored_table([name], prediction_request(model, NO_CACHE), BLOCKS) as blocks,
        Carried(open_sources(name), names) as carried,
    ):
        write_predictions(model, blocks, "blocks.parquet", carried)
    assert pq.read_table("blocks.parquet").equals(table)


def test_columns_have_the_kind_that_all_their_cells_have(tmp_path):
    cells = {
        "integer": ["1", "-20", "0"], "float64": ["1", "2.50", "-1e5"], "boolean": ["True", "False", ""],
        "zip": ["007", "1", "2"], "long": ["12345678901234567890", "1", "2"], "mixed": ["1", "True", "2"],
        "blank": ["", "", ""], "comma": ["1,5", "2", "3"], "NA": ["NA", "1", "2"],
    }  # fmt: skip
    pd.DataFrame(cells).to_csv("cells.csv", index=False)
    with Carried(open_sources("cells.csv"), tuple(cells)) as carried:
        texts = dict.fromkeys(("zip", "long", "mixed", "blank", "comma", "NA"), "text")
        assert carried.kinds == {"integer": "integer", "float64": "float64", "boolean": "boolean", **texts}
        rows = np.array([2, 0, 1, 1])
        assert carried.texts(rows) == {name: [column[row] for row in rows] for name, column in cells.items()}


def test_packed_csv_holds_the_lines_of_csv_and_the_same_bytes_each_time():
    trained("mixed.csv")
    for output in ("out.csv", "out.csv.gz", "again.csv.gz"):
        predict_table("m.safetensors", ["mixed.csv"], output, config=NO_CACHE)
    packed = Path("out.csv.gz").read_bytes()
    assert gzip.decompress(packed) == Path("out.csv").read_bytes()
    assert packed == Path("again.csv.gz").read_bytes()


def test_parquet_of_parquet_keeps_what_is_there(tmp_path):
    trained("mixed.csv")
    frame = pd.read_csv("mixed.csv", keep_default_na=False).astype({"amount": float})
    frame.loc[3, "note"] = None
    frame.to_parquet("mixed.parquet")
    predict_table("m.safetensors", ["mixed.parquet"], "out.csv", keep=("note", "amount"), config=NO_CACHE)
    written = texts_of("out.csv")
    assert written["note"].tolist() == frame["note"].fillna("").tolist()
    assert written["amount"].astype(float).tolist() == frame["amount"].tolist()


def test_standard_input_is_read_once_for_both():
    trained("mixed.csv")
    predict_table("m.safetensors", ["mixed.csv"], "out.csv", keep=("note",), config=NO_CACHE)
    words = ["predict", "--model", "m.safetensors", "--data", "-", "--keep", "note"]
    with Path("mixed.csv").open() as table, start(words, stdin=table) as running:
        out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert out == Path("out.csv").read_text()


@pytest.mark.parametrize(
    ("words", "code", "match"),
    cases(
        {
            "unknown column": (["--keep", "nota"], 3, "there is no column 'nota'; did you mean 'note'"),
            "name of a prediction": (["--keep", "y_pred"], 2, "--keep y_pred: the predictions have a column"),
            "memory too small": (["--keep", "note", "--memory", "1M"], 2, "--memory"),
        }
    ),
)
def test_wrong_options_write_nothing(words, code, match, capsys, tmp_path):
    trained("sorted.csv")
    texts_of("sorted.csv").assign(y_pred="1").to_csv("sorted.csv", index=False)
    arguments = ["predict", "--model", "m.safetensors", "--data", "sorted.csv", *words]
    assert match in fails([*arguments, "-o", "out.csv"], code, capsys)
    assert not (tmp_path / "out.csv").exists()


def test_without_pyarrow_parquet_is_refused_before_anything_is_read(tmp_path):
    trained("sorted.csv")
    program = (
        "import sys; sys.modules['pyarrow'] = None; from rnnfast.cli import run;"
        "sys.exit(run(['predict', '--model', 'm.safetensors', '--data', 'none.csv', '-o', 'out.parquet']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert 'pip install "rnnfast[parquet]"' in done.stderr
