"""Formulas as vector code: nodes of a graph (equations/graph.py) become LLVM instructions on whole vectors."""

from llvmlite import ir
from numba.extending import intrinsic

from rnnfast.equations.derivative import expanded
from rnnfast.equations.functions import FUNCTIONS
from rnnfast.equations.graph import Node
from rnnfast.kernels.lanes.elementary import ELEMENTARY
from rnnfast.kernels.lanes.vec import FAST, call, llvm_type

# Of a float: bits of the mantissa, and what is added to an exponent.
_FORMAT = {32: (23, 127), 64: (52, 1023)}
_INSTRUCTIONS = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
ARGUMENT = Node("input", "function", "x")


def emit(builder, vector_type, roots, values):
    """LLVM vectors of the roots; values: those of nodes that are computed already, more are added on the way."""
    pending = list(reversed(roots))
    bits = 64 if vector_type.element == ir.DoubleType() else 32
    while pending:
        node = pending[-1]
        if node in values:
            pending.pop()
            continue
        formula = _formula(node, bits)
        missing = [arg for arg in (node.nodes if formula is None else (formula,)) if arg not in values]
        if missing:
            pending += reversed(missing)
            continue
        pending.pop()
        values[node] = _instruction(builder, vector_type, node, values) if formula is None else values[formula]
    return [values[root] for root in roots]


def _formula(node, bits):
    """What stands for a function: polynomials for a primitive one; None for a node that is an instruction."""
    if node.kind in ELEMENTARY:
        return ELEMENTARY[node.kind](node.args[0], bits)
    return expanded(node) if node.kind in FUNCTIONS else None


def _instruction(builder, vector_type, node, values):
    kind, args = node.kind, [values[arg] for arg in node.nodes]
    if kind == "number":
        return ir.Constant(vector_type, [node.args[0]] * vector_type.count)
    if kind in _INSTRUCTIONS:
        return getattr(builder, _INSTRUCTIONS[kind])(*args, flags=FAST)
    if kind == "neg":
        return builder.fneg(*args)
    if kind == "abs":
        return call(builder, "fabs", *args)
    if kind == "round":
        return call(builder, "rint", *args)
    if kind == "square root":
        return call(builder, "sqrt", *args)
    if kind == "power of 2":
        return _power_of_2(builder, vector_type, *args)
    assert kind == "where", node
    left, right, value, otherwise = args
    return builder.select(builder.fcmp_ordered(node.args[0], left, right), value, otherwise)


def _power_of_2(builder, vector_type, k):
    """2^k for whole numbers k of a normal result: k goes into the bits of the exponent."""
    bits = 64 if vector_type.element == ir.DoubleType() else 32
    mantissa, bias = _FORMAT[bits]
    integers = ir.VectorType(ir.IntType(bits), vector_type.count)
    exponent = builder.add(builder.fptosi(k, integers), ir.Constant(integers, [bias] * integers.count))
    return builder.bitcast(builder.shl(exponent, ir.Constant(integers, [mantissa] * integers.count)), vector_type)


def elementwise(formula, doc):
    """An intrinsic that applies a formula of one node to a vector."""
    root = formula(ARGUMENT)

    def typed(typingctx, x):
        def codegen(context, builder, sig, args):
            return emit(builder, llvm_type(x), [root], {ARGUMENT: args[0]})[0]

        return x(x), codegen

    typed.__doc__ = doc
    return intrinsic(typed)


vexp = elementwise(FUNCTIONS["exp"], "e^x, lane by lane.")
