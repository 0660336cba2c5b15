"""Matrix products on register tiles: M rows by W lanes stay in registers while the inner index runs.

    multiply_rows    C[m, :] += A[index[m], :] B              rows are steps of sequences (forward; backward with B^T)
    accumulate_rows  G[k, :] += sum_m A[index[m], k] D[m, :]  sum over steps of outer products (weight gradients)

Rows of A are found through an index, so that the features of shuffled sequences and the states of the previous step are
read where they are. All matrices are flat, row-major; N, the width of B, C, D and G, is a multiple of W; lda is the
width of A.
"""

from rnnfast.kernels.compiling import inlined, part
from rnnfast.kernels.registers import consecutive, load_tile, row_starts, store_tile, tile_fma
from rnnfast.kernels.simd import broadcast, fill, fma, load, store
from rnnfast.kernels.spans import at


@inlined
def multiply_row(s, A, B, C, K, N):
    """C[:] += A[:K] B for one row; four partial sums overlap the latency of the multiply-adds."""
    W = s.W
    K4 = K - K % 4
    for n in range(0, N, W):
        s0, s1, s2, s3 = load(C, n, s), fill(C, 0, s), fill(C, 0, s), fill(C, 0, s)
        for k in range(0, K4, 4):
            i = k * N + n
            s0 = fma(broadcast(A, k, s), load(B, i, s), s0)
            s1 = fma(broadcast(A, k + 1, s), load(B, i + N, s), s1)
            s2 = fma(broadcast(A, k + 2, s), load(B, i + 2 * N, s), s2)
            s3 = fma(broadcast(A, k + 3, s), load(B, i + 3 * N, s), s3)
        for k in range(K4, K):
            s0 = fma(broadcast(A, k, s), load(B, k * N + n, s), s0)
        store(C, n, (s0 + s1) + (s2 + s3))


@part
def multiply_rows(s, A, index, lda, B, C, rows, K, N):
    """C[m, :] += A[index[m], :K] B for m < rows.

    Reads: A (.., lda), B (K, N). Writes: C (rows, N).
    """
    W, M = s.W, s.M
    whole = rows - rows % M
    for n in range(0, N, W):
        for m in range(0, whole, M):
            starts = row_starts(at(index, m), lda, s)
            tile = load_tile(C, m * N + n, N, s)
            for k in range(K):
                tile = tile_fma(tile, A, starts, k, load(B, k * N + n, s))
            store_tile(C, m * N + n, N, tile)
    for m in range(whole, rows):
        multiply_row(s, at(A, index[m] * lda), B, at(C, m * N), K, N)


@part
def accumulate_rows(s, A, index, lda, D, G, rows, K, N):
    """G[k, :] += sum over m < rows of A[index[m], k] * D[m, :], for k < K.

    Reads: A (.., lda), D (rows, N). Writes: G (K, N).
    """
    W, M = s.W, s.M
    whole = K - K % M
    for n in range(0, N, W):
        for k in range(0, whole, M):
            starts = consecutive(k, s)
            tile = load_tile(G, k * N + n, N, s)
            for m in range(rows):
                tile = tile_fma(tile, A, starts, index[m] * lda, load(D, m * N + n, s))
            store_tile(G, k * N + n, N, tile)
        for k in range(whole, K):
            row = load(G, k * N + n, s)
            for m in range(rows):
                row = fma(broadcast(A, index[m] * lda + k, s), load(D, m * N + n, s), row)
            store(G, k * N + n, row)


@inlined
def sum_rows(s, D, G, rows, N):
    """G[:] += sum over m < rows of D[m, :]. The gradient of a bias."""
    for n in range(0, N, s.W):
        row = load(G, n, s)
        for m in range(rows):
            row = row + load(D, m * N + n, s)
        store(G, n, row)


@inlined
def transpose(A, lda, rows, columns, B, ldb):
    """B[j, k] = A[k, j] for k < rows, j < columns; A (rows, lda), B (columns, ldb)."""
    for k in range(rows):
        for j in range(columns):
            B[j * ldb + k] = A[k * lda + j]
