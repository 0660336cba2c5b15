"""The commands other than `train` as a person sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from rnnfast.console.encoding import Inputs, encoding_rows
from rnnfast.console.findings import show_judgement
from rnnfast.console.metrics import stored_metrics
from rnnfast.console.operating import events, probabilities
from rnnfast.console.scores import score_sheet
from rnnfast.console.screen import BAD, CAUTION, FAINT, GOOD, WIDE, Screen, fields, table
from rnnfast.console.slices import broken_down, shuffled_steps
from rnnfast.console.text import (
    classes_listed,
    counted,
    duration,
    listed,
    network_text,
    number,
    percent,
    scaled,
    shortened,
)
from rnnfast.console.weights import weights_row
from rnnfast.records import UNSET
from rnnfast.reporter import Reporter

if TYPE_CHECKING:
    from rnnfast.data import Schema
    from rnnfast.diagnose.benchmark import BenchReport
    from rnnfast.diagnose.gradients import GradientReport
    from rnnfast.diagnose.machine import Check, Examination, TableCache, Torch
    from rnnfast.diagnose.warm import WarmUp
    from rnnfast.model.description import ModelDescription
    from rnnfast.model.tables import TableEvaluation

WRITERS = ("rnnfast", "python", "numba", "numpy")  # whose versions are named, without -v
STATUS_STYLES = {"ok": GOOD, "warning": CAUTION, "error": BAD}


def show_evaluation(screen: Screen, scored: TableEvaluation, reliability: bool = False) -> None:
    """Print the scores of a table; reliability: with the bins of the probabilities, as with -v."""
    from rnnfast.data.columns.horizon import steps_ahead

    schema = scored.schema
    for note in scored.notes:
        screen.notice(note)
    labels, size = scored.evaluation.labelled_steps, counted(scored.sequences, "sequence")
    if schema.predict != "last" or scored.last:
        size = f"{counted(labels, 'labelled step')}, {size}"
    elif labels != scored.sequences:
        size += f", {labels:,} labelled"
    size += ", of each the last labelled step alone" if scored.last else ""
    if schema.horizon:
        size += f", the target {steps_ahead(schema)}"
    screen.progress(fields([("Scored", size)]), Text())
    sheet = score_sheet({scored.part: scored.evaluation}, schema.classes, schema.answers, screen.out.width)
    wide = screen.out.width
    screen.result(*sheet, *broken_down(scored.evaluation, scored.parts, wide))
    screen.result(*shuffled_steps(scored.shuffled))
    screen.result(*probabilities(scored.evaluation, wide, reliability or bool(screen.verbose)))
    screen.result(*events(scored.evaluation.events, wide))
    show_judgement(screen, scored.judgement.findings, scored.judgement.verdict)


def show_model(screen: Screen, model: ModelDescription) -> None:
    """Print what a model file holds."""
    columns, trained = model.columns, model.trained
    rows: list[tuple[str, str | Text]] = [
        ("Model", model.path),
        ("Network", _network_line(model)),
        *_beside_rows(model),
        ("Task", _task_line(model)),
        ("Target", listed(columns.targets) + ("; its change is learned" if columns.difference else "")),
        ("Rows", _rows_line(columns)),
        *_input_rows(columns, screen.verbose),
        *encoding_rows(Inputs.of_model(model), screen.verbose),
        ("Training", _training_line(model.training["train"], model.loss)),
    ]
    if not isinstance(trained, dict):
        together: Any = model.metrics.get("valid", {}).get("loss")
        rows.append(weights_row(trained, model.training["train"], together))
        if trained.refitted:
            rows.append(("Scores", "of the training and the validation part: those before the second training"))
        rows.append(("Data", ", ".join(trained.source)))
    if model.data_digest and screen.verbose:
        rows.append(("SHA-256", model.data_digest))
    if model.versions:
        shown = {name: version for name, version in model.versions.items() if screen.verbose or name in WRITERS}
        rows.append(("Versions", ", ".join(f"{name} {version}" for name, version in shown.items())))
    screen.result(fields(rows), Text())
    wide = screen.out.width >= WIDE
    tensors = [
        [
            tensor.name if wide else shortened(tensor.name, 18),
            " x ".join(map(str, tensor.shape)),
            f"{tensor.parameters:,}",
            *([number(tensor.min, 3), number(tensor.max, 3)] if wide else []),
        ]
        for tensor in model.tensors
        if screen.verbose or not tensor.name.startswith("members.") or tensor.name.startswith("members.0.")
    ]
    headers = ["tensor", "shape", "parameters" if wide else "params", *(["min", "max"] if wide else [])]
    screen.result(table(headers, tensors, left=2, gap=3 if wide else 1))
    if len(tensors) < len(model.tensors):
        screen.result(Text(f"and as many of each other network, {counted(len(model.tensors), 'tensor')} in all", FAINT))
    scaled_targets = bool(set(model.target_scaler.kinds) - {"none"})
    _show_metrics(screen, model.metrics, f"{model.loss}, scaled" if scaled_targets else model.loss)
    show_judgement(screen, model.findings, model.verdict)


def _network_line(model: ModelDescription) -> str:
    return f"{network_text(model, model.members)}, {counted(model.parameters, 'parameter')}, {model.dtype}"


def _beside_rows(model: ModelDescription) -> list[tuple[str, str | Text]]:
    """Say what answers beside the network, where something does."""
    if model.linear_part is UNSET:
        return []
    part = model.linear_part
    share = f"the share of the network is {part.share:.2f}"
    share += "" if part.temperature == 1 else f", its logits divided by {part.temperature:.2f}"
    seen = "the inputs, their changes and averages" if part.averages else "the inputs and their changes"
    seen = "all inputs of a sequence" if part.places else seen
    seen = f"{counted(part.convolutions.count, 'share')} of convolutions" if part.convolutions else seen
    return [("Beside", f"a linear part of {seen}; {share}")]


def _rows_line(columns: Schema) -> str:
    """Say what makes the rows of a table sequences."""
    words = ["in the order of the file" if columns.time is None else f"ordered by {columns.time!r}"]
    if columns.id is not None:
        words.insert(0, f"of each {columns.id!r}")
    if columns.window is not None:
        words.append(f"in windows of {columns.window:,}")
        if columns.stride != columns.window:
            words[-1] += f" every {columns.stride:,}"
    return ", ".join(words)


def _input_rows(columns: Schema, verbose: int) -> list[tuple[str, str | Text]]:
    """Say what a network sees: the features, and what is made of rows before; the calendar has a line of its own."""
    derived = {
        "the last known target": columns.lag_target,
        "the change of each feature": columns.delta,
        "the time since the row before": columns.time_delta != "off",
    }
    inputs = ", ".join(text for text, is_input in derived.items() if is_input)
    features = listed(columns.features, most=len(columns.features) if verbose else 8)
    return [(label, text) for label, text in (("Features", features), ("Inputs", inputs)) if text]


def _task_line(model: ModelDescription) -> str:
    from rnnfast.data.columns.horizon import steps_ahead

    line = f"{model.task}, {'last step' if model.columns.predict == 'last' else 'every step'}"
    if model.columns.horizon:
        line += f", {steps_ahead(model.columns)}"
    if model.classes:
        line += f", {classes_listed(model.classes)}"
    line = line if model.threshold is None else f"{line}, threshold {number(model.threshold, 3)}"
    if model.operating is not UNSET and model.operating.rule:
        line += f" ({model.operating.rule} on {model.operating.part})"
    return line if model.temperature is UNSET else f"{line}, temperature {number(model.temperature, 3)}"


def _training_line(train: Mapping[str, Any], loss: str) -> str:
    return (
        f"{train['optimizer']}, learning rate {train['lr']:g}, {counted(train['batch_size'], 'sequence')} per update,"
        f" {loss} loss, at most {counted(train['epochs'], 'epoch')}, seed {train['seed']}"
    )


def _show_metrics(screen: Screen, metrics: Mapping[str, Any], loss: str) -> None:
    """Print the scores that a model file keeps, by part."""
    if not metrics:
        return
    screen.result(Text(), *stored_metrics(metrics, loss, screen.out.width))


def show_doctor(screen: Screen, machine: Examination) -> None:
    """Print what the machine offers, and the checks with their fixes."""
    cpu, cores = machine.cpu, machine.cores
    screen.result(
        fields(
            [
                ("Versions", ", ".join(f"{name} {version}" for name, version in machine.versions.items())),
                ("System", machine.system),
                ("CPU", f"{cpu.name} ({cpu.architecture}), {cpu.simd_bits or 'unknown'}-bit vectors"),
                ("Cores", f"{cores.usable} usable of {cores.all}"),
                *_table_cache(machine.table_cache),
                ("PyTorch", _torch(machine.torch)),
            ]
        ),
        Text(),
    )
    show_checks(screen, machine.checks)


def show_checks(screen: Screen, checks: Sequence[Check]) -> None:
    """Print what is well and what is not, with fixes."""
    rows: list[tuple[str, str | Text]] = []
    for check in checks:
        text = Text(f"{check.status:<9}", STATUS_STYLES[check.status]).append(check.message, "")
        if check.fix:
            text.append(f"; {check.fix}", "")
        rows.append((check.name.capitalize(), text))
    screen.result(fields(rows))


def _torch(torch: Torch | None) -> str:
    """Say which devices --engine torch has."""
    if torch is None:
        return "not installed; --engine torch needs the extra torch"
    cards = torch.devices.get("cuda")
    return f"{torch.version}, --device cpu" + (f" or cuda ({cards})" if cards else "; no GPU that it can use")


def _table_cache(cache: TableCache) -> list[tuple[str, str | Text]]:
    """Say how large the cache of parsed tables is, and how to clear it."""
    if cache.directory is None or cache.tables is None or cache.bytes is None:
        return []
    size = f"{counted(cache.tables, 'parsed table')}, {scaled(cache.bytes, 'B')}"
    return [("Tables", f"{size} in {cache.directory}" + ("; rnnfast cache clear removes them" if cache.tables else ""))]


def show_gradients(screen: Screen, report: GradientReport) -> None:
    """Print the error of each tensor's gradient, and whether all are within the tolerance."""
    network = network_text(report) + (", both ways" if report.bidirectional else "")
    network += f", dropout {report.dropout:g}" if report.dropout else ""
    screen.result(fields([("Network", f"{network}, {report.loss} loss, float64")]), Text())
    wide = screen.out.width >= WIDE
    rows: list[list[str | Text]] = []
    for tensor in report.tensors:
        good = tensor.max_error <= report.tolerance
        row: list[str | Text] = [tensor.name if wide else shortened(tensor.name, 18)]
        row += [" x ".join(map(str, tensor.shape)), Text(number(tensor.max_error, 2), "" if good else BAD)]
        rows.append([*row, number(tensor.mean_error, 2)] if wide else row)
    headers = ["gradient", "shape", "largest error" if wide else "error", *(["mean"] if wide else [])]
    screen.result(table(headers, rows, left=2, gap=3 if wide else 1), Text())
    status = "ok" if report.passed else "error"
    text = Text(f"{status:<8}", STATUS_STYLES[status])
    text.append(f"largest difference from finite differences allowed: {report.tolerance:g}", "")
    screen.result(fields([("Gradients", text)]))


class BenchProgress(Reporter):
    """Prints what is being measured."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def notice(self, text: str) -> None:
        """Print what is being measured."""
        self._screen.waiting(text)

    def compiling(self) -> None:
        """Explain the wait of a first run."""
        self._screen.waiting("compiling kernels (once; each takes some seconds)")


def show_warm_up(screen: Screen, report: WarmUp) -> None:
    """Print what was prepared."""
    there, took = f"{report.kernels - report.compiled} were there", duration(report.seconds)
    done = f"{report.compiled} compiled in {took} on {counted(report.cores, 'core')}, " if report.compiled else ""
    rows = [("Cells", ", ".join(report.cells)), ("Kernels", f"{done}{there}"), ("Cache", report.directory)]
    screen.result(fields(rows))


def show_bench(screen: Screen, report: BenchReport) -> None:
    """Print the speed of each workload as times and shares of the machine's peak."""
    peaks = ", ".join(f"{dtype} {number(value, 3)} GFLOP/s" for dtype, value in report.peak_gflops.items())
    screen.result(fields([("CPU", report.machine.name), ("Peak", f"{peaks} (fused multiply-adds, one core)")]), Text())
    wide = screen.out.width >= WIDE
    rows: list[Sequence[str]] = []
    for load in report.workloads:
        row = [load.name, number(load.ms_per_epoch, 3)]
        if wide:
            row += [scaled(load.steps_per_second, "").strip(), number(load.gflops, 3)]
        rows.append([*row, percent(load.share_of_peak)])
    headers = ["workload", "ms/epoch", *(["steps/s", "GFLOP/s"] if wide else []), "of peak"]
    screen.result(table(headers, rows, gap=3 if wide else 1))
    if screen.verbose:
        total = sum(load.ms_per_epoch for load in report.workloads) / 1000
        screen.progress(Text(f"one epoch of each takes {duration(total)}"))


def show_workloads(screen: Screen, workloads: Mapping[str, str]) -> None:
    """Print the names of the workloads, with what they are."""
    screen.result(fields([(name, about) for name, about in workloads.items()]))
