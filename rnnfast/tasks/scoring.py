"""Scoring the outputs of a network on sequences: loss, metrics, and the naive answers beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnfast.catalogue import LOSS, metrics_of
from rnnfast.data import SequenceData
from rnnfast.data.columns.horizon import steps_ahead
from rnnfast.errors import DataError
from rnnfast.metrics.evaluation import Baseline, Evaluation, Repeated, Scores
from rnnfast.metrics.loss import mean_loss
from rnnfast.records import UNSET
from rnnfast.tasks.base import Floats, Task
from rnnfast.tasks.outcomes import Outcomes, Rival, weighty

Steps = NDArray[np.bool_]


@dataclass(frozen=True)
class Scorer:
    """Scores one model.

    class_weights: of each class in the loss, () for all alike. summed: whether reported losses are sums over the steps
    of a sequence, for the mean sequence, else means over steps.
    """

    task: Task
    class_weights: tuple[float, ...] = ()
    summed: bool = False

    def step_weights(
        self, y: Floats, labelled: Steps, of_row: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Weight of each step in the loss, (rows,): 0 where unlabelled, else that of its class times that of its row.

        y: (rows, targets); labelled, of_row: (rows,), None for rows that weigh alike.
        """
        weight = labelled.astype(np.float64)
        if self.class_weights:
            weight[labelled] = np.asarray(self.class_weights)[y[labelled, 0].astype(np.int64)]
        return weight if of_row is None else weight * of_row

    def outcomes(self, data: SequenceData, outputs: Floats, deviations: Floats | None = None) -> Outcomes:
        """Put outputs (rows, O) that a network gave for data beside its labels.

        deviations: (n, O) standard deviation of the answers of an ensemble's networks to the n labelled steps.
        """
        every = None
        if deviations is not None:
            every = np.full_like(outputs, np.nan)
            every[data.labelled] = deviations
        return Outcomes(self.task, data, outputs, every)

    def evaluate(self, outcomes: Outcomes) -> Evaluation:
        """Score what a network answered. Raises DataError where no step is labelled."""
        data, task = outcomes.data, self.task
        if not len(outcomes.y):
            schema = data.schema
            when = f" {steps_ahead(schema)} in the same part" if schema.horizon else ""
            raise DataError(
                f"{', '.join(data.source)}: no step has a value in {', '.join(schema.targets)}{when}; nothing to score"
            )
        y, raw, answers = outcomes.y, outcomes.raw, outcomes.answers
        say, weight = outcomes.say
        naive = np.broadcast_to(task.naive_outputs(), raw.shape)
        return Evaluation(
            task=task.facts.name,
            labelled_steps=len(y),
            metrics=Scores(
                self.loss(raw, y, data, outcomes.at),
                task.figures(y[say], answers[say], weight=weight),
                task.threshold(),
                task.per_target(y[say], answers[say], weight),
            ),
            confusion=task.confusion(y[say], answers[say], weight),
            baseline=Baseline(
                Scores(
                    self.loss(naive, y, data, outcomes.at), task.naive_figures(y[say], weight), task.naive_threshold
                ),
                self._repeated(data),
                self._other(outcomes, outcomes.linear),
                self._other(outcomes, outcomes.trees),
            ),
            residuals=task.residuals(y, answers),
            calibration=task.calibration(y[say], answers[say], weight),
            classes=task.target.classes if task.facts.output_per_class else (),
            loss_title=task.loss_title(self._loss_kind(data)),
            meaningless=task.meaningless(y),
            weighted=weight is not None,
        )

    def quick(self, data: SequenceData, outputs: Floats, monitor: str = LOSS) -> Scores:
        """Compute the loss, a few telling metrics and the one called `monitor`, for every epoch."""
        outcomes = self.outcomes(data, outputs)
        say, weight = outcomes.say
        y = outcomes.y
        metrics = metrics_of(self.task.facts.labels, quick=True, monitor=monitor)
        figures = self.task.figures(y[say], outcomes.answers[say], metrics, weight)
        return Scores(self.loss(outcomes.raw, y, data, outcomes.at), figures)

    def total(self, outcomes: Outcomes) -> tuple[float, float]:
        """Return the sum whose share of a mass is the loss, and that mass: so losses of pieces of a table add up."""
        data, y = outcomes.data, outcomes.y
        weight = self._weights(y, data, outcomes.at)
        of_steps = float(len(y) if weight is None else weight.sum())
        mass = float(data.sequences) if self.summed else of_steps
        return self.loss(outcomes.raw, y, data, outcomes.at) * mass if of_steps else 0.0, mass

    def loss(self, outputs: Floats, y: Floats, data: SequenceData, steps: Steps) -> float:
        """Loss of outputs (n, O) at n labelled steps with the labels y; steps: (rows,), which of data's they are."""
        weight = self._weights(y, data, steps)
        loss = mean_loss(self.task.target.loss, outputs, self.task.labels(y), weight)
        # The sum over the steps of a sequence, for the mean sequence
        mass = len(y) if weight is None else float(weight.sum())
        return loss * mass / data.sequences if self.summed else loss

    def _weights(self, y: Floats, data: SequenceData, steps: Steps) -> Floats | None:
        """Weight (n,) of each labelled step in the loss, None where all weigh 1; arguments as of `loss`."""
        if not self.class_weights and data.weight is None:
            return None
        return self.step_weights(y, np.ones(len(y), bool), None if data.weight is None else data.weight[steps])

    def _loss_kind(self, data: SequenceData) -> str:
        """Return "summed" or "weighted" where the loss is not the mean over all steps, else ""."""
        if self.summed:
            return "summed"
        return "weighted" if self.class_weights or data.weight is not None else ""

    def _other(self, outcomes: Outcomes, rival: Rival | None) -> Scores | None:
        """Score another baseline, at its own threshold; None without one."""
        if rival is None:
            return None
        task, y, (say, weight) = self.task.of_baseline(rival.threshold), outcomes.y, outcomes.say
        answers = np.asarray(task.answers(rival.raw), np.float64)
        return Scores(
            self.loss(rival.raw, y, outcomes.data, outcomes.at),
            task.figures(y[say], answers[say], weight=weight),
            task.threshold(),
            per_target=task.per_target(y[say], answers[say], weight),
        )

    def _repeated(self, data: SequenceData) -> Repeated | None:
        """Score the naive forecast at the labelled steps where it is known; None where the table has none."""
        if data.naive is None:
            return None
        has_forecast = data.labelled & ~np.isnan(data.naive).any(axis=1)
        y, repeated = data.y[has_forecast], data.naive[has_forecast]
        say, weight = weighty(None if data.weight is None else data.weight[has_forecast])
        loss: float | None = None
        if not self.task.facts.classes and len(y):
            loss = self.loss(self.task.labels(repeated), y, data, has_forecast)
        return Repeated(
            season=data.schema.season,
            figures=self.task.repeated_figures(y[say], repeated[say], weight),
            labelled_steps=len(y),
            loss=UNSET if self.task.facts.classes else loss,
            per_target=self.task.per_target(y[say], repeated[say], weight, repeated=True),
        )
