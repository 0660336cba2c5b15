"""Matrix products on register tiles: M rows by W lanes stay in registers while the inner index runs.

    multiply_rows      C[m, :]  = S[m, :] + A[index[m], :] B        rows are time steps of sequences: forward, and
                                                                    backward with B transposed
    accumulate_rows    G[k, :] += sum_m A[index[m], k] D[m, :]      sums over steps of outer products: the gradients
                                                                    of weights

Rows of A are found through an index, so that the features of shuffled sequences and the states of the previous step
are read where they are. S is where the sums start: C itself, or a bias (distance 0, the same row for all). A matrix is
row-major; N, the columns of B, C, D and G that are worked on, is a multiple of W.
"""

from rnnfast.kernels.lanes.compiling import inlined, part
from rnnfast.kernels.lanes.rows import consecutive, load_tile, row_starts, store_tile, tile_fma
from rnnfast.kernels.lanes.scalars import smaller
from rnnfast.kernels.lanes.span import at
from rnnfast.kernels.lanes.vec import broadcast, fma, load, store, zeros

ROW_BLOCK = 64  # rows of D: 16 KiB in the widest tiles


@part
def multiply_rows(s, A, index, B, S, C, rows, K, N):
    """C[m, :N] = S[m, :N] + A[index[m], :K] B for m < rows; S may be C.

    Reads:  A (.., K), B (K, N), S (rows, N), index (rows,) int64. Writes: C (rows, N).
    """
    whole = rows - rows % s.M
    for n in range(0, N, s.W):
        for m in range(0, whole, s.M):
            starts = row_starts(at(index, m), A.ld, s)
            tile = load_tile(S.at, m * S.ld + n, S.ld, "M", s)
            for k in range(K):
                tile = tile_fma(tile, A.at, starts, k, load(B.at, k * B.ld + n, s))
            store_tile(C.at, m * C.ld + n, C.ld, tile)
    for m in range(whole, rows):
        multiply_row(s, at(A.at, index[m] * A.ld), B, at(S.at, m * S.ld), at(C.at, m * C.ld), K, 0, N)


@inlined
def multiply_row(s, A, B, S, C, K, first, last):
    """C[n] = S[n] + (A[:K] B)[n] for one row, first <= n < last; four partial sums overlap the latency of the
    multiply-adds.
    """
    ld, fours = B.ld, K - K % 4
    for n in range(first, last, s.W):
        s0, s1, s2, s3 = load(S, n, s), zeros(C, s), zeros(C, s), zeros(C, s)
        for k in range(0, fours, 4):
            i = k * ld + n
            s0 = fma(broadcast(A, k, s), load(B.at, i, s), s0)
            s1 = fma(broadcast(A, k + 1, s), load(B.at, i + ld, s), s1)
            s2 = fma(broadcast(A, k + 2, s), load(B.at, i + 2 * ld, s), s2)
            s3 = fma(broadcast(A, k + 3, s), load(B.at, i + 3 * ld, s), s3)
        for k in range(fours, K):
            s0 = fma(broadcast(A, k, s), load(B.at, k * ld + n, s), s0)
        store(C, n, (s0 + s1) + (s2 + s3))


@part
def accumulate_rows(s, A, index, D, G, rows, K, N):
    """G[k, :N] += sum over m < rows of A[index[m], k] * D[m, :N], for k < K.

    Reads:  A (.., K), D (rows, N), index (rows,) int64. Writes: G (K, N).
    """
    whole, halves = K - K % s.M, K - K % s.M_half
    # Every tile of G reads the same lanes of D: so many rows of them stay in the first-level cache.
    for first in range(0, rows, ROW_BLOCK):
        last = smaller(first + ROW_BLOCK, rows)
        for n in range(0, N, s.W):
            for k in range(0, whole, s.M):
                starts = consecutive(k, "M", s)
                tile = load_tile(G.at, k * G.ld + n, G.ld, "M", s)
                for m in range(first, last):
                    tile = tile_fma(tile, A.at, starts, index[m] * A.ld, load(D.at, m * D.ld + n, s))
                store_tile(G.at, k * G.ld + n, G.ld, tile)
            for k in range(whole, halves, s.M_half):
                starts = consecutive(k, "M_half", s)
                tile = load_tile(G.at, k * G.ld + n, G.ld, "M_half", s)
                for m in range(first, last):
                    tile = tile_fma(tile, A.at, starts, index[m] * A.ld, load(D.at, m * D.ld + n, s))
                store_tile(G.at, k * G.ld + n, G.ld, tile)
            for k in range(halves, K):
                _accumulate_row(s, A, k, index, D, n, at(G.at, k * G.ld + n), first, last)


@inlined
def _accumulate_row(s, A, k, index, D, n, G, first, last):
    """One vector of a row of G; four partial sums overlap the latency of the multiply-adds."""
    a, lda, d, ldd = at(A.at, k), A.ld, at(D.at, n), D.ld
    s0, s1, s2, s3 = load(G, 0, s), zeros(G, s), zeros(G, s), zeros(G, s)
    fours = last - (last - first) % 4
    for m in range(first, fours, 4):
        s0 = fma(broadcast(a, index[m] * lda, s), load(d, m * ldd, s), s0)
        s1 = fma(broadcast(a, index[m + 1] * lda, s), load(d, (m + 1) * ldd, s), s1)
        s2 = fma(broadcast(a, index[m + 2] * lda, s), load(d, (m + 2) * ldd, s), s2)
        s3 = fma(broadcast(a, index[m + 3] * lda, s), load(d, (m + 3) * ldd, s), s3)
    for m in range(fours, last):
        s0 = fma(broadcast(a, index[m] * lda, s), load(d, m * ldd, s), s0)
    store(G, 0, (s0 + s1) + (s2 + s3))


@part
def sum_rows(s, D, G, rows, N):
    """G[:N] += sum over m < rows of D[m, :N]: the gradient of a bias."""
    fours = rows - rows % 4
    for n in range(0, N, s.W):
        s0, s1, s2, s3 = load(G, n, s), zeros(G, s), zeros(G, s), zeros(G, s)
        for m in range(0, fours, 4):
            i = m * D.ld + n
            s0, s1 = s0 + load(D.at, i, s), s1 + load(D.at, i + D.ld, s)
            s2, s3 = s2 + load(D.at, i + 2 * D.ld, s), s3 + load(D.at, i + 3 * D.ld, s)
        for m in range(fours, rows):
            s0 = s0 + load(D.at, m * D.ld + n, s)
        store(G, n, (s0 + s1) + (s2 + s3))


@inlined
def transpose(A, B, rows, columns):
    """B[j, k] = A[k, j] for k < rows, j < columns."""
    for k in range(rows):
        for j in range(columns):
            B.at[j * B.ld + k] = A.at[k * A.ld + j]


@inlined
def clear(s, memory, size):
    """Zeros, up to the next multiple of W."""
    for i in range(0, size, s.W):
        store(memory, i, zeros(memory, s))
