"""Mistakes in cells of the user's own are told with their line, before a table is read."""

import re

import pytest
from own_cells import CELLS_FILE

from rnnfast.cli import run
from rnnfast.errors import UsageError
from rnnfast.network.cell import cell_of

MISTAKES = """\
import math
from rnnfast.cells import parameter, tanh, where

def control_flow(x, u, h):
    if x.h > 0:
        return h
    return tanh(x.h)

def unknown_function(x, u, h):
    return math.tanh(x.h + u.h)

def unused_gate(x, u, h):
    extra = tanh(x.q)
    return tanh(x.h + u.h)

def two_results(x, u, h):
    return tanh(x.h + u.h), h

def unused_state(x, u, h, c):
    return tanh(x.h + u.h), tanh(x.h)

def no_products(a, b, c):
    return a

def text(x, u, h):
    return tanh(x.h) + "a"

def no_input(x, u, h):
    return tanh(u.h)

def two_starts(x, u, h):
    return x.h + parameter("w", 1.0) * h + parameter("w", 2.0)

def condition(x, u, h):
    return where(x.h, h, 0)

def nothing(x, u, h):
    x.h

def equal(x, u, h):
    if h == 0:
        return tanh(x.h)
    return tanh(x.h + u.h)

def power(x, u, h):
    return tanh(x.h ** 2)

def loop(x, u, h):
    return sum(x.h)

def whole(x, u, h):
    return tanh(x)

def subscript(x, u, h):
    return tanh(x["h"])

def private(x, u, h):
    return tanh(x._h)

def assigned(x, u, h):
    x.h = 2
    return x.h

def default(x, u, h, k=2):
    return tanh(x.h + u.h) * k

def reserved(x, u, h):
    return x.h + parameter("weight_ih") * h

def falling(x, u, h):
    return x.h + parameter("w", 1.0, 0.0) * h

def unreached(x, u, h, c):
    return tanh(u.h + x.h), tanh(x.c) + 0.5 * c

def endless(x, u, h):
    v = x.h
    while True:
        v = v * 1.5

def infinite(x, u, h):
    return x.h + math.inf * h

def comparison(x, u, h):
    return x.h > 0
"""
MESSAGES = {
    "control_flow": (5, "where(condition, a, b)"),
    "unknown_function": (10, "rnnfast.cells"),
    "unused_gate": (13, "the output never depends on x.q"),
    "two_results": (17, "2 results for 1 state (h)"),
    "unused_state": (20, "the output never depends on the state 'c'"),
    "no_products": (22, "a cell takes (x, u, h)"),
    "text": (26, "'a' is neither a number"),
    "no_input": (29, "the output never depends on x"),
    "two_starts": (32, "starts from 1 and from 2"),
    "condition": (35, "a comparison such as x > 0"),
    "nothing": (38, "None is neither a number"),
    "equal": (41, "where(condition, a, b)"),
    "power": (46, "write v * v"),
    "loop": (49, "cannot be looped over"),
    "whole": (52, "write x.NAME"),
    "subscript": (55, "write x.NAME"),
    "private": (58, "without an underscore"),
    "assigned": (61, "cannot be set"),
    "default": (64, "k has a default"),
    "reserved": (68, "weight_ih"),
    "falling": (71, "from the lower to the higher one"),
    "unreached": (74, "the output never depends on x.c"),
    "endless": (79, "too many operations"),
    "infinite": (82, "inf is not finite"),
    "comparison": (85, "the comparison x.h > 0"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_mistakes_are_told_with_their_line(name, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(MISTAKES, encoding="utf-8")
    line, text = MESSAGES[name]
    with pytest.raises(UsageError, match=re.escape(f"mine.py, line {line}, cell {name}: ")) as error:
        cell_of(f"{file}:{name}", "tanh")
    assert text in str(error.value)


def test_a_wrong_word_ends_before_the_table_is_read(tmp_path, capsys):
    (tmp_path / "broken.py").write_text("def f(x, u, h)\n", encoding="utf-8")
    for word, text in (
        (f"{CELLS_FILE}:peep", "has no function 'peep'; did you mean 'peephole'?"),
        (f"{tmp_path}/none.py:f", "no such file"),
        (f"{tmp_path}/broken.py:f", "line 1: SyntaxError"),
    ):
        assert run(["train", "--data", "missing.csv", "--cell", word]) == 2
        assert text in " ".join(capsys.readouterr().err.split())
