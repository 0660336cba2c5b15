"""What was exported, as a person sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnfast.console.screen import Screen, fields
from rnnfast.console.text import counted, number, scaled

if TYPE_CHECKING:
    from rnnfast.export.exporting import Check, ExportReport

TOOLS = {"c": "a C compiler (set CC)", "onnx": "ONNX Runtime (pip install onnxruntime)", "torch": "PyTorch"}
NEXT = {
    "c": "cc -std=c99 -O3 -c {file}",
    "onnx": 'python -c "import onnxruntime as o; print(*o.InferenceSession({file!r}).get_inputs())"',
    "torch": 'python -c "from {stem} import load; print(load())"',
    "json": "rnnfast predict --model {file} --data TABLE",
}


def show_export(screen: Screen, report: ExportReport) -> None:
    """Print the files, what a program needs of memory, how it was compared, and what to do next."""
    files = [f"{name} ({scaled(size, 'B')})" for name, size in report.files.items()]
    rows = [("" if j else "Written", text) for j, text in enumerate(files)]
    if report.sizes:
        words = {"weights": f"weights ({counted(report.parameters, 'parameter')})", "linear_part": "a linear part"}
        rows.append(
            ("Memory", ", ".join(f"{size:,} B of {words.get(name, name)}" for name, size in report.sizes.items()))
        )
    if report.rounding is not None:
        rows.append(("Rounded", f"to 16 bits: answers move by at most {number(report.rounding, 2)} of the largest"))
    screen.result(fields([*rows, ("Compared", _compared(report.format, report.check))]))
    file = next(reversed(report.files))
    command = NEXT[report.format].format(file=file, stem=file.rpartition("/")[2].rpartition(".")[0])
    screen.progress(fields([("Next", command)]))


def _compared(form: str, check: Check) -> str:
    """Say by what an export was compared, and how far it is from the model."""
    if check.tool is None:
        return f"no, {TOOLS[form]} is not there"
    if not check.rows:
        return "read back, the same"
    farthest = f"{number(check.difference, 2)} of the largest"
    return f"{counted(check.rows, 'row')} with {check.tool}: answers differ by at most {farthest}"
