"""What a run trains, and what it has around it: the two records that its stages share."""

from __future__ import annotations

from dataclasses import dataclass

from rnnfast.cluster.task import Cluster
from rnnfast.config.resolve import Config
from rnnfast.data import Parts, Sequences
from rnnfast.equations.cell import Cell
from rnnfast.reporter import Reporter
from rnnfast.training.stopping import Interrupt


@dataclass(frozen=True, eq=False)
class Job:
    """What a run trains.

    table: all of it; parts: of the table, and tables beside it; config: with what reading chose; equations: of a cell
    that is no word; own_valid: whether the validation part is a table of its own.
    """

    table: Sequences
    parts: Parts
    config: Config
    equations: Cell | None = None
    own_valid: bool = False


@dataclass(frozen=True, eq=False)
class Host:
    """What a run has around it: who is told, what ends it early, and the cluster; None: networks train here."""

    reporter: Reporter
    interrupt: Interrupt
    cluster: Cluster | None = None
