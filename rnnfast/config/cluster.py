"""Where the tasks of a command run, beside what they do: on this machine, or on a cluster of Dask."""

from __future__ import annotations

from dataclasses import dataclass

from rnnfast.config.forms import seconds
from rnnfast.config.option import option
from rnnfast.config.resolve import flag_of
from rnnfast.config.section import Section
from rnnfast.errors import UsageError

PLACES = ("scheduler", "scheduler_file", "workers")  # options that name a cluster


@dataclass(frozen=True)
class ClusterConfig(Section):
    """A scheduler of Dask, or worker processes on this machine, or neither: then all runs in this process."""

    scheduler: str | None = option(None, "Run on the workers of this scheduler of Dask.", metavar="tcp://HOST:PORT")
    scheduler_file: str | None = option(
        None, "The same, by the file that `dask scheduler --scheduler-file` writes.", metavar="FILE", path=True
    )
    workers: int | None = option(
        None, "Run on so many worker processes of this machine, one thread each.", kind=int, least=1
    )
    wait_timeout: str = option(
        "5m", "Time that a run waits for a worker where there is none, or for its scheduler.", metavar="TIME"
    )

    def __post_init__(self) -> None:
        """Check what concerns several values."""
        seconds(self.wait_timeout, "wait_timeout")
        places = [name for name in PLACES if getattr(self, name) is not None]
        if len(places) > 1:
            raise UsageError(
                f"{' and '.join(flag_of(name) for name in places)}: a run has one cluster; give one of them"
            )

    @property
    def local(self) -> bool:
        """Whether all runs in this process."""
        return all(getattr(self, name) is None for name in PLACES)

    @property
    def wait(self) -> float:
        """Seconds to wait for a worker."""
        return seconds(self.wait_timeout, "wait_timeout") or 0.0

    @property
    def words(self) -> list[str]:
        """The options as words of a command line, as a run that goes on there needs them."""
        return [word for name in PLACES if (value := getattr(self, name)) for word in (flag_of(name), str(value))]

    @property
    def address(self) -> str:
        """What the messages call the cluster."""
        return self.scheduler or self.scheduler_file or f"{self.workers} workers of this machine"
