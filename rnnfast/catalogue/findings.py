"""What may be told after a training run or a scoring: each finding with its code, which never changes its meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["warning", "hint"]


@dataclass(frozen=True)
class FindingKind:
    """A kind of finding.

    code: RF and two digits. title: what is the matter, in a few words. advice: what to do. severe: whether the model,
    or its scores, are worth less than they look (a warning); else there is something to gain (a hint). leak: whether a
    table has it, whatever the network.
    """

    code: str
    title: str
    advice: str
    severe: bool = True
    leak: bool = False

    @property
    def severity(self) -> Severity:
        """The word for a person and for JSON."""
        return "warning" if self.severe else "hint"


def _by_code(*kinds: FindingKind) -> dict[str, FindingKind]:
    return {kind.code: kind for kind in kinds}


FINDINGS = _by_code(
    FindingKind("RF01", "overfit", "more rows, --dropout 0.2, --weight-decay 0.05, or fewer --hidden units"),
    FindingKind("RF02", "underfit", "more --hidden units, a higher --lr, or features that say more of the target"),
    FindingKind("RF03", "no better than a baseline", "use the baseline, or features that say more of the target"),
    FindingKind(
        "RF04", "one feature is enough", "if it is known only after the target, leave it out", severe=False, leak=True
    ),
    FindingKind("RF05", "a feature copies the target", "leave the column out", leak=True),
    FindingKind("RF06", "an id in two parts", "score ids that did not train: take these out of one of the tables"),
    FindingKind("RF07", "parts overlap in time", "--split-by time scores rows that come later"),
    FindingKind("RF08", "a class with few labels", "collect more of them, or join classes", severe=False),
    FindingKind("RF09", "constant answers", "--class-weight balanced, --threshold f1, or a higher --lr"),
    FindingKind("RF10", "the best epoch came late", "train for more --epochs", severe=False),
    FindingKind("RF11", "most gradients are clipped", "a higher --clip-norm, or a lower --lr", severe=False),
    FindingKind("RF12", "dead units", "a lower --lr, or fewer --hidden units", severe=False),
    FindingKind("RF13", "probabilities are bent", "--calibrate temperature", severe=False),
    FindingKind("RF14", "inputs have drifted", "train on rows like these, or leave the column out"),
    FindingKind("RF15", "the gain is uncertain", "score more ids before relying on it", severe=False),
    FindingKind("RF16", "the weights are not the best ones", "--patience 10 keeps the best ones", severe=False),
)
