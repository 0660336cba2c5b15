"""A table before training, as a person sees it: how it is read, its columns, what would stop training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.text import Text

from rnnfast.console.encoding import Inputs, encoding_rows
from rnnfast.console.screen import CAUTION, WIDE, Screen, fields, table
from rnnfast.console.text import aligned, command, counted, listed, number, shortened, span, to_digits_of
from rnnfast.records import UNSET

if TYPE_CHECKING:
    from rnnfast.data import Sequences
    from rnnfast.data.columns.candidates import Candidate
    from rnnfast.data.inspection import TableDescription
    from rnnfast.data.overview import ColumnDescription

MOST_ROWS = 40  # of a table of columns, without -v
MOST_FINDINGS = 12  # the same
LONGEST_NAME, LONGEST_RANGE = 24, 28  # characters of a cell
LEAST_TELLING = ("std", "mean", "why", "type", "distinct")  # facts that a narrow screen does without, in this order
LABEL_WIDTH = 12  # of the labels before findings and commands
COUNTED = 10_000  # different values that are counted exactly
LEAST_SEPARATED = 10_000  # whole numbers below it, such as years, have no separators

# How the table was read, where it was not as the options say.
READ_AS = {
    "proposed": "read with the options under Would stop",
    "unlabelled": "read without target, and with the options under Would stop",
    "not": "not read as training reads it",
}

ROLES = {"id": "an id", "time": "the time", "target": "the target"}  # that columns look like

Cell = Callable[["ColumnDescription"], str]


def show_table(screen: Screen, data: Sequences | None, description: TableDescription) -> None:
    """Print how a table is read, and its columns; data: None where it cannot be read."""
    from rnnfast.console.training import table_rows

    rows: list[tuple[str, str | Text]] = [("Data", counted(description.rows, "row"))]
    if data is not None:
        rows = [row for row in table_rows(data, screen.verbose) if row[0] != "Task" or description.task]
    rows[1:1] = [("", note) for note in description.notes if data is None or note not in data.notes]
    if description.read_as != "given":
        rows.insert(1, ("", READ_AS[description.read_as]))
    screen.result(fields([*rows, *encoding_rows(Inputs.of_table(description), screen.verbose)]), Text())
    columns = list(description.columns)
    shown = columns if screen.verbose else _telling(columns, {finding.column for finding in description.findings})
    screen.result(_columns(shown, screen.out.width))
    if len(shown) < len(columns):
        screen.result(Text(f"and {counted(len(columns) - len(shown), 'column')} more, shown with -v"))
    _show_findings(screen, description)


def _telling(columns: Sequence[ColumnDescription], findings: set[Any]) -> list[ColumnDescription]:
    """Return the columns to show where there are many: those with something to say first, then the first ones."""
    if len(columns) <= MOST_ROWS:
        return list(columns)
    telling = [column.role not in ("feature", "unused") or column.name in findings for column in columns]
    order = sorted(range(len(columns)), key=lambda j: not telling[j])
    return [columns[j] for j in sorted(order[:MOST_ROWS])]


def _columns(columns: Sequence[ColumnDescription], width: int) -> Any:
    """Lay out as many facts of each column as the width has room for, the more telling ones first."""
    texts: dict[str, Cell] = {
        "column": lambda column: shortened(column.name, LONGEST_NAME if width >= WIDE else 10),
        "role": lambda column: column.role,
        "why": lambda column: column.why,
        "type": lambda column: "" if column.kind is UNSET else str(column.kind),
        "range": _range,
    }
    numbers: dict[str, Cell] = {
        "mean": lambda column: _rounded(column.mean, column.std),
        "std": lambda column: _rounded(column.std, column.std),
        "distinct": _distinct,
        "empty": lambda column: f"{column.missing:,}" if column.missing else "",
    }
    cells = {title: [fact(column) for column in columns] for title, fact in (texts | numbers).items()}
    cells = {title: column if title in texts else aligned(column) for title, column in cells.items() if any(column)}
    gap = 2 if width >= WIDE else 1
    room = {title: max(cell_len(title), *map(cell_len, column)) + gap for title, column in cells.items()}
    for title in LEAST_TELLING:
        if title in cells and sum(room[other] for other in cells) - gap > width:
            del cells[title]
    left = sum(title in texts for title in cells)
    return table(cells, zip(*cells.values(), strict=True), left=left, gap=gap)


def _rounded(value: Any, deviation: Any) -> str:
    """Text of a mean or of the deviation itself, to three digits of the deviation."""
    if value is UNSET or value is None:
        return ""
    return to_digits_of(value, deviation) if isinstance(deviation, float) else number(value)


def _range(column: ColumnDescription) -> str:
    """Text of what stands in a column: from where to where, or some of its texts."""
    if column.first is not UNSET and column.last is not UNSET:
        return f"{column.first} to {column.last}"
    low, high = column.min, column.max
    if not isinstance(low, float) or not isinstance(high, float):
        text = _some(column)
    elif column.kind == "boolean":
        text = ", ".join(word for word, value in (("false", 0), ("true", 1)) if value in (low, high))
    else:
        whole = column.kind == "integer" and max(-low, high) < LEAST_SEPARATED
        text = span(low, high).replace(",", "") if whole else span(low, high)
    return f"always {text}" if column.constant is True else text


def _some(column: ColumnDescription) -> str:
    """Text of as many examples as there is room for."""
    texts = [] if column.examples is UNSET else [shortened(text, LONGEST_RANGE) for text in column.examples]
    shown = texts[:1]
    for text in texts[1:]:
        if len(", ".join([*shown, text])) <= LONGEST_RANGE:
            shown.append(text)
    return ", ".join(shown) + (", …" if shown and column.distinct != len(shown) else "")


def _distinct(column: ColumnDescription) -> str:
    if column.distinct is UNSET:
        return ""
    return f"{COUNTED:,}+" if column.distinct is None else f"{column.distinct:,}"


def _proposed(proposals: Sequence[Candidate]) -> list[str]:
    """Say what columns look like, and what to type: of all categories in one line."""
    from rnnfast.data.columns.fewvalues import categorical_option

    texts = [
        f"{proposal.column} looks like {ROLES[proposal.role]} ({proposal.why}): {proposal.option}"
        for proposal in proposals
        if proposal.role in ROLES
    ]
    few = [proposal.column for proposal in proposals if proposal.role not in ROLES]
    if few:
        verb = "hold" if len(few) > 1 else "holds"
        texts.append(f"{listed(few)} {verb} few different texts: {categorical_option(few)}")
    return texts


def _show_findings(screen: Screen, description: TableDescription) -> None:
    """Print what seems to be so, what would stop training, and the command that it comes to."""
    rows: list[tuple[str | Text, str | Text | list[str]]] = []
    rows += [("" if j else "Proposed", text) for j, text in enumerate(_proposed(description.proposals))]
    findings = description.findings if screen.verbose else description.findings[:MOST_FINDINGS]
    for j, finding in enumerate(findings):
        text = finding.message if finding.column is UNSET else f"{finding.column}: {finding.message}"
        rows.append(("" if j else Text("Would stop", CAUTION), f"{text}: {finding.option}" if finding.option else text))
    if len(findings) < len(description.findings):
        rest = [str(finding.column) for finding in description.findings[len(findings) :]]
        rows.append(("", f"the same for {listed(rest)}"))
    rows.append(("Next", command(description.command, screen.out.width - LABEL_WIDTH)))
    screen.result(Text(), fields(rows))
