"""Explanations of a saved model's answers to tables: `rnnfast explain`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from rnnfast.config.sections import DataConfig
from rnnfast.data.encoding.substitutions import sentences
from rnnfast.data.sequences.trailing import without_requests
from rnnfast.diagnose.machine import cores
from rnnfast.model.explain.attribution import Explainer, Method
from rnnfast.model.explain.explained import Explained
from rnnfast.model.explain.importance import Exchange, Importance, importance
from rnnfast.model.explain.lines import kinds_of, text_of
from rnnfast.model.explain.report import AttributionReport
from rnnfast.model.explain.selection import Selection
from rnnfast.model.output import Output, check_output, opened
from rnnfast.model.predictions import prediction_request
from rnnfast.model.tables import check_part, open_files, part_of, scoring_request

if TYPE_CHECKING:
    from rnnfast.reporter import Reporter


def explain_table(
    model_path: str | Path,
    data_paths: Sequence[str],
    output: str | Path | Output | None = None,
    *,
    selection: Selection | None = None,
    method: Method | None = None,
    part: str = "all",
    force: bool = False,
    config: DataConfig | None = None,
    reporter: Reporter | None = None,
) -> AttributionReport:
    """Explain answers of a saved model to tables; no target column is needed.

    output: a file for a line of each step and feature, .csv, .csv.gz or .parquet; '-' for CSV on stdout; None for none.
    selection: which answers; method: how, by default as these say; others as in `predict_table`.
    Raises UsageError for what the model does not know, and DataError where the table has no such row.
    """
    from rnnfast.model import load

    check_part(part)
    file = None if output is None else Output.of(output)
    if file is not None:
        check_output(file, force)
    model, selection, method = load(model_path), selection or Selection(), method or Method()
    selection.check(model.schema)
    explainer = Explainer(model, method)
    request = prediction_request(model, config or DataConfig(), part)
    with ExitStack() as context:
        data = open_files(list(data_paths), request, context, reporter)
        if reporter is not None:
            for note in data.notes:
                reporter.notice(note)
        if part != "all":
            data = part_of(model, data, part)
        if reporter is not None:
            explainer.slopes.prepare(cores(), reporter.compiling)
        explained = Explained(model, explainer, data, selection)
        if file is None:
            for _ in explained:
                pass
        else:
            with opened(file, kinds_of(model.schema)) as lines:
                for columns in explained:
                    columns["value"] = [text_of(value) for value in columns["value"]]
                    columns["attribution"] = [f"{value:.9g}" for value in columns["attribution"]]
                    lines.add(columns.values())
        return explained.report(None if file is None else file.name)


def importance_table(
    model_path: str | Path,
    data_paths: Sequence[str],
    output: str | Path | Output | None = None,
    *,
    exchange: Exchange | None = None,
    part: str = "all",
    force: bool = False,
    config: DataConfig | None = None,
    reporter: Reporter | None = None,
) -> Importance:
    """Tell how much worse a saved model scores tables where a feature is exchanged between sequences.

    output: as of `explain_table`, a line for each feature; exchange: of what, by default as it says; others as in
    `evaluate_table`.
    """
    from rnnfast.model import load

    check_part(part)
    file = None if output is None else Output.of(output)
    if file is not None:
        check_output(file, force)
    model = load(model_path)
    with ExitStack() as context:
        data = open_files(data_paths, scoring_request(model, part, config or DataConfig()), context, reporter)
        whole = without_requests(data if part == "all" else part_of(model, data, part), data, model.config.data)
        sample = whole.in_context(model.context_of(whole.schema)).sample(model.config.train.seed)
        if reporter is not None:
            for text in (*data.notes, *sentences(model.substitutions(sample))):
                reporter.notice(text)
        result = importance(model, sample, exchange or Exchange())
    if file is not None:
        write_importance(result, file)
    return result


def write_importance(result: Importance, output: Output) -> None:
    """Write a line for each feature, group and the order of the steps."""
    kinds = {"feature": "text", "kind": "text", "metric": "text", "score": "float64", "drop": "float64"}
    with opened(output, kinds | {"spread": "float64"}) as lines:
        for one in result.entries:
            numbers = (repr(result.score), repr(one.drop), repr(one.spread))
            lines.add([[cell] for cell in (one.feature, one.kind, result.metric, *numbers)])
