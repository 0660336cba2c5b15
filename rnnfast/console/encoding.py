"""How columns become inputs: scaling, categories and what empty cells become, as lines for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rnnfast.console.text import listed, number

FILLS = {"zero": "0", "mean": "mean", "ffill": "the last value"}
MOST_SHOWN = 8  # of the names of a line


def encoding_of_table(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `encoding_rows` shows of a described table, whose inputs are not fitted yet."""
    inputs = [column for column in described["columns"] if "fill" in column]
    numbers = [column for column in inputs if column["scale"] is not None]
    return {
        "scaler": {"names": [c["name"] for c in numbers], "kinds": [c["scale"] for c in numbers]},
        "categories": {column["name"]: column["categories"] for column in inputs if "categories" in column},
        "missing": {"rules": {column["name"]: column["fill"] for column in inputs}, "fills": {}, "indicator": False},
    }


def encoding_rows(encoding: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return labelled lines on the keys scaler, categories and missing of `Encoder.to_json`."""
    scaler, missing = encoding["scaler"], encoding["missing"]
    rows = [("Scaling", _by_word(dict(zip(scaler["names"], scaler["kinds"], strict=True))))] if scaler["names"] else []
    for j, (name, known) in enumerate(encoding["categories"].items()):
        shown = f"{name}: {len(known):,} ({listed(list(known), most=MOST_SHOWN)})"
        rows.append(("" if j else "Categories", shown))
    filled = {
        name: _fill(rule, missing["fills"].get(name)) for name, rule in missing["rules"].items() if rule != "error"
    }
    if filled:
        indicator = "; an input tells that a cell was empty" if missing["indicator"] else ""
        rows.append(("Empty cells", _by_word(filled, len(missing["rules"])) + indicator))
    return rows


def _fill(rule: str, value: Any) -> str:
    """Say what an empty cell becomes; value: what was fitted, None before."""
    if rule == "zero" or value is None:
        return FILLS[rule]
    shown = value if isinstance(value, str) else number(value)
    return f"the last value, or {shown}" if rule == "ffill" else shown


def _by_word(words: Mapping[str, str], of: int = 0) -> str:
    """Say which columns have which word: "minmax; robust: V1, V2", the most frequent one without names.

    of: number of columns that the words could be about, if more than these.
    """
    columns: dict[str, list[str]] = {}
    for name, word in words.items():
        columns.setdefault(word, []).append(name)
    order: Sequence[str] = sorted(columns, key=lambda word: -len(columns[word]))
    everywhere = order[0] if len(words) >= of and (len(order) == 1 or len(columns[order[0]]) > 1) else None
    parts = [f"{word}: {listed(columns[word], most=MOST_SHOWN)}" for word in order if word != everywhere]
    return "; ".join([*([everywhere] if everywhere else []), *parts])
