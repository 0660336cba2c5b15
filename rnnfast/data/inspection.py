"""What `inspect` tells of a table: its columns, how it would be read, and what would stop training.

The cells are looked at first, in batches, and that stops at nothing. What training would refuse becomes an obstacle
with the option that helps; with these options the table is then read as training reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import fields, replace
from typing import Any, NamedTuple

import pandas as pd

from rnnfast.config.option import text_of
from rnnfast.config.resolve import flag_of
from rnnfast.config.sections import DataConfig
from rnnfast.data.columns.candidates import Candidate
from rnnfast.data.columns.profile import Place, Profiles
from rnnfast.data.columns.roles import Roles, roles
from rnnfast.data.description import Lengths, class_balance, lengths
from rnnfast.data.obstacles import Obstacle, remedy
from rnnfast.data.overview import ColumnDescription, Columns
from rnnfast.data.proposals import accepted, propose
from rnnfast.data.reading.opening import open_table
from rnnfast.data.reading.request import Request
from rnnfast.data.sequences.base import Sequences
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sources.batches import batches, first_rows, open_files
from rnnfast.data.sources.opening import STDIN_SHOWN, open_sources, reopenable
from rnnfast.data.sources.source import Source
from rnnfast.data.sources.totals_row import totals_word, without_totals
from rnnfast.data.sources.watch import watching
from rnnfast.errors import DataError
from rnnfast.records import Record
from rnnfast.reporter import Reporter

BATCH_BYTES = 1 << 28  # of rows that are looked at at a time, where --memory does not say


class TableDescription(Record, frozen=True, kw_only=True):
    """What `inspect` shows of a table.

    rows: of the files. What follows from sequences is None where the table cannot be read even with the options of the
    findings, and task is "" where no target is known. read_as: "given" by the options, as "proposed" by the findings,
    "unlabelled" where its target cannot be used, or "not". command: the words to type next.
    """

    kind: str = "table"
    source: tuple[str, ...]
    rows: int
    sequences: int | None = None
    length: Lengths | None = None
    layout: str
    task: str = ""
    classes: tuple[Any, ...] = ()
    predict: str | None = None
    window: int | None = None
    stride: int | None = None
    horizon: int
    horizons: tuple[int, ...]
    season: int
    labelled_steps: int | None = None
    class_balance: dict[str, int] | None = None
    columns: tuple[ColumnDescription, ...]
    notes: tuple[str, ...] = ()
    read_as: str
    findings: tuple[Obstacle, ...]
    proposals: tuple[Candidate, ...]
    command: tuple[str, ...]


class Inspection(NamedTuple):
    """A table with its description; data: None where it cannot be read."""

    description: TableDescription
    data: Sequences | None


def inspect_tables(
    paths: Sequence[Any], config: DataConfig, opened: ExitStack, reporter: Reporter | None = None
) -> Inspection:
    """Describe tables that are read as one, whatever is in their cells.

    paths: names of files as of `read_table`, or DataFrames. opened: keeps what lies on disk.
    Raises DataError for files that are no tables and for columns that are not there, UsageError for options that
    contradict each other.
    """
    budget = None if config.memory is None else Budget.of(config.memory)
    files = Request(config).files
    sources = open_sources(paths, files) if budget is None else open_files(paths, files)
    table_roles = roles(sources[0], config, require_target=False)
    with watching(sources, reporter):
        profiles, head, last = _profiles(sources, table_roles, budget)
    cells = profiles.finish()
    proposals = propose(head, table_roles, cells)
    proposed = {proposal.column: proposal.role for proposal in proposals}
    columns = Columns(sources[0], config, table_roles, cells, proposed)
    target = next((proposal.column for proposal in proposals if proposal.role == "target"), None)
    readable = remedy(config, table_roles, columns.inputs, cells, target)
    data, refusals = None, list[str]()
    for attempt, with_target in _attempts(readable.config, table_roles):
        try:
            request = Request(attempt, require_target=with_target)
            data = open_table(reopenable(sources), request, budget, opened, reporter)
            break
        except DataError as error:
            refusals += [str(error)] if str(error) not in refusals else []
    if data is not None and data.auto_predict:
        data = data.predicting(data.rule())
    faulty = {obstacle.column for obstacle in readable.obstacles if isinstance(obstacle.column, str)}
    findings = [*readable.obstacles, *map(Obstacle, refusals)]
    keys = [cells[proposal.column] for proposal in proposals if proposal.role in ("id", "time")]
    stops = last is not None and (last.stops(findings) or any(key.first.get("empty") == last.place for key in keys))
    of_sequences = {} if data is None else _of_sequences(data)
    if last is not None and not stops:
        of_sequences["notes"] = (*of_sequences.get("notes", ()), last.text)
    description = TableDescription(
        source=tuple(source.name for source in sources),
        rows=profiles.rows,
        layout=table_roles.layout,
        horizon=max(config.horizon),
        horizons=config.horizon if len(config.horizon) > 1 else (),
        season=config.season,
        columns=tuple(columns.describe(data, attempt, faulty)),
        read_as="not" if data is None else _read_as(config, readable.config, attempt),
        findings=tuple([Obstacle(last.text), *findings] if last is not None and stops else findings),
        proposals=proposals,
        command=_command(sources, accepted(readable.config, proposals, cells), table_roles),
        **of_sequences,
    )
    return Inspection(description, data)


class TotalsRow(NamedTuple):
    """The last row of a table, where it is one of totals. place: its source and row there; word: what says so."""

    place: Place
    word: str

    @property
    def where(self) -> str:
        """File and line."""
        source, row = self.place
        return source.where(row)

    @property
    def text(self) -> str:
        """What it is, and what to do."""
        return f"{self.where} is a row of totals, as {self.word!r} says; remove it"

    def stops(self, obstacles: Sequence[Obstacle]) -> bool:
        """Whether one of the obstacles is in this row."""
        return any(self.where in obstacle.message for obstacle in obstacles)


def _profiles(
    sources: Sequence[Source], table_roles: Roles, budget: Budget | None
) -> tuple[Profiles, pd.DataFrame, TotalsRow | None]:
    """Look at all cells, and return the first rows beside the profiles, and the last row where it is one of totals.

    Without a budget a packed file is refused whose rows memory could not hold.
    """
    size = BATCH_BYTES if budget is None else budget.of_phase.batch
    keys = {name for name in (table_roles.id, table_roles.time, table_roles.part) if name is not None}
    profiles, head, last = Profiles(sources[0].columns, keys), pd.DataFrame(), None
    for batch in batches(sources, table_roles.text, sources[0].columns, size, bounded=budget is None):
        profiles.add(batch)
        head = head if len(head) else first_rows(batch, table_roles.text)
        word = totals_word(batch.frame.iloc[-1]) if len(without_totals(batch.frame)) < batch.rows else ""
        last = TotalsRow(batch.origin.locate(batch.rows - 1), word) if word else None
    return profiles, head, last


def _attempts(config: DataConfig, table_roles: Roles) -> list[tuple[DataConfig, bool]]:
    """Return options to read a table with, and whether with its target: first as training would, then without it."""
    labels = tuple(name for name in (*table_roles.targets, table_roles.weight) if name is not None)
    unlabelled = replace(
        config, target=(), weight=None, lag_target=False, difference=False, ignore=(*config.ignore, *labels)
    )
    return [(config, True), (unlabelled, False)] if table_roles.targets else [(config, False)]


def _read_as(options: DataConfig, proposed: DataConfig, attempt: DataConfig) -> str:
    """Return how a table was read, as of TableDescription."""
    return "given" if attempt == options else "proposed" if attempt == proposed else "unlabelled"


def _of_sequences(data: Sequences) -> dict[str, Any]:
    """Return the fields of TableDescription that follow from sequences."""
    schema = data.schema
    return {
        "sequences": int(data.sequences),
        "length": lengths(data),
        "task": schema.task,
        "classes": schema.classes,
        "predict": schema.predict,
        "window": schema.window,
        "stride": schema.stride,
        "labelled_steps": data.labelled_steps,
        "class_balance": class_balance(data),
        "notes": tuple(data.notes),
    }


def _command(sources: Sequence[Source], config: DataConfig, table_roles: Roles) -> tuple[str, ...]:
    """Return the words of a command that trains on the table with these options."""
    words = ["rnnfast", "train"]
    for source in sources:
        words += ["--data", "FILE.csv" if source.name == STDIN_SHOWN else source.name]
    if not table_roles.targets and not config.target:
        words += ["--target", "COLUMN"]
    for declared in fields(DataConfig):
        name, value = declared.name, getattr(config, declared.name)
        if name == "data" or value == declared.default:
            continue
        if isinstance(value, bool):
            words.append(flag_of(name) if value else f"--no-{flag_of(name).removeprefix('--')}")
        else:
            words += [flag_of(name), text_of(value)]
    return tuple(words)
