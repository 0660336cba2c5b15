"""What was trained on what, and how to make it again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from rnnfast.config.option import text_of
from rnnfast.config.resolve import Config
from rnnfast.data import Schema
from rnnfast.display import counted
from rnnfast.model.model import Model
from rnnfast.records import UnsetType
from rnnfast.report.content.panel import TEXT_SHOWN, Table, shown, word

ENDINGS = {
    "epochs": "as many as it was given",
    "patience": "stopped as validation became no better",
    "max_time": "stopped as its time was up",
    "interrupted": "interrupted",
}
# Directories of the machine that trained say nothing to those who get the page.
DIRECTORIES = re.compile(r"(?<![\w.:/\\])(?:[A-Za-z]:)?[/\\](?:[^,/\\]+[/\\])+")
NAMED = 20  # columns and classes that are named


def training(model: Model) -> Table:
    """Say what the network is, what it predicts from what, and how training went."""
    schema, provenance = model.schema, model.provenance
    phrase, _ = model.display()
    inputs = len(schema.columns)
    rows = {
        "Network": phrase,
        "Task": f"{schema.task}: {', '.join(map(word, schema.targets))}{_ahead(schema)}",
        "Answers": "the last step of each sequence" if schema.predict == "last" else "every step",
        "Inputs": f"{counted(inputs, 'column')}: {', '.join(map(word, schema.columns[:NAMED]))}",
        "Sequences": f"rows of one {word(schema.id)}" if schema.id is not None else f"windows of {schema.window} rows",
    }
    rows["Inputs"] += ", .." if inputs > NAMED else ""
    if schema.classes:
        rows["Classes"] = ", ".join(map(word, schema.classes[:NAMED])) + (", .." if len(schema.classes) > NAMED else "")
    how, ended = provenance.split, provenance.training
    if how is not None:
        sizes = (f"{name} {size.sequences:,} sequences, {size.rows:,} rows" for name, size in how.parts.items())
        rows["Parts"] = "; ".join(sizes)
        rows["Split"] = word(how.rule, TEXT_SHOWN)
    if ended is not None:
        rows["Tables"] = ", ".join(word(name, TEXT_SHOWN) for name in ended.source)
        ending = ENDINGS.get(ended.stopped, f"ended by {ended.stopped}")
        rows["Training"] = (
            f"{counted(ended.epochs, 'epoch')}, {ending}; the weights are those of epoch {ended.best_epoch:,}"
        )
        rows["Training"] += (
            f"; then {counted(ended.refitted, 'epoch')} on training and validation" if ended.refitted else ""
        )
    rows["Loss"] = model.loss
    if (threshold := model.task.threshold()) is not None:
        rows["Threshold"] = f"{threshold:.6g}{_rule(model)}"
    if model.temperature != 1:
        rows["Temperature"] = shown(model.temperature)
    return Table("The model", ("", "What it is"), tuple(rows.items()))


def _ahead(schema: Schema) -> str:
    if not schema.horizon:
        return ""
    return f", {steps_ahead(schema)}"


def steps_ahead(schema: Schema) -> str:
    """Return "1 to 7 steps ahead" of a model with a horizon."""
    ahead = schema.ahead
    run = len(ahead) > 2 and ahead == tuple(range(ahead[0], ahead[-1] + 1))
    number = f"{ahead[0]} to {ahead[-1]}" if run else ", ".join(map(str, ahead))
    return f"{number} {'step' if ahead == (1,) else 'steps'} ahead"


def _rule(model: Model) -> str:
    operating = model.provenance.operating
    if isinstance(operating, UnsetType) or not operating.rule:
        return ""
    met = "" if operating.met else ", which no threshold meets"
    return f", chosen on {operating.part} by {operating.rule}{met}"


def again(config: Config, model: Model, command: str) -> tuple[Table, ...]:
    """Return the configuration, versions and hashes. command: that makes the run again."""
    defaults = Config().tables
    changed = tuple(
        (f"{table}.{name}", word(DIRECTORIES.sub("", text_of(value)), TEXT_SHOWN))
        for table, section in config.tables.items()
        for name, value in vars(section).items()
        if value != getattr(defaults[table], name)
    )
    provenance = model.provenance
    versions: Mapping[str, str] = {} if isinstance(provenance.versions, UnsetType) else provenance.versions
    origin = (
        ("Command", command),
        ("Training table, SHA-256", provenance.data_digest or "–"),
        *((name, word(text)) for name, text in versions.items()),
    )
    return (
        Table("How to make it again", ("", "Value"), origin),
        Table("Options that are not the default", ("Option", "Value"), changed),
    )


def command_of(config_file: str) -> str:
    """Return the command that makes a run again from the configuration of its directory."""
    return shlex.join(("rnnfast", "train", "--config", config_file, "-o", "runs/again"))
