"""The equations of a cell as statements of C, one for each node of their graph."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rnnfast.equations.functions import FUNCTIONS
from rnnfast.equations.graph import BINARY, Node, in_order, substitute
from rnnfast.export.c.writing import number

# Functions of math.h, with the f of those of float behind; the others are in HELPERS.
# In float, tanh and sigmoid are polynomials, which compilers vectorise: libm's cost more than all products of a small
# network. The coefficients are those of kernels/lanes/elementary.py; the largest error is 6 units in the last place of
# tanh, and 2e-7 of sigmoid.
OF_MATH = {"exp": "exp", "expm1": "expm1", "sqrt": "sqrt", "sin": "sin", "cos": "cos", "tanh": "tanh", "abs": "fabs"}
HELPERS = {
    "sigmoid": "1 / (1 + {exp}(-x))",
    "softplus": "(x > 0 ? x : 0) + {log1p}({exp}(-{fabs}(x)))",
    "normal_distribution": "{real}0.5 * {erfc}({real}-0.7071067811865476 * x)",
}

IN_FLOAT = {
    "sigmoid": "{real}0.5 + {real}0.5 * {name}_tanh({real}0.5 * x)",
    "tanh": """
    const {name}_real y = x < -7.9f ? -7.9f : x > 7.9f ? 7.9f : x, z = y * y;
    const {name}_real p = 0.99999998f + z * (0.133796522f + z * (3.49395247e-3f + z * (2.05819992e-5f
        + z * 1.33168232e-8f)));
    const {name}_real q = 1.0f + z * (0.467129677f + z * (2.58707709e-2f + z * (3.28295257e-4f + z * 7.76113777e-7f)));
    return y * p / q;
""",
}


def primitive(roots: Sequence[Node]) -> list[Node]:
    """Return the roots with formulas in place of the functions that they declare."""
    new: dict[Node, Node] = {}
    for current in in_order(roots):
        whole = Node(current.kind, *(new[arg] if isinstance(arg, Node) else arg for arg in current.args))
        function = FUNCTIONS.get(current.kind)
        if function is not None and function.formula is not None:
            whole = primitive([function.formula(whole.args[0])])[0]
        new[current] = whole
    return [new[root] for root in roots]


def statements(
    roots: Sequence[Node], values: Mapping[Node, str], name: str, dtype: str
) -> tuple[list[str], list[str], set[str]]:
    """Write the roots down.

    values: the expression of each node that is there already. name: how names of the file begin.
    Returns: declarations of constants, the expression of each root, and the names of the HELPERS that they call.
    """
    at_hand = {node: Node("input", "c", expression) for node, expression in values.items()}
    roots = primitive(substitute(roots, at_hand))
    lines: list[str] = []
    helpers: set[str] = set()
    written: dict[Node, str] = {}
    for current in in_order(roots):
        if current.kind == "input":
            written[current] = str(current.args[1])
            continue
        if current.kind == "number":
            text = number(current.args[0], dtype)
            written[current] = f"({text})" if text.startswith("-") else text
            continue
        if current.kind in helpers_of(dtype):
            helpers.add(current.kind)
        written[current] = f"v{len(lines)}"
        lines.append(f"const {name}_real v{len(lines)} = {_expression(current, written, name, dtype)};")
    return lines, [written[root] for root in roots], helpers


def _expression(current: Node, written: Mapping[Node, str], name: str, dtype: str) -> str:
    args = [written[arg] if isinstance(arg, Node) else str(arg) for arg in current.args]
    if current.kind in BINARY:
        return f"{args[0]} {current.kind} {args[1]}"
    if current.kind == "neg":
        return f"-{args[0]}"
    if current.kind == "where":
        return f"{args[1]} {args[0]} {args[2]} ? {args[3]} : {args[4]}"
    if current.kind in helpers_of(dtype):
        return f"{name}_{current.kind}({args[0]})"
    return f"{of_math(OF_MATH[current.kind], dtype)}({args[0]})"


def helpers_of(dtype: str) -> dict[str, str]:
    """Return the functions that a file defines itself."""
    return {**HELPERS, **(IN_FLOAT if dtype == "float32" else {})}


def helper_texts(kinds: Collection[str], name: str, dtype: str) -> list[str]:
    """Return the definitions of helpers, each before those that call it."""
    functions = {key: of_math(key, dtype) for key in ("exp", "log1p", "fabs", "erfc")}
    real, texts = f"({name}_real)", []
    needed = {*kinds, *(["tanh"] if dtype == "float32" and "sigmoid" in kinds else [])}
    for kind in sorted(needed, reverse=True):  # tanh before sigmoid
        body = helpers_of(dtype)[kind].format(real=real, name=name, **functions)
        body = body if "return" in body else f" return {body}; "
        texts.append(f"static {name}_real {name}_{kind}({name}_real x)\n{{{body}}}")
    return texts


def of_math(function: str, dtype: str) -> str:
    """Return the name of a function of math.h for that precision."""
    return f"{function}f" if dtype == "float32" else function
