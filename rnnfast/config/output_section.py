"""Where results go: table `[output]` of a configuration."""

from __future__ import annotations

from dataclasses import dataclass

from rnnfast.config.forms import interval
from rnnfast.config.option import option


@dataclass(frozen=True)
class OutputConfig:
    """Where results go: table `[output]`."""

    output: str | None = option(
        None, "Directory of the run; default: the next free runs/NAME.", metavar="DIR", path=True
    )
    checkpoint: str = option(
        "60s",
        "Save a run so often while it lasts, to go on with it where it is killed: a time, or epochs; off: never.",
        metavar="TIME|Nepochs|off",
        numbers=True,
    )
    log_file: str | None = option(
        None, "File to which the course of the run is appended as JSON lines.", metavar="FILE", path=True
    )
    tensorboard: str | None = option(
        None,
        "Directory for the figures of each epoch, as TensorBoard reads them (extra: tensorboard).",
        metavar="DIR",
        path=True,
    )

    def __post_init__(self) -> None:
        """Check the interval."""
        interval(self.checkpoint)
