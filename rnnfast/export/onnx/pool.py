"""What the head sees of the states of the top layer up to a step: the last one, or their running pool."""

from __future__ import annotations

import numpy as np

from rnnfast.export.onnx.nodes import Array, Names, Nodes


def pooled(nodes: Nodes, head: str, h: str, width: int, query: Array | None, prefix: str) -> str:
    """Write the pool of h (.., width); what it remembers is a state, prefix: before its name."""
    if head == "last":
        return h
    if head == "attention":
        return _attention(nodes, h, np.asarray(query) / np.sqrt(width), prefix)
    names = [name for name, heads in {"mean": ("mean", "all"), "most": ("max", "all")}.items() if head in heads]
    states = [nodes.state(f"{prefix}{name}", width, _lowest(nodes) if name == "most" else "") for name in names]
    count = [nodes.cast(nodes.rows, nodes.real)] if "mean" in names else []

    def body(before: Names, rows: Names) -> tuple[Names, Names]:
        pools = dict(zip(names, before, strict=False))
        after = []
        if "mean" in pools:
            number = nodes.op("Add", before[-1], nodes.constant(1.0))
            change = nodes.op("Div", nodes.op("Sub", rows[0], pools["mean"]), number)
            after.append(nodes.op("Add", pools["mean"], change))
        if "most" in pools:
            after.append(nodes.op("Max", pools["most"], rows[0]))
        seen = nodes.op("Concat", rows[0], *after, axis=-1) if head == "all" else after[0]
        return [*after, *([number] if count else [])], [seen]

    after, outputs = nodes.loop(body, [*states, *count], [h])
    for name, value in zip(names, after, strict=False):
        nodes.hand_on(f"{prefix}{name}", value, width)
    return outputs[0]


def _attention(nodes: Nodes, h: str, query: Array, prefix: str) -> str:
    """Write the running mean of the states by their scores, kept relative to the largest one."""
    sizes = {"peak": 1, "mass": 1, "mean": len(query)}
    scores, lowest = nodes.constant(query[:, None]), _lowest(nodes)
    states = [nodes.state(f"{prefix}{name}", size, lowest if name == "peak" else "") for name, size in sizes.items()]

    def body(before: Names, rows: Names) -> tuple[Names, Names]:
        peak, mass, mean = before
        score = nodes.op("MatMul", rows[0], scores)
        highest = nodes.op("Max", peak, score)
        fade, own = (nodes.op("Exp", nodes.op("Sub", one, highest)) for one in (peak, score))
        total = nodes.op("Add", nodes.op("Mul", mass, fade), own)
        change = nodes.op("Mul", nodes.op("Div", own, total), nodes.op("Sub", rows[0], mean))
        mean = nodes.op("Add", mean, change)
        return [highest, total, mean], [mean]

    after, outputs = nodes.loop(body, states, [h])
    for (name, size), value in zip(sizes.items(), after, strict=True):
        nodes.hand_on(f"{prefix}{name}", value, size)
    return outputs[0]


def _lowest(nodes: Nodes) -> str:
    """Return (1, 1), what is below all numbers."""
    return nodes.constant(np.full((1, 1), -np.inf))
