"""Compiled kernels; they import numba and numpy alone."""
