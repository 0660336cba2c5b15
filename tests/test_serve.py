"""`rnnfast serve` by its requests: answers of `predict` and `stream`, who may ask, and what is refused."""

import asyncio

import numpy as np
import pandas as pd
import pytest
from ids import cases
from services import HEADER, LOCAL, answers_in, as_json, client, csv, rows_of, saved, service, trained

import rnnfast
from rnnfast.errors import UsageError
from rnnfast.model.predictions import predict_table
from rnnfast.serving import app as serving
from rnnfast.serving.bodies import LONGEST_LINE, Bounds
from rnnfast.serving.guard import Access, is_local, read_token
from rnnfast.serving.models import Models
from rnnfast.serving.served import Limits

__all__ = ["client", "saved"]


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
