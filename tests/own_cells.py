"""What tests of own cells share: a file of them."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
CELLS_FILE = ROOT / "configs" / "cells.py"  # shown in docs/cells.md
