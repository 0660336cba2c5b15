"""The width of the vectors that a process compiles for, made narrower where others of its run have no wider ones.

Sums of vectors run in another order for each width, so that results have the same bits where all have one. Numba reads
what it compiles for when it is imported: a process that has imported it cannot change any more.
"""

from __future__ import annotations

import os
import sys
from threading import Lock

from rnnfast.errors import UsageError

FEATURES = "NUMBA_CPU_FEATURES"  # environment variable of Numba: "+avx2,-avx512f,.."
WIDER = {  # bits -> what features begin with that need wider registers
    256: ("avx512", "avx10", "amx"),
    128: ("avx", "amx", "fma", "f16c", "xop", "vaes", "vpclmulqdq"),
}

_narrowing = Lock()


def narrow(bits: int) -> None:
    """Have this process compile for registers of so many bits.

    Raises UsageError where it has narrower ones, or has compiled for wider ones already.
    """
    from llvmlite.binding import get_host_cpu_features

    from rnnfast.kernels.lanes.processor import vector_bytes

    with _narrowing:
        here = 8 * int(vector_bytes())
        if here == bits:
            return
        if here < bits:
            raise UsageError(f"has vectors of {here} bits, narrower than the {bits} that the run began with")
        if "numba" in sys.modules:
            raise UsageError(
                f"has compiled for vectors of {here} bits, and others of the run have {bits}: restart it, and let it "
                "compute nothing before"
            )
        features = (os.environ.get(FEATURES) or get_host_cpu_features().flatten()).split(",")
        os.environ[FEATURES] = ",".join(
            f"-{name[1:]}" if name[1:].startswith(WIDER[bits]) else name for name in features
        )
        vector_bytes.cache_clear()
