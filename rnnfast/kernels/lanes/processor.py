"""What the processor offers, and the lane counts that follow from it."""

import os
from functools import cache

import llvmlite.binding as llvm
import numpy as np

# Float registers that a tile may fill; the rest holds the operands of its multiply-adds.
ACCUMULATORS = 16
# Width of an elementwise pass. A cell has all its inputs alive at once: wider values would not fit the registers.
ELEMENTWISE_BYTES = 64


@cache
def vector_bytes():
    """Width of a SIMD register in bytes: 64 (AVX-512), 32 (AVX2) or 16 (SSE, NEON).

    Follows NUMBA_CPU_NAME and NUMBA_CPU_FEATURES, as code generation does.
    """
    features = os.environ.get("NUMBA_CPU_FEATURES")
    if features is None:
        if os.environ.get("NUMBA_CPU_NAME") not in (None, "", "host"):
            return 16
        features = llvm.get_host_cpu_features().flatten()
    names = features.split(",")
    if "+avx512f" in names:
        return 64
    return 32 if "+avx2" in names else 16


def registers():
    """Registers that a tile fills: AVX-512 has 32 of them, others 16."""
    return ACCUMULATORS if vector_bytes() == 64 else ACCUMULATORS // 2


def widest(dtype):
    """Lanes of the widest rows of a tile: four fill its registers."""
    return registers() * vector_bytes() // np.dtype(dtype).itemsize // 4


def tile(width, dtype):
    """(W, M): lanes and rows of the register tile for matrices of padded width `width`.

    W is the largest power of two that divides the width and fits half of the accumulators' rows of four; M fills the
    rest.
    """
    itemsize = np.dtype(dtype).itemsize
    lanes = 1
    while lanes * 2 <= widest(dtype) and width % (lanes * 2) == 0:
        lanes *= 2
    rows = registers() * vector_bytes() // (lanes * itemsize)
    return lanes, min(rows, 8)
