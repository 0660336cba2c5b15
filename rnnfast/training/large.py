"""Tables that are larger than the memory for them: whether one is, its parts, and what of them is scored."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from rnnfast.config.resolve import Config
from rnnfast.data import Parts, SequenceData, StoredPart, read_table
from rnnfast.data.disk.budget import Budget, size
from rnnfast.data.disk.store import Store
from rnnfast.data.sources.opening import STDIN
from rnnfast.errors import DataError, UsageError
from rnnfast.memory import available_memory, shown
from rnnfast.reporter import Reporter

Part = SequenceData | StoredPart


def large_table(data: Any, config: Config, reporter: Reporter, opened: ExitStack) -> tuple[Store, Budget] | None:
    """The store of a table that is larger than --memory, and the budget for its rows; None: read it into memory.

    Without --memory only tells where a table will hardly fit. opened: keeps the store until it is closed.
    """
    given: Any = [data] if isinstance(data, str | Path) else data
    memory = config.data.memory
    if not isinstance(given, list | tuple) or not all(isinstance(name, str | Path) for name in given):
        if memory is not None and not isinstance(data, SequenceData):
            raise UsageError("memory: only files are read in blocks; a DataFrame is in memory already")
        return None
    names = [str(name) for name in given]
    from rnnfast.data.disk.tables import bytes_in_memory, needs_store, stored_table

    if memory is None:
        wanted, available = bytes_in_memory(names), available_memory()
        if available is not None and wanted > available:
            reporter.notice(
                f"about {shown(wanted)} of memory are needed and {shown(available)} available; --memory "
                f"{available // 2 // 10**6}M trains from disk, in blocks"
            )
        return None
    budget = Budget(size(memory))
    if STDIN not in names and not needs_store(names, budget):
        return None
    from dataclasses import replace

    return opened.enter_context(stored_table(replace(config.data, data=tuple(names)), budget, reporter))


def stored_parts(
    store: Store, budget: Budget, valid: Any, test: Any, config: Config, reporter: Reporter
) -> tuple[Any, Parts]:
    """Split a stored table, or take the tables beside it, which are read into memory. Returns: the table, its parts."""
    from rnnfast.data.disk.parts import split_store
    from rnnfast.data.disk.tables import bytes_in_memory

    def read(flag: str, data: Any) -> SequenceData:
        if isinstance(data, SequenceData):
            return data
        if isinstance(data, str | Path) and bytes_in_memory([str(data)]) > budget.sample:
            raise UsageError(
                f"{flag} {data}: is too large for {shown(budget.sample)}, its share of --memory; cut the part from "
                "--data with --split instead"
            )
        return read_table(data, schema=store.schema, cache=config.data.cache, reporter=reporter)

    reporter.table(cast(Any, store))
    parts = split_store(store, budget, (1.0,) if valid is not None else config.data.split, config.train.seed)
    if valid is not None:
        parts.valid = read("--valid", valid)
        parts.rule += "; validation from a table of its own"
    elif parts.valid is not None and not cast(Any, parts.valid).counts.any():
        raise DataError(
            f"{', '.join(store.source)}: the validation part has no labelled step; give another table with --valid, a "
            "smaller --split, or train on everything (--split 1)"
        )
    if test is not None:
        if parts.test is not None:
            raise UsageError("--test gives a test table and --split cuts a test part; use one of them")
        parts.test = read("--test", test)
        parts.rule += "; test from a table of its own"
    return store, parts


def in_memory(part: Part, seed: int) -> SequenceData:
    """A part as it can be scored: itself, or as many of its stored sequences as memory allows, drawn at random."""
    return part.sample(seed) if isinstance(part, StoredPart) else part
