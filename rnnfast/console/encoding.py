"""How columns become inputs: scaling, categories and what empty cells become, as lines for a person."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rnnfast.console.text import listed, number

FILLS = {"zero": "0", "mean": "mean", "ffill": "the last value"}
MOST_SHOWN = 8  # of the names of a line, without -v


def encoding_of_table(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `encoding_rows` shows of a described table, whose inputs are not fitted yet."""
    inputs = [column for column in described["columns"] if "fill" in column]
    numbers = [column for column in inputs if column["scale"] is not None]
    return {
        "scaler": {"names": [c["name"] for c in numbers], "kinds": [c["scale"] for c in numbers]},
        "categories": {column["name"]: column["categories"] for column in inputs if "categories" in column},
        "missing": {"rules": {column["name"]: column["fill"] for column in inputs}, "fills": {}, "indicator": False},
    }


def encoding_rows(encoding: Mapping[str, Any], verbose: int = 0) -> list[tuple[str, str]]:
    """Return labelled lines on the keys scaler, categories and missing of `Encoder.to_json`."""
    scaler, missing = encoding["scaler"], encoding["missing"]
    most = len(missing["rules"]) if verbose else MOST_SHOWN
    rows = []
    if scaler["names"]:
        rows.append(("Scaling", _grouped(scaler["names"], scaler["kinds"], scaler["names"], most)))
    for j, (name, known) in enumerate(encoding["categories"].items()):
        shown = listed(list(known), most=len(known) if verbose else MOST_SHOWN)
        rows.append(("" if j else "Categories", f"{name}: {len(known):,} ({shown})"))
    rules = {name: rule for name, rule in missing["rules"].items() if rule != "error"}
    if rules:
        names = [_with_fill(name, missing["fills"].get(name)) for name in rules]
        shown = _grouped(names, [FILLS[rule] for rule in rules.values()], missing["rules"], most)
        indicator = "; an input tells that a cell was empty" if missing["indicator"] else ""
        rows.append(("Empty cells", shown + indicator))
    return rows


def _with_fill(name: str, value: Any) -> str:
    """Name a column with what was fitted for its empty cells, None before."""
    return name if value is None else f"{name} ({value if isinstance(value, str) else number(value)})"


def _grouped(names: Sequence[str], words: Sequence[str], columns: Collection[str], most: int) -> str:
    """Say which columns have which word: "minmax: Amount; robust: V1, V2"; one word for all columns stands alone.

    columns: all that could have a word; most: names shown of each word.
    """
    if len(set(words)) == 1 and set(names) == set(columns):
        return words[0]
    groups: dict[str, list[str]] = {}
    for name, word in zip(names, words, strict=True):
        groups.setdefault(word, []).append(name)
    return "; ".join(f"{word}: {listed(group, most=most)}" for word, group in groups.items())
