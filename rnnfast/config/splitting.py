"""What may stand after --split-by, checked where options are read and used where tables are."""

from __future__ import annotations

from rnnfast.config.option import suggestion
from rnnfast.errors import UsageError

SEQUENCE, TIME, COLUMN = "sequence", "time", "column:"


def part_column(split_by: str) -> str | None:
    """Return the column that says which part a row belongs to, or None where the parts are found otherwise."""
    return split_by.removeprefix(COLUMN) if split_by.startswith(COLUMN) else None


def check_rule(split_by: str) -> None:
    """Raise UsageError for an unknown rule."""
    if split_by not in (SEQUENCE, TIME) and not part_column(split_by):
        hint = suggestion(split_by, (SEQUENCE, TIME)) or f"; did you mean {COLUMN}{split_by.strip(':')}?"
        raise UsageError(f"split_by: {split_by!r} is not one of {SEQUENCE}, {TIME}, {COLUMN}NAME{hint}")


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
