"""The arithmetic peak of one core: independent fused multiply-adds on values that stay in registers."""

import time

import numpy as np
from numba.extending import intrinsic

from rnnfast.kernels.lanes import processor as target
from rnnfast.kernels.lanes.compiling import entry
from rnnfast.kernels.lanes.rows import load_rows, store_rows
from rnnfast.kernels.lanes.span import spans
from rnnfast.kernels.lanes.specialisation import Specialisation
from rnnfast.kernels.lanes.vec import FAST, load
from rnnfast.network.alignment import aligned

CHAINS = 12  # more than latency (4 cycles) times throughput (2 per cycle), fewer than the registers of AVX2
_REPEATS = 200_000


@intrinsic
def _multiply_add(typingctx, rows, a, b):
    """rows[k] * a + b for every row."""

    def codegen(context, builder, sig, args):
        value = args[0]
        for k in range(rows.count):
            product = builder.fmul(builder.extract_value(args[0], k), args[1], flags=FAST)
            value = builder.insert_value(value, builder.fadd(product, args[2], flags=FAST), k)
        return value

    return rows(rows, a, b), codegen


@entry
def _chains(s, x, repeats):
    """Writes: x, the first CHAINS rows of W lanes; the last two rows are factor and addend."""
    x = spans(x)
    rows, a, b = load_rows(x, 0, "H", s), load(x, s.H * s.W, s), load(x, (s.H + 1) * s.W, s)
    for _ in range(repeats):
        rows = _multiply_add(rows, a, b)
    store_rows(x, 0, rows)


def gigaflops(dtype, seconds=0.05):
    """GFLOP/s of a pure multiply-add loop on the present core, the best of several runs within `seconds`."""
    lanes = target.vector_bytes() // np.dtype(dtype).itemsize
    s = Specialisation(H=CHAINS, W=lanes)
    x = aligned((CHAINS + 2) * lanes, dtype)
    x[:] = 0.5
    _chains(s, x, 1)
    flops, best, end = 2.0 * CHAINS * lanes * _REPEATS, 0.0, time.perf_counter() + seconds
    while not best or time.perf_counter() < end:
        start = time.perf_counter()
        _chains(s, x, _REPEATS)
        best = max(best, flops / (time.perf_counter() - start) / 1e9)
    return best
