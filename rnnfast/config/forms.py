"""Texts that options take beside their choices, such as column:NAME, FILE.py:NAME or 90s, and what they mean."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from rnnfast.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class Form:
    """A kind of text that an option takes beside its choices, such as column:NAME.

    shown: what it looks like. pattern: regular expression of the whole text. part, whole: the expression of a text that
    is only a part of one, and what to put its first group into for "did you mean".
    """

    shown: str
    pattern: str
    part: str
    whole: str

    def fits(self, text: str) -> bool:
        """Whether a text is of this form."""
        return re.fullmatch(self.pattern, text, re.DOTALL) is not None

    def suggestion(self, text: str) -> str:
        """Return "; did you mean column:fold?" for a part of such a text, or ""."""
        match = re.fullmatch(self.part, text, re.DOTALL)
        return f"; did you mean {self.whole.format(match[1])}?" if match else ""


def choose(choices: Collection[str], form: Form | None, value: Any, where: str) -> Any:
    """Return the choice that a value names in any case, or the value where there are no choices or it is of the form.

    Raises UsageError for all others.
    """
    if not choices or value in choices or (form is not None and form.fits(value)):
        return value
    if isinstance(value, str) and value.lower() in choices:
        return value.lower()
    words = [*choices, *([form.shown] if form else [])]
    hint = did_you_mean(value, choices) if isinstance(value, str) else ""
    hint = hint or (form.suggestion(value) if form else "")
    raise UsageError(f"{where}: {value!r} is not one of {', '.join(map(str, words))}{hint}")


SEQUENCE, TIME, COLUMN = "sequence", "time", "column:"  # what may stand after --split-by
SPLIT_FORM = Form(f"{COLUMN}NAME", f"{COLUMN}.+", r":*([^:]+):*", COLUMN + "{}")
CELL_FORM = Form("FILE.py:NAME", r".+\.py:\w+", r"(.+\.py):?", "{}:NAME")


def part_column(split_by: str) -> str | None:
    """Return the column that says which part a row belongs to, or None where the parts are found otherwise."""
    return split_by.removeprefix(COLUMN) if split_by.startswith(COLUMN) else None


def check_rule(split_by: str, where: str = "--split-by") -> None:
    """Raise UsageError for an unknown rule of the split; where: begins the message."""
    choose((SEQUENCE, TIME), SPLIT_FORM, split_by, where)


def check_split(split_by: str, shares_given: bool, valid: bool, test: bool) -> None:
    """Raise UsageError for options that do not go with a rule.

    shares_given: --split differs from its default; valid, test: there is a table to validate or test on.
    """
    if valid and shares_given:
        raise UsageError("--split: all of --data trains where --valid gives a table; leave one of them out")
    if split_by != SEQUENCE and valid:
        raise UsageError(f"--split-by {split_by}: all of --data trains where --valid gives a table; use one of them")
    if part_column(split_by) and shares_given:
        raise UsageError(f"--split-by {split_by}: the column says which rows train; leave --split out")
    if part_column(split_by) and test:
        raise UsageError(f"--split-by {split_by}: the column says which rows test; leave --test out")


MOST_HORIZON = 100_000  # steps ahead: the times of each of them are held for each id


def check_horizons(horizons: tuple[int, ...]) -> None:
    """Raise UsageError for a horizon that is there twice or too far away, and for 0 beside others."""
    shown = ",".join(map(str, horizons))
    if max(horizons, default=0) > MOST_HORIZON:
        raise UsageError(f"horizon: {max(horizons):,} steps are too far ahead; {MOST_HORIZON:,} are the most")
    if len(set(horizons)) < len(horizons):
        raise UsageError(f"horizon: {shown}: one of them is there twice; give each once")
    if len(horizons) > 1 and 0 in horizons:
        raise UsageError(f"horizon: {shown}: 0 is the step itself, the others are steps ahead; begin with 1")


MOST_LAYERS = 1000


def check_hidden(hidden: tuple[int, ...]) -> None:
    """Raise UsageError for more layers than any network has."""
    if len(hidden) > MOST_LAYERS:
        raise UsageError(f"hidden: {len(hidden):,} layers are too many; {MOST_LAYERS:,} are the most")


MOST_STACKED = 4096  # rows of a step: a header of a few bytes must not ask for any amount of memory


def check_patch(patch: tuple[int, ...], conv: tuple[int, ...]) -> None:
    """Raise UsageError for more than rows and stride of a patch, one row, rows that none would read, and too many."""
    stacked = sum((*patch[:1], *conv))
    if stacked > MOST_STACKED:
        raise UsageError(f"patch, conv: {stacked:,} rows are stacked in a step; {MOST_STACKED:,} are the most")
    shown = ",".join(map(str, patch))
    if len(patch) > 2:
        raise UsageError(f"--patch {shown}: give K, the rows of a patch, or K,S with the rows from one to the next")
    if patch[:1] == (1,):
        raise UsageError(f"--patch {shown}: a patch of one row is the row itself; give 2 rows or more, or --patch off")
    if len(patch) == 2 and patch[1] > patch[0]:
        raise UsageError(
            f"--patch {shown}: patches of {patch[0]} rows, one every {patch[1]}, leave rows out; the second number is "
            f"at most {patch[0]}"
        )


MOST_EMBEDDED = 1000  # numbers that a category is told in


def embedding_of(item: str) -> tuple[str, int | None]:
    """Return the column of an embedding and its units, None where they are not said. Raises UsageError for others."""
    name, sign, units = (part.strip() for part in item.rpartition("="))
    if not sign:
        return units, None
    if not name or not units.isdecimal() or not 1 <= int(units) <= MOST_EMBEDDED:
        raise UsageError(
            f"--embed {item}: give COLUMN, or COLUMN=K with the numbers that stand for a category, 1 to "
            f"{MOST_EMBEDDED:,}, as in region=8"
        )
    return name, int(units)


def check_embed(embed: tuple[str, ...]) -> None:
    """Raise UsageError for what is no column with its numbers, and for a column that is there twice."""
    names = [embedding_of(item)[0] for item in embed]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--embed {','.join(embed)}: {name} is there twice; give it once")


# Of each augmentation the amount without one, and the most: share of the values, P of Beta(P, P), and times of how far
# levels differ.
AUGMENTATIONS = {"drop": (0.1, 0.9), "mixup": (0.2, 10.0), "shift": (1.0, 10.0)}


def augmentations(items: tuple[str, ...]) -> dict[str, float]:
    """Return the amount of each augmentation of --augment. Raises UsageError for what is none."""
    amounts: dict[str, float] = {}
    for item in items:
        name, sign, text = (part.strip() for part in item.partition("="))
        try:
            usual, most = AUGMENTATIONS[name]
            amount = float(text) if sign else usual
            if not 0 < amount <= most or name in amounts:
                raise ValueError
        except (KeyError, ValueError):
            raise UsageError(
                f"--augment {','.join(items)}: give drop, mixup, shift or several, each once, with an amount or "
                "without: drop=P, a share of the values, at most 0.9; mixup=P, of the draws from Beta(P, P), at most "
                "10; shift=P, times of how far levels differ, at most 10"
            ) from None
        amounts[name] = amount
    return amounts


MOST_NUMBERS = 1000  # of a range


def numbers_of(item: Any, where: str) -> list[Any]:
    """Return the whole numbers of a text such as 1..7; anything else as it is.

    Raises UsageError for a range that runs backwards or is too long to be meant.
    """
    ends = re.fullmatch(r"(\d+)\s*\.\.\s*(\d+)", item) if isinstance(item, str) else None
    if ends is None:
        return [item]
    first, last = int(ends[1]), int(ends[2])
    if not first <= last < first + MOST_NUMBERS:
        raise UsageError(
            f"{where}: {item!r} is no range; write the lower end first, and at most {MOST_NUMBERS:,} numbers"
        )
    return list(range(first, last + 1))


def seconds(text: str | None, name: str = "max_time") -> float | None:
    """Seconds of a duration such as '90', '90s', '10m' or '1.5h'; None stays None. name: of the option, for errors."""
    if text is None:
        return None
    unit = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(text[-1:], 0.0)
    try:
        value = float(text[:-1]) * unit if unit else float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise UsageError(f"{name}: {text!r} is not a duration; write 90s, 10m or 1h")
    return value


class Interval(NamedTuple):
    """From one checkpoint to the next: so many seconds, or epochs where these are not 0."""

    seconds: float = 0.0
    epochs: int = 0

    def passed(self, seconds: float, epochs: int) -> bool:
        """Whether it is time for another one; seconds, epochs: since the last."""
        return epochs >= self.epochs if self.epochs else seconds >= self.seconds


OFF = ("off", "0", "none")


def interval(text: str) -> Interval | None:
    """Return what --checkpoint says, None for never. Raises UsageError for anything else."""
    if text.strip().lower() in OFF:
        return None
    if (epochs := re.fullmatch(r"(\d+) ?epochs?", text)) and int(epochs[1]):
        return Interval(epochs=int(epochs[1]))
    try:
        return Interval(seconds=seconds(text, "checkpoint") or 0.0)
    except UsageError:
        raise UsageError(
            f"checkpoint: {text!r} is neither a time nor a number of epochs; write 60s, 10m, 5epochs, or off"
        ) from None
