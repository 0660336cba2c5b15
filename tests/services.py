"""A small model behind a service, the rows that it is asked, and its answers, for the tests of `serve`."""

import json
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

import rnnfast
from rnnfast.serving import app as serving
from rnnfast.serving.models import Models
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


@contextmanager
def service(runs, limits=None, **terms):
    """A client of a service; runs: paths by name, or one of the name "hot"."""
    runs = runs if isinstance(runs, dict) else {"hot": str(runs)}
    models = Models(runs, limits or Limits())
    with TestClient(serving.application(models, serving.Terms(**terms)), base_url=LOCAL) as client:
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


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The path of a model that is not written to."""
    path = tmp_path_factory.mktemp("serve") / "hot.safetensors"
    trained(path)
    return path


@pytest.fixture(scope="module")
def client(saved):
    """A client of a service whose states nobody counts on."""
    with service(saved) as client:
        yield client
