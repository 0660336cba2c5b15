"""Epochs as lines: of one epoch, of the losses of all, and of how training ended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from rnnfast.catalogue import LOSS, headline
from rnnfast.console.screen import CAUTION, FAINT, GOOD, LABEL
from rnnfast.console.sparkline import blocks, means
from rnnfast.console.text import duration, loss_text, number, scaled
from rnnfast.reporter import EpochRecord

BAR_CELLS = 16
LEAST_CELLS, MOST_CELLS = 3, 60  # of a row of blocks
SEPARATOR = "  "
LEAST_ETA = 2.0  # s; a shorter wait is over before it is read

# What goes, or gets shorter, while room is short: the least important first.
LIVE_REDUCTIONS = ("bar", "speed", "elapsed", "eta", "epoch", "key", "eta", "best", "best", "valid")
PRINTED_REDUCTIONS = ("speed", "elapsed", "eta", "eta", "key", "epoch", "best", "best", "valid")

ENDINGS = {
    "epochs": "ended at {}",
    "patience": "stopped at {}",
    "max_time": "out of time at {}",
    "interrupted": "interrupted at {}",
    "diverged": "diverged after {}",
    "failed": "left after {}",
}


@dataclass(frozen=True)
class Epoch:
    """A finished epoch as it is shown.

    valid: metrics of the last evaluation, which may be of an earlier epoch. word: what the epoch with the least
    validation loss is called, "best" where its weights are restored.
    """

    record: EpochRecord
    valid: Mapping[str, Any] | None
    word: str = "best"


def epoch_line(epoch: Epoch, width: int, *, live: bool = False) -> Text:
    """Return what fits of an epoch into one line, the most important parts; a live one has a bar."""
    record, scores = epoch.record, epoch.valid or {}
    epochs = f"{record.epoch:>{len(str(record.epochs))}}/{record.epochs}"
    key = headline(scores) if record.monitor == LOSS else record.monitor if scores else None
    # Fixed widths, so that lines stand in columns and the redrawn one keeps still.
    best = f"★ {epoch.word}" if record.best else f"{epoch.word} {record.best_epoch}"
    eta, eta_short = _eta(record)
    parts = {
        "epoch": (f"epoch {epochs}", LABEL),
        "bar": (bar_of(_share(record)) if live else "", FAINT),
        "loss": (f"loss {loss_text(record.train_loss)}", ""),
        "valid": (f"valid {loss_text(scores[LOSS])}" if LOSS in scores else "", ""),
        "key": (f"{key} {number(scores[key], 3):>7}" if key else "", ""),
        "best": (f"{best:<{len(f'{epoch.word} {record.epochs}')}}" if scores else "", GOOD if record.best else FAINT),
        "speed": (f"{scaled(record.timesteps_per_second, 'steps/s'):>14}", FAINT),
        "elapsed": (f"{duration(record.elapsed):>6}", FAINT),
        "eta": (eta, FAINT),
    }
    shorter = {"epoch": [epochs], "best": ["★" if record.best else ""], "eta": [eta_short] if eta else []}
    for name in LIVE_REDUCTIONS if live else PRINTED_REDUCTIONS:
        if _length(parts) <= width:
            break
        texts = shorter.get(name)
        parts[name] = (texts.pop(0) if texts else "", parts[name][1])
    line = Text(no_wrap=True, overflow="ellipsis")
    for text, style in parts.values():
        if text:
            line.append(SEPARATOR if line else "").append(text, style)
    line.rstrip()
    return line


def _length(parts: Mapping[str, tuple[str, str]]) -> int:
    texts = [text for text, _ in parts.values() if text]
    return sum(map(len, texts)) + len(SEPARATOR) * (len(texts) - 1)


def _eta(record: EpochRecord) -> tuple[str, str]:
    """Say when training will end, from when patience may end it to the limits; the same in short."""
    if record.eta is None or record.epoch >= record.epochs or record.eta < LEAST_ETA:
        return "", ""
    latest, soonest = record.eta, record.eta_soonest
    if soonest is None or soonest >= latest:
        return f"ETA {duration(latest)}", f"ETA {duration(latest)}"
    return f"ETA {duration(soonest)} to {duration(latest)}", f"ETA ≤ {duration(latest)}"


def _share(record: EpochRecord) -> float:
    """Share of the run that is over, of its epochs or of its time limit."""
    if record.eta is None or record.elapsed + record.eta <= 0:
        return record.epoch / max(record.epochs, 1)
    return record.elapsed / (record.elapsed + record.eta)


def bar_of(share: float) -> str:
    """Draw a share, from 0 to 1."""
    filled = round(min(share, 1.0) * BAR_CELLS)
    return "━" * filled + " " * (BAR_CELLS - filled)


def loss_lines(epochs: Sequence[Epoch], width: int) -> list[Text]:
    """Return the losses of each part as a row of blocks, on a scale of its own, between the first and the last.

    A metric that chooses the best epoch has a row too.
    """
    valid = [epoch.valid for epoch in epochs if epoch.valid]
    losses = {"train": [epoch.record.train_loss for epoch in epochs], "valid": [scores[LOSS] for scores in valid]}
    if epochs and (monitor := epochs[-1].record.monitor) != LOSS:
        losses[monitor] = [math.nan if scores[monitor] is None else scores[monitor] for scores in valid]
    losses = {name: values for name, values in losses.items() if values}
    label = max(map(len, losses), default=0)
    cells = min(MOST_CELLS, width - label - len(SEPARATOR) - 2 * (len(loss_text(1.0)) + 1))
    if len(epochs) < LEAST_CELLS or cells < LEAST_CELLS:
        return []
    return [
        Text(f"{name:<{label}}{SEPARATOR}{loss_text(values[0])} {blocks(means(values, cells))} {number(values[-1])}")
        for name, values in losses.items()
    ]


def ending_line(epoch: Epoch, reason: str) -> Text:
    """Say where training ended, which epoch was the best, and how long it took."""
    record = epoch.record
    ending = ENDINGS[reason].format(f"epoch {record.epoch:,}")
    style = CAUTION if reason in ("interrupted", "diverged", "failed") else LABEL
    line = Text(ending, style, no_wrap=True, overflow="ellipsis")
    if epoch.valid is not None and record.best_epoch:
        line.append(f", {epoch.word} {record.best_epoch:,}", GOOD)
    return line.append(f", {duration(record.elapsed)}", FAINT)
