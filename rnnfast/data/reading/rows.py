"""Turn batches of rows into arrays with one entry per row, and say at the end what the columns mean."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from rnnfast.data.columns.features import Features
from rnnfast.data.columns.labels import Meaning
from rnnfast.data.columns.parts import groups, parts
from rnnfast.data.columns.recognition import Ordered
from rnnfast.data.columns.schema import Schema
from rnnfast.data.columns.weights import weights
from rnnfast.data.reading.notes import choice_notes, constant_note, proposals, role_notes, tie_notes
from rnnfast.data.reading.plan import Plan
from rnnfast.data.sources import dialect
from rnnfast.data.sources.table import Table


class Rows:
    """Reads the columns of a plan, batch after batch: a table in memory is one batch.

    several, as_text: as of Labels.
    """

    def __init__(self, plan: Plan, several: bool, as_text: bool = False) -> None:
        self.plan = plan
        roles, names = plan.roles, plan.names or ()
        categorical = tuple(filter(set(roles.categorical).__contains__, names))
        self.features = Features(names, categorical, plan.rules())
        self.labels = plan.labels(several, as_text)

    def add(self, batch: Table) -> dict[str, NDArray[Any]]:
        """Return x (rows, F), y (rows, targets) and, where there are such columns, weight and part, (rows,)."""
        roles = self.plan.roles
        rows: dict[str, NDArray[Any]] = {"x": self.features.add(batch), "y": self.labels.add(batch)}
        if roles.weight is not None:
            rows["weight"] = weights(batch, roles.weight)
        if roles.part is not None:
            rows["part"] = (groups if self.plan.request.groups else parts)(batch, roles.part)
        return rows

    def finish(self, ordered: Ordered) -> tuple[Meaning, Schema]:
        """Say what the targets are, and what all columns mean; ordered: as of `recognised`, of the first target."""
        meaning = self.labels.finish(ordered)
        return meaning, self.plan.schema(meaning)

    def auto_predict(self, schema: Schema) -> bool:
        """Whether the labels decide which steps are predicted."""
        is_auto = self.plan.request.schema is None and self.plan.request.config.predict == "auto"
        return is_auto and schema.id is not None and len(schema.targets) > 0 and not schema.horizon

    def proposals(self, schema: Schema) -> tuple[str, ...]:
        """Say which columns look like an id or a time, and what to type."""
        return proposals(self.plan.candidates, schema)

    def notes(self, schema: Schema, meaning: Meaning, rows: int, sequences: int, ties: int) -> tuple[str, ...]:
        """Say what was recognised, left out or chosen.

        rows, sequences: numbers of them in all; ties: rows with the time of the row before them in the same id.
        """
        plan, of_model = self.plan, self.plan.request.schema is not None
        gaps = [*self.features.gap_notes(), *tie_notes(schema, ties, advise=not of_model)]
        if of_model:
            return (*gaps, *plan.notes, *meaning.notes)
        constant = [constant_note(names)] if (names := self.features.constant) else []
        return (
            *dialect.notes(list(plan.sources)),
            *role_notes(plan.roles, schema, plan.request.groups),
            *plan.notes,
            *meaning.notes,
            *gaps,
            *constant,
            *choice_notes(schema, rows, sequences, plan.request.config),
        )
