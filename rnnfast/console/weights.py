"""Which epoch the weights of a model are of, why training ended there, and how networks of an ensemble differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from rich.text import Text

from rnnfast.console.screen import CAUTION
from rnnfast.console.text import counted, number

if TYPE_CHECKING:
    from rnnfast.model.provenance import Member
    from rnnfast.records import UnsetType


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
    def members(self) -> Sequence[Member] | UnsetType:
        """The networks of an ensemble; none where there is one network."""

    @property
    def refitted(self) -> int:
        """Epochs of a second training on training and validation part, of which the weights are; 0: none."""


def weights_row(ending: Ending, train: Mapping[str, Any], together: float | None) -> tuple[str, Text]:
    """Return a labelled line on the weights.

    train: the options of the run; together: the validation loss of the mean answer of an ensemble.
    """
    if not ending.members:
        return "Weights", weights_text(ending, train)
    return "Networks", Text(members_text(ending.members, together, bool(ending.refitted)))


def weights_text(ending: Ending, train: Mapping[str, Any]) -> Text:
    """Say which epoch the weights are of and why training stopped; train: the options of the run."""
    monitor = train.get("monitor", "loss")  # older models do not say it
    reasons = {
        "epochs": "all epochs were run",
        "patience": f"stopped: no better validation {monitor} in {counted(train['patience'], 'evaluation')}",
        "max_time": f"stopped: the {train['max_time']} of training were up",
        "interrupted": "interrupted",
    }
    average, every = train.get("average", 1), train.get("eval_every", 1)
    evaluations = ending.epochs // every + (ending.epochs == train["epochs"] and ending.epochs % every > 0)
    number = min(average, evaluations)
    if ending.best_epoch == 0:
        text = Text("the initial ones")
    elif number > 1:
        text = Text(
            f"the mean of the {number} best epochs of {ending.epochs:,}, the best of them {ending.best_epoch:,}"
            + (f"; --average {average} had {evaluations} evaluations to choose from" if evaluations < average else "")
        )
    elif ending.best_epoch == ending.epochs:
        text = Text(f"of the last epoch, {ending.epochs:,}")
    else:
        text = Text(f"of the best epoch, {ending.best_epoch:,} of {ending.epochs:,}")
    if ending.refitted:
        best = f", the best of {ending.epochs:,}" if ending.refitted < ending.epochs else ""
        epochs = f"{counted(ending.refitted, 'epoch')}{best}"
        text = Text(f"of a second training, on the training and the validation part, for {epochs}")
    if ending.epochs != train["epochs"]:
        text.append(f" ({train['epochs']:,} planned)")
    style = CAUTION if ending.stopped == "interrupted" else ""
    return text.append("; ").append(reasons.get(ending.stopped, ending.stopped), style)


def members_text(members: Sequence[Member], together: float | None, refitted: bool = False) -> str:
    """Say which weights the networks of an ensemble have, and how far they differ.

    together: the validation loss of their mean answer. refitted: whether each was trained again on all.
    """
    least, most = min(member.best_epoch for member in members), max(member.best_epoch for member in members)
    if refitted:
        which = f"each trained again for {f'{least:,} to ' if least < most else ''}{counted(most, 'epoch')}"
        which += ", on the training and the validation part"
    else:
        which = f"weights of {f'epoch {most:,}' if least == most else f'epochs {least:,} to {most:,}'}"
    text = f"{len(members)}, whose mean is the answer; {which}"
    losses = [member.valid_loss for member in members if member.valid_loss is not None]
    if losses:
        spread = f"{number(min(losses))} to {number(max(losses))}"
        text += f"; {'before that ' if refitted else ''}validation loss"
        text += f" {number(sum(losses) / len(losses))} on average ({spread})"
        text += "" if together is None else f", {number(together)} together"
    return text
