"""Exporting a model: it runs on rows that look like those of training, and is written where it answers as the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as to_bytes

from rnnfast.errors import RnnfastError, UsageError
from rnnfast.export.c.compiled import Compiled, compiler
from rnnfast.export.c.rounding import rounded
from rnnfast.export.c.source import source_of
from rnnfast.export.inputs import unit_of_answers
from rnnfast.export.onnx.graph import graph_of
from rnnfast.export.onnx.running import answers_of as answers_of_graph
from rnnfast.export.onnx.running import answers_of_steps
from rnnfast.export.sample import Sample, draw
from rnnfast.export.torch_answers import tensors_of
from rnnfast.export.torch_module import answers_of, module_of
from rnnfast.model import Model, load
from rnnfast.model.json_file import JSON_ENDING, from_json, to_json
from rnnfast.records import Record
from rnnfast.writing import check_writable, write_whole

LENGTHS = (40, 1, 25)  # rows of the sequences that are compared
TOLERANCE = {"float32": 1e-4, "float64": 1e-9}  # of the largest answer, or of its unit: functions of libraries differ
STEP_ENDING = ".step.onnx"  # of the graph of one step, beside that of sequences
WEIGHTS = ("exact", "q15")
ENDINGS = {"c": ".c", "onnx": ".onnx", "torch": ".py", "json": JSON_ENDING}


class Check(Record, frozen=True):
    """How an export was compared: with what, on how many rows, and how far the farthest answer is, by its tolerance's
    measure; tool is None where it is not installed, and nothing was compared.
    """

    tool: str | None
    rows: int = 0
    difference: float | None = None

    def farther(self, other: Check) -> Check:
        """Return which of two checks saw the larger difference."""
        return self if (self.difference or 0.0) >= (other.difference or 0.0) else other


class ExportReport(Record, frozen=True):
    """What was written.

    files: name -> bytes; sizes: bytes of the parts of a program, where the format has them. rounding: how far the
    farthest answer of rounded weights is from that of the model, by the measure of the check; None of exact weights.
    """

    format: str
    files: dict[str, int]
    parameters: int
    check: Check
    sizes: dict[str, int]
    rounding: float | None = None


class Export(NamedTuple):
    """What is to be written: the contents of files, the check that they passed, and sizes."""

    files: dict[Path, bytes]
    check: Check
    sizes: dict[str, int]
    rounding: float | None = None


def export(
    model: str | Path | Model, to: str, output: str | Path, force: bool = False, weights: str = "exact"
) -> ExportReport:
    """Write a model for other programs.

    model: or its file, or the directory of its run; to: a word of ENDINGS; output: the file, which for torch is the
    module, its tensors beside it; force: replace files. weights: exact, or q15, which C takes: 16 bits each.
    Raises UsageError for a model that the format cannot hold, and RnnfastError where the export answers otherwise than
    the model; nothing is written then.
    """
    path = Path(output)
    if to not in ENDINGS:
        raise UsageError(f"--to {to}: the formats are {', '.join(ENDINGS)}")
    if path.suffix != ENDINGS[to]:
        raise UsageError(
            f"{path}: the file of --to {to} ends in {ENDINGS[to]}; name it {path.with_suffix(ENDINGS[to])}"
        )
    if weights not in WEIGHTS:
        raise UsageError(f"--weights {weights}: the choices are {', '.join(WEIGHTS)}")
    if weights != "exact" and to != "c":
        raise UsageError(f"--weights {weights}: --to c alone has weights of 16 bits; leave it out with --to {to}")
    check_writable(path, force)
    loaded = model if isinstance(model, Model) else load(model)
    done = _small_c(loaded, path) if weights == "q15" else FORMATS[to](loaded, path)
    for file in done.files:
        check_writable(file, force)
    for file, content in done.files.items():
        write_whole(file, content)
    return ExportReport(
        format=to,
        files={str(file): len(content) for file, content in done.files.items()},
        parameters=loaded.parameter_count,
        check=done.check,
        sizes=done.sizes,
        rounding=done.rounding,
    )


def _small_c(model: Model, path: Path) -> Export:
    """Write C with weights of 16 bits, which is to answer as the model of these weights, and say how far that is."""
    small = rounded(model)
    expected, answers = draw(model, LENGTHS), draw(small, LENGTHS)
    difference = _differences(model, expected, answers.answers)
    return _c(small, path, small=True)._replace(rounding=float(np.nanmax(difference)))


def _c(model: Model, path: Path, small: bool = False) -> Export:
    """Write C, compile it and run it; small: with weights of 16 bits, which those of the model are."""
    source, command = source_of(model, path.name, small), compiler()
    check = Check(tool=None)
    if command is not None:
        sample = draw(model, LENGTHS)
        with Compiled(source.text, command) as program:
            if row := program.self_test(source):
                raise RnnfastError(
                    f"{path}: its self test fails at row {row} here; nothing is written. Please report it"
                )
            answers = program.answers(source, sample.rows, sample.offsets)
        check = _compared(model, sample, answers, command[0])
    beside = {} if model.linear_part is None else {"linear_part": source.beside}
    sizes = {"weights": source.weights, **beside, "state": source.state}
    return Export({path: source.text.encode("ascii")}, check, sizes)


def _onnx(model: Model, path: Path) -> Export:
    """Write a graph of sequences and one of a step, and run them where ONNX Runtime is installed."""
    files, check, sample = {}, Check(tool=None), draw(model, LENGTHS)
    runs = {True: answers_of_steps, False: answers_of_graph}
    for step, file in {True: path.with_suffix(STEP_ENDING), False: path}.items():
        content = graph_of(model, step)
        if content is not None:
            answers = runs[step](content, model, sample)
            check = check if answers is None else _compared(model, sample, answers, "onnxruntime").farther(check)
            files[file] = content
    return Export(files, check, {})


def _torch(model: Model, path: Path) -> Export:
    """Write a module of PyTorch, and run it where PyTorch is installed."""
    tensors = _tensors(path)
    text, state = module_of(model, tensors.name), tensors_of(model)
    sample = draw(model, (LENGTHS[0],))
    answers = answers_of(text, state, sample.encoded)
    check = Check(tool=None)
    if answers is not None:
        ends = np.arange((LENGTHS[0] - 1) % model.architecture.stride, LENGTHS[0], model.architecture.stride)
        check = _compared(model, sample._replace(answers=sample.answers[ends]), answers, "torch")
    return Export({tensors: to_bytes(state), path: text.encode()}, check, {})


def _json(model: Model, path: Path) -> Export:
    """Write JSON, and read it back."""
    text = to_json(model.content, model.parameters)
    tensors, header = from_json(text, str(path))
    same = all(np.array_equal(tensors[name], one) for name, one in model.parameters.items())
    if not same or {**model.content, "versions": header["versions"]} != header:
        raise RnnfastError(f"{path}: what is read back differs from the model; nothing is written. Please report it")
    return Export({path: text.encode()}, Check(tool="rnnfast", difference=0.0), {})


def _compared(model: Model, sample: Sample, answers: NDArray[np.float64], tool: str) -> Check:
    """Compare answers (n, O) with those of the model; raises RnnfastError where they differ."""
    expected, differences = sample.answers, _differences(model, sample, answers)
    ends = ~np.isnan(expected).all(axis=1)  # of a front that strides, the rows where its steps end
    expected, answers, differences = expected[ends], answers[ends], differences[ends]
    tolerance = TOLERANCE[str(model.config.train.dtype)]
    if not (differences <= tolerance).all():
        row, j = np.argwhere(~(differences <= tolerance))[0].tolist()
        raise RnnfastError(
            f"the export answers row {row} of a sample with {answers[row, j]:g}, the model with {expected[row, j]:g}; "
            "nothing is written. Please report it"
        )
    return Check(tool=tool, rows=len(expected), difference=float(differences.max()))


def _differences(model: Model, sample: Sample, answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n, O) how far answers are from those of the model, by the largest of them or their unit."""
    expected = np.asarray(sample.answers, np.float64)
    most = np.maximum(np.nanmax(np.abs(expected), axis=0), unit_of_answers(model))
    return np.asarray(np.abs(answers - expected) / most)


def _tensors(path: Path) -> Path:
    """Return the file of the state dict beside a module."""
    return path.with_suffix(".safetensors")


FORMATS: dict[str, Callable[[Model, Path], Export]] = {"c": _c, "onnx": _onnx, "torch": _torch, "json": _json}
