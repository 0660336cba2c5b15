"""Runs of each task on small tables, with names that would break out of HTML and JSON, and what their pages hold."""

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd

from rnnfast.cli import run

HOSTILE = "</script><b id=broken>&\"'"  # name of a column
CLASS = "<i>yes"
SIZES = ["--cell", "gru", "--hidden", "5", "--epochs", "12", "--lr", "0.05", "--preset", "fast"]
KEYS = ["--id", "id", "--time", "t"]
IDS, STEPS = 40, 6


def tables(directory: Path) -> None:
    """Write a table of two classes, one of three, one of a quantity, one of two, and one series."""
    random = np.random.default_rng(0)
    rows = IDS * STEPS
    frame = pd.DataFrame({"id": np.repeat(np.arange(IDS), STEPS), "t": np.tile(np.arange(STEPS), IDS)})
    frame[HOSTILE], frame["x2"] = random.normal(size=rows), random.normal(size=rows)
    seen = frame[HOSTILE] + 0.5 * random.normal(size=rows)
    frame.assign(y=np.where(seen > 0.6, CLASS, "<a>no")).to_csv(directory / "binary.csv", index=False)
    quantities = frame.assign(y=2 * seen + frame["t"], z=frame["x2"] - seen)
    quantities.drop(columns="z").to_csv(directory / "regression.csv", index=False)
    quantities.to_csv(directory / "targets.csv", index=False)
    kind = np.repeat(np.arange(IDS) % 3, STEPS)
    frame["x2"] += kind
    frame.assign(y=np.array(["a", "<b>", "c"])[kind]).to_csv(directory / "multiclass.csv", index=False)
    wave = np.sin(np.arange(300) / 4) + 0.1 * random.normal(size=300)
    series = {"when": pd.date_range("2024-01-01", periods=300, freq="h"), "level": wave}
    pd.DataFrame(series).to_csv(directory / "forecast.csv", index=False)


TRAINING = {
    "binary": [*KEYS, "--target", "y", "--split", "0.6,0.2"],
    "multiclass": [*KEYS, "--target", "y", "--split", "0.6"],
    "regression": [*KEYS, "--target", "y", "--split", "0.6"],
    "targets": [*KEYS, "--target", "y,z", "--split", "0.6,0.2"],
    "forecast": ["--time", "when", "--target", "level", "--lag-target", "--horizon", "1,3", "--window", "12"],
}


def train(directory: Path, name: str) -> Path:
    """Train a run of one of the tables and return its directory."""
    if not (directory / f"{name}.csv").exists():
        tables(directory)
    output = directory / name
    arguments = ["--data", str(directory / f"{name}.csv"), *TRAINING[name], *SIZES, "-o", str(output)]
    assert run(["train", *arguments, "-q", "--no-cache"]) == 0
    return output


class Page(HTMLParser):
    """The elements of a page: tags with their attributes, texts, and the numbers of its figures."""

    VOID = ("meta", "input", "link", "img", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text, self.scripts = "", list[str]()
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" in self.open:
            self.scripts[-1] += data
        elif "style" not in self.open:
            self.text += data

    @property
    def data(self) -> dict:
        return json.loads(self.scripts[0])
