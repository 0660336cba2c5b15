"""What a run reads: its table, in memory or in blocks, and the parts that train, validate and test."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from rnnfast.config.forms import SEQUENCE, check_split
from rnnfast.config.resolve import Config
from rnnfast.config.sections import DataConfig
from rnnfast.data import Parts, Sequences, split
from rnnfast.data.columns.horizon import steps_ahead
from rnnfast.data.reading.opening import bytes_in_memory, check_read, file_names, open_table
from rnnfast.data.reading.request import Request, like
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.trailing import without_requests
from rnnfast.display import counted
from rnnfast.errors import DataError, UsageError
from rnnfast.memory import available_memory, shown
from rnnfast.reporter import Reporter
from rnnfast.training.prepare import check_weights
from rnnfast.training.presets import BY_SIZES
from rnnfast.training.windows import chooses, window_for

MANY_LABELS = 0.1  # left out by a split, of those that stay


def read_tables(
    data: Any,
    valid: Any,
    test: Any,
    config: Config,
    reporter: Reporter,
    opened: ExitStack,
    groups: str | None = None,
) -> tuple[Sequences, Parts, Config]:
    """Read the table, and split it or read those beside it; groups: rule that names the column of groups, to be read.

    Returns: all of `data`, the parts, and the configuration with what the preset chose of how the table is read.

    opened: keeps tables that are larger than --memory, and are read in blocks, until it is closed.
    """
    shares_given = config.data.split != DataConfig().split
    check_split(config.data.split_by, shares_given, valid is not None, test is not None)
    source = Source(config, reporter, opened)
    table, config = source.table(data, groups)
    if not isinstance(data, Sequences) and chooses(table, config):
        window = window_for(table, config, valid is not None)
        table = table.windowed(*window)
        for name, beside in (("valid", valid), ("test", test)):
            _check_window(name, beside, window.rows)
        config = config.choosing({"window": window.rows})
    parts = _parts(table, source, valid, test)
    if table.auto_predict:
        table = table.predicting(parts.train.schema.predict)
    reporter.table(table)
    for text in table.proposals:
        reporter.notice(text)
    _leave_requests_out(table, parts, config.data, reporter, {"valid": valid, "test": test})
    _report_parts(table, parts, reporter, valid, test)
    return table, parts, config


def read_named(reporter: Reporter, config: Config, opened: ExitStack) -> tuple[Sequences, Parts, Config]:
    """Read the tables that a configuration names, as `read_tables`."""
    files = config.data
    return read_tables(list(files.data), files.valid, files.test, config, reporter, opened)


def _check_window(name: str, beside: Any, window: int) -> None:
    """Raise UsageError for a table that was read in windows of another length than the preset chose."""
    if isinstance(beside, Sequences) and beside.schema.id is None and beside.schema.window != window:
        raise UsageError(
            f"{name}: it was read in windows of {beside.schema.window}, and the table trains in windows of {window} by "
            f"--preset auto; give its path or DataFrame, or window={window} to both read_table and train"
        )


def merged_part(table: Sequences, parts: Parts, config: Config) -> Sequences:
    """Give the training and the validation part of a table as one, without the rows that ask for a forecast."""
    data = config.data
    if parts.merge is not None:
        merged = parts.merge()
    else:  # of one share the rest validates, and all of it trains now
        shares = data.split if len(data.split) > 1 else (1.0,)
        merged = split(table, shares, config.train.seed, data.split_by, merge=True).train
    return without_requests(merged.predicting(parts.train.schema.predict), table, data)


def check_fold(parts: Parts, table: Sequences, config: DataConfig, reporter: Reporter) -> None:
    """Leave away rows that ask for a forecast, as of any run; raise DataError for a part of a fold without labels."""
    _leave_requests_out(table, parts, config, reporter, {})
    if parts.valid is not None:
        _check_valid(parts.valid, "use fewer --folds, or train on all but the test part (--split 1)")
    if parts.test is not None and not parts.test.labelled_steps:
        raise DataError(f"{', '.join(table.source)}: the test part has no labelled step; use fewer --folds")


def _leave_requests_out(
    table: Sequences, parts: Parts, config: DataConfig, reporter: Reporter, beside: dict[str, Any]
) -> None:
    """Leave away rows that ask for a forecast; beside: tables of their own, or None."""
    for name, part in parts.named().items():
        rest = without_requests(part, table if beside.get(name) is None else part, config)
        if rest is not part:
            rows = counted(part.rows - rest.rows, "row")
            reporter.notice(f"{name}: left out {rows} after the last target; rnnfast forecast answers such rows")
            setattr(parts, name, rest)


def reading_of(config: Config) -> DataConfig:
    """Return how a table is read: what is embedded is a column of categories, whatever its cells look like."""
    categorical = tuple(dict.fromkeys((*config.data.categorical, *config.model.embedded)))
    return replace(config.data, categorical=categorical)


class Source:
    """Where the tables of a run come from: read already, or files and frames that are read as its options say.

    folds: whether they are divided into folds: the column of split_by names groups, and times stand beside predictions.
    """

    def __init__(self, config: Config, reporter: Reporter, opened: ExitStack, folds: bool = False) -> None:
        if config.data.shards is not None:
            raise UsageError("--shards: only `rnnfast train` and rnnfast.dask.train read shards; leave it out")
        self.config, self.reporter, self.opened, self.folds = config, reporter, opened, folds
        self.reading = reading_of(config)
        memory = config.data.memory
        self.budget = None if memory is None else Budget.of(memory)

    def table(self, data: Any, groups: str | None = None) -> tuple[Sequences, Config]:
        """Read the table that trains; groups: as of `read_tables`.

        Returns: it, and the configuration with the calendar where the preset has one.
        """
        config = self.config
        if isinstance(data, Sequences):
            check_read(config.data)
            return data, config
        names = file_names(data)
        how = self.reading if groups is None else replace(self.reading, split_by=groups)
        dated = config.model.preset in BY_SIZES and "calendar" not in config.explicit
        request = Request(how, with_time=self.folds, groups=self.folds or groups is not None, dated=dated)
        if self.budget is None and names is not None:
            self._announce(bytes_in_memory(names, request.files))
        table = open_table(data, request, self.budget, self.opened, self.reporter)
        return table, config.choosing({"calendar": table.schema.calendar})

    def beside(self, data: Any, table: Sequences) -> Sequences:
        """Read a table whose columns mean what those of the one that trains do."""
        if isinstance(data, Sequences):
            return data
        config = like(self.config.data, DataConfig(cache=self.config.data.cache))
        budget = None if self.budget is None or file_names(data) is None else self.budget.beside
        return open_table(data, Request(config, table.schema), budget, self.opened, self.reporter)

    def _announce(self, need: int) -> None:
        """Say what --memory would do for a table that hardly fits."""
        available = available_memory()
        if available is not None and need > available:
            self.reporter.notice(
                f"about {shown(need)} of memory are needed and {shown(available)} available; --memory "
                f"{available // 2 // 10**6}M trains from disk, in blocks"
            )


def _parts(table: Sequences, source: Source, valid: Any, test: Any) -> Parts:
    """Split the table, or take the tables that were given beside it."""
    config, reporter = source.config, source.reporter
    shares = config.data.split if valid is None else (1.0,)
    parts = split(table, shares, config.train.seed, config.data.split_by)
    if valid is not None:
        parts.valid = source.beside(valid, parts.train)
        parts.rule += "; validation from a table of its own"
    if test is not None:
        if parts.test is not None:
            raise UsageError("--test gives a test table and --split cuts a test part; use one of them")
        parts.test = source.beside(test, parts.train)
        parts.rule += "; test from a table of its own"
    for part in (parts.valid if valid is not None else None, parts.test if test is not None else None):
        if part is not None and part.digest == table.digest:
            reporter.notice(f"{', '.join(part.source)} holds the very rows that train: its scores tell nothing new")
    if parts.valid is not None:
        fix = "give another table with --valid, a smaller --split, or train on everything (--split 1)"
        if table.schema.horizon and parts.by == SEQUENCE:
            fix = f"--split-by time puts the last rows there; or {fix}"
        _check_valid(parts.valid, fix)
    return parts


def advise_time(table: Sequences, what: str, option: str, reporter: Reporter) -> None:
    """Say which split is honest for forecasts of a table without id; what draws windows at random, and its option."""
    if table.schema.horizon and table.schema.id is None:
        reporter.notice(
            f"{what} draws windows at random, so that rows train that are later than those that are scored; "
            f"{option} time is the honest one for forecasts"
        )


def _check_valid(valid: Sequences, fix: str) -> None:
    """Raise DataError, ending with the fix, for a validation part without labels, or whose labels weigh nothing."""
    if not valid.labelled_steps:
        schema = valid.schema
        why = f" (its rows lack a target {steps_ahead(schema)} in the same part)" if schema.horizon else ""
        raise DataError(f"{', '.join(valid.source)}: the validation part has no labelled step{why}; {fix}")
    check_weights(valid, "validation")


def _report_parts(table: Sequences, parts: Parts, reporter: Reporter, valid: Any, test: Any) -> None:
    """Say how the parts were made, and what is odd about them."""
    for part, own_table in ((parts.valid, valid), (parts.test, test)):
        for note in part.notes if part is not None and own_table is not None else ():
            reporter.notice(f"{', '.join(part.source)}: {note}" if part is not None else note)
    reporter.split(parts)
    if parts.by == SEQUENCE and parts.valid is not None and valid is None:
        advise_time(table, "the split", "--split-by", reporter)
    labelled = sum(part.labelled_steps for part in parts.named().values())
    if parts.by == SEQUENCE and parts.dropped > MANY_LABELS * labelled:
        reporter.notice(
            f"{parts.dropped:,} labels are left out, as they stand in rows of another part: windows are short for "
            f"--horizon {table.schema.horizon}; --split-by time leaves out few of them"
        )
