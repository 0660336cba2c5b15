"""A model that answers rows as they come, each with the state of its id.

What tables do to a row is done here with what is remembered of the row before it, and the network goes on from a stored
state. So an answer is that of `predict` for the rows of the id up to it, and costs one step.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import time
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnfast.data.reading.live import ONLY_ID, LiveRows
from rnnfast.errors import DataError
from rnnfast.model.answers import Answers
from rnnfast.model.linear_part import Beside
from rnnfast.model.live.ahead import Ahead
from rnnfast.model.live.averages import LiveAverages
from rnnfast.model.live.checks import check_stream
from rnnfast.model.live.convolutions import LiveConvolutions
from rnnfast.model.live.inputs import Inputs
from rnnfast.model.live.memory import Memory
from rnnfast.model.live.places import LivePlaces
from rnnfast.model.live.quick import Quick
from rnnfast.model.live.rows import read_rows
from rnnfast.model.live.segments import Segments, in_order, late, segments
from rnnfast.model.live.slots import Slots
from rnnfast.model.live.windows import Windows
from rnnfast.model.outlook import ahead_names
from rnnfast.network.alignment import on_cache_line
from rnnfast.network.front import reach_of
from rnnfast.network.layout import Layout

Model = Any  # rnnfast.model.Model, whose module needs this one

MOST_IDS = 100_000
SECOND = 10**9  # nanoseconds


class Answered(NamedTuple):
    """What a stream answers to rows.

    answers: of all rows, NaN where `late`. steps: (rows,) rows that the state has seen, this one among them. age:
    (rows,) seconds since the row of the id before came, NaN where there is none. late: (rows,) rows that are not after
    those of their id before, which nothing is made of. ahead: (rows, horizons) times that answers are for, None where
    these are unknown; of models without a horizon (rows, 0).
    """

    answers: Answers
    steps: NDArray[np.int64]
    age: NDArray[np.float64]
    late: NDArray[np.bool_]
    ahead: NDArray[np.object_]


class Stream:
    """Answers rows with the state of each id; `Model.stream` makes one.

    max_ids: states that are kept; the least recently used one goes first. ttl: seconds without a row after which a
    state is forgotten, None: never. max_gap: of times of an id, in seconds for dates, else in the unit of the time;
    after more its sequence begins anew; None: never. ahead: whether `advance` tells the times that answers are for.

    Example:
        >>> import numpy as np, pandas as pd, rnnfast
        >>> table = pd.DataFrame({"id": [k // 4 for k in range(80)], "x": range(80), "y": [0, 1] * 40})
        >>> model = rnnfast.train(table, id="id", target="y", hidden=4, epochs=1).model
        >>> stream = model.stream(max_ids=1000)
    """

    def __init__(
        self,
        model: Model,
        max_ids: int = MOST_IDS,
        ttl: float | None = None,
        max_gap: float | None = None,
        ahead: bool = False,
    ) -> None:
        check_stream(model, max_ids, ttl, max_gap)
        from rnnfast.kernels.run.stepper import Stepper, Turns

        self.model, self.schema, self.task = model, model.schema, model.task
        self.ttl, self.max_gap, self._turns = ttl, max_gap, Turns
        self.slots, self.memory = Slots(max_ids), Memory(max_ids)
        architecture = model.architecture
        layout, dtype = Layout(architecture), architecture.dtype
        context, reach = model.context_of(self.schema), reach_of(architecture.front)
        beside, self._added = Beside.of(model), list[LiveAverages | LivePlaces | LiveConvolutions]()
        if part := beside.linear_part:
            self._added += [LiveAverages(part.averages, self.memory)] if part.averages else []
            self._added += [LivePlaces(part.places, self.memory)] if part.places else []
            if part.convolutions:
                self._added.append(LiveConvolutions(part.convolutions, architecture.features, dtype, self.memory))
            beside = beside._replace(linear_part=part.of_two_rows)
        self._inputs = Inputs(self.schema, beside, dtype, self.memory)
        last = self.schema.predict == "last"
        self._windows = Windows(context, reach, last, architecture.features, dtype, self.memory)
        self._steppers = [Stepper(architecture, layout.flatten(tensors, dtype)) for tensors in model.members]
        for k, stepper in enumerate(self._steppers):
            self.memory.add(f"state {k}", (stepper.width,), dtype)
        self._ahead = Ahead(self.schema, self.memory) if ahead and ahead_names(self.schema) else None
        self._quick: Quick | None = None
        goes_on = not (self._windows.most or (self._windows.alone and architecture.remembers))
        convolutions = [one for one in self._added if isinstance(one, LiveConvolutions)]
        if self._inputs.plain and goes_on and self._added == convolutions and len(self._steppers) == 1:
            self._quick = Quick(
                self._steppers[0], model.encoder.scaler, self.memory, "state 0", model.linear_part, *convolutions
            )
        self.dates: bool | None = None  # whether times are dates; None before the first
        self.counts = {"rows": 0, "late": 0, "expired": 0, "resets": 0}

    def step(self, id: Any, row: Any) -> NDArray[Any]:
        """Answer one row; a model without id takes any.

        row: its features as numbers in the order of `model.schema.features`, or a mapping from column to cell, which
        may name the time, and has to where inputs are made of it.
        Returns: the answer (O,), as of `Model.predict`; NaN for a row that is late. Raises DataError for cells that
        cannot be used; the state is what it was before then.
        >>> stream.step("card 7", [3.5]).shape, stream.step("card 7", {"x": 4}).shape
        ((1,), (1,))
        """
        quick = self._quick
        if quick is None or (type(row) is not np.ndarray and isinstance(row, Mapping)):
            return np.asarray(self.step_many([id], [row])[0])
        quick.read(row)
        now = time()
        if self.ttl is not None:
            self._expire(now)
        slots = self.slots
        name = ONLY_ID if self.schema.id is None else str(id)
        slot = slots.of.get(name)
        if slot is None:
            slot = slots.assign([name], 0)[0][0]
            self.reserve()
            self.memory["steps"][slot] = 0
        else:
            slots.use(name)
        self.counts["rows"] += 1
        answer: NDArray[Any] = self.task.answer(quick.step(slot, now))
        return answer

    def step_many(self, ids: Any, rows: Any) -> NDArray[Any]:
        """Answer rows in their order, as `step` does one after the other.

        ids: (rows,); rows: (rows, F) numbers, a list of rows as `step` takes them, or a DataFrame.
        Returns: (rows, O). Raises DataError as `step`; no row has an answer then.
        >>> stream.step_many(["a", "b", "a"], np.ones((3, 1))).shape
        (3, 1)
        """
        return np.asarray(self.advance(read_rows(ids, rows, self.schema)).answers.values)

    def reset(self, id: Any = None) -> None:
        """Forget the state of an id, or of all.
        >>> stream.reset("card 7")
        """
        names = list(self.slots.of) if id is None else [str(id)] if str(id) in self.slots.of else []
        for name in names:
            self.slots.drop(name)
        self.counts["resets"] += len(names)

    def stats(self) -> dict[str, int]:
        """Return how many rows came, how many of them were late, and what became of states.
        >>> sorted(stream.stats())
        ['evicted', 'expired', 'ids', 'late', 'resets', 'rows']
        """
        return {**self.counts, "ids": len(self.slots.of), "evicted": self.slots.evicted}

    def advance(self, rows: LiveRows) -> Answered:
        """Answer rows that were read, in their order.
        >>> stream.advance(read_rows(["c", "d"], [[1.0], [2.0]], stream.schema)).steps
        array([1, 1])
        """
        now, count = time(), len(rows.ids)
        self._expire(now)
        self._check_times(rows)
        outputs = np.full(
            (len(self._steppers), count, self.schema.outputs), np.nan, self._steppers[0].architecture.dtype
        )
        if self.schema.difference or self.model.linear_part is not None:
            outputs = outputs.astype(np.float64)
        steps, age, is_late = np.zeros(count, np.int64), np.full(count, np.nan), np.zeros(count, bool)
        ahead, first = np.full((count, len(ahead_names(self.schema))), None, object), 0
        while first < count:
            slots, new = self.slots.assign(rows.ids, first)
            self.reserve()
            self.memory["steps"][new] = 0
            here = self._in_order(rows, np.array(slots, np.int64), first, is_late)
            if len(here.order):
                raw = self._outputs(rows, here)
                outputs[:, here.order] = raw
                if self._ahead is not None and rows.time is not None:
                    ahead[here.order] = self._ahead.times(rows.time, here)
                self._account(rows, here, now, steps, age)
            first += len(slots)
        self.counts["rows"] += count
        self.counts["late"] += int(is_late.sum())
        return Answered(self._answers(outputs), steps, age, is_late, ahead)

    def reserve(self) -> None:
        """Make room in the memory for all slots.
        >>> stream.reserve()
        """
        if self.memory.reserve(self.slots.size) and self._quick is not None:
            self._quick.prepare()

    def set_dates(self, dates: bool) -> None:
        """Say what times are, before the first of them.
        >>> stream.set_dates(False)
        """
        self.dates = dates
        if dates:  # nanoseconds need all their digits
            self.memory.add("key", (), np.int64)

    def no_answers(self) -> Answers:
        """Return the answers to no rows.
        >>> stream.no_answers().values.shape
        (0, 1)
        """
        outputs = np.zeros((len(self._steppers), 0, self.schema.outputs))
        return self._answers(outputs)

    def _answers(self, outputs: NDArray[Any]) -> Answers:
        """Return what raw outputs (members, rows, O) mean."""
        deviations = self.task.spread(outputs) if len(outputs) > 1 else None
        return Answers(self.task.answers(self.task.average(outputs)), deviations)

    def _expire(self, now: float) -> None:
        """Forget states that waited for longer than `ttl`; the least recently used one stands first."""
        if self.ttl is None:
            return
        of, arrived = self.slots.of, self.memory["arrived"]
        while of and now - arrived[of[name := next(iter(of))]] > self.ttl:
            self.slots.drop(name)
            self.counts["expired"] += 1

    def _check_times(self, rows: LiveRows) -> None:
        """Take note of what times are; raises DataError where they become something else."""
        if rows.key is None:
            return
        if self.dates is None:
            self.set_dates(rows.dates)
        if self.dates != rows.dates:
            kinds = ("numbers", "dates")
            raise DataError(
                f"column {self.schema.time!r} holds {kinds[rows.dates]} and held {kinds[not rows.dates]} before; "
                "write all times in one way"
            )

    def _in_order(self, rows: LiveRows, slots: NDArray[np.int64], first: int, is_late: NDArray[np.bool_]) -> Segments:
        """Order the rows from number `first` on by their slots, without those that are late. Writes: is_late."""
        memory, order, breaks = self.memory, in_order(slots), None
        slots, order = slots[order], order + first
        if rows.key is not None:
            key, newest = rows.key[order], memory["key"]
            ties = self.model.config.data.ties == "keep"
            behind = late(slots, key, newest, memory["steps"], ties)
            is_late[order[behind]] = True
            slots, order, key = slots[~behind], order[~behind], key[~behind]
            if self.max_gap is not None and len(slots):
                goes_on = slots[1:] == slots[:-1]
                before = np.append(newest[slots[0]], np.where(goes_on, key[:-1], newest[slots[1:]]))
                breaks = key - before > self.max_gap * (SECOND if self.dates else 1)
        return segments(slots, memory["steps"], breaks, order)

    def _outputs(self, rows: LiveRows, here: Segments) -> NDArray[Any]:
        """Return raw outputs (members, rows, O) in the order of the segments. Writes: the memory."""
        encoded = self._inputs.encode(rows, here)
        pieces = self._windows.pieces(encoded.inputs, here)
        turns = self._turns(pieces.offsets, pieces.slot, pieces.begin, pieces.fresh)
        outputs = []
        for k, stepper in enumerate(self._steppers):
            dtype = stepper.architecture.dtype
            out = np.zeros(len(pieces.inputs) * stepper.architecture.outputs, dtype)
            states = self.memory[f"state {k}"].reshape(-1)
            stepper.call(turns, on_cache_line(pieces.inputs, dtype), states, out)()
            outputs.append(out.reshape(len(pieces.inputs), -1)[pieces.answers])
        together = self._inputs.beside.added(np.stack(outputs), encoded.base)
        for one in self._added:
            together = together + one.added(pieces)
        return together

    def _account(
        self, rows: LiveRows, here: Segments, now: float, steps: NDArray[np.int64], age: NDArray[np.float64]
    ) -> None:
        """Count the steps of states, and take the time. Writes: steps, age (rows,) and the memory."""
        memory, slot, ends = self.memory, here.slot, here.offsets[1:] - 1
        number = np.arange(len(here.order)) - here.of_rows(here.offsets[:-1])
        steps[here.order] = here.of_rows(here.steps) + number + 1
        waited = np.where(
            number > 0, 0.0, here.of_rows(np.where(here.steps > 0, now - memory["arrived"][slot], np.nan))
        )
        age[here.order] = waited
        memory["steps"][slot[here.last]] = (here.steps + here.lengths)[here.last]
        memory["arrived"][slot] = now
        if rows.key is not None:
            memory["key"][slot[here.last]] = rows.key[here.order[ends[here.last]]]
