"""Which models can go on from a state, and which limits fit them."""

from __future__ import annotations

from typing import Any

from rnnfast.errors import UsageError
from rnnfast.network.front import stride_of

Model = Any  # rnnfast.model.Model, whose module needs this one


def cannot_stream(model: Model) -> str:
    """Return why a model cannot go on from a state, "" where it can."""
    architecture = model.architecture
    if architecture.bidirectional:
        return (
            "a bidirectional network reads rows after the one it answers, which a stream does not have yet; train "
            "without --bidirectional, or use rnnfast predict on whole tables"
        )
    if stride_of(architecture.front) > 1:
        return (
            "the steps of a --patch that skips rows are counted from the end of a sequence, which a stream does not "
            "know; train with --patch K,1 or --conv, or use rnnfast predict on whole tables"
        )
    for flag, there in {"--static": architecture.static > 0, "--embed": len(architecture.embeddings) > 0}.items():
        if there:
            return f"a stream does not know what {flag} adds to a network; use rnnfast predict on whole tables"
    return ""


def check_stream(model: Model, max_ids: int, ttl: float | None, max_gap: float | None) -> None:
    """Raise UsageError for models that cannot go on from a state, and for options that do not fit."""
    if reason := cannot_stream(model):
        raise UsageError(reason)
    for flag, value, least in (("--max-ids", max_ids, 1), ("--ttl", ttl, 0), ("--max-gap", max_gap, 0)):
        if value is not None and not value >= least:
            raise UsageError(f"{flag} is {value}: expected {least} or more")
    if max_gap is not None and model.schema.time is None:
        raise UsageError("--max-gap is of times, and the model has no time column; leave it out")
