"""A shard on a worker: its store on scratch disk, and its parts. A pure function of files, options and number."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.config.forms import part_column
from rnnfast.config.sections import DataConfig
from rnnfast.data import split
from rnnfast.data.columns.parts import PART_NAMES
from rnnfast.data.reading.disk import make_store
from rnnfast.data.reading.request import Request, like
from rnnfast.data.sequences.budget import Budget
from rnnfast.data.sequences.identities import Shard
from rnnfast.data.sequences.stored import StoredSequences
from rnnfast.data.sequences.trailing import without_requests
from rnnfast.data.sources.batches import open_files
from rnnfast.data.splitting.by_shard import drawn_in_shard, shard_seed
from rnnfast.data.splitting.split import all_shares
from rnnfast.errors import DataError, UsageError
from rnnfast.shards.plan import FILES, Plan, without_ids
from rnnfast.training.tables import reading_of


class ShardTable:
    """One shard, read. table: all of it; parts: by name, those that have sequences; rule: of the split, in words."""

    def __init__(self, plan: Plan, number: int, scratch: Path | None) -> None:
        self.plan, self.number = plan, number
        self.directory = Path(tempfile.mkdtemp(prefix=f"rnnfast-shard{number}-", dir=scratch))
        try:
            config = plan.config.data
            self.table = self._store("table", config.data, Request(reading_of(plan.config), shard=self._ids("table")))
            if self.table.schema.id is None:
                raise without_ids(plan.shards)
            self.parts, self.rule = self._divided()
            for name, file in (("valid", config.valid), ("test", config.test)):
                if file is not None:
                    self._add_beside(name, file)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Remove the store."""
        with suppress(OSError):
            shutil.rmtree(self.directory)

    def part(self, name: str, predict: str | None) -> StoredSequences | None:
        """Return a part, None where it is empty; "" names the whole shard, "merged" what trains and validates."""
        if name == "merged" and name not in self.parts:
            self.parts[name] = self._merged()
        part = self.parts.get(name) if name else self.table
        if part is None or not part.sequences:
            return None
        return part if predict is None else part.predicting(predict)

    def _ids(self, name: str) -> Shard | None:
        """Which ids the shard has of a table, None for all of its files."""
        whole = self.plan.shards == 1 or (self.plan.config.data.sharding == FILES and name == "table")
        return None if whole else Shard(self.number, self.plan.shards)

    def _store(self, name: str, files: Any, request: Request) -> StoredSequences:
        """Read files, or the partitions of the shard, into a store."""
        if self.plan.partitions and name == "table":
            files = [self._written(number) for number in self.plan.own(self.number)]
        sources = open_files(files, request.files)
        if not self.plan.partitions and self.plan.config.data.sharding == FILES and name == "table":
            if len(sources) < self.plan.shards:
                raise UsageError(
                    f"--sharding files: {len(sources)} files are fewer than --shards {self.plan.shards}; give "
                    f"--shards {len(sources)}"
                )
            sources = sources[self.number :: self.plan.shards]
        budget = Budget.of(self.plan.memory)
        make_store(sources, request, budget, self.directory / name)
        return StoredSequences.open(self.directory / name, budget, sources)

    def _written(self, number: int) -> str:
        """Compute a partition, and write it beside the store."""
        path = self.directory / f"partition {number}.parquet"
        frame = self.plan.partitions[number].compute(scheduler="synchronous")
        try:
            frame.to_parquet(path, index=False)
        except (TypeError, ValueError) as error:
            raise DataError(f"partition {number}: cannot be stored as Parquet: {error}") from None
        return str(path)

    def _add_beside(self, name: str, file: str) -> None:
        """Read the shard of a table beside the one that trains: the same ids."""
        options = like(self.plan.config.data, DataConfig(cache=False))
        beside = self._store(name, [file], Request(options, self.table.schema, shard=self._ids(name)))
        self.parts[name] = self._answerable(beside, beside)

    def _divided(self) -> tuple[dict[str, StoredSequences], str]:
        """Divide the shard into the parts of the split; one shard as a table on one machine."""
        config, seed, shares = self.plan.config.data, self.plan.config.train.seed, self._shares
        if self.plan.shards == 1:
            parts = split(self.table, shares, seed, config.split_by)
            of_name: dict[str, Any] = parts.named()
            return {name: self._answerable(part, self.table) for name, part in of_name.items()}, parts.rule
        part = self._part_of
        return {
            name: self._answerable(self.table.take(np.flatnonzero(part == number)), self.table)
            for number, name in enumerate(PART_NAMES) if (part == number).any()
        }, ""  # fmt: skip

    @property
    def _shares(self) -> tuple[float, ...]:
        config = self.plan.config.data
        return (1.0,) if config.valid is not None else config.split

    @property
    def _part_of(self) -> NDArray[np.int64]:
        """(sequences,) part of each, as its number in PART_NAMES."""
        config, seed, every = self.plan.config.data, self.plan.config.train.seed, all_shares(self._shares)
        if part_column(config.split_by):
            assert self.table.parts is not None
            return self.table.parts.astype(np.int64)
        if len(every) == 1 or not self.table.sequences:
            return np.zeros(self.table.sequences, np.int64)
        undecided = self.table.predicting("every") if self.table.auto_predict else self.table
        return drawn_in_shard(undecided, every, shard_seed(seed, self.number))

    def _merged(self) -> StoredSequences:
        """Give what trains and what validates as one."""
        config = self.plan.config
        if self.plan.shards == 1:
            shares = config.data.split if len(config.data.split) > 1 else (1.0,)
            part: Any = split(self.table, shares, config.train.seed, config.data.split_by, merge=True).train
        else:
            part = self.table.take(np.flatnonzero(self._part_of <= PART_NAMES.index("valid")))
        return self._answerable(part, self.table)

    def _answerable(self, part: StoredSequences, table: StoredSequences) -> StoredSequences:
        """Leave away the rows that ask for a forecast."""
        return without_requests(part, table, self.plan.config.data)
