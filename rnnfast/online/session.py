"""One run of `rnnfast stream`: blocks of lines in, lines of answers out, states kept now and then.

A block is what is there: one row that comes alone is answered at once, and rows that wait share the cost of a call. A
block that holds a bad row is divided until the row is alone: it is refused, the others are answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnnfast.data.reading.live import LiveRows
from rnnfast.data.sources.options import FileOptions
from rnnfast.errors import DataError
from rnnfast.model.answers import Answers
from rnnfast.model.intervals import bounds_of, with_interval
from rnnfast.model.live.stream import Answered, Stream
from rnnfast.model.outlook import ahead_names
from rnnfast.model.predictions import Numbers
from rnnfast.online.formats import NAME, CsvAnswers, JsonAnswers, Rows, rows_format
from rnnfast.online.lines import Lines
from rnnfast.online.states import States

STEPS, AGE, NOTE = "state_steps", "state_age", "state_note"  # columns beside the answers
LATE = "late"
ROWS = 1 << 15  # of a block that are answered together
WAIT = 0.25  # seconds until signals are looked at and states are kept where no row comes


class Report(NamedTuple):
    """What became of the rows: counts as of `Stream.stats`, refused ones, and the message about the first of these."""

    stats: dict[str, int]
    refused: int
    message: str


class Shown(NamedTuple):
    """How answers are written.

    json: as JSON lines, None: as the rows come; interval: as of `Model.answers`; raw: texts in CSV stay as they are,
    formulas too.
    """

    json: bool | None = None
    interval: int | None = None
    raw: bool = False


AS_THEY_COME = Shown()


class Session:
    """Answers the rows of one input.

    write: takes text. states: where they are kept, or None. skip: rows at the beginning that the states have seen.
    rows, refused, late, obeyed: rows of the input, those that cannot be used, those that came too late for an answer,
    and lines that are no rows; alarms: answers as of `Task.alarms`.
    """

    def __init__(
        self,
        stream: Stream,
        write: Callable[[str], Any],
        shown: Shown = AS_THEY_COME,
        states: States | None = None,
        skip: int = 0,
    ) -> None:
        if shown.interval is not None:
            bounds_of(stream.model.intervals, shown.interval)
        self.stream, self.write, self.shown, self.states, self.skip = stream, write, shown, states, skip
        self.rows = 0 if states is None else states.rows - skip  # of the input, those before a restart among them
        self.refused, self.late, self.obeyed, self.alarms, self.message = 0, 0, 0, 0, ""
        self._format: Rows | None = None
        self._answers: CsvAnswers | JsonAnswers | None = None
        self._line = 0  # of the stream, before the block

    def run(self, lines: Lines, stopped: Callable[[], bool], name: str = NAME) -> Report:
        """Answer until the stream ends or somebody stops it."""
        while not stopped() and (block := lines.block(WAIT)) is not None:
            if block:
                self.answer(block, name)
                lines.quoted = self.quoted
            if self.states is not None:
                self.states.save(self.rows)
        if self.states is not None:
            self.states.save(self.rows, now=True)
        return Report(self.stream.stats() | {"refused": self.refused}, self.refused, self.message)

    @property
    def quoted(self) -> bool:
        """Whether a line end inside double quotes is none, which the first line tells."""
        return self._format is not None and self._format.quoted

    @property
    def shows_json(self) -> bool:
        """Whether answers are JSON lines, which the first line of the input tells."""
        json = self.shown.json
        return json if json is not None else not (self._format is None or self._format.header_lines)

    def answer(self, block: bytes, name: str = NAME) -> None:
        """Answer whole lines, the next ones of the input. name: of the input, in messages."""
        if self._format is None:
            stripped = block.lstrip(b"\r\n\xef\xbb\xbf")
            if not stripped:
                return
            first, _, rest = stripped.partition(b"\n")
            self._format = rows_format(
                first, name, FileOptions.of(self.stream.model.config.data.sep, (), None, sure=False)
            )
            self._line = self._format.header_lines
            block = rest if self._format.header_lines else stripped
        for rows in self._rows(block):
            self._answer(rows)

    def _rows(self, block: bytes) -> Iterator[bytes]:
        """Yield the rows between two lines that are none, and do what these say."""
        assert self._format is not None
        if not self._format.has_others(block):
            yield block
            return
        rows = list[bytes]()
        for line in self._lines(block):
            command = self._format.command(line)
            if command is None and line.strip():
                rows.append(line)
                continue
            yield b"".join(rows)
            rows = []
            self._line += 1
            if command is not None:
                self._obey(*command)
        yield b"".join(rows)

    def _lines(self, block: bytes) -> list[bytes]:
        """Divide rows, some of whose cells may hold line ends in quotes."""
        return _quoted_lines(block) if self.quoted and b'"' in block else block.splitlines(keepends=True)

    def _obey(self, word: str, name: str | None) -> None:
        """Do what a line says that is no row."""
        self.obeyed += 1
        if word == "stats":
            self._show(self._shown().stats(self.stream.stats() | {"refused": self.refused}))
        else:
            self.stream.reset(name if word == "drop" else None)

    def _answer(self, block: bytes) -> None:
        """Answer rows, of which those that the states have seen are left out."""
        if self.skip:
            block = self._unseen(block)
        if block.count(b"\n") <= ROWS:
            self._show(self._text(block))
            return
        lines = self._lines(block)
        for first in range(0, len(lines), ROWS):
            self._show(self._text(b"".join(lines[first : first + ROWS])))

    def _unseen(self, block: bytes) -> bytes:
        """Leave out rows that the states have seen."""
        lines, seen = self._lines(block), 0
        while self.skip and seen < len(lines):
            row = bool(lines[seen].strip())
            self.skip -= row
            self.rows += row
            seen += 1
        self._line += sum(line.count(b"\n") for line in lines[:seen])
        return b"".join(lines[seen:])

    def _text(self, block: bytes) -> str:
        """Return the lines of the answers to rows, which count as read by then; blank lines have none."""
        assert self._format is not None
        if not block or block.isspace():
            self._line += block.count(b"\n")
            return ""
        try:
            live = self._format.read(block, self.stream.schema)
            answered = self.stream.advance(live)
        except DataError as error:
            rows = self._lines(block)
            if len(rows) > 1:
                half = len(rows) // 2
                return "".join(self._text(part) for part in map(b"".join, (rows[:half], rows[half:])))
            return self._refusal(block, str(error))
        self.rows += len(live.ids)
        self.late += int(answered.late.sum())
        self.alarms += self.stream.task.alarms(answered.answers.values)
        self._line += block.count(b"\n")
        shown = self._shown()
        return shown.lines(self._columns(live, answered, shown).values())

    def refuse(self, message: str) -> None:
        """Write the line of a row that cannot be read to its end."""
        self._show(self._refused(message))

    def _refused(self, message: str) -> str:
        """Count a row that has no answer, and return its line."""
        self.refused += 1
        self.rows += 1
        self.message = self.message or message
        return self._shown().refusal(message)

    def _refusal(self, row: bytes, message: str) -> str:
        """Return the line about a row that cannot be used, with the line that it is on."""
        assert self._format is not None
        with suppress(DataError):
            try:
                before = self._line - self._format.header_lines
                self.stream.advance(self._format.read(row, self.stream.schema, before=before))
            except DataError as error:
                message = str(error)
        self._line += max(row.count(b"\n"), 1)
        return self._refused(message)

    def _shown(self) -> CsvAnswers | JsonAnswers:
        """Return what writes answers."""
        if self._answers is None:
            names = self._names()
            self._answers = JsonAnswers(names) if self.shows_json else CsvAnswers(names, self.shown.raw)
            self._show(self._answers.start)
        return self._answers

    def _names(self) -> list[str]:
        """Return the names of the columns of answers."""
        schema, task = self.stream.schema, self.stream.task
        keys = [name for name in (schema.id, schema.time) if name is not None]
        answers = self._with_interval(self.stream.no_answers()).columns(task, slice(None), list)
        return [*keys, *ahead_names(schema), *answers, STEPS, AGE, NOTE]

    def _columns(self, live: LiveRows, answered: Answered, shown: CsvAnswers | JsonAnswers) -> dict[str, Any]:
        """Return the columns of the answers as they are shown."""
        schema, dtype = self.stream.schema, self.stream.model.config.train.dtype
        columns: dict[str, Any] = {}
        if schema.id is not None:
            columns[schema.id] = live.ids
        if schema.time is not None:
            columns[schema.time] = live.time.tolist()
        columns |= {name: answered.ahead[:, j].tolist() for j, name in enumerate(ahead_names(schema))}
        texts = partial(shown.numbers, dtype=dtype)
        columns |= self._with_interval(answered.answers).columns(self.stream.task, slice(None), texts)
        ages = np.nan_to_num(answered.age, nan=-1.0).tolist()
        age_cells = {age: shown.age(age) for age in set(ages)}  # one for each earlier block
        columns |= {STEPS: Numbers(answered.steps.tolist()), AGE: Numbers(map(age_cells.__getitem__, ages))}
        columns[NOTE] = [""] * len(ages)
        if answered.late.any():
            answers = [name for name in columns if name not in (schema.id, schema.time, NOTE)]
            for row in np.flatnonzero(answered.late).tolist():
                columns[NOTE][row] = LATE
                for name in answers:
                    columns[name][row] = ""
        return columns

    def _with_interval(self, answers: Answers) -> Answers:
        return with_interval(answers, self.stream.model.intervals, self.shown.interval)

    def _show(self, text: str) -> None:
        if text:
            self.write(text)


def replay(stream: Stream, path: str | Path) -> Report:
    """Let a stream see the rows of a file, and answer none of them. Raises DataError for a row that cannot be used."""
    with Path(path).open("rb") as file:
        report = Session(stream, lambda text: None).run(Lines(file.fileno()), lambda: False, str(path))
    if report.refused:
        raise DataError(f"--replay: {report.message}")
    return report


def _quoted_lines(block: bytes) -> list[bytes]:
    """Return the lines of CSV; one whose quotes are open goes on in the next."""
    lines, whole = list[bytes](), b""
    for line in block.splitlines(keepends=True):
        whole += line
        if whole.count(b'"') % 2 == 0:
            lines.append(whole)
            whole = b""
    return [*lines, whole] if whole else lines
