"""Stores broken at random, by somebody who knows what is compared: opened and read, or refused with a message.

Each case has its own seed: `FUZZ_FIRST=1234 FUZZ_CASES=1 pytest tests/test_fuzz_stores.py`; FUZZ_CASES=20000 by hand.
"""

import json
import os
import random
import shutil
import warnings
from collections import Counter
from pathlib import Path

import mutations
import numpy as np
import pytest
from mutations import joined, split
from stored_tables import SMALL_BUCKETS, stored, table

from rnnfast.data.sequences.files import DESCRIPTION, states
from rnnfast.data.sequences.stored import StoredSequences
from rnnfast.errors import RnnfastError

FIRST, CASES = int(os.environ.get("FUZZ_FIRST", "0")), int(os.environ.get("FUZZ_CASES", "300"))
LONGEST = 1500  # characters of a message that a person still reads

pytestmark = pytest.mark.usefixtures("own_cache")


def break_description(place: Path, draw: random.Random) -> None:
    """Change a value or the structure of the description, or its bytes."""
    content = (place / DESCRIPTION).read_bytes()
    if draw.random() < 0.2:
        (place / DESCRIPTION).write_bytes(mutations._bytes(content, draw))
        return
    whole = mutations._header(joined({"__metadata__": {"rnnfast": content.decode()}}, b""), draw)
    (place / DESCRIPTION).write_text(split(whole)[0]["__metadata__"]["rnnfast"])


def break_column(place: Path, draw: random.Random) -> None:
    """Change bytes of a column, and what the description says of its size and time."""
    path = place / draw.choice(sorted(states(place)))
    path.write_bytes(mutations._bytes(path.read_bytes(), draw))
    description = json.loads((place / DESCRIPTION).read_text())
    (place / DESCRIPTION).write_text(json.dumps(description | {"files": states(place)}))


def wrong(place: Path, change: object, draw: random.Random) -> tuple[str, str]:
    """Break a store and read it. Returns: what came of it, and what is wrong with that, "" for nothing."""
    try:
        change(place, draw)  # type: ignore[operator]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):  # nothing to break at that place
        return "whole", ""
    try:
        with warnings.catch_warnings(action="error"):
            sequences = StoredSequences.open(place, SMALL_BUCKETS)
            for block in sequences.blocks():
                assert len(block.x) == len(block.y) == block.offsets[-1]
            sequences.sample(0)
    except RnnfastError as error:
        return "refused", "" if len(str(error)) < LONGEST else f"a message of {len(str(error)):,} characters"
    except Exception as error:
        return "crash", f"{type(error).__name__}: {str(error)[:200]}"
    return "read", ""


@pytest.mark.parametrize("change", [break_description, break_column], ids=["description", "columns"])
def test_broken_stores_are_read_or_refused(change: object, tmp_path: Path) -> None:
    good = stored(table(np.repeat(np.arange(20), 4), list(range(80))[::-1], labels=(0, 1)), tmp_path).store.directory
    outcomes, findings = Counter[str](), []
    for number in range(FIRST, FIRST + CASES):
        place = tmp_path / "broken"
        shutil.copytree(good, place)
        outcome, finding = wrong(place, change, random.Random(number))
        outcomes[outcome] += 1
        findings += [f"case {number}: {finding}"] if finding else []
        shutil.rmtree(place)
    assert not findings, f"{len(findings)}, {outcomes}:\n" + "\n".join(findings[:40])
    assert CASES < 100 or outcomes["refused"] > CASES / 10, outcomes
