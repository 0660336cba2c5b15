"""Dropout between layers: which entries are zeroed is a function, so that no mask is stored.

An entry drops out where a number of 32 bits lies below rate * 2^32. The number is a hash of the key of the update and
layer, the table row and the unit, and of nothing else: the passes forward and back agree, for any chunking, number of
threads, lanes and precision. Each row hashes its key to 64 bits (splitmix64: Steele, Lea, Flood 2014); each unit of it,
whole vectors at a time, hashes these with its column,

    v = column * 0x9E3779B9 ^ low 32 bits of the row's key
    v = (v ^ v >> 16) * 0x7FEB352D ^ high 32 bits
    v = (v ^ v >> 15) * 0x846CA68B
    v =  v ^ v >> 16

which is the integer hash "lowbias32" (Wellons 2018) with a second word of the key between its two rounds: rows whose
low words meet still drop out differently.
"""

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from rnnfast.kernels.lanes.arguments import types_of
from rnnfast.kernels.lanes.compiling import inlined, part
from rnnfast.kernels.lanes.linking import Link, linked, no_link
from rnnfast.kernels.lanes.vec import FAST, llvm_type, load, spread, store

_COLUMN, _FIRST, _SECOND = 0x9E3779B9, 0x7FEB352D, 0x846CA68B
_INT32 = ir.IntType(32)


@inlined
def row_key(key, row):
    """64 bits that depend on the key and the table row alone (splitmix64)."""
    z = key + row * -7046029254386353131
    z = (z ^ ((z >> 30) & 0x3FFFFFFFF)) * -4658895280553007687
    z = (z ^ ((z >> 27) & 0x1FFFFFFFFF)) * -7723592293110705685
    return z ^ ((z >> 31) & 0x1FFFFFFFF)


@intrinsic
def scaled_or_zero(typingctx, value, key, column, threshold, scale):
    """The lanes of `value`, units `column`, column + 1, .. of a row, times `scale`, or times 0 where they drop out.

    key: (int64) of the row, see `row_key`; threshold: (int64) rate * 2^32. NaN stays NaN.
    """

    def codegen(context, builder, sig, args):
        vector_type = llvm_type(value)
        integers = ir.VectorType(_INT32, value.lanes)

        def constants(numbers):
            return ir.Constant(integers, numbers)

        def every(word):
            return constants([word] * value.lanes)

        def word(number, shift=0):
            """32 bits of an int64 in every lane."""
            bits = builder.lshr(number, ir.Constant(number.type, shift)) if shift else number
            return spread(builder, builder.trunc(bits, _INT32), integers)

        def folded(v, shift):
            return builder.xor(v, builder.lshr(v, every(shift)))

        columns = builder.add(word(args[2]), constants(list(range(value.lanes))))
        v = builder.xor(builder.mul(columns, every(_COLUMN)), word(args[1]))
        v = builder.xor(builder.mul(folded(v, 16), every(_FIRST)), word(args[1], 32))
        v = folded(builder.mul(folded(v, 15), every(_SECOND)), 16)
        stays = builder.icmp_unsigned(">=", v, word(args[3]))
        factor = spread(builder, context.cast(builder, args[4], types.float64, value.dtype), vector_type)
        factor = builder.select(stays, factor, ir.Constant(vector_type, [0.0] * value.lanes))
        return builder.fmul(args[0], factor, flags=FAST)

    return value(value, types.int64, types.int64, types.int64, types.float64), codegen


class Dropout(NamedTuple):
    """Which entries drop out between layers."""

    rate: float
    key: int  # of an update; that of a layer is so much above as there are layers below it


@part
def drop(s, rows, source, target, P, ldh, dropout):
    """Zero a share of the entries of a layer's output and scale the rest so that its mean stays.

    Reads:  rows (P,), the table row of each packed row; source (P, ldh); dropout, with the key of the layer.
    Writes: target (P, ldh), which may be source.
    """
    threshold = min(int(dropout.rate * 4294967296.0), 4294967295)
    scale = 1.0 / (1.0 - dropout.rate)
    for row in range(P):
        bits = row_key(dropout.key, rows[row])
        for n in range(0, ldh, s.W):
            i = row * ldh + n
            store(target, i, scaled_or_zero(load(source, i, s), bits, n, threshold, scale))


@linked
def _drop(s, rows, source, target, P, ldh, dropout):
    drop(s, rows, source, target, P, ldh, dropout)


def drop_link(s, dtype, rate):
    """The link to `drop`, or to nothing where nothing drops out."""
    values = np.zeros(1, dtype)
    taken = types_of(np.zeros(1, np.int64), values, values, 0, 0, Dropout(0.0, 0))
    return Link(_drop, s, taken) if rate else no_link(taken)
