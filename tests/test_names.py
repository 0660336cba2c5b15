"""No participle as a variable: `found` or `given` says how a value came about, not what it is."""

import ast
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from ids import cases

import rnnfast

PACKAGE = Path(rnnfast.__file__).parent
PARTICIPLES = {"asked", "found", "given", "gone", "kept", "known", "made", "picked", "said", "told", "wanted"}
IN_DATA = {"chosen", "named", "needed", "read", "seen", "taken", "used"}  # there, too
IN_ROOMS = {"data": IN_DATA} | {
    room: {"chosen"} for room in ("findings", "metrics", "model", "report", "shards", "tasks")
}


def bound_names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of each variable, argument and attribute of self that is assigned."""
    for node in ast.walk(tree):
        match node:
            # Targets of for, with, comprehensions and the walrus are stored names too.
            case ast.Name(id=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case ast.ExceptHandler(name=str(name)):
                yield node.lineno, name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node.lineno, name


def participles(text: str, words: Collection[str] = PARTICIPLES) -> list[tuple[int, str]]:
    return [(line, name) for line, name in bound_names(ast.parse(text)) if name.lstrip("_") in words]


def words_of(path: Path) -> set[str]:
    """The participles that are refused in a file."""
    return PARTICIPLES | IN_ROOMS.get(path.relative_to(PACKAGE).parts[0], set())


def test_variables_say_what_they_are():
    faults = [
        f"{path.relative_to(PACKAGE.parent)}:{line}: {name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line, name in participles(path.read_text(encoding="utf-8"), words_of(path))
    ]
    assert not faults, "participles as variables; say what the value is:\n" + "\n".join(faults)


@pytest.mark.parametrize(
    "text",
    cases(
        {
            "assignment": "found = 1",
            "annotation": "found: int = 1",
            "sum": "found += 1",
            "tuple": "a, (b, found) = c",
            "for": "for found in a: pass",
            "with": "with a as found: pass",
            "comprehension": "[found for found in a]",
            "walrus": "(found := 1)",
            "lambda": "lambda found: 1",
            "argument": "def f(found): pass",
            "star": "def f(*found): pass",
            "keyword": "def f(*, found=1): pass",
            "two stars": "def f(**found): pass",
            "attribute": "self.found = 1",
            "private attribute": "self._found = 1",
            "except": "try: pass\nexcept E as found: pass",
            "match": "match a:\n    case [found]: pass",
        }
    ),
)
def test_every_way_to_bind_a_name_is_seen(text):
    assert [name.lstrip("_") for _, name in participles(text)] == ["found"]


@pytest.mark.parametrize(
    "text",
    cases(
        {
            "use": "f(found)",
            "attribute of another": "other.found = 1",
            "keyword of a call": "f(known=1)",
            "longer name": "known_names = 1",
            "text": "'found'  # found",
        }
    ),
)
def test_other_uses_are_left_alone(text):
    assert not participles(text)
