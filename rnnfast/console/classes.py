"""How many steps, or sequences, each class has, in words."""

from __future__ import annotations

from collections.abc import Mapping

from rnnfast.console.text import UNBROKEN, percent, shortened
from rnnfast.display import counted

MOST_CLASSES = 10  # whose shares are listed one by one


def counts_text(counts: Mapping[str, int]) -> str:
    """Say how many steps, or sequences, each class has, without the shares."""
    return ", ".join(f"{shortened(name, 20)}:{UNBROKEN}{n:,}" for name, n in counts.items())


def balance_text(balance: Mapping[str, int], unit: str = "step", listed_most: int = MOST_CLASSES) -> str:
    """Say how many steps, or other units, each class has; of many classes only the rarest and the most frequent."""
    total = max(sum(balance.values()), 1)
    shares = {name: f"{counted(n, unit)} ({percent(n / total)})" for name, n in balance.items()}
    if len(balance) <= listed_most:
        return ", ".join(f"{shortened(name, 20)}:{UNBROKEN}{share}" for name, share in shares.items())
    ends = sorted(balance, key=lambda name: balance[name])
    least, most = (f"{shares[name]} of {shortened(name, 20)}" for name in (ends[0], ends[-1]))
    return f"{len(balance):,}, from {least} to {most}"
