"""Matrices in registers: several SIMD values as one Numba value, and the products that use them.

`Rows` is n vectors: a small recurrent matrix that stays in registers through a loop, or an M x W tile of a larger
product.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

from rnnfast.kernels.lanes.vec import (
    FAST,
    INT64,
    Vec,
    every_lane,
    llvm_type,
    load_vector,
    pointer_to,
    spread,
    store_vector,
)

# Partial sums of a vector-matrix product: they overlap the latency of the multiply-adds.
MATVEC_CHAINS = 4


class Rows(types.Type):
    """Numba type of `count` vectors."""

    def __init__(self, dtype, lanes, count):
        self.dtype, self.lanes, self.count = dtype, lanes, count
        super().__init__(name=f"Rows({dtype},{lanes},{count})")


@register_model(Rows)
class _RowsModel(models.PrimitiveModel):
    def __init__(self, manager, rows):
        super().__init__(manager, rows, ir.ArrayType(llvm_type(rows), rows.count))


@intrinsic
def load_rows(typingctx, array, offset, count, spec):
    """`count` (a name of the spec, such as "H") rows of W lanes, one after the other in a flat array."""
    if not isinstance(count, types.Literal):
        return None
    rows = Rows(array.dtype, spec.dims["W"], spec.dims[count.literal_value])

    def codegen(context, builder, sig, args):
        value = ir.Constant(ir.ArrayType(llvm_type(rows), rows.count), ir.Undefined)
        for k in range(rows.count):
            at = builder.add(args[1], ir.Constant(INT64, k * rows.lanes))
            row = load_vector(builder, pointer_to(builder, args[0], at, llvm_type(rows)), llvm_type(rows))
            value = builder.insert_value(value, row, k)
        return value

    return rows(array, offset, count, spec), codegen


load_rows.prefer_literal = True


@intrinsic
def store_rows(typingctx, array, offset, rows):
    """Write rows one after the other to a flat array."""

    def codegen(context, builder, sig, args):
        for k in range(rows.count):
            at = builder.add(args[1], ir.Constant(INT64, k * rows.lanes))
            pointer = pointer_to(builder, args[0], at, llvm_type(rows))
            store_vector(builder, builder.extract_value(args[2], k), pointer)
        return context.get_dummy_value()

    return types.void(array, offset, rows), codegen


@intrinsic
def matvec(typingctx, x, rows, start):
    """start + sum_k x[k] * rows[k], the vector-matrix product of a hidden state in lanes and a matrix in registers.

    Four partial sums overlap the latency of the multiply-adds: k = 0, 4, .. from `start`, the others from their first
    product.
    """

    def codegen(context, builder, sig, args):
        chains = [args[2]]
        for k in range(rows.count):
            product = builder.fmul(every_lane(builder, args[0], k), builder.extract_value(args[1], k), flags=FAST)
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
            at = builder.add(args[1], ir.Constant(INT64, o))
            pointer = pointer_to(builder, args[0], at, llvm_type(rows).element)
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
            at = builder.add(args[2], ir.Constant(INT64, o))
            pointer = pointer_to(builder, args[1], at, llvm_type(rows).element)
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
            product = builder.fmul(every_lane(builder, args[1], k), args[2], flags=FAST)
            row = builder.fadd(product, builder.extract_value(args[0], k), flags=FAST)
            value = builder.insert_value(value, row, k)
        return value

    return rows(rows, x, y), codegen


# --- register tiles ---


@intrinsic
def load_tile(typingctx, array, offset, stride, count, spec):
    """`count` (a name of the spec, such as "M") vectors of W lanes, `stride` elements apart."""
    if not isinstance(count, types.Literal):
        return None
    rows = Rows(array.dtype, spec.dims["W"], spec.dims[count.literal_value])

    def codegen(context, builder, sig, args):
        value, at = ir.Constant(ir.ArrayType(llvm_type(rows), rows.count), ir.Undefined), args[1]
        for m in range(rows.count):
            row = load_vector(builder, pointer_to(builder, args[0], at, llvm_type(rows)), llvm_type(rows))
            value = builder.insert_value(value, row, m)
            at = builder.add(at, args[2])
        return value

    return rows(array, offset, stride, count, spec), codegen


load_tile.prefer_literal = True


@intrinsic
def store_tile(typingctx, array, offset, stride, rows):
    """Write the vectors of a tile `stride` elements apart."""

    def codegen(context, builder, sig, args):
        at = args[1]
        for m in range(rows.count):
            pointer = pointer_to(builder, args[0], at, llvm_type(rows))
            store_vector(builder, builder.extract_value(args[3], m), pointer)
            at = builder.add(at, args[2])
        return context.get_dummy_value()

    return types.void(array, offset, stride, rows), codegen


@intrinsic
def row_starts(typingctx, index, stride, spec):
    """Offsets `index[m] * stride` of M rows, m = 0 .. M - 1."""
    count = spec.dims["M"]
    result = types.UniTuple(types.intp, count)

    def codegen(context, builder, sig, args):
        values = []
        for m in range(count):
            row = builder.load(pointer_to(builder, args[0], ir.Constant(INT64, m), INT64), typ=INT64)
            values.append(builder.mul(row, args[1]))
        return context.make_tuple(builder, result, values)

    return result(index, types.intp, spec), codegen


@intrinsic
def consecutive(typingctx, first, name, spec):
    """The offsets first, first + 1, .., as many as a name of the spec says."""
    if not isinstance(name, types.Literal):
        return None
    count = spec.dims[name.literal_value]
    result = types.UniTuple(types.intp, count)

    def codegen(context, builder, sig, args):
        values = [builder.add(args[0], ir.Constant(INT64, m)) for m in range(count)]
        return context.make_tuple(builder, result, values)

    return result(types.intp, name, spec), codegen


consecutive.prefer_literal = True


@intrinsic
def tile_fma(typingctx, tile, array, starts, offset, vector):
    """tile[m] + array[starts[m] + offset] * vector for every row m of the tile."""

    def codegen(context, builder, sig, args):
        value = args[0]
        for m, start in enumerate(cgutils.unpack_tuple(builder, args[2])):
            at = builder.add(start, args[3])
            pointer = pointer_to(builder, args[1], at, llvm_type(vector).element)
            scalar = spread(builder, builder.load(pointer, typ=llvm_type(vector).element), llvm_type(vector))
            product = builder.fmul(scalar, args[4], flags=FAST)
            row = builder.fadd(product, builder.extract_value(args[0], m), flags=FAST)
            value = builder.insert_value(value, row, m)
        return value

    return tile(tile, array, starts, types.intp, vector), codegen
