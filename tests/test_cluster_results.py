"""Folds, trials, networks, answers and scores of a cluster: those of one machine."""

import pandas as pd
import pytest
from clusters import OPTIONS, assert_same, cluster, config_of, guard, local, notices, table, workers
from ids import cases

import rnnfast
import rnnfast.dask
from rnnfast.config.folding import FoldConfig
from rnnfast.config.resolve import Config
from rnnfast.config.tuning import TuneConfig
from rnnfast.errors import DataError, DivergedError, UsageError
from rnnfast.model.elsewhere import on_cluster
from rnnfast.model.predictions import predict_table
from rnnfast.model.tables import evaluate_table
from rnnfast.training.cross_validation import cross_validate
from rnnfast.training.run import run
from rnnfast.training.tuning import Tables, tune_tables

__all__ = ["cluster", "guard", "local", "notices", "table", "workers"]


def test_folds_are_those_of_one_machine(workers, table, tmp_path):
    results = []
    for place in (None, workers):
        values = {**OPTIONS, "cell": "gru", "dtype": "float64"}
        path = tmp_path / f"{len(results)}.csv"
        config = Config().with_values(values, "test")
        folds = FoldConfig(folds=2, repeats=2)
        results.append((cross_validate(str(table), config, folds, path, cluster=place), path.read_bytes()))
    (here, text), (there, same_text) = results
    assert text == same_text
    assert here.pooled.metrics == there.pooled.metrics
    for one, other in zip(here.folds, there.folds, strict=True):
        assert_same(one.model.parameters, other.model.parameters)
        assert one.metrics == other.metrics


@pytest.mark.parametrize(
    "options", cases({"refit": {"refit": True}, "bags": {"bag": True}, "blocks": {"memory": "600M"}})
)
def test_networks_of_an_ensemble_are_those_of_one_machine(workers, table, tmp_path, options):
    members = {"cell": "gru", "ensemble": 3, **options}
    here = run(config_of(table, tmp_path / "here", members))
    there = run(config_of(table, tmp_path / "there", members), cluster=workers)
    assert_same(here.model.parameters, there.model.parameters)
    assert here.metrics == there.metrics
    assert here.history == there.history
    assert (tmp_path / "here/run/history.csv").read_bytes() == (tmp_path / "there/run/history.csv").read_bytes()


def test_a_search_is_that_of_one_machine(workers, table, tmp_path):
    pytest.importorskip("optuna")
    journals = []
    for place in (None, workers):
        directory = tmp_path / f"{len(journals)}"
        config = Config().with_values({**OPTIONS, "ensemble": 1, "output": str(directory)}, "test")
        tune_tables(Tables(str(table)), config, TuneConfig(trials=4), size=4, cluster=place)
        lines = (directory / "trials.jsonl").read_text().splitlines()[1:]
        journals.append([line.partition('"seconds"')[0] for line in lines])
    assert journals[0] == journals[1]


@pytest.mark.parametrize(
    "options",
    cases(
        {
            "ensemble": {"cell": "gru", "ensemble": 2},
            "both directions": {"cell": "lstm", "bidirectional": True},
            "windows": {"cell": "rnn", "window": 3, "dtype": "float64"},
            "last step": {"cell": "gru", "predict": "last"},
        }
    ),
)
def test_answers_and_scores_are_those_of_one_machine(cluster, table, tmp_path, options, monkeypatch):
    monkeypatch.setattr("rnnfast.model.elsewhere.LEAST", 64)  # bytes: so that there are several pieces
    run(config_of(table, tmp_path, options))
    path, answers, scores = tmp_path / "run", [], []
    for model in (path, on_cluster(path, cluster)):
        predict_table(model, [str(table)], tmp_path / "p.csv", force=True)
        answers.append((tmp_path / "p.csv").read_bytes())
        scores.append(evaluate_table(model, [str(table)]).evaluation)
    assert answers[0] == answers[1]
    assert scores[0].metrics == scores[1].metrics


def test_python_takes_a_client(workers, table):
    options = {**OPTIONS, "cell": "gru", "ensemble": 2}
    here = rnnfast.train(str(table), **options)
    there = rnnfast.dask.train(workers.client, str(table), **options)
    assert_same(here.model.parameters, there.model.parameters)
    folds = rnnfast.dask.cv(workers.client, str(table), folds=2, **OPTIONS)
    assert folds.mean == rnnfast.cv(str(table), folds=2, **OPTIONS).mean


def test_a_dask_dataframe_is_trained_on_and_answered(workers, table):
    frames = pytest.importorskip("dask.dataframe")
    frame = pd.read_csv(table)
    divided = frames.from_pandas(frame, npartitions=4, sort=False)
    result = rnnfast.dask.train(workers.client, divided, **OPTIONS)
    assert_same(result.model.parameters, rnnfast.train(frame, **OPTIONS).model.parameters)
    answers = workers.client.compute(rnnfast.dask.predict(workers.client, result.model, divided)).result()
    pd.testing.assert_frame_equal(answers, result.model.predict(frame), rtol=1e-6)
    with pytest.raises(DataError, match=r"has rows in two partitions; give data.shuffle\(on='name'\)"):
        rnnfast.dask.predict(workers.client, result.model, frames.from_pandas(frame, npartitions=7, sort=False))


def test_partitions_of_a_dask_dataframe_are_shards_where_they_lie(workers, table):
    frames = pytest.importorskip("dask.dataframe")
    frame = pd.read_csv(table)
    divided = frames.from_pandas(frame, npartitions=4, sort=False).map_partitions(lambda part: part)
    options = {**OPTIONS, "cell": "gru", "shards": 2}
    result = rnnfast.dask.train(workers.client, divided, **options)
    names = []
    for number in range(4):
        names.append(table.parent / f"part{number}.parquet")
        divided.partitions[number].compute().to_parquet(names[-1], index=False)
    files = rnnfast.dask.train(workers.client, names, sharding="files", **options)
    assert_same(result.model.parameters, files.model.parameters)
    assert result.sequences == files.sequences
    assert sum(result.sequences.values()) == frame["name"].nunique()
    with pytest.raises(DataError, match=r"the id '\d+' is in shard . and in shard ."):
        rnnfast.dask.train(workers.client, frames.from_pandas(frame, npartitions=7, sort=False), **options)
    with pytest.raises(UsageError, match="has 4 partitions; give as many at most"):
        rnnfast.dask.train(workers.client, divided, **{**options, "shards": 5})
    with pytest.raises(UsageError, match="is divided by its partitions"):
        rnnfast.dask.train(workers.client, divided, sharding="ids", **options)


def test_files_are_answered_one_by_one(workers, table, tmp_path):
    frame = pd.read_csv(table)
    model = rnnfast.train(frame, **OPTIONS).model
    names = []
    for number, part in enumerate((frame[:60], frame[60:])):
        names.append(tmp_path / f"{number}.csv")
        part.to_csv(names[-1], index=False)
    outputs = rnnfast.dask.predict(workers.client, model, names, tmp_path / "answers")
    assert [path.name for path in outputs] == ["0.csv", "1.csv"]
    lines = pd.concat(map(pd.read_csv, outputs), ignore_index=True)
    pd.testing.assert_frame_equal(lines, model.predict(frame), check_dtype=False, rtol=1e-6)
    frame[57:63].to_csv(names[1], index=False)
    with pytest.raises(DataError, match="an id of column 'name' has rows in both"):
        rnnfast.dask.predict(workers.client, model, names, tmp_path / "other")
    assert not list((tmp_path / "other").iterdir())


def test_a_network_that_diverges_on_a_worker_ends_the_run_with_it(workers, table):
    config = Config().with_values({**OPTIONS, "lr": 1e30, "optimizer": "sgd", "clip_norm": 0}, "test")
    with pytest.raises(DivergedError, match="fold 1 of 3") as error:
        cross_validate(str(table), config, FoldConfig(folds=3), cluster=workers)
    assert error.value.epoch == 1
