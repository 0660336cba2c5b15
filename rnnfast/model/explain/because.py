"""What raised answers above the threshold, in a few words beside each: `rnnfast predict --explain`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import TASKS
from rnnfast.data import SequenceData
from rnnfast.errors import UsageError
from rnnfast.model.explain.attribution import Explainer, Model

REASONS = 3  # of each answer


class Reasons:
    """Finds the features and steps that raised the output of rows at or above the threshold.

    Raises UsageError for a model without a threshold.
    """

    def __init__(self, model: Model) -> None:
        if not TASKS[model.schema.task].threshold:
            raise UsageError(
                f"--explain: reasons stand beside rows at or above the threshold of two classes; this model predicts "
                f"{model.schema.task}; rnnfast explain shows what any answer follows from"
            )
        self.model, self.explainer = model, Explainer(model)

    @property
    def names(self) -> list[str]:
        """The columns."""
        return [f"{name}_because_{k}" for name in self.model.schema.answers for k in range(1, REASONS + 1)]

    def columns(self, data: SequenceData, steps: NDArray[np.int64], answers: NDArray[Any]) -> dict[str, list[str]]:
        """Return the columns for some rows of data: "V14 at -2: +1.31", or "" below the threshold.

        answers: (rows, O) probabilities of all rows of data. A step counts from the row, which is 0; the number is what
        the feature adds to the logit there.
        """
        columns = {name: [""] * len(steps) for name in self.names}
        line, output = np.nonzero(answers[steps] >= self.model.threshold)
        for one in self.explainer.explain(data, steps[line], output) if len(line) else ():
            answer = self.model.schema.answers[output[one.place]]
            flat = one.attribution.reshape(-1)
            for k, place in enumerate(np.argsort(-flat, kind="stable")[:REASONS].tolist(), 1):
                if flat[place] > 0:
                    step, feature = divmod(place, len(self.explainer.features))
                    text = f"{self.explainer.features[feature].name} at {step - one.own}: {flat[place]:+.3g}"
                    columns[f"{answer}_because_{k}"][line[one.place]] = text
        return columns
