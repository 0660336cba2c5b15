"""The commands other than `train` as a person sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from rnnfast.console.encoding import encoding_of_table, encoding_rows
from rnnfast.console.scores import score_sheet
from rnnfast.console.screen import BAD, CAUTION, FAINT, GOOD, LABEL, WIDE, Screen, fields, table
from rnnfast.console.text import classes_listed, counted, duration, listed, number, percent, scaled, shortened
from rnnfast.reporter import Reporter

if TYPE_CHECKING:
    from rnnfast.data import SequenceData
    from rnnfast.model.tables import TableEvaluation

MOST_ROWS = 40  # of a table of columns, without -v
STATUS_STYLES = {"ok": GOOD, "warning": CAUTION, "error": BAD}


def show_evaluation(screen: Screen, scored: TableEvaluation) -> None:
    """Print the scores of a table."""
    schema = scored.schema
    if scored.trained_on and scored.part == "all":
        advice = "; --part valid scores what it has not seen" if scored.held_out else ""
        screen.notice(f"this is the table that the model was trained on{advice}")
    elif scored.trained_on:
        screen.notice(f"this is the table that the model was trained on; scored is its {scored.part} part")
    for note in scored.notes:
        screen.notice(note)
    size = f"{counted(scored.evaluation.labelled_steps, 'labelled step')}, {counted(scored.sequences, 'sequence')}"
    if schema.horizon:
        size += f", the target {counted(schema.horizon, 'step')} ahead"
    screen.progress(fields([("Scored", size)]), Text())
    sheet = score_sheet({scored.part: scored.evaluation}, schema.classes, schema.targets, screen.out.width)
    screen.result(*sheet)


def show_table(screen: Screen, data: SequenceData, described: Mapping[str, Any]) -> None:
    """Print how a table is read: layout, roles and ranges of its columns."""
    from rnnfast.console.training import table_rows

    encoding = encoding_rows(encoding_of_table(described), screen.verbose)
    screen.result(fields([*table_rows(data, screen.verbose), *encoding]), Text())
    columns = described["columns"]
    shown = columns if screen.verbose else columns[:MOST_ROWS]
    wide = screen.out.width >= WIDE
    keys = ["min", "mean", "max"] if wide else ["min", "max"]
    rows = []
    for column in shown:
        ranges = [number(column[key]) if key in column else "" for key in keys]
        missing = f"{column['missing']:,}" if column.get("missing") else ""
        rows.append([shortened(column["name"], 24 if wide else 10), column["role"], *ranges, missing])
    if not any(row[-1] for row in rows):
        rows = [row[:-1] for row in rows]
    else:
        keys.append("missing")
    screen.result(table(["column", "role", *keys], rows, left=2, gap=3 if wide else 1))
    if len(shown) < len(columns):
        screen.result(Text(f"and {counted(len(columns) - len(shown), 'column')} more, shown with -v"))


def show_model(screen: Screen, described: Mapping[str, Any]) -> None:
    """Print what a model file holds."""
    columns, training = described["columns"], described["training"]
    network = (
        f"{described['cell']} with {' + '.join(str(units) for units in described['hidden'])} hidden units"
        f" ({described['activation']}), {counted(described['parameters'], 'parameter')}, {described['dtype']}"
    )
    task = f"{described['task']}, {'last step' if columns.get('predict') == 'last' else 'every step'}"
    if columns.get("horizon"):
        task += f", {counted(columns['horizon'], 'step')} ahead"
    if described["classes"]:
        task += f", {classes_listed(described['classes'])}"
    if described["threshold"] is not None:
        task += f", threshold {number(described['threshold'], 3)}"
    rows = [
        ("Model", described["path"]),
        ("Network", network),
        ("Task", task),
        ("Target", listed(columns["targets"])),
        ("Features", listed(columns["features"], most=len(columns["features"]) if screen.verbose else 8)),
        *encoding_rows(described, screen.verbose),
        ("Training", _training_line(training, described["loss"])),
    ]
    trained = described["trained"]
    if trained:
        weights = f"of epoch {trained['best_epoch']:,}" if trained["best_epoch"] else "initial"
        rows.append(("Weights", f"{weights}; {counted(trained['epochs'], 'epoch')} run ({trained['stopped']})"))
        rows.append(("Data", ", ".join(trained["source"])))
    versions = described["versions"]
    if versions:
        rows.append(("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())))
    if described["data_digest"]:
        rows.append(("SHA-256", described["data_digest"]))
    screen.result(fields(rows), Text())
    wide = screen.out.width >= WIDE
    tensors = [
        [
            tensor["name"] if wide else shortened(tensor["name"], 18),
            " x ".join(map(str, tensor["shape"])),
            f"{tensor['parameters']:,}",
            *([number(tensor["min"], 3), number(tensor["max"], 3)] if wide else []),
        ]
        for tensor in described["tensors"]
    ]
    headers = ["tensor", "shape", "parameters" if wide else "params", *(["min", "max"] if wide else [])]
    screen.result(table(headers, tensors, left=2, gap=3 if wide else 1))
    _show_metrics(screen, described["metrics"])


def _training_line(training: Mapping[str, Any], loss: str) -> str:
    train = training["train"]
    return (
        f"{train['optimizer']}, learning rate {train['lr']:g}, {counted(train['batch_size'], 'sequence')} per update,"
        f" {loss} loss, at most {counted(train['epochs'], 'epoch')}, seed {train['seed']}"
    )


def _show_metrics(screen: Screen, metrics: Mapping[str, Any]) -> None:
    """Print the scores that a model file keeps, by part."""
    parts = {part: scores for part, scores in metrics.items() if isinstance(scores, Mapping)}
    if not parts:
        return
    names = [name for name, value in next(iter(parts.values())).items() if not isinstance(value, Mapping)]
    rows = [[name, *(number(scores.get(name)) for scores in parts.values())] for name in names]
    screen.result(Text(), table(["metric", *parts], rows, gap=3 if screen.out.width >= WIDE else 1))


def show_doctor(screen: Screen, report: Mapping[str, Any]) -> None:
    """Print what the machine offers, and the checks with their fixes."""
    cpu, cores = report["cpu"], report["cores"]
    screen.result(
        fields(
            [
                ("Versions", ", ".join(f"{name} {version}" for name, version in report["versions"].items())),
                ("System", report["system"]),
                ("CPU", f"{cpu['name']} ({cpu['architecture']}), {cpu['simd_bits'] or 'unknown'}-bit vectors"),
                ("Cores", f"{cores['usable']} usable of {cores['all']}"),
                *_table_cache(report["table_cache"]),
            ]
        ),
        Text(),
    )
    rows: list[tuple[str, str | Text]] = []
    for check in report["checks"]:
        text = Text(f"{check['status']:<8}", STATUS_STYLES[check["status"]]).append(check["message"], "")
        if check["fix"]:
            text.append(f"; {check['fix']}", "")
        rows.append((check["name"], text))
    screen.result(fields(rows))


def _table_cache(cache: Mapping[str, Any]) -> list[tuple[str, str | Text]]:
    """Say how large the cache of parsed tables is, and how to clear it."""
    if cache["directory"] is None:
        return []
    size = f"{counted(cache['tables'], 'parsed table')}, {scaled(cache['bytes'], 'B')}"
    return [("Tables", f"{size} in {cache['directory']}" + ("; delete it to clear them" if cache["tables"] else ""))]


def show_gradients(screen: Screen, report: Mapping[str, Any]) -> None:
    """Print the error of each tensor's gradient, and whether all are within the tolerance."""
    network = f"{report['cell']} with {' + '.join(str(units) for units in report['hidden'])} hidden units"
    if report["activation"]:
        network += f" ({report['activation']})"
    network += ", both ways" if report["bidirectional"] else ""
    network += f", dropout {report['dropout']:g}" if report["dropout"] else ""
    screen.result(fields([("Network", f"{network}, {report['loss']} loss, float64")]), Text())
    wide = screen.out.width >= WIDE
    rows: list[list[str | Text]] = []
    for tensor in report["tensors"]:
        good = tensor["max_error"] <= report["tolerance"]
        row: list[str | Text] = [tensor["name"] if wide else shortened(tensor["name"], 18)]
        row += [" x ".join(map(str, tensor["shape"])), Text(number(tensor["max_error"], 2), "" if good else BAD)]
        rows.append([*row, number(tensor["mean_error"], 2)] if wide else row)
    headers = ["gradient", "shape", "largest error" if wide else "error", *(["mean"] if wide else [])]
    screen.result(table(headers, rows, left=2, gap=3 if wide else 1), Text())
    status = "ok" if report["passed"] else "error"
    text = Text(f"{status:<8}", STATUS_STYLES[status])
    text.append(f"largest difference from finite differences allowed: {report['tolerance']:g}", "")
    screen.result(fields([("Gradients", text)]))


class BenchProgress(Reporter):
    """Prints what is being measured."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def notice(self, text: str) -> None:
        """Print what is being measured."""
        self._screen.progress(Text(text, FAINT))

    def compiling(self) -> None:
        """Explain the wait of a first run."""
        self._screen.progress(Text("compiling kernels (only once, takes a few seconds)", FAINT))


def show_bench(screen: Screen, report: Mapping[str, Any]) -> None:
    """Print the speed of each workload as times and shares of the machine's peak."""
    peak = report["peak_gflops"]
    peaks = ", ".join(f"{dtype} {number(value, 3)} GFLOP/s" for dtype, value in peak.items())
    machine = report["machine"]
    about = machine.get("cpu", machine) if isinstance(machine, Mapping) else machine
    name = about.get("name", "") if isinstance(about, Mapping) else about
    screen.result(fields([("CPU", str(name)), ("Peak", f"{peaks} (fused multiply-adds, one core)")]), Text())
    wide = screen.out.width >= WIDE
    rows: list[Sequence[str]] = []
    for load in report["workloads"]:
        row = [load["name"], number(load["ms_per_epoch"], 3)]
        if wide:
            row += [scaled(load["steps_per_second"], "").strip(), number(load["gflops"], 3)]
        rows.append([*row, percent(load["share_of_peak"])])
    headers = ["workload", "ms/epoch", *(["steps/s", "GFLOP/s"] if wide else []), "of peak"]
    screen.result(table(headers, rows, gap=3 if wide else 1))
    if screen.verbose:
        total = sum(load["ms_per_epoch"] for load in report["workloads"]) / 1000
        screen.progress(Text(f"one epoch of each takes {duration(total)}"))


def show_workloads(screen: Screen, workloads: Mapping[str, str] | Sequence[str]) -> None:
    """Print the names of the workloads, with what they are where that is known."""
    if isinstance(workloads, Mapping):
        screen.result(fields([(name, str(about)) for name, about in workloads.items()]))
    else:
        screen.result(*(Text(name, LABEL) for name in workloads))
