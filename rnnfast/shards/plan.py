"""What a shard is a function of, beside its number."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from hashlib import sha256

from rnnfast.config.resolve import Config
from rnnfast.errors import UsageError

MEMORY = "2G"  # of a process that holds a shard, where --memory does not say it: bits must not depend on machines


def without_ids(shards: int) -> UsageError:
    """Return the error for a table without ids."""
    return UsageError(
        f"--shards {shards}: a shard holds whole ids, and the table has none; name them with --id, or leave --workers, "
        "--scheduler and --shards out: one machine trains it"
    )


@dataclass(frozen=True)
class Plan:
    """How a table is divided into shards.

    config: with the files, whose paths are those of the workers; key: names the stores of these shards. predict: what
    the labels of all shards decided about the steps that are predicted, None while that is open.
    """

    config: Config
    key: str
    predict: str | None = None

    @classmethod
    def of(cls, config: Config) -> Plan:
        """Plan the shards of the files that a configuration names; workers find them by absolute paths."""
        config = replace(config.with_absolute_paths(), output=config.output)
        return cls(config, sha256(pickle.dumps((config.tables, sorted(config.explicit)))).hexdigest()[:16])

    @property
    def shards(self) -> int:
        """How many there are."""
        return self.config.data.shards or 1

    @property
    def memory(self) -> str:
        """What a process may take, as text."""
        return self.config.data.memory or MEMORY

    def predicting(self, rule: str) -> Plan:
        """Return the plan with the steps that are predicted."""
        return replace(self, predict=rule)
