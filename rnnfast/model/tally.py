"""What a forecast leaves out, counted block after block, so that a table says the same in one block and in many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rnnfast.data import Schema
from rnnfast.data.columns.horizon import steps_ahead
from rnnfast.data.sources.source import listing


@dataclass
class Tally:
    """Counts of ids and steps.

    ids: that may ask; silent: those of them without a row that asks; unknown: without any value of a target that is an
    input; short: steps whose id is too short. beyond: rows ask for more than the model answers; between: steps are no
    horizons; untimed: times have no step.
    """

    ids: int = 0
    silent: int = 0
    unknown: int = 0
    short: int = 0
    beyond: bool = False
    between: bool = False
    untimed: bool = False

    def notes(self, schema: Schema) -> Iterator[str]:
        """Say what is worth knowing."""
        if 0 < self.silent < self.ids:
            yield f"{self.silent:,} of {self.ids:,} ids have no row that asks (with an empty target) at their end"
        if self.unknown:
            yield f"{self.unknown:,} ids without any value of {listing(schema.targets)} are left out"
        if self.beyond:
            yield f"rows that ask for more are left out: {beyond(schema)}"
        if self.between:
            yield (
                f"the model answers {steps_ahead(schema)}: steps between are answered from earlier rows, "
                "each by the next longer horizon"
            )
        if self.short:
            steps_are = "step is" if self.short == 1 else "steps are"
            yield f"{self.short:,} {steps_are} left out: the id is too short to answer from"
        if self.untimed:
            yield f"the times of {schema.time!r} have no step that could be continued: such cells stay empty"


def beyond(schema: Schema) -> str:
    """Say what the steps beyond the farthest horizon would need."""
    needs = (*schema.features, *(f"{name} (the last known one)" for name in schema.targets if schema.lag_target))
    return (
        f"the model answers {steps_ahead(schema)}; beyond that it would need the future of its inputs, {listing(needs)}"
    )
