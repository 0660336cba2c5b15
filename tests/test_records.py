"""Results as JSON and back: what is not finite becomes null, and a wrong field is named with what it holds."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from rnnfast.metrics.evaluation import Baseline, Repeated, Scores
from rnnfast.records import SCHEMA_VERSION, UNSET, Record, UnsetType, decode, encode, plain


class Part(Record, frozen=True):
    rows: int
    share: float | None


class Table(Record, frozen=True):
    name: str
    columns: tuple[str, ...]
    parts: dict[str, Part]
    window: int | None = None
    note: str | UnsetType = UNSET


@dataclass(frozen=True)
class Point:
    x: float


TABLE = Table("a", ("x", "y"), {"train": Part(3, 0.5)}, 10)
VALUES = {"name": "a", "columns": ["x", "y"], "parts": {"train": {"rows": 3, "share": 0.5}}, "window": 10}


def test_records_become_objects_and_come_back() -> None:
    assert plain(TABLE) == VALUES
    assert decode(json.loads(json.dumps(plain(TABLE))), Table) == TABLE
    assert decode({**VALUES, "colour": "red"}, Table) == TABLE


def test_a_command_prints_one_line_that_begins_with_its_version() -> None:
    text = encode({"a": float("inf"), "é": 1})
    assert text == f'{{"schema_version": {SCHEMA_VERSION}, "a": null, "\\u00e9": 1}}'


def test_values_of_other_libraries_become_plain_ones() -> None:
    values = {1: np.float32(0.5), "b": np.array([1.0, np.nan]), "c": (np.int64(3), Point(2.0)), "d": np.bool_(True)}
    assert plain(values) == {"1": 0.5, "b": [1.0, None], "c": [3, {"x": 2.0}], "d": True}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window": "ten"}, "window is 'ten': expected int | null"),
        ({"window": 1.5}, "window is 1.5: expected int | null"),
        ({"columns": ["x", 3]}, "columns[1] is 3: expected str"),
        ({"columns": None}, "columns is None: expected array"),
        ({"name": "x" * 100, "columns": "y"}, "columns is 'y': expected array"),
        ({"parts": {"train": {"rows": 3}}}, "parts[...] lacks the field share"),
    ],
    ids=["text", "fraction", "element", "null", "long", "missing"],
)
def test_a_wrong_field_is_named_with_what_it_holds(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=r"expected|lacks") as caught:
        decode({**VALUES, **change}, Table)
    assert str(caught.value) == message


def test_scores_read_as_the_mapping_that_json_shows() -> None:
    scores = Scores(0.5, {"accuracy": 0.75, "auroc": None}, threshold=0.5)
    expected = {"loss": 0.5, "accuracy": 0.75, "auroc": None, "threshold": 0.5}
    assert dict(scores) == plain(scores) == expected
    assert scores == expected
    baseline = Baseline(scores, Repeated(2, {"accuracy": 0.5}, 10))
    assert plain(baseline) == {**expected, "naive": {"season": 2, "accuracy": 0.5, "labelled_steps": 10}}
    several = Scores(float("nan"), {"mae": 1.0}, per_target={"a": {"mae": 2.0}})
    assert plain(several) == {"loss": None, "mae": 1.0, "per_target": {"a": {"mae": 2.0}}}
