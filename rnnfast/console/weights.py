"""Which epoch the weights of a model are of, and why its training ended there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from rich.text import Text

from rnnfast.console.screen import CAUTION
from rnnfast.console.text import counted


class Ending(Protocol):
    """How a training ended."""

    @property
    def epochs(self) -> int:
        """Epochs that were run."""

    @property
    def best_epoch(self) -> int:
        """The epoch that the weights are of; 0: none."""

    @property
    def stopped(self) -> str:
        """Why it ended: epochs, patience, max_time or interrupted."""

    @property
    def refitted(self) -> int:
        """Epochs of a second training on training and validation part, of which the weights are; 0: none."""


def weights_text(ending: Ending, train: Mapping[str, Any]) -> Text:
    """Say which epoch the weights are of and why training stopped; train: the options of the run."""
    reasons = {
        "epochs": "all epochs were run",
        "patience": f"stopped: no better validation loss in {counted(train['patience'], 'evaluation')}",
        "max_time": f"stopped: the {train['max_time']} of training were up",
        "interrupted": "interrupted",
    }
    if ending.best_epoch == 0:
        text = Text("the initial ones")
    elif ending.best_epoch == ending.epochs:
        text = Text(f"of the last epoch, {ending.epochs:,}")
    else:
        text = Text(f"of the best epoch, {ending.best_epoch:,} of {ending.epochs:,}")
    if ending.refitted:
        text = Text(
            f"of a second training, on the training and the validation part, for {counted(ending.refitted, 'epoch')}: "
            f"those that were best of {ending.epochs:,}"
        )
    if ending.epochs != train["epochs"]:
        text.append(f" ({train['epochs']:,} asked for)")
    style = CAUTION if ending.stopped == "interrupted" else ""
    return text.append("; ").append(reasons.get(ending.stopped, ending.stopped), style)
