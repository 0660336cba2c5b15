"""The explanations of chosen answers of a table, one after the other, and what they say together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rnnfast.data import Sequences
from rnnfast.data.sequences.trailing import without_requests
from rnnfast.model.explain.attribution import Explainer, Model, outputs_of
from rnnfast.model.explain.integrals import TOLERANCE
from rnnfast.model.explain.lines import columns_of
from rnnfast.model.explain.report import AttributionReport, Totals
from rnnfast.model.explain.selection import Selection
from rnnfast.model.outlook import Outlook
from rnnfast.records import UNSET

FIELDS = ("x", "time", "ids")  # what is read of a table to explain its answers
OF_ENSEMBLES = "of an ensemble the mean of the networks' raw outputs is explained, not that of their probabilities"
OF_CHANGES = "the network learned changes: what is explained is the change of the target, scaled"


class Explained:
    """The explanations of some answers of a table; iterating makes them and yields columns of each.

    totals: of those that were made.
    """

    def __init__(self, model: Model, explainer: Explainer, data: Sequences, selection: Selection) -> None:
        data = without_requests(data, data, model.config.data).in_context(model.context_of(data.schema))
        self.model, self.explainer, self.data, self.selection = model, explainer, data, selection
        self.totals = Totals([feature.name for feature in explainer.features])
        self.name, self.first, self.lines = "", ("", -1), 0

    def __iter__(self) -> Iterator[dict[str, list[Any]]]:
        """Yield the columns of each explanation."""
        model, outlook = self.model, Outlook(self.model.schema, self.model.encoder, self.model.config.data, self.data)
        for block, rows in self.selection.rows(self.data, FIELDS, model.architecture.stride):
            readable = outlook.readable(block)
            outputs, self.name = outputs_of(model, readable, rows, self.explainer.method.answer)
            for one in self.explainer.explain(readable, rows, outputs):
                columns = columns_of(self.explainer, block, rows, one)
                if not self.totals.count:
                    named = columns[next(iter(columns))][0] if model.schema.id is not None else ""
                    self.first = named, int(columns["explained"][0])
                self.totals.add(one)
                self.lines += len(columns["row"])
                yield columns

    def report(self, output: str | None = None) -> AttributionReport:
        """Return what the explanations that were made say together."""
        totals, model, features = self.totals, self.model, self.totals.shares()
        words = []
        if len(model.members) > 1 and model.schema.classes:
            words.append(OF_ENSEMBLES)
        if model.schema.difference:
            words.append(OF_CHANGES)
        if totals.error > TOLERANCE:
            words.append(
                f"attributions differ from the change of the output by up to {100 * totals.error:.2g} % of it, "
                f"with {totals.points} points: the network bends sharply between the baseline and the row"
            )
        single = totals.count == 1
        return AttributionReport(
            task=model.schema.task,
            answer=self.name,
            explained=totals.count,
            sequences=self.data.sequences,
            baseline=self.explainer.method.baseline,
            start=totals.start / totals.count,
            end=totals.end / totals.count,
            error=totals.error,
            points=totals.points,
            steps=tuple(sorted(totals.steps)),
            features=features,
            id=self.first[0] if single and model.schema.id is not None else UNSET,
            row=self.first[1] if single else UNSET,
            output=UNSET if output is None else output,
            lines=UNSET if output is None else self.lines,
            notes=tuple(words),
        )
