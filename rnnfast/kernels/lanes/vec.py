"""SIMD values for Numba kernels.

`Vec` is W lanes, an LLVM vector `<W x float>`: a hidden state, or a tile's width of it. LLVM spreads it over as many
machine registers as it needs, on any processor, so a kernel reads as the mathematics and compiles to straight vector
code. Operators + - * work lane by lane, with contraction to fused multiply-adds allowed. W must be a power of two: LLVM
takes others apart into scalars.

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


def _lanes(array, shape, name="W"):
    return Vec(array.dtype, shape.dims[name])


@intrinsic
def load(typingctx, array, offset, shape):
    """W consecutive elements of a span, from `offset` on."""
    vec = _lanes(array, shape)

    def codegen(context, builder, sig, args):
        return load_vector(builder, pointer_to(builder, args[0], args[1], llvm_type(vec)), llvm_type(vec))

    return vec(array, offset, shape), codegen


@intrinsic
def store(typingctx, array, offset, value):
    """Write a vector to W consecutive elements of a span, from `offset` on."""

    def codegen(context, builder, sig, args):
        pointer = pointer_to(builder, args[0], args[1], llvm_type(value))
        builder.store(args[2], pointer).align = value.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.void(array, offset, value), codegen


@intrinsic
def broadcast(typingctx, array, offset, shape):
    """One element of a span in every lane."""
    vec = _lanes(array, shape)

    def codegen(context, builder, sig, args):
        vector_type = llvm_type(vec)
        pointer = pointer_to(builder, args[0], args[1], vector_type.element)
        return spread(builder, builder.load(pointer, typ=vector_type.element), vector_type)

    return vec(array, offset, shape), codegen


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
def splat(typingctx, scalar, shape):
    """A scalar in every lane."""
    vec = Vec(scalar, shape.dims["W"])

    def codegen(context, builder, sig, args):
        return spread(builder, args[0], llvm_type(vec))

    return vec(scalar, shape), codegen


@intrinsic
def fill(typingctx, array, constant, shape):
    """A literal number in every lane, of the array's float type: `fill(x, 0, s)`."""
    vec = _lanes(array, shape)
    if not isinstance(constant, types.Literal):
        return None

    def codegen(context, builder, sig, args):
        return ir.Constant(llvm_type(vec), [float(constant.literal_value)] * vec.lanes)

    return vec(array, constant, shape), codegen


# fill wants the value of its constant at compile time
fill.prefer_literal = True


@intrinsic
def first_lanes(typingctx, value, count):
    """The vector, or every row, with the lanes from `count` on set to 0 (NaN there vanishes too)."""

    def codegen(context, builder, sig, args):
        vector_type = llvm_type(value)
        indices = ir.VectorType(INT64, value.lanes)
        wanted = builder.icmp_signed(
            "<", ir.Constant(indices, list(range(value.lanes))), spread(builder, args[1], indices)
        )
        zero = ir.Constant(vector_type, [0.0] * value.lanes)
        if isinstance(value, Vec):
            return builder.select(wanted, args[0], zero)
        result = args[0]
        for k in range(value.count):
            result = builder.insert_value(result, builder.select(wanted, builder.extract_value(args[0], k), zero), k)
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
def fma(typingctx, a, b, c):
    """A * b + c, lane by lane, contracted to one fused multiply-add where the processor has it."""

    def codegen(context, builder, sig, args):
        return builder.fadd(builder.fmul(args[0], args[1], flags=FAST), args[2], flags=FAST)

    return a(a, b, c), codegen


def _register_operator(function, instruction):
    @infer_global(function)
    class _Template(AbstractTemplate):
        def generic(self, args, kws):
            if len(args) == 2 and isinstance(args[0], Vec) and args[0] == args[1]:
                return signature(args[0], *args)
            return None

    @lower_builtin(function, Vec, Vec)
    def _lower(context, builder, sig, args):
        return getattr(builder, instruction)(*args, flags=FAST)


for _function, _instruction in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    _register_operator(_function, _instruction)


@intrinsic
def vdivide(typingctx, a, b):
    """A / b, lane by lane."""

    def codegen(context, builder, sig, args):
        return builder.fdiv(args[0], args[1], flags=FAST)

    return a(a, b), codegen


@intrinsic
def vsqrt(typingctx, a):
    """Square root, lane by lane."""

    def codegen(context, builder, sig, args):
        return call(builder, "sqrt", args[0])

    return a(a), codegen
