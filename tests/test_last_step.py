"""`eval --last`: the last labelled step of each sequence alone is scored, in memory and in blocks alike."""

import numpy as np
import pandas as pd
import pytest
from commands import isolate, result
from ids import cases

import rnnfast
from rnnfast.cli import run
from rnnfast.config.sections import DataConfig
from rnnfast.data.reading.stores import stored_table
from rnnfast.data.sequences.budget import Budget, Phases
from rnnfast.model.tables import evaluate, evaluate_table, scoring_request

NO_CACHE = DataConfig(cache=False)
BLOCKS = Budget(10**9, phases=Phases(batch=10**5, bucket=10**4, block=1000, sample=10**7))


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Forty engines, mixed; the last rows of every third one have no label."""
    isolate(monkeypatch, tmp_path)
    random = np.random.default_rng(0)
    lengths = random.integers(8, 30, 40)
    frame = pd.DataFrame({"id": np.repeat(np.arange(40), lengths), "t": np.concatenate([*map(np.arange, lengths)])})
    frame["x"] = random.normal(size=len(frame))
    frame["y"] = frame.groupby("id")["x"].cumsum()
    left = frame.groupby("id")["t"].transform("max") - frame["t"]
    frame.loc[(frame["id"] % 3 == 0) & (left < 3), "y"] = np.nan
    frame.loc[frame["id"] == 7, "y"] = np.nan
    frame.sample(frac=1, random_state=1).to_csv("engines.csv", index=False)
    return frame


def trained(**options):
    settings = {"preset": "fast", "target": "y", "hidden": 3, "epochs": 2, "split": (1.0,), "cache": False}
    rnnfast.train("engines.csv", **settings | options).model.save("m.safetensors")
    return rnnfast.load("m.safetensors")


READ = {
    "whole sequences": {},
    "windows": {"window": 5},
    "overlapping windows": {"window": 6, "stride": 4},
    "last step of windows": {"window": 5, "predict": "last"},
}


@pytest.mark.parametrize("options", cases({words: ({**options},) for words, options in READ.items()}))
def test_only_the_last_labelled_step_counts(options, table):
    model = trained(**options)
    data = rnnfast.read_table("engines.csv", schema=model.schema, cache=False)
    answers = pd.DataFrame({"row": data.row, "p": model.predict(data)[:, 0], "y": data.y[:, 0]})
    answers["id"] = np.repeat(data.ids, data.lengths)
    last = answers[data.labelled].groupby("id").last()
    scored = evaluate_table("m.safetensors", ["engines.csv"], last=True, config=NO_CACHE)
    assert scored.evaluation.labelled_steps == len(last) == 39
    assert scored.evaluation.metrics["rmse"] == pytest.approx(np.sqrt(((last.p - last.y) ** 2).mean()), rel=1e-6)
    with stored_table(["engines.csv"], scoring_request(model, "all", NO_CACHE), BLOCKS) as blocks:
        assert len(blocks.runs().first) > 3
        assert evaluate(model, blocks, last=True).report() == scored.report()


def test_windows_without_id_stand_for_themselves(table):
    trained(ignore=("id", "t"), window=10)
    scored = evaluate_table("m.safetensors", ["engines.csv"], last=True, config=NO_CACHE)
    assert scored.evaluation.labelled_steps == -(-len(table) // 10)


def test_the_command_scores_the_last_step_of_a_part(table, capsys):
    assert run(["train", "--data", "engines.csv", "--target", "y", "--epochs", "2", "-o", "run", "-q"]) == 0
    capsys.readouterr()
    every = result(["eval", "--model", "run", "--data", "engines.csv", "--part", "valid"], capsys)
    scored = result(["eval", "--model", "run", "--data", "engines.csv", "--part", "valid", "--last"], capsys)
    assert "last" not in every
    assert (scored["last"], scored["part"]) == (True, "valid")
    assert scored["labelled_steps"] <= 8 < every["labelled_steps"]
    assert run(["eval", "--model", "run", "--data", "engines.csv", "--last"]) == 0
    assert "39 labelled steps, 39 sequences, of each the last labelled step alone" in " ".join(
        capsys.readouterr().err.split()
    )
