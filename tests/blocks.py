"""The blocks of code on pages of the documents, and running them as a reader would: in order, in one directory.

A page is Markdown. A block ```python is run, all of a page in one namespace; ```bash is run by bash, with rnnfast being
this one; ```output is what the block before it prints. A block within a comment of Markdown is run, too: it makes what
the next one needs, and readers do not see it.
"""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SAMPLES = ("data", "configs")  # directories that pages use
SHELL = 'set -e -o pipefail\nrnnfast() { "$PYTHON" -m rnnfast "$@"; }\n'


class Block(NamedTuple):
    """One block: its language, its text, and the line of the page before its first one."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    content = page.read_text(encoding="utf-8")
    matches = FENCE.finditer(content)
    return [Block(match[1], match[2], content.count("\n", 0, match.start(2))) for match in matches]


def run_page(page: Path, directory: Path) -> int:
    """Run the blocks of a page in an empty directory; return how many. Raises what they raise, naming line and page."""
    for name in SAMPLES:
        shutil.copytree(ROOT / name, directory / name)
    namespace: dict[str, Any] = {"__name__": page.stem}
    count, printed = 0, ""
    for block in blocks(page):
        place = f"{page.name}, line {block.line}"
        if block.language == "output":
            assert printed.strip() == block.text.strip(), f"{place}: this is printed:\n{printed}"
        elif block.language == "python":
            printed = _python(block, page, namespace)
            count += 1
        elif block.language == "bash":
            printed = _bash(block, place)
            count += 1
    return count


def _python(block: Block, page: Path, namespace: dict[str, Any]) -> str:
    """Run Python; a traceback shows the line of the page. Return what was printed."""
    code = compile("\n" * block.line + block.text, str(page), "exec")
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(code, namespace)
    return out.getvalue()


def _bash(block: Block, place: str) -> str:
    """Run commands. Return what they wrote to stdout."""
    settings = {"PYTHON": sys.executable, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run(
        ["bash", "-c", SHELL + block.text], capture_output=True, text=True, env=os.environ | settings, check=False
    )
    assert done.returncode == 0, f"{place}: exit code {done.returncode}\n{done.stderr}"
    return done.stdout
