"""Figures of results in notebooks: `result.plot.pr()` and others, objects of Altair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rnnfast.errors import UsageError
from rnnfast.metrics.evaluation import Evaluation
from rnnfast.report.content.classes import confusion, reliability
from rnnfast.report.content.course import learning
from rnnfast.report.content.events import Warnings
from rnnfast.report.content.panel import Panel
from rnnfast.report.content.places import Places
from rnnfast.report.content.residuals import residuals
from rnnfast.report.content.sequences import Drawn, of_id, worst_and_typical
from rnnfast.report.content.thresholds import Operating
from rnnfast.report.figures import chart, check_libraries
from rnnfast.tasks.outcomes import Outcomes


class Plot:
    """The figures of a result, each a chart of Altair; those of reports show the same.

    Raises RnnfastError where the extra `report` is not installed, UsageError for a figure that a result does not have.
    """

    def __init__(
        self, evaluation: Evaluation | None, history: Sequence[Mapping[str, Any]] = (), best: int = 0, loss: str = ""
    ) -> None:
        """Take what is drawn; history, best, loss: of a training run, as of `content.course.learning`."""
        check_libraries()
        self._evaluation, self._course = evaluation, (history, best, loss)

    def learning(self) -> Any:
        """Draw the loss, and the metric that says most, after each epoch."""
        return _charts(learning(*self._course), "learning(): there are no two epochs to draw; train() returns them")

    def pr(self) -> Any:
        """Draw precision beside recall, with the operating point."""
        return chart(self._operating("pr").pr(self._scores("pr")))

    def roc(self) -> Any:
        """Draw recall beside the share of negatives that raise an alarm."""
        return chart(self._operating("roc").roc(self._scores("roc")))

    def confusion(self) -> Any:
        """Draw which classes are taken for which."""
        evaluation, classes = self._scores("confusion"), self._outcomes("confusion").task.target.classes
        return _charts([confusion(evaluation, classes)], "confusion(): the labels are no classes")

    def reliability(self) -> Any:
        """Draw probabilities beside what came true."""
        evaluation = self._scores("reliability")
        outcomes = evaluation.outcomes
        names = outcomes.task.target.classes if isinstance(outcomes, Outcomes) else ()
        return _charts([reliability(evaluation, names)], "reliability(): there are no probabilities")

    def residuals(self) -> Any:
        """Draw answers beside labels, and errors by what they may depend on."""
        outcomes = self._outcomes("residuals")
        return _charts(residuals(outcomes, Places.of(outcomes)), "residuals(): the labels are classes; see confusion()")

    def events(self) -> Any:
        """Draw answers and alarms before and in runs of positive rows: all of them, and single ones."""
        outcomes = self._outcomes("events")
        threshold = outcomes.task.threshold()
        panels = [] if threshold is None else Warnings.of(outcomes, threshold).panels()
        return _charts(panels, "events(): is drawn of two classes, both among the labels")

    def sequence(self, id: Any = None) -> Any:
        """Draw the inputs of an id, the answers and the truth; by default of the one with the highest loss."""
        outcomes = self._outcomes("sequence")
        stretch = next(worst_and_typical(outcomes)) if id is None else of_id(outcomes, str(id))
        drawn = Drawn(outcomes, stretch)
        return _charts([drawn.answers(), drawn.input_panel()], "sequence(): nothing to draw")

    def _scores(self, name: str) -> Evaluation:
        if self._evaluation is None:
            raise UsageError(f"{name}(): no part was scored")
        return self._evaluation

    def _outcomes(self, name: str) -> Outcomes:
        outcomes = self._scores(name).outcomes
        if not isinstance(outcomes, Outcomes):
            raise UsageError(f"{name}(): the answers are not at hand; use model.evaluate(table).plot.{name}()")
        return outcomes

    def _operating(self, name: str) -> Operating:
        operating = Operating.of(self._outcomes(name))
        if operating is None:
            raise UsageError(f"{name}(): is drawn of two classes, both among the labels")
        return operating


def _charts(panels: Iterable[Panel | None], otherwise: str) -> Any:
    """Return a chart of all panels. Raises UsageError, which says `otherwise`, where there is none."""
    drawn = [panel for panel in panels if panel is not None]
    if not drawn:
        raise UsageError(otherwise)
    return chart(*drawn)
