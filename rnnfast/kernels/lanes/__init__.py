"""The language of the kernels: SIMD values, spans of memory, specialisations, and how all of it is compiled."""
