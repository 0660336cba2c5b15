"""The models of `rnnfast serve`: by name, in versions, with states over restarts, and what is counted of them."""

import asyncio
from dataclasses import replace

import pytest
from ids import cases
from services import answers_in, client, csv, rows_of, saved, service, trained

import rnnfast
from rnnfast.errors import ModelError, UsageError
from rnnfast.serving.models import Models
from rnnfast.serving.names import named_runs
from rnnfast.serving.served import Limits

__all__ = ["client", "saved"]


def test_several_models_are_told_by_name(saved, tmp_path):
    trained(tmp_path / "m.safetensors", seed=1)
    with service({"one": str(saved), "two": str(tmp_path / "m.safetensors")}) as client:
        texts = [client.post(f"/predict?model={name}", content=csv(rows_of())).text for name in ("one", "two")]
        assert texts[0] != texts[1]
        unnamed = client.post("/predict", content=csv(rows_of()))
        assert (unnamed.status_code, unnamed.json()["error"]) == (
            400,
            "several models are served; name one of them: ?model=NAME of one, two",
        )
        assert list(client.get("/model").json()["models"]) == ["one", "two"]


def test_a_model_is_described(client):
    brief = client.get("/model").json()["models"]["hot"]
    assert (brief["id"], brief["time"], brief["features"], brief["rows"]) == ("id", "t", ["v"], "yes")
    described = client.get("/model/hot").json()
    assert (described["schema_version"], described["cell"], described["task"]) == (1, "rnn", "binary")


def test_a_model_that_cannot_stream_answers_tables(tmp_path):
    trained(tmp_path / "m.safetensors", cell="gru", bidirectional=True)
    with service(tmp_path / "m.safetensors") as client:
        assert client.post("/predict", content=csv(rows_of())).status_code == 200
        refused = client.post("/rows", content=csv(rows_of()))
        assert (refused.status_code, "bidirectional" in refused.json()["error"]) == (400, True)
        assert "bidirectional" in client.get("/model").json()["models"]["hot"]["rows"]


def test_a_swapped_model_answers_with_new_states(saved, tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(saved.read_bytes())
    with service(path) as client, service(saved) as old:
        client.post("/rows", content=csv(rows_of(0, 6)))
        trained(path, seed=1)
        assert client.post("/model/hot/reload").json() == {"model": "hot", "states": "new"}
        after = answers_in(client.post("/rows", content=csv(rows_of(6, 6))))
        assert after[0]["state_steps"] == "1"
        path.write_bytes(saved.read_bytes())
        client.post("/model/hot/reload")
        again = client.post("/predict", content=csv(rows_of())).text
        assert again == old.post("/predict", content=csv(rows_of())).text


def test_another_threshold_keeps_the_states(saved, tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(saved.read_bytes())
    with service(path) as client:
        client.post("/rows", content=csv(rows_of(0, 6)))
        replace(rnnfast.load(path), threshold=1e-6).save(path)
        assert client.post("/model/hot/reload").json()["states"] == "kept"
        after = answers_in(client.post("/rows", content=csv(rows_of(6, 6))))
        assert after[0]["state_steps"] == "3"
        assert {row["hot_pred"] for row in after} == {"1"}


def test_a_damaged_file_leaves_the_model_as_it_was(saved, tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(saved.read_bytes())
    with service(path) as client:
        path.write_bytes(b"no model")
        assert client.post("/model/hot/reload").status_code == 409
        assert client.post("/predict", content=csv(rows_of())).status_code == 200


def test_a_version_lives_as_long_as_its_requests(saved, tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(saved.read_bytes())

    async def talk():
        models = Models({"hot": str(path)}, Limits(states=tmp_path))
        with models.use("hot") as first:
            trained(path, seed=1)
            await models.reload("hot")
            second = models.named("hot")
            await models.save()
            first.states.save(1, now=True)  # its file is open
        await models.save()
        with pytest.raises(Exception, match="closed"):
            first.states.save(1, now=True)
        await models.close()
        return first.digest, second.digest

    first, second = asyncio.run(talk())
    assert {file.name for file in tmp_path.glob("*.sqlite")} == {f"hot-{d[:12]}.sqlite" for d in (first, second)}


def test_a_restart_goes_on_with_the_states(saved, tmp_path):
    limits = Limits(states=tmp_path / "states")
    with service(saved) as whole:
        expected = answers_in(whole.post("/rows", content=csv(rows_of())))
    with service(saved, limits) as client:
        first = answers_in(client.post("/rows", content=csv(rows_of(0, 5))))
    with service(saved, limits) as client:
        assert first + answers_in(client.post("/rows", content=csv(rows_of(5, 7)))) == expected


def figures(client):
    """The figures of /metrics by name and labels."""
    lines = client.get("/metrics").text.splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if name[0] != "#"}


def test_metrics_count_what_was_answered(saved):
    with service(saved, Limits(max_ids=2)) as client:
        lines = answers_in(client.post("/rows", content=csv([*rows_of(), "a,1,1", "b,2,much"])))
        client.get("/nowhere")
        seen = figures(client)
    alarms = sum(row["hot_pred"] == "1" for row in lines)
    assert 0 < alarms < 12
    labels = '{endpoint="rows",model="hot"}'
    assert (seen[f"rnnfast_rows_total{labels}"], seen[f"rnnfast_refused_total{labels}"]) == (13, 1)
    assert seen[f"rnnfast_alarms_total{labels}"] == alarms
    assert (seen['rnnfast_ids{model="hot"}'], seen['rnnfast_late_total{model="hot"}']) == (2, 0)
    assert seen['rnnfast_evicted_total{model="hot"}'] == 11
    assert seen[f"rnnfast_request_seconds_count{labels}"] == 1
    assert 0 < seen['rnnfast_request_seconds{endpoint="rows",model="hot",quantile="0.99"}'] < 60
    assert seen['rnnfast_responses_total{path="other",status="404"}'] == 1


def test_late_rows_count_as_refused(saved):
    with service(saved) as client:
        client.post("/rows", content=csv(["a,5,1", "a,4,1", "a,6,1"]))
        seen = figures(client)
    labels = '{endpoint="rows",model="hot"}'
    assert (seen[f"rnnfast_rows_total{labels}"], seen[f"rnnfast_refused_total{labels}"]) == (2, 1)
    assert seen['rnnfast_late_total{model="hot"}'] == 1


def test_openapi_describes_every_path(client):
    described = client.get("/openapi.json").json()
    assert {"/predict", "/rows", "/health", "/model", "/model/{name}", "/model/{name}/reload", "/metrics"} == set(
        described["paths"]
    )
    body = described["paths"]["/rows"]["post"]["requestBody"]["content"]
    assert set(body) == {"text/csv", "application/x-ndjson"}


@pytest.mark.parametrize(
    ("texts", "names"),
    cases(
        {
            "a run": (["runs/tx"], ["tx"]),
            "a file of a run": (["runs/tx/model.safetensors"], ["tx"]),
            "a file": (["models/tx.safetensors"], ["tx"]),
            "a name": (["a=runs/tx", "b=runs/tx"], ["a", "b"]),
            "a sign in a path": (["./x=1/tx"], ["tx"]),
        }
    ),
)
def test_models_are_called_as_their_runs(texts, names):
    assert list(named_runs(texts)) == names


@pytest.mark.parametrize(
    "texts", [[], ["runs/tx", "old/tx"], ["a b=runs/tx"], ["=runs/tx"]], ids=["none", "twice", "signs", "no name"]
)
def test_names_that_cannot_be_used_are_refused(texts):
    with pytest.raises(UsageError, match="--model"):
        named_runs(texts)


@pytest.mark.parametrize("limits", [Limits(max_ids=0), Limits(ttl=-1.0)], ids=["ids", "seconds"])
def test_limits_that_fit_no_stream_are_refused(saved, limits):
    with pytest.raises(UsageError, match="expected"):
        Models({"hot": str(saved)}, limits)


def test_a_model_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ModelError):
        Models({"x": str(tmp_path / "x.safetensors")}, Limits())
