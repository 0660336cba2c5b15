"""`rnnfast serve` as a process: answers while rows still come, clients side by side, signals, and its end."""

import http.client
import json
import signal
import socket
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
from commands import fails, start

import rnnfast
from rnnfast.cli import run
from rnnfast.serving import command

WAIT = 30  # seconds after which a test has failed


def train(path, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"id": np.tile(list("abcd"), 10), "t": np.arange(40), "v": rng.normal(size=40)})
    frame["hot"] = (frame.v > 0).astype(int)
    options = {"id": "id", "time": "t", "target": "hot", "hidden": (4,), "epochs": 1, "preset": "fast", "seed": seed}
    rnnfast.train(frame, **options).model.save(path)


@pytest.fixture
def path(tmp_path):
    """The path of a model of one feature, which knows ids and times."""
    train(tmp_path / "hot.safetensors")
    return tmp_path / "hot.safetensors"


@contextmanager
def serving(path, *options):
    """A service in a process of its own, and the address that it tells."""
    with start(["serve", "--model", str(path), "--port", "0", "--json", *options]) as process:
        try:
            address = urlsplit(json.loads(process.stdout.readline())["url"])
            yield process, (address.hostname, address.port)
        finally:
            process.kill()


def ask(address, path, body, method="POST"):
    """Status and text of an answer."""
    with closing(http.client.HTTPConnection(*address, timeout=WAIT)) as connection:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read().decode()


def row(id, t, v=0.5):
    return json.dumps({"id": id, "t": t, "v": v}) + "\n"


class Open:
    """A request to /rows that stays open."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(*address, timeout=WAIT)
        self.connection.putrequest("POST", "/rows")
        self.connection.putheader("Transfer-Encoding", "chunked")
        self.connection.endheaders()
        self.response = None

    def ask(self, line):
        """The answer to a line, which comes before the next one is sent."""
        self.connection.send(f"{len(line):x}\r\n{line}\r\n".encode())
        self.response = self.response or self.connection.getresponse()
        return json.loads(self.response.readline())

    def close(self):
        """Leave."""
        if self.response is not None:
            self.response.close()
        self.connection.close()

    def rest(self):
        """What comes until the service ends the answer."""
        return self.response.read()


def test_rows_are_answered_while_others_still_come(path):
    with serving(path) as (_, address), closing(Open(address)) as first, closing(Open(address)) as second:
        steps = [one.ask(row(id, t))["state_steps"] for t in range(3) for one, id in ((first, "a"), (second, "b"))]
        assert steps == [1, 1, 2, 2, 3, 3]


def test_clients_side_by_side_have_the_answers_of_one_alone(path):
    values = np.random.default_rng(0).normal(size=(12, 6)).round(3)
    stream = rnnfast.load(path).stream()
    expected = [[float(stream.step(f"c{c}", [v])[0]) for v in values[c]] for c in range(12)]
    with serving(path) as (_, address), ThreadPoolExecutor(12) as pool:

        def client(c):
            texts = [ask(address, "/rows", row(f"c{c}", t, v))[1] for t, v in enumerate(values[c].tolist())]
            return [json.loads(text)["hot_prob"] for text in texts]

        np.testing.assert_allclose(list(pool.map(client, range(12))), expected, rtol=1e-7)


def test_clients_that_leave_hold_nobody_up(path):
    with serving(path) as (_, address):
        for start_of_a_request in (
            b"",
            b"POST /rows HT",
            b"POST /rows HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{",
        ):
            with socket.create_connection(address, WAIT) as client:
                client.sendall(start_of_a_request)
        with closing(Open(address)) as leaving:
            leaving.ask(row("a", 1))
        assert json.loads(ask(address, "/rows", row("a", 2))[1])["state_steps"] == 2
        assert ask(address, "/health", None, "GET")[0] == 200


def test_sigterm_ends_open_requests_and_keeps_the_states(path, tmp_path):
    with serving(path, "--states", str(tmp_path / "states")) as (process, address), closing(Open(address)) as client:
        client.ask(row("a", 1))
        process.send_signal(signal.SIGTERM)
        assert client.rest() == b""  # a whole answer, no connection that breaks off
        assert process.wait(WAIT) == 143
    (file,) = (tmp_path / "states").glob("hot-*.sqlite")
    with closing(sqlite3.connect(file)) as states:
        assert states.execute("SELECT id FROM states").fetchall() == [("a",)]
    with serving(path, "--states", str(tmp_path / "states")) as (_, address):
        assert json.loads(ask(address, "/rows", row("a", 2))[1])["state_steps"] == 2


def test_ctrl_c_ends_it(path):
    with serving(path) as (process, _):
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT) == 130


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"])
def test_a_signal_while_models_are_loaded_ends_it_at_once(path, monkeypatch, number, code):
    monkeypatch.setattr(command, "serve", lambda *arguments, **options: signal.raise_signal(number))
    assert run(["serve", "--model", str(path)]) == code


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a signal of POSIX")
def test_a_model_is_swapped_while_requests_go_on(path, tmp_path):
    with serving(path) as (process, address), closing(Open(address)) as client:
        stop, failures = threading.Event(), []
        before = client.ask(row("a", 1))
        table = "id,t,v\n" + "".join(f"a,{t},0.5\n" for t in range(50))
        _, old = ask(address, "/predict", table)

        def keep_asking():
            while not stop.is_set():
                status, text = ask(address, "/predict", table)
                if status != 200 or len(text) < len(old) / 2:
                    failures.append(text)

        asking = threading.Thread(target=keep_asking)
        asking.start()
        train(tmp_path / "new.safetensors", seed=1)
        (tmp_path / "new.safetensors").replace(path)
        process.send_signal(signal.SIGHUP)
        for _ in range(200):
            if ask(address, "/predict", table)[1] != old:
                break
        stop.set()
        asking.join()
        assert ask(address, "/predict", table)[1] != old
        assert failures == []
        assert client.ask(row("a", 2))["state_steps"] == before["state_steps"] + 1
        assert json.loads(ask(address, "/rows", row("a", 3))[1])["state_steps"] == 1


def test_a_port_that_is_taken_is_told(path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert f"port {port}" in fails(["serve", "--model", str(path), "--port", port], 1, capsys)


def test_missing_libraries_are_named(path, capsys, monkeypatch):
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert "pip install 'rnnfast[serve]'" in fails(["serve", "--model", str(path)], 1, capsys)


def test_a_service_for_everybody_is_told(path):
    with start(["serve", "--model", str(path), "--port", "0", "--host", "0.0.0.0"]) as process:
        lines = [process.stderr.readline() for _ in range(4)]
        process.kill()
    assert any("--token-file" in line for line in lines)
