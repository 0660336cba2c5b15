"""Sentences for the user about how a table was read: what was recognised, left out or chosen."""

from __future__ import annotations

from collections.abc import Sequence

from rnnfast.config.sections import DataConfig
from rnnfast.data.columns.candidates import Candidate
from rnnfast.data.columns.horizon import ahead_notes, steps_ahead
from rnnfast.data.columns.roles import Roles
from rnnfast.data.columns.schema import Schema, window_note
from rnnfast.data.sequences.predict import LAG
from rnnfast.data.sources.source import listing, plain, short


def role_notes(roles: Roles, schema: Schema, groups: bool = False) -> list[str]:
    """Say which column is what; groups: as of Request."""
    layouts = {
        "original": "layout name,t,x..,y..: ",
        "card": "layout of card payments (Time,V..,Amount,Class): ",
        "options": "",
    }
    parts = [
        f"id {schema.id!r}" if schema.id else "no id",
        f"ordered by {schema.time!r}" if schema.time else "in the order of the file",
        f"{len(schema.features)} {'feature' if len(schema.features) == 1 else 'features'} ({listing(schema.features)})"
        if schema.features
        else "no feature beside the target's past",
    ]
    if schema.categorical:
        parts[-1] += f", of them categories: {listing(schema.categorical)}"
    if schema.derived:
        parts.append(f"made of them and of the time: {listing(schema.derived)}")
    if schema.targets:
        shown = [short(repr(value)) for value in schema.classes]
        classes = f" ({' or '.join(shown) if len(shown) == 2 else f'{len(shown)} classes: {listing(shown)}'})"
        when = f" {steps_ahead(schema)}" if schema.horizon else ""
        parts.append(f"target {listing(schema.targets)}{when}{classes if shown else ''}, {schema.task}")
        if schema.task == "binary" and isinstance(schema.classes[0], str):
            parts.append(f"{shown[1]} is the positive class (--positive)")
        parts += ["its last known value is an input"] if schema.lag_target else []
        parts += ["its change since then is learned"] if schema.difference else []
    marks = ("weights", roles.weight), ("groups" if groups else "parts", roles.part)
    parts += [f"{role} in {name!r}" for role, name in marks if name]
    notes = [f"{layouts[schema.layout]}{'; '.join(parts)}"]
    if roles.left_out:
        notes.append(f"left out: {listing(roles.left_out)}")
    return notes


def constant_note(names: list[str]) -> str:
    """Say which features never change."""
    return f"the same value in every row, so nothing can be learned from: {listing(names)}"


def proposals(candidates: Sequence[Candidate], schema: Schema) -> tuple[str, ...]:
    """Say which columns look like an id or a time, and what to type."""
    ids = [candidate for candidate in candidates if candidate.role == "id"]
    times = [candidate for candidate in candidates if candidate.role == "time"]
    options = " ".join(candidate.option for candidate in (*ids[:1], *times))  # first, to be copied from one line
    if ids:
        first, others = ids[0], ids[1:]
        more = f", as {'does' if len(others) == 1 else 'do'} {listing([c.column for c in others])}" if others else ""
        time = f"; {times[0].column!r} looks like the time" if times else ""
        return (
            f"try {options}: {first.column!r} looks like an id ({first.why}){more}, and windows of "
            f"{schema.window} rows are cut across it{time}",
        )
    rows = f"the rows of each {schema.id!r}" if schema.id else "the rows"
    return tuple(f"try {options}: {c.column!r} looks like the time of {rows} ({c.why})" for c in times)


def tie_notes(schema: Schema, ties: int, advise: bool) -> list[str]:
    """Say how many rows have the time of the row before them in the same id; advise: whether an id can be named yet."""
    if not ties:
        return []
    rows = "1 row has" if ties == 1 else f"{ties:,} rows have"
    if schema.id is None:
        advice = ". Where they are of several series, --id names the column that tells these apart" if advise else ""
        return [f"{rows} the {schema.time!r} of the row before: they keep the order of the file{advice}"]
    return [f"{rows} the {schema.time!r} of the row before in the same {schema.id!r}: they keep the order of the file"]


def choice_notes(schema: Schema, rows: int, sequences: int, config: DataConfig) -> list[str]:
    """Say which defaults were chosen, and what is odd about the choice."""
    notes = []
    if schema.window and config.window is None:
        notes.append(window_note(schema.window))
    if schema.window and schema.stride and schema.stride > schema.window:
        notes.append(
            f"rows between windows are left out: the stride {schema.stride} is above the window {schema.window}"
        )
    if schema.id and rows > 1 and sequences == rows:
        notes.append(
            f"every row has its own {schema.id!r}, so sequences have one step; --ignore {plain(schema.id)} cuts windows"
        )
    if schema.horizon:
        notes += ahead_notes(schema)
    elif schema.lag_target and config.predict == "last":
        notes.append(LAG)
    return notes
