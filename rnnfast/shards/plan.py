"""What a shard is a function of, beside its number."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any
from uuid import uuid4

from rnnfast.cluster.shared import Shared
from rnnfast.config.resolve import Config
from rnnfast.errors import UsageError

FILES = "files"  # --sharding
MEMORY = "2G"  # of a process that holds a shard, where --memory does not say it: bits must not depend on machines


def without_ids(shards: int) -> UsageError:
    """Return the error for a table without ids."""
    return UsageError(
        f"--shards {shards}: a shard holds whole ids, and the table has none; name them with --id, or leave --workers, "
        "--scheduler and --shards out: one machine trains it"
    )


class Partitions(tuple[Any, ...]):
    """The partitions of a dask DataFrame, each to be computed by itself."""


@dataclass(frozen=True)
class Plan:
    """How a table is divided into shards.

    config: with the files, whose paths are those of the workers; key: names the stores of these shards. predict: what
    the labels of all shards decided about the steps that are predicted, None while that is open. partitions: of a dask
    DataFrame, in the place of files; None where a task has no use for one.
    """

    config: Config
    key: str
    predict: str | None = None
    partitions: tuple[Any, ...] = ()
    _shared: dict[Any, Shared] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, config: Config, partitions: tuple[Any, ...] = ()) -> Plan:
        """Plan the shards of partitions, or of the files of a configuration, which workers find by absolute paths."""
        config = replace(config.with_absolute_paths(), output=config.output)
        if partitions:
            return cls(config, uuid4().hex[:16], partitions=partitions)
        return cls(config, sha256(pickle.dumps((config.tables, sorted(config.explicit)))).hexdigest()[:16])

    @property
    def shards(self) -> int:
        """How many there are."""
        return self.config.data.shards or 1

    @property
    def memory(self) -> str:
        """What a process may take, as text."""
        return self.config.data.memory or MEMORY

    def own(self, number: int) -> list[int]:
        """Return the numbers of the files, or partitions, of a shard that has some of its own."""
        return list(range(number, len(self.partitions), self.shards))

    def for_shard(self, number: int) -> Plan | Shared:
        """Return what tasks of a shard get: the plan, once for all of them where it brings partitions."""
        if not self.partitions:
            return self
        if (number, self.predict) not in self._shared:
            own = tuple(one if k in self.own(number) else None for k, one in enumerate(self.partitions))
            self._shared[number, self.predict] = Shared(replace(self, partitions=own, _shared={}))
        return self._shared[number, self.predict]

    def predicting(self, rule: str) -> Plan:
        """Return the plan with the steps that are predicted."""
        return replace(self, predict=rule)
