"""Real tables, which are no part of the repository: tests of them are skipped where they are not."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
VARIABLE = "RNNFAST_DATASETS"
# Where RNNFAST_DATASETS says, or beside the repository.
DATASETS = Path(os.environ.get(VARIABLE) or ROOT.parent / "shared" / "datasets")

needs_datasets = pytest.mark.skipif(
    not DATASETS.is_dir(), reason=f"no real tables: {DATASETS} is not there; {VARIABLE} may name a directory"
)


def dataset(name: str) -> Path:
    """The path of a real table; the test is skipped where there is none."""
    path = DATASETS / name
    if not path.exists():
        pytest.skip(f"no real table {name}: {path} is not there; {VARIABLE} may name the directory")
    return path
