"""What `train`, `tune` and `eval` do with findings: which are left out, and that a command may fail for the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from rnnfast.catalogue import FINDINGS
from rnnfast.cli.common import option
from rnnfast.errors import QualityError, UsageError, did_you_mean

if TYPE_CHECKING:
    from rnnfast.findings.finding import Finding

F = TypeVar("F", bound=Callable[..., Any])


def fail_on_findings(function: F) -> F:
    """Add `--fail-on-findings`."""
    return option(
        "--fail-on-findings",
        section="Output",
        is_flag=True,
        help="Exit with code 5 where there is a finding that --ignore does not name, after all is written.",
    )(function)


def check_findings(findings: Sequence[Finding]) -> None:
    """Raise QualityError where there are findings."""
    if findings:
        named = "; ".join(f"{one.code} {one.title}" for one in findings)
        raise QualityError(f"--fail-on-findings: {named} (docs/findings.md says what to do; --ignore CODE accepts one)")


def checked_codes(words: Sequence[str]) -> tuple[str, ...]:
    """Return the codes in lists with commas. Raises UsageError for a word that is none."""
    codes = tuple(word.strip() for item in words for word in item.split(",") if word.strip())
    for code in codes:
        if code not in FINDINGS:
            hint = did_you_mean(code, FINDINGS)
            raise UsageError(f"--ignore: {code!r} is no code of a finding, such as RF03{hint}; docs/findings.md")
    return codes
