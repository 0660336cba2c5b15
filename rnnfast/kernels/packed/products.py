"""Matrix products on register tiles: M rows by W lanes stay in registers while the inner index runs.

    multiply_rows    C[m, :]  = S[m, :] + A[index[m], :] B       rows are time steps of sequences (forward, and
    backward with B^T) accumulate_rows  G[k, :] += sum_m A[index[m], k] D[m, :]     sum over steps of outer products
    (weight gradients)

Rows of A are found through an index, so that the features of shuffled sequences and the states of the previous step
are read where they are. S is where the sums start: C itself, or a bias (lds = 0, the same row for all). All matrices
are row-major and flat, `ld` is the distance of rows; N, the columns of B, C, D and G that are worked on, is a
multiple of W.
"""

from rnnfast.kernels.lanes.compiling import inlined, part
from rnnfast.kernels.lanes.rows import consecutive, load_tile, row_starts, store_tile, tile_fma
from rnnfast.kernels.lanes.span import at
from rnnfast.kernels.lanes.vec import broadcast, fill, fma, load, store

ROW_BLOCK = 64  # rows of D: 16 KiB in the widest tiles


@inlined
def multiply_row(s, A, B, ldb, S, C, K, N):
    """C[:] = S[:] + A[:K] B for one row; four partial sums overlap the latency of the multiply-adds."""
    W = s.W
    K4 = K - K % 4
    for n in range(0, N, W):
        s0, s1, s2, s3 = load(S, n, s), fill(C, 0, s), fill(C, 0, s), fill(C, 0, s)
        for k in range(0, K4, 4):
            i = k * ldb + n
            s0 = fma(broadcast(A, k, s), load(B, i, s), s0)
            s1 = fma(broadcast(A, k + 1, s), load(B, i + ldb, s), s1)
            s2 = fma(broadcast(A, k + 2, s), load(B, i + 2 * ldb, s), s2)
            s3 = fma(broadcast(A, k + 3, s), load(B, i + 3 * ldb, s), s3)
        for k in range(K4, K):
            s0 = fma(broadcast(A, k, s), load(B, k * ldb + n, s), s0)
        store(C, n, (s0 + s1) + (s2 + s3))


@part
def multiply_rows(s, A, index, lda, B, ldb, S, lds, C, ldc, rows, K, N):
    """C[m, :N] = S[m, :N] + A[index[m], :K] B for m < rows; S may be C.

    Reads: A (.., lda), B (K, ldb), S (rows, lds). Writes: C (rows, ldc).
    """
    W, M = s.W, s.M
    whole = rows - rows % M
    for n in range(0, N, W):
        for m in range(0, whole, M):
            starts = row_starts(at(index, m), lda, s)
            tile = load_tile(S, m * lds + n, lds, "M", s)
            for k in range(K):
                tile = tile_fma(tile, A, starts, k, load(B, k * ldb + n, s))
            store_tile(C, m * ldc + n, ldc, tile)
    for m in range(whole, rows):
        multiply_row(s, at(A, index[m] * lda), B, ldb, at(S, m * lds), at(C, m * ldc), K, N)


@part
def accumulate_rows(s, A, index, lda, D, ldd, G, ldg, rows, K, N):
    """G[k, :N] += sum over m < rows of A[index[m], k] * D[m, :N], for k < K.

    Reads: A (.., lda), D (rows, ldd). Writes: G (K, ldg).
    """
    whole = K - K % s.M
    halves = K - K % s.M_half
    # Every tile of G reads the same lanes of D: so many rows of them stay in the first-level cache.
    for first in range(0, rows, ROW_BLOCK):
        last = min(first + ROW_BLOCK, rows)
        for n in range(0, N, s.W):
            for k in range(0, whole, s.M):
                starts = consecutive(k, "M", s)
                tile = load_tile(G, k * ldg + n, ldg, "M", s)
                for m in range(first, last):
                    tile = tile_fma(tile, A, starts, index[m] * lda, load(D, m * ldd + n, s))
                store_tile(G, k * ldg + n, ldg, tile)
            for k in range(whole, halves, s.M_half):
                starts = consecutive(k, "M_half", s)
                tile = load_tile(G, k * ldg + n, ldg, "M_half", s)
                for m in range(first, last):
                    tile = tile_fma(tile, A, starts, index[m] * lda, load(D, m * ldd + n, s))
                store_tile(G, k * ldg + n, ldg, tile)
            for k in range(halves, K):
                at_k = at(G, k * ldg + n)
                accumulate_row(s, at(A, k), at(index, first), lda, at(D, first * ldd + n), ldd, at_k, last - first)


@inlined
def accumulate_row(s, A, index, lda, D, ldd, G, rows):
    """One vector of G; four partial sums overlap the latency of the multiply-adds."""
    s0, s1, s2, s3 = load(G, 0, s), fill(G, 0, s), fill(G, 0, s), fill(G, 0, s)
    fours = rows - rows % 4
    for m in range(0, fours, 4):
        s0 = fma(broadcast(A, index[m] * lda, s), load(D, m * ldd, s), s0)
        s1 = fma(broadcast(A, index[m + 1] * lda, s), load(D, (m + 1) * ldd, s), s1)
        s2 = fma(broadcast(A, index[m + 2] * lda, s), load(D, (m + 2) * ldd, s), s2)
        s3 = fma(broadcast(A, index[m + 3] * lda, s), load(D, (m + 3) * ldd, s), s3)
    for m in range(fours, rows):
        s0 = fma(broadcast(A, index[m] * lda, s), load(D, m * ldd, s), s0)
    store(G, 0, (s0 + s1) + (s2 + s3))


@inlined
def sum_rows(s, D, ldd, G, rows, N):
    """G[:N] += sum over m < rows of D[m, :N]. The gradient of a bias."""
    fours = rows - rows % 4
    for n in range(0, N, s.W):
        s0, s1, s2, s3 = load(G, n, s), fill(G, 0, s), fill(G, 0, s), fill(G, 0, s)
        for m in range(0, fours, 4):
            i = m * ldd + n
            s0, s1 = s0 + load(D, i, s), s1 + load(D, i + ldd, s)
            s2, s3 = s2 + load(D, i + 2 * ldd, s), s3 + load(D, i + 3 * ldd, s)
        for m in range(fours, rows):
            s0 = s0 + load(D, m * ldd + n, s)
        store(G, n, (s0 + s1) + (s2 + s3))


@inlined
def transpose(A, lda, rows, columns, B, ldb):
    """B[j, k] = A[k, j] for k < rows, j < columns; A (rows, lda), B (columns, ldb)."""
    for k in range(rows):
        for j in range(columns):
            B[j * ldb + k] = A[k * lda + j]
