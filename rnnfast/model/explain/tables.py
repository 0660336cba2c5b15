"""Explanations of a saved model's answers to tables: `rnnfast explain`."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnfast.config.sections import DataConfig
from rnnfast.data import Sequences
from rnnfast.data.encoding.substitutions import sentences
from rnnfast.data.sequences.trailing import without_requests
from rnnfast.model.explain.attribution import Explainer, outputs_of
from rnnfast.model.explain.importance import Importance, importance
from rnnfast.model.explain.integrals import POINTS, TOLERANCE
from rnnfast.model.explain.lines import columns_of, kinds_of, text_of
from rnnfast.model.explain.report import AttributionReport, Totals
from rnnfast.model.explain.selection import Selection
from rnnfast.model.outlook import Outlook
from rnnfast.model.output import check_output, opened
from rnnfast.model.predictions import PREDICTED, prediction_request
from rnnfast.model.tables import check_part, open_files, part_of, scoring_request
from rnnfast.records import UNSET

if TYPE_CHECKING:
    from rnnfast.model import Model
    from rnnfast.reporter import Reporter

OF_ENSEMBLES = "of an ensemble the mean of the networks' raw outputs is explained, not that of their probabilities"
OF_CHANGES = "the network learned changes: what is explained is the change of the target, scaled"


def explain_table(
    model_path: str | Path,
    data_paths: Sequence[str],
    output: str | Path | None = None,
    *,
    selection: Selection | None = None,
    answer: str | None = None,
    baseline: str = "mean",
    points: int = POINTS,
    part: str = "all",
    force: bool = False,
    config: DataConfig | None = None,
    reporter: Reporter | None = None,
) -> AttributionReport:
    """Explain answers of a saved model to tables; no target column is needed.

    output: a file for a line of each step and feature, .csv, .csv.gz or .parquet; '-' for CSV on stdout; None for none.
    selection: which answers; answer, baseline, points: as of `outputs_of` and `Explainer`; others as in `predict_table`.
    Raises UsageError for what the model does not know, and DataError where the table has no such row.
    """
    from rnnfast.model import load

    check_part(part)
    if output is not None:
        check_output(output, force)
    model, selection = load(model_path), selection or Selection()
    selection.check(model.schema)
    explainer = Explainer(model, baseline, points)
    request = prediction_request(model, config or DataConfig(), part)
    with ExitStack() as context:
        data = open_files(list(data_paths), request, context, reporter)
        if reporter is not None:
            for note in data.notes:
                reporter.notice(note)
        if part != "all":
            data = part_of(model, data, part)
        explained = Explained(model, explainer, data, selection, answer)
        if output is None:
            for _ in explained:
                pass
        else:
            with opened(output, kinds_of(model.schema)) as stream:
                lines = csv.writer(stream, lineterminator="\n")
                for columns in explained:
                    columns["value"] = [text_of(value) for value in columns["value"]]
                    columns["attribution"] = [f"{value:.9g}" for value in columns["attribution"]]
                    lines.writerows(zip(*columns.values(), strict=True))
        return explained.report(baseline, output)


class Explained:
    """The explanations of some answers of a table; iterating makes them and yields columns of each.

    totals: of those that were made.
    """

    def __init__(
        self, model: Model, explainer: Explainer, data: Sequences, selection: Selection, answer: str | None = None
    ) -> None:
        data = without_requests(data, data, model.config.data).in_context(model.context_of(data.schema))
        self.model, self.explainer, self.data, self.selection, self.answer = model, explainer, data, selection, answer
        self.totals = Totals([feature.name for feature in explainer.features])
        self.name, self.first, self.lines = "", ("", -1), 0

    def __iter__(self) -> Iterator[dict[str, list[Any]]]:
        """Yield the columns of each explanation."""
        model, outlook = self.model, Outlook(self.model.schema, self.model.encoder, self.model.config.data, self.data)
        for block, rows in self.selection.rows(self.data, PREDICTED, model.architecture.stride):
            readable = outlook.readable(block)
            outputs, self.name = outputs_of(model, readable, rows, self.answer)
            for one in self.explainer.explain(readable, rows, outputs):
                columns = columns_of(self.explainer, block, rows, one)
                if not self.totals.count:
                    named = columns[next(iter(columns))][0] if model.schema.id is not None else ""
                    self.first = named, int(columns["explained"][0])
                self.totals.add(one)
                self.lines += len(columns["row"])
                yield columns

    def report(self, baseline: str, output: str | Path | None = None) -> AttributionReport:
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
            baseline=baseline,
            start=totals.start / totals.count,
            end=totals.end / totals.count,
            error=totals.error,
            points=totals.points,
            steps=tuple(sorted(totals.steps)),
            features=features,
            id=self.first[0] if single and model.schema.id is not None else UNSET,
            row=self.first[1] if single else UNSET,
            output=UNSET if output is None else str(output),
            lines=UNSET if output is None else self.lines,
            notes=tuple(words),
        )


def importance_table(
    model_path: str | Path,
    data_paths: Sequence[str],
    output: str | Path | None = None,
    *,
    groups: Sequence[str] = (),
    repeats: int = 5,
    seed: int = 0,
    part: str = "all",
    force: bool = False,
    config: DataConfig | None = None,
    reporter: Reporter | None = None,
) -> Importance:
    """Tell how much worse a saved model scores tables where a feature is exchanged between sequences.

    output: as of `explain_table`, a line for each feature; groups, repeats, seed: as of `importance`; others as in
    `evaluate_table`.
    """
    from rnnfast.model import load

    check_part(part)
    if output is not None:
        check_output(output, force)
    model = load(model_path)
    with ExitStack() as context:
        data = open_files(data_paths, scoring_request(model, part, config or DataConfig()), context, reporter)
        whole = without_requests(data if part == "all" else part_of(model, data, part), data, model.config.data)
        sample = whole.in_context(model.context_of(whole.schema)).sample(model.config.train.seed)
        if reporter is not None:
            for text in (*data.notes, *sentences(model.substitutions(sample))):
                reporter.notice(text)
        result = importance(model, sample, groups=groups, repeats=repeats, seed=seed)
    if output is not None:
        write_importance(result, output)
    return result


def write_importance(result: Importance, output: str | Path) -> None:
    """Write a line for each feature, group and the order of the steps."""
    kinds = {"feature": "text", "kind": "text", "metric": "text", "score": "float64", "drop": "float64"}
    with opened(output, kinds | {"spread": "float64"}) as stream:
        lines = csv.writer(stream, lineterminator="\n")
        for one in result.entries:
            lines.writerow((one.feature, one.kind, result.metric, repr(result.score), repr(one.drop), repr(one.spread)))
