"""The tests themselves: each process collects the same ones, by the same ids."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ids import LONGEST, cases, fault

TESTS = Path(__file__).parent

# Collects a directory with the conftest of this suite, while the clock is ahead: so are the headers of gzip files.
COLLECT = """
import sys, time
import pytest
now, ahead = time.time, float(sys.argv[1])
time.time = lambda: now() + ahead
sys.path.insert(0, sys.argv[2])
sys.exit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "-p", "conftest", sys.argv[3]]))
"""


def collecting(seed: int, ahead: float, directory: Path = TESTS) -> subprocess.Popen[str]:
    """Start a process that collects a directory, with this seed of its hashes and a clock that is so far ahead."""
    return subprocess.Popen(
        [sys.executable, "-c", COLLECT, str(ahead), str(TESTS), str(directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": str(seed), "PYTEST_ADDOPTS": ""},
        cwd=TESTS.parent,
    )


def test_each_process_collects_the_same_tests():
    processes = [collecting(1, 0.0), collecting(2, 1e5)]
    first, second = (process.communicate()[0].splitlines() for process in processes)
    assert len(first) > 1000
    # The last line says how long it took.
    assert first[:-1] == second[:-1]


@pytest.mark.parametrize(
    ("words", "argument"),
    cases(
        {
            "line break": ("a,y\\n1,2", "text"),
            "raw byte": ("PK\\x05", "text"),
            "letter of another script": ("\N{GREEK SMALL LETTER ALPHA}", "text"),
            "address": ("<function f at 0x7f00c0ffee00>", "function"),
            "bare address": ("f at 0x7f00c0ffee00", "function"),
            "too long": ("a" * (LONGEST + 1), "text"),
            "place in the list": ("x-values3", "values"),
        }
    ),
)
def test_ids_of_data_have_a_fault(words, argument):
    assert fault(words, [argument])


@pytest.mark.parametrize("words", ["", "two files in a zip", "rnn 3-5-3 tanh", "NO_COLOR", "80-True", "adam, x = 0.5"])
def test_ids_of_words_have_none(words):
    assert fault(words, ["width", "values"]) is None


def test_a_bad_id_ends_the_collection_with_a_message(tmp_path):
    (tmp_path / "test_bad.py").write_text(
        "import pytest\n@pytest.mark.parametrize('data', [b'\\x1f\\x8b'])\ndef test_bad(data): ...\n"
    )
    process = collecting(0, 0.0, tmp_path)
    output = process.communicate()[0]
    assert process.returncode == pytest.ExitCode.USAGE_ERROR
    assert "the id holds other signs" in output
    assert "test_bad.py::test_bad" in output
