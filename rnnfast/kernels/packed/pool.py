"""Pooling over time: what the outputs of a step see of the states h_t of the top layer at all steps up to it.

    mean        z_t = z_{t-1} + w_t (h_t - z_{t-1}),  w_t = 1 / t
    attention   the same with w_t = e^{s_t} / sum_{k <= t} e^{s_k},  s_t = q' h_t / sqrt(H)
    max         z_t = max(z_{t-1}, h_t), unit by unit
    all         h_t, mean and max side by side

At the last step of a sequence that is the pool of all of it, so labels of sequences and of steps have one
implementation, which sees no later step and carries one row from a window of steps to the next. The sums of the softmax
are kept relative to the largest score so far (Milakov, Gimelshein 2018): no exponential overflows.

Back, the last step first, from the gradients dz_t of all steps, with D what they and later ones hand back:

    mean        D_t = dz_t + (1 - w_{t+1}) D_{t+1}                     dh_t = w_t D_t
    attention   ds_t = w_t (D_t' (h_t - z_t) + e_t)                    dh_t = w_t D_t + ds_t q / sqrt(H)
                e_{t-1} = e_t - ds_t,  e_T = 0                         dq = sum_t ds_t h_t / sqrt(H)
    max         D_t = dz_t + (D_{t+1} where z_{t+1} = z_t)             dh_t = D_t where z_t != z_{t-1}

Of equal values the first is the maximum. A head is a pair of functions in POOLS and an entry of the catalogue.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from rnnfast.catalogue import implementation
from rnnfast.kernels.lanes.arguments import types_of
from rnnfast.kernels.lanes.compiling import PART, inlined, part
from rnnfast.kernels.lanes.formula import vexp
from rnnfast.kernels.lanes.linking import Link, linked, no_link
from rnnfast.kernels.lanes.span import Matrix, at, number
from rnnfast.kernels.lanes.vec import broadcast, fma, largest, load, store, total, where_equal, zeros
from rnnfast.kernels.packed.layer import Weights
from rnnfast.kernels.packed.packing import packing
from rnnfast.kernels.packed.products import clear
from rnnfast.kernels.packed.tiles import accumulate_rows


class Packed(NamedTuple):
    """What of a chunk a pool needs, as in Chunk."""

    pack: Any
    memory: Any
    R: int
    T: int
    P: int
    resumed: bool
    products: Any


@inlined
def packed_rows(chunk):
    """What of a Chunk a pool needs."""
    return Packed(chunk.pack, chunk.memory, chunk.R, chunk.T, chunk.P, chunk.resumed, chunk.products)


@part
def begin_rows(s, head, chunk, column, width, value):
    """Fill a block of the rows before the first step, unless they were carried."""
    if not chunk.resumed:
        for r in range(chunk.R):
            for n in range(0, width, s.W):
                i = head.pooled + r * head.width + column + n
                store(chunk.memory, i, zeros(chunk.memory, s) + value)


@part
def count_steps(s, head, chunk):
    """Shares of a mean: w_t = 1 / t. Writes: shares, mass."""
    mass, shares, start = at(chunk.memory, head.mass), at(chunk.memory, head.shares), chunk.pack.start
    if not chunk.resumed:
        clear(s, mass, chunk.R)
    for t in range(chunk.T):
        # Lanes beyond the sequences that reach so far write to the next step's rows, which follow.
        for r in range(0, start[t + 1] - start[t], s.W):
            count = load(mass, r, s) + 1.0
            store(mass, r, count)
            store(shares, start[t] + r, 1.0 / count)


@part
def attend(s, head, p, chunk, h):
    """Shares of attention. Writes: scores, shares, peak, mass."""
    scores, shares = at(chunk.memory, head.scores), at(chunk.memory, head.shares)
    peak, mass, start = at(chunk.memory, head.peak), at(chunk.memory, head.mass), chunk.pack.start
    scale = number(p, 1.0 / math.sqrt(head.blocks * head.inputs))
    for row in range(chunk.P):
        products = zeros(p, s)
        for n in range(0, h.ld, s.W):
            products = fma(load(h.at, row * h.ld + n, s), load(p, head.query + n, s), products)
        scores[row] = total(products) * scale
    if not chunk.resumed:
        for r in range(0, chunk.R, s.W):
            store(mass, r, zeros(mass, s))
            store(peak, r, zeros(peak, s) - math.inf)
    for t in range(chunk.T):
        for r in range(0, start[t + 1] - start[t], s.W):
            score, before = load(scores, start[t] + r, s), load(peak, r, s)
            highest = largest(score, before)
            own = vexp(score - highest)
            sums = fma(load(mass, r, s), vexp(before - highest), own)
            store(peak, r, highest)
            store(mass, r, sums)
            store(shares, start[t] + r, own / sums)


@part
def blend(s, head, chunk, h, column):
    """z_t = z_{t-1} + w_t (h_t - z_{t-1}) in the block from a column on."""
    z, shares, width = at(chunk.memory, head.pooled + column), at(chunk.memory, head.shares), head.width
    begin_rows(s, head, chunk, column, h.ld, 0.0)
    for row in range(chunk.P):
        share, before, after = broadcast(shares, row, s), chunk.pack.previous[row] * width, (chunk.R + row) * width
        for n in range(0, h.ld, s.W):
            value = load(z, before + n, s)
            store(z, after + n, fma(share, load(h.at, row * h.ld + n, s) - value, value))


@part
def blend_back(s, head, chunk, dh, column):
    """D_t in the place of dz_t, and dh_t += w_t D_t."""
    dz, shares, width = at(chunk.memory, head.dpooled + column), at(chunk.memory, head.shares), head.width
    for row in range(chunk.P - 1, -1, -1):
        share, before = broadcast(shares, row, s), chunk.pack.previous[row] - chunk.R
        for n in range(0, dh.ld, s.W):
            D, i = load(dz, row * width + n, s), row * dh.ld + n
            store(dh.at, i, fma(share, D, load(dh.at, i, s)))
            if before >= 0:
                store(dz, before * width + n, fma(1.0 - share, D, load(dz, before * width + n, s)))


@part
def attend_back(s, head, weights, chunk, h, dh):
    """Gradients of the scores, after `blend_back`. Writes: scores, the query in weights.g; adds to dh."""
    z, D = at(chunk.memory, head.pooled + chunk.R * head.width), at(chunk.memory, head.dpooled)
    shares, slopes, p = at(chunk.memory, head.shares), at(chunk.memory, head.scores), weights.p
    scale = number(p, 1.0 / math.sqrt(head.blocks * head.inputs))
    clear(s, slopes, chunk.P)
    for row in range(chunk.P - 1, -1, -1):
        products = zeros(p, s)
        for n in range(0, h.ld, s.W):
            i = row * h.ld + n
            products = fma(load(D, i, s), load(h.at, i, s) - load(z, i, s), products)
        before, rest = chunk.pack.previous[row] - chunk.R, slopes[row]
        slope = shares[row] * (total(products) + rest)
        if before >= 0:
            slopes[before] = rest - slope
        slopes[row] = slope * scale
        for n in range(0, h.ld, s.W):
            i = row * h.ld + n
            store(dh.at, i, fma(broadcast(slopes, row, s), load(p, head.query + n, s), load(dh.at, i, s)))
    dq = Matrix(at(weights.g, head.query), h.ld)
    accumulate_rows(chunk.products, Matrix(slopes, 1), chunk.pack.same, h, dq, chunk.P, 1, h.ld)


@part
def hold(s, head, chunk, h, column):
    """z_t = max(z_{t-1}, h_t) in the block from a column on."""
    z, width = at(chunk.memory, head.pooled + column), head.width
    begin_rows(s, head, chunk, column, h.ld, -math.inf)
    for row in range(chunk.P):
        before, after = chunk.pack.previous[row] * width, (chunk.R + row) * width
        for n in range(0, h.ld, s.W):
            store(z, after + n, largest(load(h.at, row * h.ld + n, s), load(z, before + n, s)))


@part
def hold_back(s, head, chunk, dh, column):
    """The gradient of each maximum, added to the dh of the step that holds it."""
    z, dz, width = at(chunk.memory, head.pooled + column), at(chunk.memory, head.dpooled + column), head.width
    for row in range(chunk.P - 1, -1, -1):
        earlier, before = chunk.pack.previous[row] * width, chunk.pack.previous[row] - chunk.R
        for n in range(0, dh.ld, s.W):
            D, i = load(dz, row * width + n, s), row * dh.ld + n
            handed = where_equal(D, load(z, (chunk.R + row) * width + n, s), load(z, earlier + n, s))
            store(dh.at, i, load(dh.at, i, s) + (D - handed))
            if before >= 0:
                store(dz, before * width + n, load(dz, before * width + n, s) + handed)


@part
def copy_rows(s, A, B, rows, columns):
    """B[k, :columns] = A[k, :columns] for k < rows."""
    for row in range(rows):
        for n in range(0, columns, s.W):
            store(B.at, row * B.ld + n, load(A.at, row * A.ld + n, s))


def _mean(s, head, p, chunk, h):
    count_steps(s, head, chunk)
    blend(s, head, chunk, h, 0)


def _mean_back(s, head, weights, chunk, h, dh):
    clear(s, dh.at, chunk.P * dh.ld)
    blend_back(s, head, chunk, dh, 0)


def _max(s, head, p, chunk, h):
    hold(s, head, chunk, h, 0)


def _max_back(s, head, weights, chunk, h, dh):
    clear(s, dh.at, chunk.P * dh.ld)
    hold_back(s, head, chunk, dh, 0)


def _all(s, head, p, chunk, h):
    copy_rows(s, h, Matrix(at(chunk.memory, head.pooled + chunk.R * head.width), head.width), chunk.P, h.ld)
    count_steps(s, head, chunk)
    blend(s, head, chunk, h, h.ld)
    hold(s, head, chunk, h, 2 * h.ld)


def _all_back(s, head, weights, chunk, h, dh):
    copy_rows(s, Matrix(at(chunk.memory, head.dpooled), head.width), dh, chunk.P, h.ld)
    blend_back(s, head, chunk, dh, h.ld)
    hold_back(s, head, chunk, dh, 2 * h.ld)


def _attention(s, head, p, chunk, h):
    attend(s, head, p, chunk, h)
    blend(s, head, chunk, h, 0)


def _attention_back(s, head, weights, chunk, h, dh):
    clear(s, dh.at, chunk.P * dh.ld)
    blend_back(s, head, chunk, dh, 0)
    attend_back(s, head, weights, chunk, h, dh)


# By the name of the catalogue: the way forward, and back, which reads and changes dpooled and overwrites dh.
POOLS = {
    "mean": (_mean, _mean_back),
    "max": (_max, _max_back),
    "all": (_all, _all_back),
    "attention": (_attention, _attention_back),
}


def forward(s, head, p, chunk, h):
    """What the outputs see at all packed rows.

    Reads:  p, h (P, ldh) states of the top layer. Writes: in chunk.memory pooled (R + P, width), its first R rows too
    unless they were carried, and what the way back needs.
    """


@overload(forward, jit_options=PART)
def _forward(s, head, p, chunk, h):
    return implementation("head", s.dims["head"], POOLS)[0]


def backward(s, head, weights, chunk, h, dh):
    """Gradients of the states, and of a query in weights.g.

    Reads:  what forward wrote, h, and dpooled (P, width), which it changes. Writes: dh (P, ldh), weights.g.
    """


@overload(backward, jit_options=PART)
def _backward(s, head, weights, chunk, h, dh):
    return implementation("head", s.dims["head"], POOLS)[1]


@linked
def pool(s, head, p, chunk, h):
    """`forward` by address."""
    forward(s, head, p, chunk, h)


@linked
def pool_back(s, head, weights, chunk, h, dh):
    """`backward` by address."""
    backward(s, head, weights, chunk, h, dh)


def pool_links(s, head, products, dtype, training):
    """The links to both ways of the head that the specialisation names, or to nothing where they are not needed."""
    numbers = np.zeros(1, dtype)
    h = Matrix(numbers, 0)
    chunk = Packed(packing(1, 1, 1), numbers, 0, 0, 0, False, products)
    there = types_of(head, numbers, chunk, h)
    back = types_of(head, Weights(numbers, numbers, numbers), chunk, h, h)
    return (
        Link(pool, s, there) if head.pools else no_link(there),
        Link(pool_back, s, back) if head.pools and training else no_link(back),
    )
