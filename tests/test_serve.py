"""`rnnfast serve` by its requests: answers of `predict` and `stream`, states, who may ask, and what is refused."""

import asyncio
import json
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from ids import cases
from starlette.testclient import TestClient

import rnnfast
from rnnfast.errors import ModelError, UsageError
from rnnfast.model.predictions import predict_table
from rnnfast.serving import app as serving
from rnnfast.serving.bodies import LONGEST_LINE, Bounds
from rnnfast.serving.guard import Access, is_local, read_token
from rnnfast.serving.models import Models
from rnnfast.serving.names import named_runs
from rnnfast.serving.served import Limits

HEADER = "id,t,v"
LOCAL = "http://localhost"


def trained(path, seed=0, **options):
    """Save a model of one feature, which knows ids and times."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.tile(list("abcd"), 10), "t": np.arange(40), "v": rng.normal(size=40)})
    frame["hot"] = (frame.v > 0).astype(int)
    settings = {"id": "id", "time": "t", "target": "hot", "hidden": (4,), "epochs": 1, "preset": "fast", "seed": seed}
    model = rnnfast.train(frame, **(settings | options)).model
    model.save(path)
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The path of a model that is not written to."""
    path = tmp_path_factory.mktemp("serve") / "hot.safetensors"
    trained(path)
    return path


@contextmanager
def service(runs, limits=None, **terms):
    """A client of a service; runs: paths by name, or one of the name "hot"."""
    runs = runs if isinstance(runs, dict) else {"hot": str(runs)}
    models = Models(runs, limits or Limits())
    with TestClient(serving.application(models, serving.Terms(**terms)), base_url=LOCAL) as client:
        yield client


@pytest.fixture(scope="module")
def client(saved):
    """A client of a service whose states nobody counts on."""
    with service(saved) as client:
        yield client


def rows_of(first=0, count=12, ids="abc"):
    """Lines of CSV without a header."""
    values = np.random.default_rng(5).normal(size=100)
    return [f"{ids[k % len(ids)]},{k},{values[k]:.4f}" for k in range(first, first + count)]


def csv(lines):
    return "\n".join([HEADER, *lines]) + "\n"


def as_json(lines):
    cells = (line.split(",") for line in lines)
    return "".join(json.dumps({"id": id, "t": int(t), "v": float(v)}) + "\n" for id, t, v in cells)


def answers_in(response):
    """The answers of a response without the age of the states, which the clock decides."""
    assert response.status_code == 200, response.text
    if "csv" in response.headers["content-type"]:
        frame = pd.read_csv(pd.io.common.StringIO(response.text), dtype=str, keep_default_na=False)
        return frame.drop(columns="state_age", errors="ignore").to_dict("records")
    return [{k: v for k, v in json.loads(line).items() if k != "state_age"} for line in response.text.splitlines()]


def test_a_table_has_the_lines_of_predict(client, saved, tmp_path):
    (tmp_path / "t.csv").write_text(csv(rows_of()))
    predict_table(saved, [str(tmp_path / "t.csv")], tmp_path / "p.csv")
    response = client.post("/predict", content=csv(rows_of()))
    assert response.text == (tmp_path / "p.csv").read_text()
    assert response.headers["content-type"].startswith("text/csv")


def test_json_lines_are_answered_by_json_lines(client):
    response = client.post("/predict", content=as_json(rows_of()))
    numbers = pd.DataFrame(answers_in(response))
    expected = pd.DataFrame(answers_in(client.post("/predict", content=csv(rows_of()))))
    assert numbers.hot_prob.tolist() == [float(text) for text in expected.hot_prob]
    assert numbers.id.tolist() == expected.id.tolist()


@pytest.mark.parametrize("path", ["/predict", "/rows"])
@pytest.mark.parametrize(("accept", "start"), cases({"csv": ("text/csv", "id,"), "json": ("application/json", "{")}))
def test_accept_chooses_the_form_of_the_answers(client, path, accept, start):
    for content in (csv(rows_of(30, 2)), as_json(rows_of(32, 2))):
        assert client.post(path, content=content, headers={"Accept": accept}).text.startswith(start)


def test_intervals_stand_beside_answers(tmp_path):
    model = trained(tmp_path / "m.safetensors", split=(0.5,))
    level = model.intervals.levels[0]
    with service(tmp_path / "m.safetensors") as client:
        predicted, streamed = (
            answers_in(client.post(f"{path}?interval={level}", content=csv(rows_of())))
            for path in ("/predict", "/rows")
        )
    assert [row["hot_set"] for row in streamed] == [row["hot_set"] for row in predicted]


def test_rows_go_on_with_the_states_of_earlier_requests(saved):
    with service(saved) as whole, service(saved) as parts:
        expected = answers_in(whole.post("/rows", content=csv(rows_of())))
        first = answers_in(parts.post("/rows", content=csv(rows_of(0, 5))))
        second = answers_in(parts.post("/rows", content=csv(rows_of(5, 7))))
    assert first + second == expected
    assert [row["state_steps"] for row in expected] == [str(1 + k // 3) for k in range(12)]


def test_rows_have_the_answers_of_predict(saved):
    with service(saved) as client:
        streamed = answers_in(client.post("/rows", content=csv(rows_of())))
        predicted = answers_in(client.post("/predict", content=csv(rows_of())))
    assert [row["hot_prob"] for row in streamed] == [row["hot_prob"] for row in predicted]


def test_inputs_that_are_made_of_more_than_numbers(tmp_path):
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=10).strftime("%Y-%m-%d")
    frame = pd.DataFrame({"id": np.repeat(list("abcd"), 10), "day": [*days] * 4, "kind": [*["red", "green"]] * 20})
    frame["y"] = rng.normal(size=40).round(3)
    how = {"categorical": ("kind",), "calendar": True, "lag_target": True, "horizon": 2, "difference": True}
    options = {"id": "id", "time": "day", "target": "y", "hidden": (4,), "epochs": 1, "preset": "fast"}
    rnnfast.train(frame, **options, **how).model.save(tmp_path / "m.safetensors")
    table = frame.to_csv(index=False)
    with service(tmp_path / "m.safetensors") as client:
        predicted, streamed = (answers_in(client.post(path, content=table)) for path in ("/predict", "/rows"))
    expected = [float(row["y_pred"]) for row in predicted]
    np.testing.assert_allclose([float(row["y_pred"]) for row in streamed], expected, rtol=1e-5, atol=1e-6)
    assert [row["day_for"] for row in streamed[1:10]] == [row["day_for"] for row in predicted[1:10]]


def test_pieces_of_a_body_may_end_anywhere(saved):
    text = csv(rows_of()).encode()
    with service(saved) as whole, service(saved) as parts:
        expected = answers_in(whole.post("/rows", content=text))
        pieces = (text[k : k + 7] for k in range(0, len(text), 7))
        assert answers_in(parts.post("/rows", content=pieces)) == expected


def test_control_lines_are_obeyed(saved):
    with service(saved) as client:
        lines = answers_in(client.post("/rows", content='{"id":"a","t":1,"v":1}\n{"control":"stats"}\n'))
        assert lines[1]["stats"]["ids"] == 1
        client.post("/rows", content='{"control":"reset"}\n')
        assert answers_in(client.post("/rows", content='{"id":"a","t":1,"v":1}'))[0]["state_steps"] == 1


def test_a_bad_row_is_refused_and_the_others_are_answered(saved):
    with service(saved) as client:
        good, bad = answers_in(client.post("/rows", content=csv(["a,1,0.5", "a,2,much"])))
        assert good["state_note"] == ""
        assert "line 3, column 'v'" in bad["state_note"]


BAD = cases(
    {
        "no column": ("id,t\nz,1\n", "there is no column 'v'"),
        "text": (f"{HEADER}\nz,1,much\n", "line 2, column 'v'"),
        "empty cell": (f"{HEADER}\nz,1,\n", "column 'v'"),
        "no time": (f"{HEADER}\nz,,1\n", "column 't'"),
        "no id": (f"{HEADER}\n,1,1\n", "column 'id'"),
        "broken JSON": ('{"id": "z", \n', "is no JSON"),
        "key that is not there": ('{"id": "z", "t": 1}\n', "column 'v'"),
        "text in JSON": ('{"id": "z", "t": 1, "v": "much"}\n', "column 'v'"),
        "nested": ('{"id": "z", "t": 1, "v": [1]}\n', "column 'v'"),
        "deep": ('{"id": "z", "t": 1, "v": ' + "[" * 5000 + "]" * 5000 + "}\n", "<request>"),
        "no rows": (f"{HEADER}\n", "no rows"),
        "nothing": ("", "<request>"),
        "a zero byte": (f"{HEADER}\nz,1,\0\n", "zero byte"),
    }
)


@pytest.mark.parametrize("path", ["/predict", "/rows"])
@pytest.mark.parametrize(("content", "message"), BAD)
def test_rows_that_do_not_fit_are_refused_with_a_reason(client, path, content, message):
    response = client.post(path, content=content)
    assert response.status_code == 422
    assert message in response.json()["error"]


@pytest.mark.parametrize(
    ("request_of", "status", "message"),
    cases(
        {
            "unknown model": (("POST", "/predict?model=hat"), 404, "did you mean 'hot'"),
            "unknown description": (("GET", "/model/cold"), 404, "there is no model 'cold'"),
            "unknown reload": (("POST", "/model/cold/reload"), 404, "there is no model 'cold'"),
            "unknown path": (("GET", "/nowhere"), 404, "/nowhere"),
            "wrong method": (("GET", "/predict"), 405, "Method Not Allowed"),
            "no number": (("POST", "/predict?interval=much"), 400, "interval"),
            "no such level": (("POST", "/predict?interval=12"), 400, "--interval 12"),
            "no such level of rows": (("POST", "/rows?interval=12"), 400, "--interval 12"),
            "nothing": (("POST", "/predict"), 422, "is empty"),
        }
    ),
)
def test_requests_that_are_wrong_are_told_so(client, request_of, status, message):
    response = client.request(*request_of)
    assert (response.status_code, message in response.json()["error"]) == (status, True), response.text


@pytest.mark.parametrize("path", ["/predict", "/rows"])
@pytest.mark.parametrize("form", ["gzip", "zip", "parquet"])
def test_packed_tables_are_refused(client, path, form, tmp_path):
    starts = {"gzip": b"\x1f\x8b\x08\x00", "zip": b"PK\x03\x04", "parquet": b"PAR1"}
    assert client.post(path, content=starts[form] + bytes(50)).status_code == 422
    for content in (b"x", iter([b"x"])):
        assert client.post(path, content=content, headers={"Content-Encoding": form}).status_code == 415


@pytest.mark.parametrize("path", ["/predict", "/rows"])
@pytest.mark.parametrize("pieces", [False, True], ids=["whole", "in pieces"])
def test_a_large_request_is_refused(saved, path, pieces):
    lines = csv(rows_of(0, 50)).encode()
    with service(saved, bounds=Bounds(bytes=200)) as client:
        if path == "/rows" and pieces:  # which may go on for ever, but for its lines
            text = client.post(path, content=iter([b"id,t,v\na,1,1\n", b"9" * (LONGEST_LINE + 1)])).text
            assert "a line is longer than" in text.splitlines()[-1]
        else:
            response = client.post(path, content=iter([lines[:150], lines[150:]]) if pieces else lines)
            assert response.status_code == 413
            assert "--max-size" in response.json()["error"]


def asked(app, path, messages, headers=()):
    """Statuses of the answers to a request whose body is a list of messages; after the last one nothing comes."""

    async def talk():
        sent, waiting = [], list(messages)

        async def receive():
            if not waiting:
                await asyncio.Event().wait()
            return waiting.pop(0)

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "query_string": b"",
            "headers": [(b"host", b"localhost"), (b"content-length", b"100"), *headers],
        }
        await app(scope, receive, send)
        return [message["status"] for message in sent if message["type"] == "http.response.start"]

    return asyncio.run(talk())


@pytest.mark.parametrize("path", ["/predict", "/rows"])
def test_a_slow_request_is_refused(saved, path):
    app = serving.application(Models({"hot": str(saved)}, Limits()), serving.Terms(bounds=Bounds(seconds=0.05)))
    assert asked(app, path, [{"type": "http.request", "body": b"id,t", "more_body": True}]) == [408]


def test_a_request_that_breaks_off_changes_no_state(saved):
    models = Models({"hot": str(saved)}, Limits())
    app = serving.application(models, serving.Terms())
    piece = {"type": "http.request", "body": csv(rows_of()).encode(), "more_body": True}
    assert asked(app, "/rows", [piece, {"type": "http.disconnect"}]) == [400]
    assert models.named(None).stream.stats()["rows"] == 0
    assert models.named(None).users == 0


TOKEN = Access(token="s3cret")


@pytest.mark.parametrize(
    ("headers", "status"),
    cases(
        {
            "missing": ({}, 401),
            "wrong": ({"Authorization": "Bearer s3cre"}, 401),
            "other kind": ({"Authorization": "Basic s3cret"}, 401),
            "no ASCII": ({"Authorization": "Bearer sécret".encode("latin-1")}, 401),
            "right": ({"Authorization": "Bearer s3cret"}, 200),
        }
    ),
)
def test_who_has_no_token_is_refused(saved, headers, status):
    with service(saved, access=TOKEN) as client:
        for path in ("/model", "/metrics", "/openapi.json"):
            assert client.get(path, headers=headers).status_code == status
        assert client.post("/predict", content=csv(rows_of()), headers=headers).status_code == status
        assert client.get("/health", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    cases(
        {
            "a page of elsewhere": ({"Origin": "https://elsewhere.example"}, 403),
            "a name of elsewhere": ({"Host": "elsewhere.example"}, 403),
            "no host": ({"Host": ""}, 403),
            "another port": ({"Origin": "http://localhost:3000"}, 403),
            "a page of its own": ({"Origin": LOCAL}, 200),
            "an address": ({"Host": "127.0.0.1:8000"}, 200),
            "an address of six": ({"Host": "[::1]:8000"}, 200),
        }
    ),
)
def test_pages_of_other_sites_are_refused(client, headers, status):
    assert client.get("/model", headers=headers).status_code == status


def test_a_service_for_others_takes_any_name(saved):
    with service(saved, access=Access(local=False)) as client:
        assert client.get("/model", headers={"Host": "models.example"}).status_code == 200


@pytest.mark.parametrize("text", ["", "two words", "line\nline", "ü"], ids=["empty", "words", "lines", "no ASCII"])
def test_a_file_without_a_token_is_refused(tmp_path, text):
    (tmp_path / "token").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="--token-file"):
        read_token(tmp_path / "token")


def test_a_token_is_a_line(tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    assert read_token(tmp_path / "token") == "s3cret"


def test_which_addresses_are_of_this_machine():
    assert [is_local(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "10.0.0.1", "other")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip


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
