"""How kernels are compiled.

`entry` is a kernel that Python calls: cached on disk per signature, hence per shape. `part` is a function that it
calls. `inlined` is one that LLVM always inlines, so that SIMD values and matrices stay in registers across it;
elsewhere it would only cost compile time. None checks bounds, raises or allocates; division by zero gives an infinity
(`error_model="numpy"`), which the loss check reports.
"""

from functools import partial

from numba import njit

from rnnfast.kernels.cache import cached

part = partial(njit, error_model="numpy", no_cpython_wrapper=True)()
inlined = partial(njit, error_model="numpy", forceinline=True, no_cpython_wrapper=True)()
entry = partial(cached, njit(error_model="numpy", cache=True, nogil=True))
