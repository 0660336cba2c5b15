"""SIMD values and compile-time shapes for Numba kernels.

Four Numba types make a kernel read as the mathematics and compile to straight vector code:

* `Shape(F=29, H=10, W=16, activation="tanh")`: a Python object whose *type* carries the values. Inside a kernel `s.H` is
  a constant, so one module-level `@njit(cache=True)` kernel is specialised, and cached on disk, per shape.
* `Vec`: W lanes, an LLVM vector `<W x float>`. LLVM spreads it over as many machine registers as it needs, on any
  processor. Operators + - * work lane by lane, with contraction to fused multiply-adds allowed. W must be a power of two.
* `Rows`: the first n rows of a matrix as n `Vec`s, so that a small matrix stays in registers through a loop.
* `Span`: a bare pointer to the elements of an array that the caller keeps alive. Numba counts references to arrays whenever one is
  handed on, and one such call in a loop spills every register; spans have no count, no bounds and no wrap-around.

Arithmetic never assumes the absence of NaN or infinity and never reassociates sums: the order of additions is the one
written, hence the same bits on every run. Loads and stores make no demand on alignment.
"""

import operator
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_getattr, infer_global, signature
from numba.extending import (
    NativeValue,
    intrinsic,
    lower_builtin,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)

# What LLVM may assume: fused multiply-add, no signed zeros, reciprocals. Not reassociation, not "no NaN", not "no infinity".
FAST = ("contract", "nsz", "arcp")

MATVEC_CHAINS = 4

_INT64 = ir.IntType(64)


# --- compile-time shapes ---------------------------------------------------------------------------------------------


class Shape:
    """Named compile-time integers and words; see the module docstring."""

    def __init__(self, **items):
        self.items = tuple(sorted(items.items()))

    def __getattr__(self, name):
        for key, value in object.__getattribute__(self, "items"):
            if key == name:
                return value
        raise AttributeError(name)


class ShapeType(types.Type):
    """Numba type of a `Shape`; `dims` maps names to values."""

    def __init__(self, items):
        self.dims = dict(items)
        super().__init__(name="Shape(" + ",".join(f"{k}={v}" for k, v in items) + ")")


@typeof_impl.register(Shape)
def _typeof_shape(value, context):
    return ShapeType(value.items)


@register_model(ShapeType)
class _ShapeModel(models.OpaqueModel):
    pass


@unbox(ShapeType)
def _unbox_shape(typ, obj, c):
    return NativeValue(c.context.get_dummy_value())


@infer_getattr
class _ShapeAttributes(AttributeTemplate):
    key = ShapeType

    def generic_resolve(self, typ, name):
        return types.intp if isinstance(typ.dims.get(name), int) else None


@lower_getattr_generic(ShapeType)
def _shape_attribute(context, builder, typ, value, name):
    return context.get_constant(types.intp, typ.dims[name])


# --- vectors ---------------------------------------------------------------------------------------------------------


class Vec(types.Type):
    """Numba type of `lanes` values of a float type."""

    def __init__(self, dtype, lanes):
        self.dtype, self.lanes = dtype, lanes
        super().__init__(name=f"Vec({dtype},{lanes})")


class Rows(types.Type):
    """Numba type of `count` vectors."""

    def __init__(self, dtype, lanes, count):
        self.dtype, self.lanes, self.count = dtype, lanes, count
        super().__init__(name=f"Rows({dtype},{lanes},{count})")


def llvm_type(vec):
    """LLVM vector type of a Numba `Vec` or of one row of `Rows`."""
    return ir.VectorType(ir.DoubleType() if vec.dtype == types.float64 else ir.FloatType(), vec.lanes)


@register_model(Vec)
class _VecModel(models.PrimitiveModel):
    def __init__(self, manager, vec):
        super().__init__(manager, vec, llvm_type(vec))


@register_model(Rows)
class _RowsModel(models.PrimitiveModel):
    def __init__(self, manager, rows):
        super().__init__(manager, rows, ir.ArrayType(llvm_type(rows), rows.count))


class Span(types.Type):
    """Numba type of a pointer to elements of a dtype."""

    def __init__(self, dtype):
        self.dtype = dtype
        super().__init__(name=f"Span({dtype})")


@register_model(Span)
class _SpanModel(models.PrimitiveModel):
    def __init__(self, manager, span):
        super().__init__(manager, span, manager.lookup(span.dtype).get_data_type().as_pointer())


def _span_type(typ):
    """Spans in place of arrays, in a (named) tuple of arrays too."""
    if isinstance(typ, types.Array):
        return Span(typ.dtype)
    if isinstance(typ, types.BaseNamedTuple):
        return types.NamedTuple([_span_type(item) for item in typ.types], typ.instance_class)
    return typ


def _span_value(context, builder, typ, value):
    if isinstance(typ, types.Array):
        return context.make_array(typ)(context, builder, value).data
    if isinstance(typ, types.BaseNamedTuple):
        items = [
            _span_value(context, builder, item, builder.extract_value(value, i)) for i, item in enumerate(typ.types)
        ]
        return context.make_tuple(builder, _span_type(typ), items)
    return value


@intrinsic
def spans(typingctx, arrays):
    """The span of a contiguous array, or a named tuple of them (nested too) with spans in place of its arrays."""

    def codegen(context, builder, sig, args):
        return _span_value(context, builder, sig.args[0], args[0])

    return _span_type(arrays)(arrays), codegen


@intrinsic
def at(typingctx, span, offset):
    """The span from an element on."""

    def codegen(context, builder, sig, args):
        return builder.gep(args[0], [args[1]])

    return span(span, types.intp), codegen


@infer_global(operator.getitem)
class _SpanGet(AbstractTemplate):
    def generic(self, args, kws):
        span, index = args
        if isinstance(span, Span) and isinstance(index, types.Integer):
            return signature(span.dtype, span, types.intp)
        return None


@infer_global(operator.setitem)
class _SpanSet(AbstractTemplate):
    def generic(self, args, kws):
        span, index, _ = args
        if isinstance(span, Span) and isinstance(index, types.Integer):
            return signature(types.none, span, types.intp, span.dtype)
        return None


@lower_builtin(operator.getitem, Span, types.intp)
def _get(context, builder, sig, args):
    return builder.load(builder.gep(args[0], [args[1]]))


@lower_builtin(operator.setitem, Span, types.intp, types.Any)
def _set(context, builder, sig, args):
    builder.store(args[2], builder.gep(args[0], [args[1]]))
    return context.get_dummy_value()


@intrinsic
def number(typingctx, span, value):
    """A number converted to the element type of a span."""

    def codegen(context, builder, sig, args):
        return context.cast(builder, args[1], sig.args[1], sig.return_type)

    return span.dtype(span, value), codegen


def _pointer(builder, span, offset, element_type):
    return builder.bitcast(builder.gep(span, [offset]), element_type.as_pointer())


def _load(builder, pointer, vector_type):
    value = builder.load(pointer, typ=vector_type)
    value.align = 8 if vector_type.element == ir.DoubleType() else 4
    return value


def _shuffle(builder, vector, lane):
    """All lanes equal to one lane of the vector."""
    mask = ir.Constant(ir.VectorType(ir.IntType(32), vector.type.count), [lane] * vector.type.count)
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), mask)


def spread(builder, scalar, vector_type):
    """LLVM vector with the scalar in every lane."""
    first = builder.insert_element(ir.Constant(vector_type, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    return _shuffle(builder, first, 0)


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
        return _load(builder, _pointer(builder, args[0], args[1], llvm_type(vec)), llvm_type(vec))

    return vec(array, offset, shape), codegen


@intrinsic
def store(typingctx, array, offset, value):
    """Write a vector to W consecutive elements of a span, from `offset` on."""

    def codegen(context, builder, sig, args):
        pointer = _pointer(builder, args[0], args[1], llvm_type(value))
        builder.store(args[2], pointer).align = value.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.void(array, offset, value), codegen


@intrinsic
def broadcast(typingctx, array, offset, shape):
    """One element of a span in every lane."""
    vec = _lanes(array, shape)

    def codegen(context, builder, sig, args):
        vector_type = llvm_type(vec)
        pointer = _pointer(builder, args[0], args[1], vector_type.element)
        return spread(builder, builder.load(pointer, typ=vector_type.element), vector_type)

    return vec(array, offset, shape), codegen


@intrinsic
def prefetch(typingctx, array, offset):
    """Ask for the cache line of one element of a span, to be read soon."""

    def codegen(context, builder, sig, args):
        byte = ir.IntType(8).as_pointer()
        pointer = _pointer(builder, args[0], args[1], ir.IntType(8))
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
        indices = ir.VectorType(_INT64, value.lanes)
        wanted = builder.icmp_signed("<", ir.Constant(indices, list(range(value.lanes))), spread(builder, args[1], indices))
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
                ir.Constant(ir.VectorType(ir.IntType(32), half), list(range(start, start + half))) for start in (0, half)
            )
            undefined = ir.Constant(vector.type, ir.Undefined)
            vector = builder.fadd(
                builder.shuffle_vector(vector, undefined, low), builder.shuffle_vector(vector, undefined, high), flags=FAST
            )
            lanes = half
        return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))

    return value.dtype(value), codegen


@intrinsic
def fma(typingctx, a, b, c):
    """a * b + c, lane by lane, contracted to one fused multiply-add where the processor has it."""

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


# --- small matrices in registers -------------------------------------------------------------------------------------


@intrinsic
def load_rows(typingctx, array, offset, count, shape):
    """`count` (a name of the shape, such as "H") rows of W lanes, one after the other in a flat array."""
    if not isinstance(count, types.Literal):
        return None
    rows = Rows(array.dtype, shape.dims["W"], shape.dims[count.literal_value])

    def codegen(context, builder, sig, args):
        value = ir.Constant(ir.ArrayType(llvm_type(rows), rows.count), ir.Undefined)
        for k in range(rows.count):
            at = builder.add(args[1], ir.Constant(_INT64, k * rows.lanes))
            row = _load(builder, _pointer(builder, args[0], at, llvm_type(rows)), llvm_type(rows))
            value = builder.insert_value(value, row, k)
        return value

    return rows(array, offset, count, shape), codegen


load_rows.prefer_literal = True


@intrinsic
def store_rows(typingctx, array, offset, rows):
    """Write rows one after the other to a flat array."""

    def codegen(context, builder, sig, args):
        for k in range(rows.count):
            at = builder.add(args[1], ir.Constant(_INT64, k * rows.lanes))
            pointer = _pointer(builder, args[0], at, llvm_type(rows))
            builder.store(builder.extract_value(args[2], k), pointer).align = rows.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.void(array, offset, rows), codegen


@intrinsic
def matvec(typingctx, x, rows, start):
    """start + sum_k x[k] * rows[k], the vector-matrix product of a hidden state in lanes and a matrix in registers.

    Four partial sums overlap the latency of the multiply-adds: k = 0, 4, .. from `start`, the others from their first product.
    """

    def codegen(context, builder, sig, args):
        chains = [args[2]]
        for k in range(rows.count):
            product = builder.fmul(_shuffle(builder, args[0], k), builder.extract_value(args[1], k), flags=FAST)
            if k and k < MATVEC_CHAINS:
                chains.append(product)
            else:
                chains[k % MATVEC_CHAINS] = builder.fadd(product, chains[k % MATVEC_CHAINS], flags=FAST)
        while len(chains) > 1:
            chains = [
                builder.fadd(*chains[i : i + 2], flags=FAST) if i + 1 < len(chains) else chains[i]
                for i in range(0, len(chains), 2)
            ]
        return chains[0]

    return start(x, rows, start), codegen


@intrinsic
def combine(typingctx, array, offset, rows):
    """sum_o array[offset + o] * rows[o]."""

    def codegen(context, builder, sig, args):
        value = ir.Constant(llvm_type(rows), [0.0] * rows.lanes)
        for o in range(rows.count):
            at = builder.add(args[1], ir.Constant(_INT64, o))
            pointer = _pointer(builder, args[0], at, llvm_type(rows).element)
            scalar = spread(builder, builder.load(pointer, typ=llvm_type(rows).element), llvm_type(rows))
            product = builder.fmul(scalar, builder.extract_value(args[2], o), flags=FAST)
            value = builder.fadd(product, value, flags=FAST) if o else product
        return value

    return Vec(rows.dtype, rows.lanes)(array, types.intp, rows), codegen


@intrinsic
def add_scaled(typingctx, rows, array, offset, vector):
    """rows[o] + array[offset + o] * vector for every row o."""

    def codegen(context, builder, sig, args):
        value = args[0]
        for o in range(rows.count):
            at = builder.add(args[2], ir.Constant(_INT64, o))
            pointer = _pointer(builder, args[1], at, llvm_type(rows).element)
            scalar = spread(builder, builder.load(pointer, typ=llvm_type(rows).element), llvm_type(rows))
            product = builder.fmul(scalar, args[3], flags=FAST)
            row = builder.fadd(product, builder.extract_value(args[0], o), flags=FAST)
            value = builder.insert_value(value, row, o)
        return value

    return rows(rows, array, types.intp, vector), codegen


@intrinsic
def outer_update(typingctx, rows, x, y):
    """rows[k] + x[k] * y: a rank-one update of a matrix in registers by two hidden vectors."""

    def codegen(context, builder, sig, args):
        value = args[0]
        for k in range(rows.count):
            product = builder.fmul(_shuffle(builder, args[1], k), args[2], flags=FAST)
            row = builder.fadd(product, builder.extract_value(args[0], k), flags=FAST)
            value = builder.insert_value(value, row, k)
        return value

    return rows(rows, x, y), codegen


# --- register tiles ----------------------------------------------------------------------------------------------------


@intrinsic
def load_tile(typingctx, array, offset, stride, shape):
    """M vectors of W lanes, `stride` elements apart."""
    rows = Rows(array.dtype, shape.dims["W"], shape.dims["M"])

    def codegen(context, builder, sig, args):
        value, at = ir.Constant(ir.ArrayType(llvm_type(rows), rows.count), ir.Undefined), args[1]
        for m in range(rows.count):
            row = _load(builder, _pointer(builder, args[0], at, llvm_type(rows)), llvm_type(rows))
            value = builder.insert_value(value, row, m)
            at = builder.add(at, args[2])
        return value

    return rows(array, offset, stride, shape), codegen


@intrinsic
def store_tile(typingctx, array, offset, stride, rows):
    """Write the vectors of a tile `stride` elements apart."""

    def codegen(context, builder, sig, args):
        at = args[1]
        for m in range(rows.count):
            pointer = _pointer(builder, args[0], at, llvm_type(rows))
            builder.store(builder.extract_value(args[3], m), pointer).align = rows.dtype.bitwidth // 8
            at = builder.add(at, args[2])
        return context.get_dummy_value()

    return types.void(array, offset, stride, rows), codegen


@intrinsic
def row_starts(typingctx, index, stride, shape):
    """Offsets `index[m] * stride` of M rows, m = 0 .. M - 1."""
    count = shape.dims["M"]
    result = types.UniTuple(types.intp, count)

    def codegen(context, builder, sig, args):
        values = []
        for m in range(count):
            row = builder.load(_pointer(builder, args[0], ir.Constant(_INT64, m), _INT64), typ=_INT64)
            values.append(builder.mul(row, args[1]))
        return context.make_tuple(builder, result, values)

    return result(index, types.intp, shape), codegen


@intrinsic
def consecutive(typingctx, first, shape):
    """The M offsets first, first + 1, .."""
    count = shape.dims["M"]
    result = types.UniTuple(types.intp, count)

    def codegen(context, builder, sig, args):
        values = [builder.add(args[0], ir.Constant(_INT64, m)) for m in range(count)]
        return context.make_tuple(builder, result, values)

    return result(types.intp, shape), codegen


@intrinsic
def tile_fma(typingctx, tile, array, starts, offset, vector):
    """tile[m] + array[starts[m] + offset] * vector for every row m of the tile."""

    def codegen(context, builder, sig, args):
        value = args[0]
        for m, start in enumerate(cgutils.unpack_tuple(builder, args[2])):
            at = builder.add(start, args[3])
            pointer = _pointer(builder, args[1], at, llvm_type(vector).element)
            scalar = spread(builder, builder.load(pointer, typ=llvm_type(vector).element), llvm_type(vector))
            product = builder.fmul(scalar, args[4], flags=FAST)
            row = builder.fadd(product, builder.extract_value(args[0], m), flags=FAST)
            value = builder.insert_value(value, row, m)
        return value

    return tile(tile, array, starts, types.intp, vector), codegen
