"""Hostile names in what is answered, logged and written beside the screen: requests, streams, logs, exports."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import isolate, start
from ids import cases
from starlette.testclient import TestClient

import rnnfast
from rnnfast.cli import run
from rnnfast.cluster.examination import ClusterReport, WorkerReport
from rnnfast.console.cluster import show_cluster
from rnnfast.console.screen import Screen
from rnnfast.diagnose.machine import Check
from rnnfast.display import on_one_line
from rnnfast.serving.app import Terms, application
from rnnfast.serving.guard import Access
from rnnfast.serving.models import Models
from rnnfast.serving.served import Limits

EVIL = "\x1b[31m\x9b31m\u202e\x7f</script><blink>"
SHOWN = on_one_line(EVIL)
COMMANDS = {"\x1b", "\x9b", "\u202e", "\x7f"}
QUOTED = "%1B%5B31m%C2%9B31m%E2%80%AE%7F"  # the same in an address


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table and a run, all of whose names and texts are hostile."""
    path = tmp_path_factory.mktemp("hostile")
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"id": np.repeat([f"i{j}{EVIL}" for j in range(20)], 4), "t": np.tile(np.arange(4), 20)})
    frame[f"x{EVIL}"] = random.normal(size=80).round(3)
    frame[f"kind{EVIL}"] = random.choice([f"a{EVIL}", "b"], 80)
    frame[f"y{EVIL}"] = random.choice([f"no{EVIL}", f"yes{EVIL}"], 80)
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, path)
        frame.to_csv("t.csv", index=False)
        words = ["--id", "id", "--time", "t", "--target", f"y{EVIL}", "--hidden", "4", "--epochs", "2", "--no-cache"]
        beside = ["--log-file", "log.jsonl", "--tensorboard", f"board{EVIL}"]
        assert run(["train", "t.csv", *words, *beside, "-q", "-o", f"r{EVIL}".replace("/", "")]) == 0
    return path


@pytest.fixture(autouse=True)
def _here(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    isolate(monkeypatch, directory)


RUN = f"r{EVIL}".replace("/", "")
ROW = {"id": f"i{EVIL}", "t": 1, f"x{EVIL}": 0.5, f"kind{EVIL}": f"a{EVIL}"}

# name: (method, address, body, headers, status)
REQUESTS = {
    "no such path": ("GET", f"/{QUOTED}", b"", {}, 404),
    "no such method": ("DELETE", f"/model/{QUOTED}", b"", {}, 405),
    "no such model": ("GET", f"/model/{QUOTED}", b"", {}, 404),
    "no such model of rows": ("POST", f"/rows?model={QUOTED}", b"", {}, 404),
    "no number": ("POST", f"/rows?interval={QUOTED}", b"", {}, 400),
    "a packed body": ("POST", "/predict", b"", {"content-encoding": EVIL}, 415),
    "another host": ("GET", "/model", b"", {"host": f"a{EVIL}"}, 403),
    "another page": ("GET", "/model", b"", {"origin": f"http://{EVIL}"}, 403),
    "a header without a column": ("POST", "/predict", f"a{EVIL},b\n1,2\n".encode(), {}, 422),
    "a key too few": ("POST", "/rows", json.dumps({f"k{EVIL}": 1}).encode(), {}, 422),
    "a cell that is no number": ("POST", "/rows", json.dumps({**ROW, f"x{EVIL}": EVIL}).encode(), {}, 422),
    "nonsense": ("POST", "/predict", f'"{EVIL}'.encode(), {}, 422),
    "who asks": ("GET", "/health", b"", {"user-agent": EVIL, "x-forwarded-for": EVIL, "referer": EVIL}, 200),
    "the model": ("GET", "/model/hot", b"", {}, 200),
    "the models": ("GET", "/model", b"", {}, 200),
    "figures": ("GET", "/metrics", b"", {}, 200),
    "what can be asked": ("GET", "/openapi.json", b"", {}, 200),
}


@pytest.mark.parametrize(("method", "address", "body", "headers", "status"), cases(REQUESTS))
def test_a_service_answers_and_logs_no_name_that_commands(
    method: str, address: str, body: bytes, headers: dict[str, str], status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    notices: list[str] = []
    raw = {name: value.encode() for name, value in headers.items()}
    models = Models({"hot": RUN}, Limits())
    app = application(models, Terms(Access(), notice=notices.append))
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        response = client.request(method, address, content=body, headers=raw)  # type: ignore[arg-type]
    assert response.status_code == status, response.text
    text = response.text + str(dict(response.headers)) + "".join(capfd.readouterr())
    assert not COMMANDS & set(text)
    assert not notices


def test_answers_of_a_service_are_data_in_their_form() -> None:
    """As predict writes into a pipe: as they are in CSV, where only their quotes end a cell; escaped in JSON."""
    models = Models({"hot": RUN}, Limits())
    with TestClient(application(models, Terms()), base_url="http://localhost") as client:
        response = client.post("/rows", content=json.dumps(ROW).encode(), headers={"accept": "application/json"})
    assert json.loads(response.text)["id"] == ROW["id"]
    assert "\x1b" not in response.text


def test_a_stream_on_a_terminal_is_escaped() -> None:
    """Answers, and what is said of rows that have none: ids, keys and cells."""
    lines = [json.dumps(ROW), json.dumps({**ROW, f"x{EVIL}": EVIL}), json.dumps({f"k{EVIL}": 1}), f"{{{EVIL}"]
    terminal, theirs = os.openpty()
    settings = {"stdin": subprocess.PIPE, "stdout": theirs, "stderr": theirs, "env": {**os.environ, "TERM": "dumb"}}
    with start(["stream", "--model", RUN], **settings) as process:
        process.communicate("\n".join([*lines, ""]))
    os.close(theirs)
    text = os.read(terminal, 1 << 16).decode()
    os.close(terminal)
    assert text.count("31m") > len(lines)
    assert not COMMANDS & set(text)


def test_a_log_and_figures_of_epochs_hold_no_name_that_commands() -> None:
    assert Path("log.jsonl").read_bytes().isascii()
    files = list(Path().rglob("events.out.*"))
    assert files
    assert all(EVIL.encode() not in path.read_bytes() for path in files)


def test_a_cluster_shows_its_workers_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    worker = WorkerReport(
        address=EVIL, host=EVIL, versions={EVIL: EVIL}, cpu=EVIL, simd_bits=None, threads=1, memory=0, scratch=EVIL,
        scratch_free=0, unreadable={EVIL: EVIL}, warm_up_seconds=None,
    )  # fmt: skip
    report = ClusterReport(
        scheduler=EVIL, versions={EVIL: EVIL}, workers=(worker,), silent={EVIL: EVIL}, round_seconds=None,
        checks=(Check(EVIL, "error", EVIL, EVIL),),
    )  # fmt: skip
    show_cluster(Screen(), report)
    text = "".join(capsys.readouterr())
    assert not COMMANDS & set(text)
    assert r"\x1b[31m" in text


# name: (words, file)
WRITTEN = {
    "a report": (["report", RUN, "-f", "-q", "-o", "page.html"], "page.html"),
    "a report beside another": (
        ["report", RUN, "--data", "t.csv", "--no-cache", "-f", "-q", "-o", "p2.html"],
        "p2.html",
    ),
    "an export as C": (["export", "--model", RUN, "--to", "c", "-f", "-q", "-o", "m.c"], "m.c"),
    "an export as JSON": (["export", "--model", RUN, "--to", "json", "-f", "-q", "-o", "m.json"], "m.json"),
    "an export for PyTorch": (["export", "--model", RUN, "--to", "torch", "-f", "-q", "-o", "m.py"], "m.py"),
}


@pytest.mark.parametrize(("words", "name"), cases(WRITTEN))
def test_what_is_written_to_be_looked_at_holds_no_name_that_commands(words: list[str], name: str) -> None:
    assert run(words) == 0
    text = Path(name).read_text(encoding="utf-8")
    assert not COMMANDS & set(text)
    assert "<blink>" not in text or not name.endswith("html")


def test_models_show_themselves_escaped() -> None:
    """In a notebook: no element of HTML of a name's, and none of its signs."""
    model = rnnfast.load(RUN)
    assert not COMMANDS & set(repr(model) + model._repr_html_())
    assert "<blink>" not in model._repr_html_()
