"""Pages that follow a real table from training to a conclusion: every command runs, and what they conclude holds."""

from pathlib import Path

import pytest
from blocks import ROOT, blocks, run_page
from commands import isolate
from datasets import DATASETS, dataset, needs_datasets

FOLDERS = {
    "case-cards.md": "creditcard",
    "case-engines.md": "cmapss_fd001",
    "case-air.md": "beijing_pm25",
    "case-digits.md": "fsdd_mfcc",
}


def test_each_case_has_its_table() -> None:
    assert sorted(FOLDERS) == sorted(page.name for page in (ROOT / "docs").glob("case-*.md"))


@needs_datasets
@pytest.mark.parametrize("name", FOLDERS)
def test_a_case_runs_and_its_conclusion_holds(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset(FOLDERS[name])
    isolate(monkeypatch, tmp_path, preset=None)
    monkeypatch.setenv("DATASETS", str(DATASETS))
    page = ROOT / "docs" / name
    assert any("assert" in block.text for block in blocks(page))
    assert run_page(page, tmp_path) > 5
