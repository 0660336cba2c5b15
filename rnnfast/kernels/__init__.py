"""Compiled code.

lanes     the language: SIMD values, spans of memory, formulas as vector code, how all of it is compiled and cached
rules     what is computed: the elementwise pass of a cell, losses, optimizers
packed    the packed engine: any cell and number of layers, many sequences of unequal length at a time
small     the register engine: one or two sequences through a small vanilla RNN
run       updates, epochs, memory, threads, and the objects that Python sees
"""


def warm_up() -> float:
    """Compile, or load, and run a small kernel; returns the seconds it took."""
    from rnnfast.kernels.run.trainer import warm_up

    return warm_up()


def cache_directory() -> str:
    """Directory of the compiled kernels."""
    from rnnfast.kernels.lanes.cache import directory

    return str(directory())
