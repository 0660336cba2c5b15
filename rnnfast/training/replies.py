"""What a trained network answers to the rows that a part is scored by, asked once for all stages that look at it.

Temperature, threshold and intervals follow from answers to the validation part, and its scores are of the same rows.
What is kept are the outputs of each network as they are: a temperature changes what the mean of several networks is,
and their spread.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from rnnfast.data import SequenceData, Sequences
from rnnfast.model import Model
from rnnfast.model.questions import scored_rows
from rnnfast.tasks.outcomes import Outcomes


class Replies:
    """A model whose weights stand, and the sequences that it is asked about.

    sample: with the rows around, as of `sample_of`.
    """

    def __init__(self, model: Model, sample: SequenceData) -> None:
        self.model, self.sample = model, sample

    @cached_property
    def data(self) -> SequenceData:
        """The sequences with each row once."""
        return scored_rows(self.sample)

    @cached_property
    def outputs(self) -> NDArray[Any]:
        """Outputs (members, rows, O) of each network."""
        return self.model.questions(self.data).outputs(self.model.committee())

    def outcomes(self) -> Outcomes:
        """Return the answers by the temperature and the threshold that the model has by now."""
        return self.model.outcomes(self.data, self.outputs)


def sample_of(model: Model, part: Sequences, seed: int) -> SequenceData:
    """Give the sequences of a part that are scored, with the rows around."""
    sample: SequenceData = part.in_context(model.context_of(part.schema)).sample(seed)
    return sample
