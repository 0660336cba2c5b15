"""Pooling over time, as kernels/packed/pool.py describes it: what the head sees of all states up to a step.

States are padded here, (T, n, units): what comes after the end of a sequence is computed too, and nobody sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Carried = list[Tensor]  # what a pool hands on from a window of steps to the next, of each sequence


def _mean(h: Tensor, query: Tensor | None, before: Carried) -> tuple[Tensor, Carried]:
    """Mean of all states so far. Carried: their number and their sum."""
    count, total = before or (h.new_zeros(h.shape[1], 1), torch.zeros_like(h[0]))
    count = count + torch.arange(1, len(h) + 1, dtype=h.dtype, device=h.device)[:, None, None]
    total = total + h.cumsum(0)
    return total / count, [count, total]


def _maximum(h: Tensor, query: Tensor | None, before: Carried) -> tuple[Tensor, Carried]:
    """Maximum so far, unit by unit; of equal values the first one has the gradient. Carried: the maximum."""
    rows = torch.cat((before[0][None], h)) if before else h
    peak = rows.detach().cummax(0).values
    new = torch.ones_like(peak, dtype=torch.bool)
    new[1:] = ~(peak[1:] <= peak[:-1])  # NaN is new, so that it is seen
    step = torch.arange(len(rows), device=h.device)[:, None, None]
    seen = rows.gather(0, torch.where(new, step, 0).cummax(0).values)[len(rows) - len(h) :]
    return seen, [seen]


def _attention(h: Tensor, query: Tensor | None, before: Carried) -> tuple[Tensor, Carried]:
    """Mean with weights exp(q' h / sqrt(units)). Carried: the largest score, sum of the weights, weighted sum.

    Sums are relative to the largest score so far, so that no exponential overflows or is lost: a scan that doubles its
    reach, in log2 of the steps.
    """
    assert query is not None
    score = (h @ query)[..., None] / query.numel() ** 0.5
    peak, mass, total = score.detach(), torch.exp(score - score.detach()), torch.exp(score - score.detach()) * h
    if before:
        peak, mass, total = (torch.cat((old[None], own)) for old, own in zip(before, (peak, mass, total), strict=True))
    reach = 1
    while reach < len(peak):
        earlier, later = slice(None, -reach), slice(reach, None)
        highest = torch.maximum(peak[earlier], peak[later])
        shares = [torch.exp(peak[part] - highest) for part in (earlier, later)]
        mass, total = (
            torch.cat((sums[:reach], shares[0] * sums[earlier] + shares[1] * sums[later])) for sums in (mass, total)
        )
        peak = torch.cat((peak[:reach], highest))
        reach *= 2
    peak, mass, total = (sums[len(sums) - len(h) :] for sums in (peak, mass, total))
    return total / mass, [peak, mass, total]


def _state(h: Tensor, query: Tensor | None, before: Carried) -> tuple[Tensor, Carried]:
    """Return the state of the step itself."""
    return h, []


Pool = Callable[[Tensor, Tensor | None, Carried], tuple[Tensor, Carried]]
POOLS: dict[str, tuple[Pool, ...]] = {
    "mean": (_mean,),
    "max": (_maximum,),
    "all": (_state, _mean, _maximum),
    "attention": (_attention,),
}


def pool(head: str, h: Tensor, query: Tensor | None, before: Sequence[Carried]) -> tuple[Tensor, list[Carried]]:
    """Return what a head sees at each step (T, n, width), and what it would carry on after each of them.

    h: (T, n, units) states; query: of attention; before: what was carried into the first step, () for nothing.
    """
    pools = POOLS[head]
    pairs = [one(h, query, old) for one, old in zip(pools, before or [[] for _ in pools], strict=True)]
    return torch.cat([seen for seen, _ in pairs], 2), [after for _, after in pairs]
