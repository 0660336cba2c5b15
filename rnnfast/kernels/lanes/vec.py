"""SIMD values for Numba kernels.

`Vec` is W lanes, an LLVM vector `<W x float>`: a hidden state, or a tile's width of it. LLVM spreads it over as many
machine registers as it needs, on any processor, so a kernel reads as the mathematics and compiles to straight vector
code. Operators + - * / work lane by lane, with contraction to fused multiply-adds allowed; a plain number on either
side stands in every lane. W must be a power of two: LLVM takes others apart into scalars.

Arithmetic never assumes the absence of NaN or infinity and never reassociates sums: the order of additions is the one
written, hence the same bits on every run. Loads and stores make no demand on alignment.
"""

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

# What LLVM may assume: fused multiply-add, no signed zeros, reciprocals. Not reassociation, not "no NaN", not "no
# infinity".
FAST = ("contract", "nsz", "arcp")

INT64 = ir.IntType(64)


class Vec(types.Type):
    """Numba type of `lanes` values of a float type."""

    def __init__(self, dtype, lanes):
        self.dtype, self.lanes = dtype, lanes
        super().__init__(name=f"Vec({dtype},{lanes})")


def llvm_type(vec):
    """LLVM vector type of a Numba `Vec` or of one row of `Rows`."""
    return ir.VectorType(ir.DoubleType() if vec.dtype == types.float64 else ir.FloatType(), vec.lanes)


@register_model(Vec)
class _VecModel(models.PrimitiveModel):
    def __init__(self, manager, vec):
        super().__init__(manager, vec, llvm_type(vec))


def pointer_to(builder, span, offset, element_type):
    """LLVM pointer to an element of a span."""
    return builder.bitcast(builder.gep(span, [offset]), element_type.as_pointer())


def load_vector(builder, pointer, vector_type):
    """LLVM load of a vector that is aligned as its elements are."""
    value = builder.load(pointer, typ=vector_type)
    value.align = 8 if vector_type.element == ir.DoubleType() else 4
    return value


def store_vector(builder, vector, pointer):
    """LLVM store of a vector that is aligned as its elements are."""
    builder.store(vector, pointer).align = 8 if vector.type.element == ir.DoubleType() else 4


def every_lane(builder, vector, lane):
    """All lanes equal to one lane of the vector."""
    mask = ir.Constant(ir.VectorType(ir.IntType(32), vector.type.count), [lane] * vector.type.count)
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask)


def spread(builder, scalar, vector_type):
    """LLVM vector with the scalar in every lane."""
    first = builder.insert_element(ir.Constant(vector_type, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    return every_lane(builder, first, 0)


def call(builder, name, *operands):
    """Call the LLVM vector intrinsic `name` on operands of one vector type."""
    vector_type = operands[0].type
    bits = 64 if vector_type.element == ir.DoubleType() else 32
    function_type = ir.FunctionType(vector_type, [vector_type] * len(operands))
    function = cgutils.get_or_insert_function(builder.module, function_type, f"llvm.{name}.v{vector_type.count}f{bits}")
    return builder.call(function, list(operands), fastmath=FAST)


def _lanes(array, spec, name="W"):
    return Vec(array.dtype, spec.dims[name])


@intrinsic
def load(typingctx, array, offset, spec):
    """W consecutive elements of a span, from `offset` on."""
    vec = _lanes(array, spec)

    def codegen(context, builder, sig, args):
        return load_vector(builder, pointer_to(builder, args[0], args[1], llvm_type(vec)), llvm_type(vec))

    return vec(array, offset, spec), codegen


@intrinsic
def store(typingctx, array, offset, value):
    """Write a vector to W consecutive elements of a span, from `offset` on."""

    def codegen(context, builder, sig, args):
        store_vector(builder, args[2], pointer_to(builder, args[0], args[1], llvm_type(value)))
        return context.get_dummy_value()

    return types.void(array, offset, value), codegen


@intrinsic
def broadcast(typingctx, array, offset, spec):
    """One element of a span in every lane."""
    vec = _lanes(array, spec)

    def codegen(context, builder, sig, args):
        vector_type = llvm_type(vec)
        pointer = pointer_to(builder, args[0], args[1], vector_type.element)
        return spread(builder, builder.load(pointer, typ=vector_type.element), vector_type)

    return vec(array, offset, spec), codegen


@intrinsic
def prefetch(typingctx, array, offset):
    """Ask for the cache line of one element of a span, to be read soon."""

    def codegen(context, builder, sig, args):
        byte = ir.IntType(8).as_pointer()
        pointer = pointer_to(builder, args[0], args[1], ir.IntType(8))
        flag = ir.IntType(32)
        function_type = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
        # read, keep in all levels, data
        builder.call(function, [pointer, flag(0), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


@intrinsic
def zeros(typingctx, array, spec):
    """0 in every lane, of the type of a span's elements."""
    vec = _lanes(array, spec)

    def codegen(context, builder, sig, args):
        return ir.Constant(llvm_type(vec), [0.0] * vec.lanes)

    return vec(array, spec), codegen


def first(builder, vector, count):
    """The vector with the lanes from `count` on set to 0 (NaN there vanishes too)."""
    indices = ir.VectorType(INT64, vector.type.count)
    inside = builder.icmp_signed("<", ir.Constant(indices, list(range(indices.count))), spread(builder, count, indices))
    return builder.select(inside, vector, ir.Constant(vector.type, [0.0] * vector.type.count))


@intrinsic
def first_lanes(typingctx, value, count):
    """The vector, or every row, with the lanes from `count` on set to 0."""

    def codegen(context, builder, sig, args):
        if isinstance(value, Vec):
            return first(builder, *args)
        result = args[0]
        for k in range(value.count):
            result = builder.insert_value(result, first(builder, builder.extract_value(args[0], k), args[1]), k)
        return result

    return value(value, types.intp), codegen


@intrinsic
def total(typingctx, value):
    """Sum over the lanes: halves are added to each other until one lane is left."""

    def codegen(context, builder, sig, args):
        vector, lanes = args[0], value.lanes
        while lanes > 1:
            half = lanes // 2
            low, high = (
                ir.Constant(ir.VectorType(ir.IntType(32), half), list(range(start, start + half)))
                for start in (0, half)
            )
            undefined = ir.Constant(vector.type, ir.Undefined)
            vector = builder.fadd(
                builder.shuffle_vector(vector, undefined, low),
                builder.shuffle_vector(vector, undefined, high),
                flags=FAST,
            )
            lanes = half
        return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    return value.dtype(value), codegen


@intrinsic
def largest(typingctx, a, b):
    """The larger one, lane by lane; NaN where either is."""

    def codegen(context, builder, sig, args):
        a, b = args
        larger = builder.select(builder.fcmp_ordered(">", a, b), a, b)  # b where either is NaN
        return builder.select(builder.fcmp_unordered("uno", a, a), a, larger)

    return a(a, b), codegen


@intrinsic
def where_equal(typingctx, value, a, b):
    """The value where a equals b, else 0, lane by lane."""

    def codegen(context, builder, sig, args):
        zero = ir.Constant(llvm_type(value), [0.0] * value.lanes)
        return builder.select(builder.fcmp_ordered("==", args[1], args[2]), args[0], zero)

    return value(value, a, b), codegen


@intrinsic
def fma(typingctx, a, b, c):
    """a * b + c, lane by lane, contracted to one fused multiply-add where the processor has it."""

    def codegen(context, builder, sig, args):
        return builder.fadd(builder.fmul(args[0], args[1], flags=FAST), args[2], flags=FAST)

    return a(a, b, c), codegen


def _register_operator(function, instruction):
    """Let an operator take two vectors, or a vector and a number."""

    @infer_global(function)
    class _Template(AbstractTemplate):
        def generic(self, args, kws):
            vectors = [arg for arg in args if isinstance(arg, Vec)]
            if len(args) != 2 or not vectors or not all(isinstance(arg, Vec | types.Number) for arg in args):
                return None
            return signature(vectors[0], *args) if vectors[0] == vectors[-1] else None

    def lower(context, builder, sig, args):
        vec = sig.return_type
        operands = [
            arg if isinstance(typ, Vec) else spread(builder, context.cast(builder, arg, typ, vec.dtype), llvm_type(vec))
            for typ, arg in zip(sig.args, args, strict=True)
        ]
        return getattr(builder, instruction)(*operands, flags=FAST)

    for left, right in ((Vec, Vec), (Vec, types.Number), (types.Number, Vec)):
        lower_builtin(function, left, right)(lower)


for _operator, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _register_operator(_operator, _instruction)


@intrinsic
def sqrt(typingctx, a):
    """Square root, lane by lane."""

    def codegen(context, builder, sig, args):
        return call(builder, "sqrt", args[0])

    return a(a), codegen
