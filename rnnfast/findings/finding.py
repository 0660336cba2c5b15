"""A finding as it is told, stored and printed; and which of them nobody wants to hear of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rnnfast.catalogue import FINDINGS
from rnnfast.catalogue.findings import Severity
from rnnfast.records import Record, field

Figure = float | int | str


class Finding(Record, frozen=True):
    """A thing to know about a model or its scores.

    code, title, severity: of its kind. message: a sentence with the figures that made it speak;
    advice: what to do; figures: the same by name.
    """

    code: str
    title: str
    severity: Severity
    message: str
    advice: str
    figures: dict[str, Figure] = field(default_factory=dict)

    def __str__(self) -> str:
        """Say all of it in a sentence."""
        return f"{self.code}, {self.title}: {self.message}; {self.advice}"


def finding(code: str, message: str, figures: Mapping[str, Figure], advice: str | None = None) -> Finding:
    """Make a finding of a kind of the catalogue; advice: in place of the usual one."""
    kind = FINDINGS[code]
    return Finding(code, kind.title, kind.severity, message, kind.advice if advice is None else advice, dict(figures))


def leaks(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return those that a table has whatever the network: a cross-validation need not tell the others."""
    return tuple(one for one in findings if one.code in FINDINGS and FINDINGS[one.code].leak)


def without(findings: Iterable[Finding], codes: Iterable[str]) -> tuple[Finding, ...]:
    """Leave out the findings of some codes; other words among these, such as columns, have no say."""
    silent = set(codes)
    return tuple(one for one in findings if one.code not in silent)
