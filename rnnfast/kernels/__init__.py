"""Compiled kernels; they import numba, llvmlite and numpy alone (and platformdirs, to find the cache).

simd, activations, losses, optimizers    the vocabulary: values and rules that a shape selects at compile time
tiles, packing, head                     matrix products, chunks of unequal sequences, the output layer
rnn                                      a cell on packed chunks: one file each
rnn_sequence                             the small vanilla RNN in registers, one sequence at a time
epoch                                    entry points
layout, workspace, target, cache         memory, processor, compiled code
engine                                   all of it as Python objects
"""


def warm_up() -> float:
    """Compile, or load, and run a small kernel; returns the seconds it took."""
    from rnnfast.kernels.trainer import warm_up

    return warm_up()


def cache_directory() -> str:
    """Directory of the compiled kernels."""
    from rnnfast.kernels.cache import directory

    return str(directory())
