"""What a preset knows of the table that trains."""

from __future__ import annotations

from dataclasses import dataclass

from rnnfast.data import Schema, Sequences
from rnnfast.display import counted


@dataclass(frozen=True)
class Size:
    """What a preset knows of a table.

    task: a name of the catalogue. sequences, rows: of the training part; steps: of its median sequence; outputs:
    answers of a step; classes: 0 for quantities. per_step: whether each step has a label, else each
    sequence. weighted: whether labels weigh differently. mergeable: whether there is a validation part that was cut
    from the same table, which --refit could train on; validated: whether there is any. persistent: the targets where
    their last known values are inputs and foretell them better than their means do (persistence.py), else ().
    """

    task: str
    sequences: int
    rows: int
    steps: int
    outputs: int
    classes: int = 0
    per_step: bool = True
    weighted: bool = False
    mergeable: bool = False
    validated: bool = True
    persistent: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, part: Sequences, weighted: bool, mergeable: bool, persists: bool = False, validated: bool = True
    ) -> Size:
        """Measure the part that trains."""
        schema: Schema = part.schema
        return cls(
            task=schema.task,
            sequences=part.sequences,
            rows=part.rows,
            steps=int(sorted(part.lengths.tolist())[part.sequences // 2]),
            outputs=len(schema.answers),
            classes=len(schema.classes),
            per_step=schema.predict != "last",
            weighted=weighted,
            mergeable=mergeable,
            validated=validated,
            persistent=schema.targets if persists else (),
        )

    def __str__(self) -> str:
        """Say it in a phrase."""
        quantities = "1 quantity" if self.outputs == 1 else f"{self.outputs:,} quantities"
        what = f"{self.classes:,} classes" if self.classes else quantities
        return f"{counted(self.sequences, 'sequence')} of {counted(self.steps, 'step')}, {what}"
