"""A model in a few lines: network, columns, and how it was trained."""

from __future__ import annotations

from typing import Any

from rnnfast.catalogue import HEADS
from rnnfast.config.option import text_of
from rnnfast.display import counted
from rnnfast.metrics.evaluation import brief

Model = Any  # rnnfast.model.Model, whose module needs this one


def summary(model: Model) -> tuple[str, dict[str, str]]:
    """Return a phrase, and lines by what they are about, as of `Displayed`."""
    options, training = model.config.model, model.provenance.training
    hidden = ",".join(map(str, options.hidden))
    several = f"{len(model.members)} networks, " if len(model.members) > 1 else ""
    front = "".join(
        f", {name} {text_of(rows)}" for name, rows in (("conv", options.conv), ("patch", options.patch)) if rows
    )
    network = f"{several}{options.cell} {hidden}{front}{', both directions' if options.bidirectional else ''}"
    network += f", {HEADS[options.head].phrase}" if HEADS[options.head].pools else ""
    if model.linear_part is not None:
        network += ", a linear part" + (" of convolutions" if model.linear_part.convolutions else "")
    lines = dict(model.schema.display())
    if training is not None:
        lines["trained"] = f"{counted(training.epochs, 'epoch')} on {', '.join(training.source)}"
    part, metrics = next(reversed(model.provenance.metrics.items()), ("", {}))
    scores = {f"{part} part": brief(metrics)} if part else {}
    return f"{network}, {counted(model.parameter_count, 'parameter')}, {model.config.train.dtype}", lines | scores
