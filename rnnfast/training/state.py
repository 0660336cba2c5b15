"""The state of a network's training: taken between two calls of the kernel, and put back in another process.

Arrays, all (size,) in the order of the kernels:

    parameters      weights now, or the chosen ones of a training that has ended
    m, v            moments of the optimizer, (1,) where it has none
    good            weights before the epoch that runs
    remembered.N    the best weights that patience remembers

and those of `Loop.more`.
"""

from __future__ import annotations

import hashlib
from typing import Any

from rnnfast.checkpoint.record import Divergence, Network, NetworkRecord, Progress
from rnnfast.checkpoint.record import Place as PlaceRecord
from rnnfast.errors import DivergedError, ModelError
from rnnfast.records import UNSET, UnsetType, shown
from rnnfast.training.feed import Place
from rnnfast.training.loop import Loop

REMEMBERED = "remembered"
GENERATOR = "PCG64"
SPLITS = ("train", "valid")


def start_of(loop: Loop) -> str:
    """Return a digest of what a training begins with: the network, and its weights before the first epoch."""
    architecture = loop.model.architecture
    digest = hashlib.sha256(repr((architecture.cell.digest, loop.trainer.layout.entries())).encode())
    digest.update(loop.trainer.parameters.tobytes())
    return digest.hexdigest()


def taken(loop: Loop, start: str) -> Network:
    """Take a copy of a state; start: of `start_of`."""
    fit, trainer, schedule, stopping = loop.fit, loop.trainer, loop.schedule, loop.stopping
    arrays = {"parameters": trainer.parameters.copy()}
    progress: Progress | UnsetType = UNSET
    if not loop.ended:
        progress = Progress(
            place=_place_record(loop.feed.place),
            updates=tuple(trainer.state.updates.tolist()),
            rate=(schedule.factor, schedule.best, schedule.waited),
            stopping=(stopping.best_cost, stopping.waited),
            remembered=tuple((cost, epoch) for cost, epoch, _ in stopping.best),
        )
        arrays |= {"m": trainer.state.m.copy(), "v": trainer.state.v.copy(), "good": loop.good.copy()}
        arrays |= loop.more
        # Nobody writes to weights that are remembered.
        arrays |= {f"{REMEMBERED}.{n}": weights for n, (_, _, weights) in enumerate(stopping.best)}
    error = fit.diverged
    record = NetworkRecord(
        start=start,
        epochs=fit.epochs,
        best_epoch=stopping.best_epoch if not loop.ended else fit.best_epoch,
        stopped=fit.stopped,
        history=tuple(fit.history),
        seconds=(fit.train_seconds, fit.eval_seconds, loop.elapsed),
        clipped=fit.clipped,
        diverged=UNSET if error is None else Divergence(message=str(error), epoch=error.epoch, step=error.step),
        progress=progress,
    )
    return Network(record, arrays)


def put_back(loop: Loop, network: Network, start: str) -> None:
    """Give a loop that has not begun the state of another one; start: of `start_of`.

    Raises ModelError for a state of a network that begins with something else.
    """
    record, fit, trainer = network.record, loop.fit, loop.trainer
    if record.start != start:
        raise ModelError(
            "the checkpoint is of a network that begins with other weights or equations: the file of --cell or of "
            "--init-from has changed, or another processor lays weights out in another way; train anew"
        )
    try:
        trainer.parameters[:] = _array(network, "parameters", trainer.parameters)
        if not isinstance(record.progress, UnsetType):
            _go_on(loop, record.progress, network)
        _check_history(record)
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise ModelError(f"the checkpoint does not fit its network ({error}); train anew") from None
    fit.epochs, fit.best_epoch, fit.stopped = record.epochs, record.best_epoch, record.stopped
    fit.history = list(record.history)
    fit.train_seconds, fit.eval_seconds, loop.elapsed = record.seconds
    fit.clipped = record.clipped
    if not isinstance(record.diverged, UnsetType):
        fit.diverged = DivergedError(record.diverged.message, record.diverged.epoch, record.diverged.step)


def _go_on(loop: Loop, progress: Progress, network: Network) -> None:
    """Put back what training needs to go on."""
    trainer, schedule, stopping = loop.trainer, loop.schedule, loop.stopping
    for name, moments in (("m", trainer.state.m), ("v", trainer.state.v)):
        moments[:] = _array(network, name, moments)
    trainer.state.updates[:] = progress.updates
    loop.good = _array(network, "good", trainer.parameters)
    loop.more = {name: _array(network, name, array) for name, array in loop.more.items()}
    loop.feed.place = _place(progress.place)
    schedule.factor, schedule.best, schedule.waited = progress.rate
    stopping.best_cost, stopping.waited = progress.stopping
    stopping.best_epoch = network.record.best_epoch
    stopping.best = [
        (cost, epoch, _array(network, f"{REMEMBERED}.{n}", trainer.parameters))
        for n, (cost, epoch) in enumerate(progress.remembered)
    ]


def _array(network: Network, name: str, like: Any) -> Any:
    """Return an array of a network. Raises KeyError or ValueError where there is none of that kind."""
    values = network.arrays[name]
    if (values.shape, values.dtype) != (like.shape, like.dtype):
        raise ValueError(f"{name} is {values.shape} {values.dtype}: expected {like.shape} {like.dtype}")
    return values


def _check_history(record: NetworkRecord) -> None:
    """Raise ValueError or KeyError for a row of the history that is none."""
    for row in record.history:
        if not isinstance(row["epoch"], int) or not isinstance(row["loss"], float | None) or row["split"] not in SPLITS:
            raise ValueError(f"history holds {shown(row)}")


def _place_record(place: Place) -> PlaceRecord:
    """Return a place as a checkpoint has it: numbers of 128 bits are words."""
    state: Any = place.generator
    now, increment = state["state"]["state"], state["state"]["inc"]
    return PlaceRecord(
        generator=(f"{now:x}", f"{increment:x}", f"{state['has_uint32']:x}", f"{state['uinteger']:x}"),
        epoch=place.epoch,
        block=place.block,
        updates=place.updates,
        loss=place.loss,
        mass=place.mass,
        steps=place.steps,
    )


def _place(record: PlaceRecord) -> Place:
    """Return the place of a record. Raises ValueError for words that are no state of a generator."""
    state, increment, has_rest, rest = (int(word, 16) for word in record.generator)
    generator = {"bit_generator": GENERATOR, "state": {"state": state, "inc": increment}}
    return Place(
        generator={**generator, "has_uint32": has_rest, "uinteger": rest},
        epoch=record.epoch,
        block=record.block,
        updates=record.updates,
        loss=record.loss,
        mass=record.mass,
        steps=record.steps,
    )
