"""Runs that are saved while they train, and going on with them: options, directory, and what must be the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from rnnfast.checkpoint.keeper import DiskKeeper
from rnnfast.checkpoint.record import Checkpoint, Choice, Origin
from rnnfast.checkpoint.store import checkpoints, discard, last
from rnnfast.cluster.task import Cluster
from rnnfast.config.forms import Interval, interval
from rnnfast.config.option import text_of
from rnnfast.config.resolve import COMMAND_LINE, Config, flag_of, table_of_option
from rnnfast.data import Parts, Sequences
from rnnfast.diagnose.versions import version_of, versions
from rnnfast.display import counted
from rnnfast.engines.choice import TORCH
from rnnfast.errors import ClusterError, DataError, ModelError, RnnfastError, TrainingInterrupted, UsageError
from rnnfast.records import UNSET, decode, plain
from rnnfast.records import replace as changed
from rnnfast.training.best import Best
from rnnfast.training.directory import free_name
from rnnfast.training.presets import Chosen
from rnnfast.training.race import Race
from rnnfast.training.stopping import Interrupt

# Options with which the rest of a run has the same bits; tables are told by what they hold.
FREE = ("data", "valid", "test", "threads", "cache", "max_time", "log_file", "tensorboard", "checkpoint")
NEVER = Interval(seconds=math.inf)
COMPUTING = ("rnnfast", "numpy", "numba", "llvmlite")  # versions that the bits may follow from


class Resumed(NamedTuple):
    """A run that goes on. config: its options; notes: sentences on how far it is, and on damaged checkpoints."""

    config: Config
    checkpoint: Checkpoint
    directory: Path
    notes: list[str]


def resumed(directory: str | Path, options: Mapping[str, Any], command: str = "train") -> Resumed:
    """Return the run of a directory; options: given anew, by their names.

    Raises: UsageError where there is no checkpoint, and for an option that it has not; ModelError where no checkpoint
    is whole, or the one that is was written by other versions.
    """
    directory = Path(directory)
    checkpoint, notes = last(directory)
    origin = checkpoint.origin
    if origin.command != command:
        raise UsageError(f"{directory}: is the run of another command: rnnfast {origin.command} --resume {directory}")
    _check_versions(origin, directory)
    flags = Config().with_values(options, COMMAND_LINE).given()
    before = _options(origin, directory)
    usual = Config()
    for name in sorted(flags.keys() - set(FREE)):
        default = getattr(usual.tables[table_of_option()[name][0]], name)
        value = before.get(name, plain(default))
        if flags[name] != value:
            raise UsageError(
                f"{flag_of(name)} {_shown(flags[name])}: the run in {directory} has {_shown(value)}; leave it out, or "
                "begin anew without --resume"
            )
    values = {**before, **flags} | ({"output": str(directory)} if command == "train" else {})
    notes = [*notes, f"going on from {directory}: {_progress(checkpoint)}"]
    return Resumed(Config().with_values(values, str(directory)), checkpoint, directory, notes)


def _options(origin: Origin, directory: Path) -> dict[str, Any]:
    """Return the options of a run. Raises ModelError for those that are none."""
    try:
        return Config().with_values(origin.options, "options").given()
    except UsageError as error:
        raise ModelError(f"{directory}: its checkpoint is damaged ({error}); train anew") from None


def searched(directory: Path | None, origin: Callable[[], Origin]) -> Resumed | None:
    """Return the training of the winner of a search that goes on, where its directory has a whole checkpoint of it."""
    if directory is None or not checkpoints(directory):
        return None
    try:
        checkpoint, notes = last(directory)
    except ModelError:  # trials stand in the journal: the winner alone is trained anew
        return None
    if checkpoint.origin != origin():
        return None
    return Resumed(Config(), checkpoint, directory, [*notes, f"going on with the best one: {_progress(checkpoint)}"])


class Home(NamedTuple):
    """The directory of a run: the one that was given, else the next free one, by the configuration of a network.

    notice: is told the latter, which nobody knows.
    """

    directory: Path | None
    free: Callable[[Config], Path] = lambda _: free_name("run")
    notice: Callable[[str], None] = lambda _: None

    def make(self, config: Config) -> Path:
        """Make the directory and return it. Raises RnnfastError where that cannot be done."""
        while True:
            path = self.directory or self.free(config)
            try:
                path.mkdir(parents=True, exist_ok=self.directory is not None)
            except FileExistsError:  # another run was quicker
                continue
            except OSError as error:
                raise RnnfastError(f"{path}: cannot be created: {error.strerror or error}") from None
            if self.directory is None:
                self.notice(f"saved in {path} while it lasts; --resume {path} goes on where it is killed")
            return path


def keeper_of(config: Config, origin: Callable[[], Origin], home: Home, before: Resumed | None) -> DiskKeeper | None:
    """Return what saves a run; None where it is never saved. before: the run that goes on.

    Raises DataError where a table is another one than that of the run before.
    """
    if before is not None:
        _check_tables(before.checkpoint.origin, origin(), before.directory)
    every = interval(config.output.checkpoint)
    if every is None and before is None:
        return None
    if before is None:
        return DiskKeeper(every or NEVER, origin, home.make)
    return DiskKeeper(every or NEVER, origin, home.make, before.checkpoint, before.directory)


def origin_of(
    command: str,
    options: Mapping[str, Any],
    table: Sequences,
    parts: Parts | None = None,
    more: Mapping[str, Any] | None = None,
) -> Origin:
    """Say what a run follows from; parts: of its table, or tables beside it; all else as of Origin."""
    named = {} if parts is None else parts.named()
    beside = {name: part.digest for name, part in named.items() if part.digest != table.digest}
    return Origin(
        command=command,
        options={name: value for name, value in options.items() if name != "output"},
        more=dict(more or {}),
        tables={"data": table.digest, **beside},
        versions=_versions(options),
    )


@contextmanager
def saved(keeper: DiskKeeper | None, interrupt: Interrupt) -> Iterator[None]:
    """Let the trainings of a run be saved; a run that leaves nothing else tells how it goes on."""
    interrupt.slot = None if keeper is None else keeper.slot
    try:
        yield
    except TrainingInterrupted as error:
        if error.result is None and keeper is not None and keeper.directory is not None:
            error.command = keeper.command
        raise
    except ClusterError as error:
        if keeper is not None and keeper.holds_any:
            keeper.save()
            error.command = keeper.command
        raise


def going_on(keeper: DiskKeeper, cluster: Cluster | None) -> str:
    """Return the command that goes on with a run, on the cluster that it had."""
    return " ".join([keeper.command, *map(quote, cluster.words if cluster else ())])


def settled(keeper: DiskKeeper | None, interrupt: Interrupt, directory: Path | None) -> bool:
    """Remove the checkpoints of a run that has ended well, or save it where some training was cut short.

    Returns: whether there is something to go on from.
    """
    if keeper is not None and interrupt.cut and keeper.holds_any:
        keeper.save_rest()
        return True
    if directory is not None:
        discard(directory)
    return False


def raced(best: Best, chosen: Chosen | None, interrupt: Interrupt) -> tuple[Config, Chosen]:
    """Race, as Best.choose, or take what the race of the run before has chosen."""
    slot = interrupt.slot
    if slot is not None and (choice := slot.keeper.choices.get(slot.name)) is not None:
        try:
            config = Config().with_values(choice.options, "checkpoint")
            return replace(config, explicit=frozenset(choice.explicit)), _chosen(choice.chosen)
        except (UsageError, ValueError) as error:
            raise ModelError(f"the checkpoint is damaged ({error}); train anew") from None
    config, preset = best.choose(chosen, interrupt)
    if slot is not None:
        options = {name: plain(getattr(config.tables[table], name)) for name, (table, _) in table_of_option().items()}
        slot.keeper.choices[slot.name] = Choice(
            options=options, explicit=tuple(sorted(config.explicit)), chosen=plain(preset)
        )
    return config, preset


def _chosen(values: Any) -> Chosen:
    """Return what a preset chose, as it was before it was written."""
    chosen = decode(_tuples(values), Chosen)
    return chosen if chosen.race is UNSET else changed(chosen, race=decode(chosen.race, Race))


def _tuples(value: Any) -> Any:
    """Return a value of JSON with tuples in place of lists."""
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _versions(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the versions of what computes, and the width of the vectors it computes with."""
    from rnnfast.kernels.lanes.processor import vector_bytes

    every = versions()
    if options.get("engine") == TORCH:
        return {**{name: every[name] for name in COMPUTING}, TORCH: version_of(TORCH)}
    return {**{name: every[name] for name in COMPUTING}, "vectors": f"{vector_bytes()} bytes"}


def _check_versions(origin: Origin, directory: Path) -> None:
    """Raise ModelError where something computes that had no part in the run so far."""
    for name, now in _versions(origin.options).items():
        before = origin.versions.get(name, "unknown")
        if before != now:
            raise ModelError(
                f"{directory}: its checkpoint is of {name} {before}, and here is {now}: the rest would not be "
                "what it was to be; go on with that, or begin anew without --resume"
            )


def _check_tables(before: Origin, now: Origin, directory: Path) -> None:
    """Raise DataError where a table holds something else than it did."""
    for name in sorted(before.tables.keys() | now.tables.keys()):
        old, new = before.tables.get(name, "none"), now.tables.get(name, "none")
        if old != new:
            raise DataError(
                f"{flag_of(name)}: holds something else than the table of the run in {directory}: its SHA-256 is "
                f"{new[:12]}, and was {old[:12]}; give that table, or begin anew without --resume"
            )


def _progress(checkpoint: Checkpoint) -> str:
    """Say how far a run is."""
    every = list(checkpoint.networks.values())
    if len(every) == 1 and every[0].trains:
        return f"epoch {every[0].record.epochs:,} is complete"
    ended = sum(not network.trains for network in every)
    return f"{ended} of {counted(len(every), 'network')} that were begun are trained"


def _shown(value: Any) -> str:
    return "none" if value is None else text_of(_tuples(value))
