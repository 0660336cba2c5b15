"""Reading a run again: its model, configuration and history, and the rows that its page is about."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from rnnfast.config.resolve import Config, read_toml
from rnnfast.config.sections import DataConfig
from rnnfast.data import SequenceData, Sequences
from rnnfast.data.encoding.substitutions import sentences
from rnnfast.errors import DataError, UsageError
from rnnfast.metrics.calibration import bent
from rnnfast.model import load
from rnnfast.model.file import FILE_NAME
from rnnfast.model.judging import judged
from rnnfast.model.model import Model
from rnnfast.model.tables import answered, check_part, open_files, part_of, scoring_request, training_note
from rnnfast.report.content.whole import Subject
from rnnfast.reporter import Reporter

CONFIG, HISTORY = "config.toml", "history.csv"


class Rows(NamedTuple):
    """Which rows a page is about: tables, and a part of them as of `eval --part`.

    name: the part of the run that they are; words: the same for people.
    """

    tables: tuple[str, ...]
    part: str
    name: str
    words: str


def read_run(
    run: str | Path, data: Sequence[str], part: str | None, reading: DataConfig, reporter: Reporter | None
) -> Subject:
    """Read a run and answer the rows that its page is about.

    run: its directory, or a model file; data, part: as of `report`. reading: options of [data] for tables.
    Raises UsageError where nothing says which table to read.
    """
    if part is not None:
        check_part(part)
    path = Path(run)
    directory = path if path.is_dir() else path.parent
    model = load(path)
    config = _config(directory, model)
    rows = _rows(model, config, tuple(data), part, run)
    with ExitStack() as opened:
        table = open_files(rows.tables, scoring_request(model, rows.part, reading), opened, reporter)
        scored = answered(model, table, rows.part)
        train = _trained(model, config, table, rows, reading, opened)
    evaluation = model.scorer.evaluate(scored.outcomes)
    trained, ended = rows.part in ("train", "all") and model.trained_on(table), model.provenance.training
    if ended is not None and ended.refitted:
        trained |= rows.part == "valid"
    note = training_note(model, table, rows.part, "score") if trained else None
    notes = [text for text in (note, bent(evaluation.calibration, model.class_weights), *scored.notes) if text]
    return Subject(
        model=model,
        name=directory.resolve().name if path.is_dir() or path.name == FILE_NAME else path.stem,
        part=rows.name,
        words=rows.words,
        learned=trained,
        outcomes=scored.outcomes,
        evaluation=evaluation,
        judgement=judged(model, scored.outcomes, evaluation, rows.name, ()),
        config=config,
        train=train,
        notes=(*notes, *table.notes, *sentences(model.substitutions(scored.sample))),
        history=_history(directory / HISTORY),
        config_file=f"{directory.name}/{CONFIG}",
    )


def _config(directory: Path, model: Model) -> Config:
    """Return the configuration of a run, or that of its model where the directory has none."""
    path = directory / CONFIG
    return Config().with_values(read_toml(path), str(path)) if path.is_file() else model.config


def _rows(model: Model, config: Config, data: tuple[str, ...], part: str | None, run: str | Path) -> Rows:
    """Choose the rows: of `--data` all; else those of the test part, of the validation part, or that trained."""
    if data:
        words = f"the {part} part" if part not in (None, "all") else "the table"
        return Rows(data, part or "all", part or "all", words)
    own = {"test": config.data.test, "valid": config.data.valid}
    how = model.provenance.split
    cut = {} if how is None else how.parts
    names = [part] if part is not None else ["test", "valid", "train"]
    tables = config.data.data
    for name in names:
        file = own.get(name)
        if file:
            return Rows((file,) if isinstance(file, str) else tuple(file), "all", name, f"the {name} table")
        if tables and (name in cut or part is not None):
            return Rows(tables, name, name, "the table" if name == "all" else f"the {name} part")
    if tables:
        return Rows(tables, "all", "all", "the table")
    raise UsageError(f"{run}: nothing there says which table it was trained on; name one with --data FILE")


def _trained(
    model: Model, config: Config, table: Sequences, rows: Rows, reading: DataConfig, opened: ExitStack
) -> SequenceData | None:
    """Return rows that trained, to compare others with; None where they are these, or are not at hand."""
    if rows.part in ("train", "all") and model.trained_on(table):
        return None
    try:
        if not model.trained_on(table):
            table = open_files(config.data.data, scoring_request(model, "train", reading), opened, None)
        part = part_of(model, table, "train")
        sample: SequenceData = part.in_context(model.context_of(part.schema)).sample(model.config.train.seed)
        return sample
    except (DataError, UsageError, OSError):
        return None


def _history(path: Path) -> tuple[dict[str, Any], ...]:
    """Return the rows of history.csv; none where there is no such file."""
    if not path.is_file():
        return ()
    with path.open(newline="", encoding="utf-8") as stream:
        return tuple(csv.DictReader(stream))
